//! The parent of the processes that read PDFs.
//!
//! A child is started when a file needs one, and reads further files after it; threads that read at
//! the same time have a child each. A child that dies takes its file with it and no other. Where it
//! had read files before, the one that it died of is given a fresh child: whether a file can be
//! read must not depend on those before it.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

use super::PdfText;
use super::child::{Answer, GREETING};
use crate::corpus::Limits;
use crate::source::Refusal;

/// Files after which a child is replaced by a new one.
const MOST_SERVED: usize = 256;
/// Hundredths of a second that a child is given to end.
const LONGEST_DEATH: u32 = 100;
/// Bytes of what a dying child says that are looked at.
const LAST_WORDS: u64 = 4 << 10;

/// The command that reads PDFs in a process of its own: a program that calls
/// [`serve_pdf`](super::serve_pdf) on its standard streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PdfReader {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// The children of one corpus.
#[derive(Debug)]
pub(crate) struct PdfProcesses {
    reader: PdfReader,
    idle: Mutex<Vec<Running>>,
}

impl PdfProcesses {
    pub(crate) fn new(reader: PdfReader) -> Self {
        Self { reader, idle: Mutex::new(Vec::new()) }
    }

    /// What the PDF `bytes` holds.
    pub(crate) fn read(&self, bytes: &[u8], limits: &Limits) -> Result<PdfText, Refusal> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut running = match idle {
                Some(running) => running,
                None => Running::start(&self.reader, limits)?,
            };
            let is_fresh = running.served == 0;
            match running.ask(bytes, limits) {
                Ok(answer) => {
                    running.served += 1;
                    if running.served < MOST_SERVED {
                        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(running);
                    }
                    return answer.map_err(|(kind, reason)| (known_kind(&kind), reason));
                }
                Err(End::TooSlow) => return Err(too_slow(limits)),
                Err(End::Died) if is_fresh => return Err(running.death(limits)),
                Err(End::Died) => {}
            }
        }
    }
}

fn too_slow(limits: &Limits) -> Refusal {
    let seconds = limits.max_pdf_seconds;
    ("too_slow", format!("expected a PDF that is read within {seconds} s, found no end of it"))
}

/// The kinds that a child may name.
fn known_kind(kind: &str) -> &'static str {
    ["encrypted", "scanned", "empty", "too_large"]
        .into_iter()
        .find(|known| *known == kind)
        .unwrap_or("malformed")
}

/// How a child failed to answer.
enum End {
    /// It was ended by us.
    TooSlow,
    /// It ended of itself.
    Died,
}

#[derive(Debug)]
struct Running {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    /// Files answered.
    served: usize,
    /// It has been waited for.
    is_over: bool,
}

impl Running {
    fn start(reader: &PdfReader, limits: &Limits) -> Result<Self, Refusal> {
        let failed = |what: String| {
            let program = reader.program.display();
            ("unreadable", format!("cannot start the PDF reader `{program}`: {what}"))
        };
        let mut command = Command::new(&reader.program);
        command
            .args(&reader.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        #[cfg(unix)]
        {
            use std::os::unix::process::CommandExt as _;
            // An interrupt from the terminal is for the parent to heed: a child that dies of it
            // would make its file look bad.
            command.process_group(0);
        }
        let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed("no pipes to it".to_owned()));
        };
        let mut running = Self { child, input, output, served: 0, is_over: false };
        let greeted = running.within(limits, |input, output| {
            input.write_all(&limits.max_pdf_memory.to_le_bytes())?;
            input.flush()?;
            let mut greeting = [0; GREETING.len()];
            output.read_exact(&mut greeting)?;
            Ok(greeting == GREETING)
        });
        match greeted {
            Ok(true) => Ok(running),
            Ok(false) => Err(failed("it is another program".to_owned())),
            Err(End::TooSlow) => Err(failed("it does not answer".to_owned())),
            Err(End::Died) => {
                let (status, words) = running.last();
                let words = words.lines().next().unwrap_or_default();
                Err(failed(format!("it ended with {status} {words}").trim_end().to_owned()))
            }
        }
    }

    fn ask(&mut self, bytes: &[u8], limits: &Limits) -> Result<Answer, End> {
        // A text of that size, with every character escaped.
        let longest = limits.max_file_bytes.saturating_mul(6).saturating_add(1 << 20);
        self.within(limits, |input, output| {
            let header = [bytes.len() as u64, limits.max_pdf_seconds, limits.max_file_bytes];
            for number in header {
                input.write_all(&number.to_le_bytes())?;
            }
            input.write_all(bytes)?;
            input.flush()?;
            let mut length = [0; 8];
            output.read_exact(&mut length)?;
            let length = u64::from_le_bytes(length);
            if length > longest {
                return Err(io::Error::other("an answer too long"));
            }
            let mut answer = Vec::new();
            output.take(length).read_to_end(&mut answer)?;
            let answer: Answer = serde_json::from_slice(&answer).map_err(io::Error::other)?;
            match answer {
                Ok(text) if !text.is_sound() => Err(io::Error::other("no text of a PDF")),
                answer => Ok(answer),
            }
        })
    }

    /// Talks to the child, and ends it when that takes too long.
    fn within<T>(
        &mut self,
        limits: &Limits,
        talk: impl FnOnce(&mut ChildStdin, &mut ChildStdout) -> io::Result<T>,
    ) -> Result<T, End> {
        // The child limits its processor time itself; on a busy machine it may get half of it.
        let most = Duration::from_secs(limits.max_pdf_seconds.saturating_mul(2));
        let is_late = AtomicBool::new(false);
        let (done, waits) = mpsc::channel::<()>();
        let Self { child, input, output, .. } = self;
        let result = std::thread::scope(|scope| {
            let is_late = &is_late;
            scope.spawn(move || {
                if waits.recv_timeout(most) == Err(mpsc::RecvTimeoutError::Timeout) {
                    is_late.store(true, Ordering::Relaxed);
                    // Ends the pipes, and so the talk.
                    end(child);
                }
            });
            let result = talk(input, output);
            drop(done);
            result
        });
        match result {
            Ok(answer) => Ok(answer),
            Err(_) if is_late.into_inner() => Err(End::TooSlow),
            Err(_) => Err(End::Died),
        }
    }

    /// How the child ended, and what it said.
    fn last(&mut self) -> (String, String) {
        // Its pipes end before it does; and one that broke the rules of the talk does not end.
        for _ in 0..LONGEST_DEATH {
            if is_dead(&self.child) {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        // Its number stays its own until it is waited for; so does that of its group.
        end(&mut self.child);
        let status = self.child.wait().ok();
        self.is_over = true;
        let mut words = Vec::new();
        if let Some(error) = self.child.stderr.take() {
            let _ = error.take(LAST_WORDS).read_to_end(&mut words);
        }
        let status = status.map_or_else(|| "no status".to_owned(), told);
        (status, String::from_utf8_lossy(&words).into_owned())
    }

    /// What the death of the child says of its file.
    fn death(&mut self, limits: &Limits) -> Refusal {
        let (status, words) = self.last();
        if status == CPU_TIME {
            too_slow(limits)
        } else if words.contains("memory allocation of") {
            let most = limits.max_pdf_memory >> 20;
            (
                "too_large",
                format!("expected a PDF that is read in {most} MiB of memory, found need of more"),
            )
        } else if words.contains("overflowed its stack") {
            (
                "malformed",
                "expected a PDF, found one nested so deep that its reader fails".to_owned(),
            )
        } else {
            ("malformed", format!("expected a PDF, found one that its reader dies of ({status})"))
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_over {
            end(&mut self.child);
            let _ = self.child.wait();
        }
    }
}

/// Whether a child has ended, without waiting for it.
fn is_dead(child: &Child) -> bool {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(Pid::from_child(child)), options).is_ok_and(|ended| ended.is_some())
    }
    #[cfg(not(unix))]
    {
        let _ = child;
        false
    }
}

/// Ends a child and whatever it has started: that may hold its pipes open.
fn end(child: &mut Child) {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal, kill_process_group};
        let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    }
    let _ = child.kill();
}

const CPU_TIME: &str = "no processor time left";

#[cfg(unix)]
fn told(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match status.signal() {
        Some(libc::SIGXCPU) => CPU_TIME.to_owned(),
        _ => status.to_string(),
    }
}

#[cfg(not(unix))]
fn told(status: ExitStatus) -> String {
    status.to_string()
}
