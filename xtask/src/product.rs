//! The product as its users run it: the release build of `sleuth`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// Builds `sleuth` and says where it lies.
pub(crate) fn build() -> Result<PathBuf> {
    linked(&[])
}

/// Builds `sleuth`, links it with these arguments more, and says where it lies.
pub(crate) fn linked(arguments: &[String]) -> Result<PathBuf> {
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["rustc", "--quiet", "--release", "--package=sleuth-cli", "--bin=sleuth"])
        .arg("--message-format=json-render-diagnostics")
        .arg("--")
        .args(arguments.iter().map(|argument| format!("-Clink-arg={argument}")))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .stderr(Stdio::inherit());
    let output = command.output().context("running cargo")?;
    if !output.status.success() {
        bail!("`sleuth` cannot be built: {command:?} ended with {}", output.status);
    }
    let messages = String::from_utf8(output.stdout)?;
    let executable = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    executable.context("cargo named no program")
}

/// Lets `command`, which runs the program, serve the store at `path` on a free port and say its address as JSON.
pub(crate) fn serve(mut command: Command, path: &Path) -> Command {
    command.env_remove("SLEUTH_TOKEN");
    command.args(["serve", "--quiet", "--json", "--port=0", "--store"]).arg(path);
    command
}
