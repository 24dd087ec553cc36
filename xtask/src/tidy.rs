//! `tidy`: the rules of `ARCHITECTURE.md` that a program can check.
//!
//! * the arrows between crates are those of [`ARROWS`] and no others;
//! * only `sleuth-cli` and `xtask` print, exit, or read the environment;
//! * no gold answer is reachable from the agent: no crate at or below it has a field or a type for
//!   one;
//! * no file of ours is named in a way that hides what it is for (`utils`, `common`, `misc`);
//! * every crate's `lib.rs` begins by saying what it is for.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// Which crates of the workspace each crate may depend on. `dev` dependencies may also use
/// `sleuth-testkit`.
const ARROWS: [(&str, &[&str]); 11] = [
    ("sleuth-records", &[]),
    ("sleuth-corpus", &["sleuth-records"]),
    ("sleuth-index", &["sleuth-records"]),
    ("sleuth-lm", &["sleuth-records"]),
    ("sleuth-agent", &["sleuth-records", "sleuth-index", "sleuth-lm"]),
    ("sleuth-tasks", &["sleuth-records", "sleuth-index", "sleuth-lm", "sleuth-agent"]),
    (
        "sleuth-eval",
        &["sleuth-records", "sleuth-index", "sleuth-lm", "sleuth-agent", "sleuth-tasks"],
    ),
    (
        "sleuth-server",
        &[
            "sleuth-records",
            "sleuth-corpus",
            "sleuth-index",
            "sleuth-lm",
            "sleuth-agent",
            "sleuth-tasks",
            "sleuth-eval",
        ],
    ),
    (
        "sleuth-cli",
        &[
            "sleuth-records",
            "sleuth-corpus",
            "sleuth-index",
            "sleuth-lm",
            "sleuth-agent",
            "sleuth-eval",
            "sleuth-tasks",
            "sleuth-server",
        ],
    ),
    (
        "xtask",
        &[
            "sleuth-records",
            "sleuth-corpus",
            "sleuth-index",
            "sleuth-lm",
            "sleuth-agent",
            "sleuth-eval",
            "sleuth-tasks",
            "sleuth-server",
            "sleuth-cli",
            "sleuth-fuzz",
        ],
    ),
    ("sleuth-fuzz", &["sleuth-records", "sleuth-corpus", "sleuth-index"]),
];

/// Crates that may print, exit and read the environment.
const SPEAKS: [&str; 2] = ["sleuth-cli", "xtask"];

/// Crates from which no gold answer may be reachable.
const BLIND: [&str; 5] =
    ["sleuth-records", "sleuth-corpus", "sleuth-index", "sleuth-lm", "sleuth-agent"];

/// Checks everything and lists every breach.
pub(crate) fn tidy() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut breaches = Vec::new();
    arrows(&root, &mut breaches)?;
    for entry in fs_err::read_dir(root.join("crates"))? {
        let folder = entry?.path();
        let name = folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        for file in rust_files(&folder.join("src"))? {
            let text = fs_err::read_to_string(&file)?;
            let shown = file.strip_prefix(&root).unwrap_or(&file).display().to_string();
            source(&name, &shown, &text, &mut breaches);
        }
    }
    if breaches.is_empty() {
        println!("tidy: no breach");
        return Ok(());
    }
    for breach in &breaches {
        println!("tidy: {breach}");
    }
    bail!("{} breaches of ARCHITECTURE.md", breaches.len())
}

fn arrows(root: &Path, breaches: &mut Vec<String>) -> Result<()> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()
        .context("running cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("no packages in the metadata")?;
    let members: Vec<&str> = packages.iter().filter_map(|p| p["name"].as_str()).collect();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let allowed = ARROWS.iter().find(|(known, _)| *known == name).map(|(_, to)| *to);
        if allowed.is_none() && name != "sleuth-testkit" {
            breaches
                .push(format!("`{name}` stands in no arrow; add it to ARCHITECTURE.md and here"));
        }
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = dependency["name"].as_str().unwrap_or_default();
            let dev = dependency["kind"].as_str() == Some("dev");
            if !members.contains(&to) || name == "sleuth-testkit" {
                continue;
            }
            let fine = allowed.is_some_and(|allowed| allowed.contains(&to))
                || (dev && to == "sleuth-testkit");
            if !fine {
                breaches.push(format!("`{name}` may not depend on `{to}`"));
            }
        }
    }
    Ok(())
}

/// Checks one source file. Text from the first `#[cfg(test)]` on is left out: tests may print.
fn source(name: &str, file: &str, text: &str, breaches: &mut Vec<String>) {
    let stem = Path::new(file).file_stem().map(|s| s.to_string_lossy().into_owned());
    if stem.is_some_and(|s| matches!(s.as_str(), "utils" | "util" | "common" | "misc" | "helpers"))
    {
        breaches.push(format!("{file}: a name that says nothing"));
    }
    if file.ends_with("src/lib.rs") && !text.starts_with("//!") {
        breaches.push(format!("{file}: does not begin by saying what the crate is for"));
    }
    let own = text.split("#[cfg(test)]").next().unwrap_or_default();
    for (at, line) in own.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        let mut breach = |what: &str| breaches.push(format!("{file}:{}: {what}", at + 1));
        if !SPEAKS.contains(&name) {
            for word in ["println!(", "eprintln!(", "print!(", "eprint!(", "dbg!("] {
                let found = code.find(word).is_some_and(|at| {
                    !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
                });
                if found {
                    breach("prints; only the command line does");
                }
            }
            if code.contains("process::exit(") {
                breach("exits; only the command line does");
            }
            if code.contains("env::var(") || code.contains("env::var_os(") {
                breach("reads the environment; only the command line does");
            }
        }
        if BLIND.contains(&name) {
            let lower = code.to_lowercase();
            for word in
                ["gold_answer", "goldanswer", "gold:", "struct task", "answers: vec<string>"]
            {
                if lower.contains(word) {
                    breach("a gold answer would be within reach of the agent");
                }
            }
        }
    }
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut out = Vec::new();
    if !folder.is_dir() {
        return Ok(out);
    }
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            out.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
    out.sort();
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, file: &str, text: &str) -> Vec<String> {
        let mut breaches = Vec::new();
        source(name, file, text, &mut breaches);
        breaches
    }

    #[test]
    fn each_rule_objects() {
        let print = "//! x\nfn f() {\n    println!(\"x\");\n}\n";
        assert_eq!(
            check("sleuth-index", "crates/sleuth-index/src/a.rs", print),
            ["crates/sleuth-index/src/a.rs:3: prints; only the command line does"]
        );
        assert!(check("sleuth-cli", "crates/sleuth-cli/src/a.rs", print).is_empty());
        let gold = "//! x\nstruct T {\n    answers: Vec<String>,\n}\n";
        assert_eq!(check("sleuth-agent", "crates/sleuth-agent/src/a.rs", gold).len(), 1);
        let env = "//! x\nfn f() { std::env::var(\"HOME\"); }\n";
        assert_eq!(check("sleuth-lm", "crates/sleuth-lm/src/a.rs", env).len(), 1);
        assert_eq!(check("sleuth-lm", "crates/sleuth-lm/src/utils.rs", "//! x\n").len(), 1);
        assert_eq!(check("sleuth-lm", "crates/sleuth-lm/src/lib.rs", "mod a;\n").len(), 1);
        let tests = "//! x\n#[cfg(test)]\nmod tests { fn f() { println!(); } }\n";
        assert!(check("sleuth-lm", "crates/sleuth-lm/src/a.rs", tests).is_empty());
    }

    #[test]
    fn this_repository_is_tidy() {
        tidy().unwrap();
    }
}
