//! A folder of its own for each test, and what they put there and ask.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use expect_test::Expect;
use regex::Regex;

/// What [`Place::with_docs`] can answer.
pub(crate) const WHEN: &str = "When was the Marrow Point Lighthouse built?";

/// The usual question over the usual documents.
pub(crate) const ASK: [&str; 4] = ["ask", WHEN, "--over", "docs"];

/// A temporary folder that is home and current folder of the commands run in it.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// With a small collection in `docs`.
    pub(crate) fn with_docs() -> Self {
        let place = Self::new();
        place.write(
            "docs/marrow-point.md",
            "# Marrow Point Lighthouse\n\nA lighthouse on the north coast.\n\n\
             The Marrow Point Lighthouse was built in 1911. It was designed by Ada Quill.\n",
        );
        place.write(
            "docs/people/ada-quill.md",
            "# Ada Quill\n\nAda Quill was an engineer. She was born in Larkhaven in 1870.\n",
        );
        place
            .write("docs/larkhaven.txt", "Larkhaven is a harbour town. Its patron is Saint Osk.\n");
        place
    }

    /// The same, with a store of it in `store`.
    pub(crate) fn with_store() -> Self {
        let place = Self::with_docs();
        let output = place.run(&["index", "build", "docs", "--into", "store", "--quiet"]);
        assert_eq!(code(&output), 0, "{}", place.show(&output));
        place
    }

    /// Adds files that take a moment to read and say nothing.
    pub(crate) fn write_pages(&self) {
        for n in 0..200 {
            self.write(&format!("docs/{n}.md"), format!("# Page {n}\n\nNothing of note, {n}.\n"));
        }
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    pub(crate) fn write(&self, below: &str, content: impl AsRef<[u8]>) {
        let path = self.path(below);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, below: &str) -> String {
        fs_err::read_to_string(self.path(below)).unwrap()
    }

    /// The command, not yet run.
    pub(crate) fn sleuth(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sleuth"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.sleuth(arguments).output().unwrap()
    }

    /// Runs the command in the background with all streams piped.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.sleuth(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Compares exit code and both streams.
    pub(crate) fn check(&self, arguments: &[&str], expected: &Expect) {
        expected.assert_eq(&self.show(&self.run(arguments)));
    }

    /// The object that a command prints.
    pub(crate) fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let output = self.run(arguments);
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", self.show(&output)))
    }

    /// Exit code and streams, with what differs from run to run put aside.
    pub(crate) fn show(&self, output: &Output) -> String {
        let mut text = format!("exit {}\n", output.status.code().unwrap_or(-1));
        for (name, stream) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            if !stream.is_empty() {
                let _ = write!(text, "--- {name}\n{}", String::from_utf8_lossy(stream));
            }
        }
        self.filter(&text)
    }

    pub(crate) fn filter(&self, text: &str) -> String {
        let real = fs_err::canonicalize(self.folder.path()).unwrap();
        let mut text = text.to_owned();
        for folder in [real.as_path(), self.folder.path()] {
            text = text.replace(&folder.display().to_string(), "[DIR]");
        }
        for (pattern, name) in [
            (r"\d{8}T\d{6}Z-[0-9a-f]{4}", "[RUN]"),
            (r"\b[0-9a-f]{32}\b", "[SNAPSHOT]"),
            (r"(docs|store)-[0-9a-f]{16}", "$1-[HASH]"),
            (r"\b\d+(\.\d+)? s\b", "[TIME]"),
            (r"\d+\.\d+ [kMG]?B free", "[SPACE] free"),
            (r#""elapsed_ms":\d+"#, r#""elapsed_ms":0"#),
            (r"127\.0\.0\.1:\d+", "[SERVER]"),
            (r"known tools: [^\n]*", "known tools: [TOOLS]"),
            // The help has lines of nothing but spaces, which an editor would remove from here.
            (r"(?m)[ ]+$", ""),
        ] {
            text = Regex::new(pattern).unwrap().replace_all(&text, name).into_owned();
        }
        text
    }
}

/// The exit code of a finished command.
pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

/// Standard error as text.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Folder of the one cached store.
pub(crate) fn cached_store(place: &Place) -> PathBuf {
    let stores = fs_err::read_dir(place.path(".cache/sleuth/stores")).unwrap();
    let stores: Vec<PathBuf> = stores.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(stores.len(), 1, "{stores:?}");
    stores.into_iter().next().unwrap()
}

/// Files of the run folders, sorted.
pub(crate) fn run_folders(state: &Path) -> Vec<PathBuf> {
    let mut runs: Vec<PathBuf> = fs_err::read_dir(state.join("runs"))
        .map(|runs| runs.map(|entry| entry.unwrap().path()).collect())
        .unwrap_or_default();
    runs.sort();
    runs
}
