//! The `sleuth` command: flags, configuration, printing, exit codes.
//!
//! The one crate that prints, reads the environment and exits. Everything that it does for a person
//! is a call into another crate; what is its own is how that looks.
//!
//! Answers go to standard output, progress and errors to standard error. Whatever comes from
//! documents or models passes through [`show::escape`] on its way to a terminal.

mod about;
mod args;
mod ask;
mod choose;
mod doctor;
mod eval;
mod explain;
mod fail;
mod index;
pub mod ingest;
mod interrupt;
mod model;
mod places;
mod progress;
mod run;
mod search;
mod serve;
mod show;
mod sites;
mod stores;
mod tasks;
mod trace;
mod update;
pub mod vectors;
mod whole;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Args, Command};
use crate::fail::{Exit, Failure};

/// Of every program with this crate, `xtask` too. Searches allocate much and keep little: with the C library's
/// allocator the steps of environments on two threads take a fifth longer.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let as_json = std::env::args_os().any(|arg| arg == "--json" || arg == "--jsonl");
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) if !error.use_stderr() || !as_json => {
            // Also how `--help` and `--version` come.
            let code = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            let _ = error.print();
            return code.into();
        }
        Err(error) => {
            let text = error.to_string();
            let message = said_first(&text);
            let hint = Some("see `sleuth --help`".to_owned());
            return end(Err(Failure::Usage { message, hint }), true);
        }
    };
    // What has been written of a run stays; the panic's own message is on standard error already.
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| dispatch(args)));
    end(result.unwrap_or(Err(Failure::Panicked)), as_json)
}

/// What clap says before it says how the command is used, in one line: what is missing stands in lines of
/// its own.
fn said_first(text: &str) -> String {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let lines: Vec<&str> =
        text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    lines.join(" ")
}

fn dispatch(args: Args) -> Result<Exit, Failure> {
    let common = &args.common;
    match args.command {
        Command::Ask(args) => ask::ask(common, &args),
        Command::Index(command) => index::index(common, &command),
        Command::Search(args) => search::search(common, &args),
        Command::Eval(command) => eval::eval(common, &command),
        Command::Serve(args) => serve::serve(common, &args),
        Command::Tasks(command) => tasks::tasks(common, &command),
        Command::Trace(command) => trace::trace(common, &command),
        Command::Model(command) => model::model(common, &command),
        Command::Doctor(args) => doctor::doctor(common, &args),
        Command::ReadPdf => Ok(ingest::read_pdf().map(|()| Exit::Done)?),
    }
}

/// Prints to standard output.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush())?;
    Ok(())
}

/// Tells of a failure and gives the exit code.
fn end(result: Result<Exit, Failure>, as_json: bool) -> ExitCode {
    let failure = match result {
        Ok(exit) => return exit.into(),
        Err(failure) => failure,
    };
    if !failure.is_broken_pipe() {
        if as_json {
            let line = format!("{}\n", failure.to_json());
            let _ = std::io::stdout().lock().write_all(line.as_bytes());
        }
        let _ = std::io::stderr().lock().write_all(failure.to_text().as_bytes());
    }
    failure.exit().into()
}
