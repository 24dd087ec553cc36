//! Runs a target on many inputs.
//!
//! The target runs in a thread of its own, so that one that does not come back can be told from outside;
//! that thread is then left behind. Where it ends by a panic outside of the target (of the code that changes
//! inputs, say), that is a failure, too, told with the last input. What kills the whole process (a stack that overflows, memory that is
//! not there) is told by nobody: for that, [`fuzz`] can keep the input at work in a file.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use sleuth_records::Random;

use crate::mutate::mutated;
use crate::targets::Target;

/// The longest that a target may take for one input.
pub const LONGEST: Duration = Duration::from_secs(10);
/// How often it is looked whether the target is still at the same input.
const LOOK: Duration = Duration::from_millis(200);
/// Stack of the thread of a target: that of a main thread, not the smaller one of others.
const STACK: usize = 8 << 20;

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// After so many inputs.
    Inputs(u64),
    /// After so long, at the end of an input.
    Time(Duration),
}

/// How a target is run.
#[derive(Clone, Debug)]
pub struct Plan<'p> {
    /// Chooses the changes.
    pub seed: u64,
    /// When to stop.
    pub until: Until,
    /// The longest that one input may take.
    pub longest: Duration,
    /// A file that the input at work is kept in.
    pub at_work: Option<&'p Path>,
}

impl Plan<'_> {
    /// A plan without a file, in which an input may take [`LONGEST`].
    pub fn new(seed: u64, until: Until) -> Self {
        Self { seed, until, longest: LONGEST, at_work: None }
    }
}

/// What came of it.
#[derive(Debug)]
pub struct Report {
    /// Inputs that were tried.
    pub inputs: u64,
    /// How long that took.
    pub took: Duration,
    /// The longest that one input took.
    pub slowest: Duration,
    /// The first input that failed.
    pub failure: Option<Failure>,
}

/// An input of which something does not hold.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The input; where the thread ended outside of the target, the last one.
    pub input: Vec<u8>,
    /// What went wrong, and where.
    pub message: String,
}

/// What the thread of a target tells.
#[derive(Default)]
struct State {
    begun: Option<Instant>,
    input: Vec<u8>,
    inputs: u64,
    slowest: Duration,
}

/// Runs `target` on `seeds` as they are and then on changed ones.
///
/// # Errors
/// When a thread or the file of the input at work cannot be had.
pub fn fuzz(
    target: &'static Target,
    seeds: Vec<Vec<u8>>,
    plan: &Plan<'_>,
) -> std::io::Result<Report> {
    let file = plan.at_work.map(fs_err::File::create).transpose()?.map(|file| file.into_parts().0);
    let begun = Instant::now();
    let state = Arc::new(Mutex::new(State::default()));
    let (send, done) = channel();
    let (seed, until, longest) = (plan.seed, plan.until, plan.longest);
    let shared = Arc::clone(&state);
    let thread = std::thread::Builder::new().name(target.name.to_owned()).stack_size(STACK).spawn(
        move || {
            let failure = Work {
                target,
                seeds: &seeds,
                until,
                longest,
                begun,
                state: &shared,
                file: file.as_ref(),
            }
            .run(&mut Random(seed));
            // Nobody listens any more where this took too long.
            let _ = send.send(failure);
        },
    )?;
    let failure = loop {
        match done.recv_timeout(LOOK) {
            Ok(failure) => break failure,
            Err(RecvTimeoutError::Disconnected) => {
                let said = thread.join().err().and_then(|panic| {
                    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
                    text.or_else(|| panic.downcast_ref::<String>().cloned())
                });
                let message = format!(
                    "the thread ended outside of the target, after this input: {}",
                    said.as_deref().unwrap_or("it does not say why")
                );
                break Some(Failure { input: lock(&state).input.clone(), message });
            }
            Err(RecvTimeoutError::Timeout) => {
                let state = lock(&state);
                if let Some(since) = state.begun
                    && since.elapsed() > longest
                {
                    let message = format!("no end of it after {:.1} s", longest.as_secs_f64());
                    break Some(Failure { input: state.input.clone(), message });
                }
            }
        }
    };
    let state = lock(&state);
    Ok(Report { inputs: state.inputs, took: begun.elapsed(), slowest: state.slowest, failure })
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the thread of a target works with.
struct Work<'w> {
    target: &'w Target,
    seeds: &'w [Vec<u8>],
    until: Until,
    longest: Duration,
    begun: Instant,
    state: &'w Mutex<State>,
    file: Option<&'w File>,
}

impl Work<'_> {
    fn run(&self, random: &mut Random) -> Option<Failure> {
        let mut first = self.seeds.iter();
        for n in 0.. {
            let over = match self.until {
                Until::Inputs(most) => n >= most,
                Until::Time(most) => self.begun.elapsed() >= most,
            };
            if over {
                break;
            }
            let Target { words, longest, .. } = self.target;
            let input = match first.next() {
                Some(seed) => seed.clone(),
                None => mutated(random, self.seeds, words, *longest),
            };
            if let Err(message) = self.one(&input) {
                return Some(Failure { input, message });
            }
        }
        None
    }

    fn one(&self, input: &[u8]) -> Result<(), String> {
        if let Some(file) = self.file {
            keep(file, input).map_err(|error| format!("cannot keep the input: {error}"))?;
        }
        let start = Instant::now();
        {
            let mut state = lock(self.state);
            input.clone_into(&mut state.input);
            state.begun = Some(start);
        }
        let outcome = run_once(self.target, input);
        let took = start.elapsed();
        let mut state = lock(self.state);
        state.begun = None;
        state.inputs += 1;
        state.slowest = state.slowest.max(took);
        outcome?;
        if took > self.longest {
            return Err(format!("took {:.1} s", took.as_secs_f64()));
        }
        Ok(())
    }
}

#[cfg(unix)]
fn keep(file: &File, input: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::FileExt as _;
    file.set_len(input.len() as u64)?;
    file.write_all_at(input, 0)
}

#[cfg(not(unix))]
fn keep(_: &File, _: &[u8]) -> std::io::Result<()> {
    Ok(())
}

thread_local! {
    /// What the last panic of this thread said, and where; nothing is collected where this is none.
    static SAID: std::cell::RefCell<Option<String>> = const { std::cell::RefCell::new(None) };
}

/// Runs `target` on one input.
///
/// # Errors
/// What does not hold, and where that was noticed.
pub fn run_once(target: &Target, input: &[u8]) -> Result<(), String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let of_target = SAID.with_borrow_mut(|said| {
                said.as_mut().map(|said| *said = panic.to_string()).is_some()
            });
            if !of_target {
                before(panic);
            }
        }));
    });
    SAID.set(Some(String::new()));
    let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    let said = SAID.take();
    outcome.map_err(|_| said.unwrap_or_default())
}
