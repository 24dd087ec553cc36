//! The child process that reads PDFs.
//!
//! It is the program itself, started again with nothing to do but this: it takes the memory that it
//! may use off its input, limits itself to it, and then answers files one after the other. A file
//! has its own limit of processor time. What goes wrong in a way that can be told is an answer like
//! any other; the rest is for the parent to see by how the child ended.
//!
//! ```text
//! parent: memory in bytes (u64, little endian)     child: GREETING
//! parent: [length, seconds, most bytes of text] (three u64) and the file
//! child:  length (u64) and JSON: {"Ok": PdfText} or {"Err": [kind, reason]}
//! ```

use std::any::Any;
use std::io::{self, Read, Write};

use super::PdfText;

/// What the child says when it is ready: tells it from any other program.
pub(super) const GREETING: &[u8] = b"sleuth-pdf 1\n";

/// What the child answers to a file.
pub(super) type Answer = Result<PdfText, (String, String)>;

/// Reads PDFs off `input` until it ends, and writes what they hold to `output`.
///
/// This limits memory and processor time of the whole process, and silences its panics: it is to be
/// called by a process that does nothing else, as `sleuth read-pdf` is. [`super::PdfReader`] is the
/// other end.
///
/// # Errors
/// When a limit cannot be set, or input or output break in the middle of a file.
pub fn serve_pdf(input: &mut dyn Read, output: &mut dyn Write) -> io::Result<()> {
    let Some(memory) = read_number(input)? else { return Ok(()) };
    limit_memory(memory)?;
    std::panic::set_hook(Box::new(|_| ()));
    output.write_all(GREETING)?;
    output.flush()?;
    while let Some(length) = read_number(input)? {
        let (Some(seconds), Some(limit)) = (read_number(input)?, read_number(input)?) else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let length = usize::try_from(length).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        input.read_exact(&mut bytes)?;
        limit_seconds(seconds)?;
        let answer = serde_json::to_vec(&answer(bytes, limit)).map_err(io::Error::other)?;
        output.write_all(&(answer.len() as u64).to_le_bytes())?;
        output.write_all(&answer)?;
        output.flush()?;
    }
    Ok(())
}

fn answer(bytes: Vec<u8>, limit: u64) -> Answer {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    match std::panic::catch_unwind(|| super::parse(bytes, limit)) {
        Ok(parsed) => parsed.map_err(|(kind, reason)| (kind.to_owned(), reason)),
        Err(panic) => {
            let what = message(panic.as_ref());
            let reason = format!("expected a PDF, found one that the reader fails on: {what}");
            Err(("malformed".to_owned(), reason))
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    text.lines().next().unwrap_or_default().chars().take(200).collect()
}

/// The next number, or `None` at the end of the input.
fn read_number(input: &mut dyn Read) -> io::Result<Option<u64>> {
    let mut bytes = [0; 8];
    let mut filled = 0;
    while filled < bytes.len() {
        match input.read(&mut bytes[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Some(u64::from_le_bytes(bytes)))
}

#[cfg(unix)]
fn limit_memory(bytes: u64) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let known = getrlimit(Resource::As);
    let least = |known: Option<u64>| Some(known.map_or(bytes, |known| known.min(bytes)));
    setrlimit(Resource::As, Rlimit { current: least(known.current), maximum: known.maximum })?;
    // No file of memory is left behind by a child that is ended.
    let core = getrlimit(Resource::Core);
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: core.maximum })?;
    Ok(())
}

/// Lets the process use so many seconds more than it has used.
#[cfg(unix)]
fn limit_seconds(seconds: u64) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    use rustix::time::{ClockId, clock_gettime};
    let used = clock_gettime(ClockId::ProcessCPUTime).tv_sec;
    let until = u64::try_from(used).unwrap_or(0).saturating_add(1).saturating_add(seconds);
    let maximum = getrlimit(Resource::Cpu).maximum;
    let current = Some(maximum.map_or(until, |maximum| maximum.min(until)));
    setrlimit(Resource::Cpu, Rlimit { current, maximum })?;
    Ok(())
}

#[cfg(not(unix))]
fn limit_memory(_: u64) -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn limit_seconds(_: u64) -> io::Result<()> {
    Ok(())
}
