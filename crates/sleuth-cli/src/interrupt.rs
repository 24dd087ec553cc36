//! Ctrl-C: the first asks the work to end soon, the second ends the process.

use std::io::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::fail::Exit;

static INTERRUPTS: AtomicU32 = AtomicU32::new(0);

/// Listens from here on. `first` is said when the first interrupt comes.
pub(crate) fn listen(first: &'static str) {
    // Where no handler can be set, Ctrl-C ends the process as it does by default.
    let _ = ctrlc::set_handler(move || {
        if INTERRUPTS.fetch_add(1, Ordering::Relaxed) == 0 {
            let _ = writeln!(std::io::stderr(), "\ninterrupted: {first}; once more to abort");
        } else {
            abort();
        }
    });
}

/// Whether the first interrupt has come.
pub(crate) fn asked() -> bool {
    INTERRUPTS.load(Ordering::Relaxed) > 0
}

#[expect(clippy::exit, reason = "the person wants the process gone, whatever it is doing")]
fn abort() -> ! {
    std::process::exit(Exit::Aborted as i32)
}
