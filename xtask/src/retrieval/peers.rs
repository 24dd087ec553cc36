//! Other people's retrieval over the same files; what they are, `xtask/peers.py` says.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, bail};
use sleuth_records::{Qrels, Run, read_run};

use crate::data::{self, Item};

/// The peers in the order of the tables, and how a table names them.
const NAMES: [(&str, &str); 2] = [("bm25s", "bm25s"), ("anserini", "Anserini")];

/// The peers that are there to be measured.
pub(super) struct Peers {
    home: PathBuf,
    script: PathBuf,
    /// Names that `peers.py` knows, with those of the tables.
    present: Vec<(&'static str, &'static str)>,
    /// A line for each peer: its version, or why it is not measured.
    pub(super) notes: Vec<String>,
}

impl Peers {
    /// None at all.
    pub(super) fn none() -> Self {
        let notes = vec!["peers: not measured, as asked".to_owned()];
        Self { home: PathBuf::new(), script: PathBuf::new(), present: Vec::new(), notes }
    }

    /// Installs what can be installed.
    pub(super) fn prepare() -> Result<Self> {
        let home = data::bench_folder().join("peers");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers.py");
        fs_err::create_dir_all(&home)?;
        let mut peers =
            Self { home: home.clone(), script: script.clone(), present: vec![], notes: vec![] };
        let output = Command::new("python3").arg(&script).arg("prepare").arg(&home).output();
        let output = match output {
            Ok(output) if output.status.success() => output,
            Ok(output) => {
                peers.notes.push(format!("peers: not measured: {}", complaint(&output)));
                return Ok(peers);
            }
            Err(error) => {
                peers.notes.push(format!("peers: not measured: no `python3`: {error}"));
                return Ok(peers);
            }
        };
        let versions: BTreeMap<String, Option<String>> =
            serde_json::from_slice(&output.stdout).context("what `peers.py prepare` said")?;
        let reasons = String::from_utf8_lossy(&output.stderr).into_owned();
        for (name, shown) in NAMES {
            if let Some(Some(version)) = versions.get(name) {
                peers.present.push((name, shown));
                peers.notes.push(format!("measured beside ours: {version}"));
            } else {
                let own =
                    reasons.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                let reason = own.unwrap_or("`peers.py prepare` gave no reason");
                peers.notes.push(format!("{shown}: not measured: {reason}"));
            }
        }
        Ok(peers)
    }

    /// The runs of all peers over the store `name`, by the names of the tables. A peer that fails is
    /// left out, and a note says why.
    pub(super) fn runs(
        &mut self,
        name: &str,
        items: &[&Item],
        qrels: &Qrels,
        k: usize,
    ) -> Result<HashMap<&'static str, Run>> {
        let mut runs = HashMap::new();
        if self.present.is_empty() {
            return Ok(runs);
        }
        let input = self.home.join("input").join(name);
        write_input(name, &input, items, qrels)?;
        for (peer, shown) in self.present.clone() {
            let out = input.join(format!("{peer}.run"));
            let output = Command::new(self.home.join("venv/bin/python"))
                .arg(&self.script)
                .args(["run", peer])
                .args([&self.home, &input, &out])
                .arg(k.to_string())
                .output()?;
            if output.status.success() {
                runs.insert(shown, read_run(&out)?);
            } else {
                self.notes.push(format!("{shown} over {name}: failed: {}", complaint(&output)));
            }
        }
        Ok(runs)
    }
}

/// The last line that a failed command said.
fn complaint(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let last = text.lines().rfind(|line| !line.trim().is_empty());
    last.map_or_else(|| format!("it ended with {}", output.status), str::to_owned)
}

/// Writes the documents as they are, unpacked, and the queries that are measured.
fn write_input(name: &str, input: &Path, items: &[&Item], qrels: &Qrels) -> Result<()> {
    if input.exists() {
        fs_err::remove_dir_all(input)?;
    }
    fs_err::create_dir_all(input)?;
    let source = data::folder()?.join("stores").join(name);
    let (plain, packed) = (source.join("corpus.jsonl"), source.join("corpus.jsonl.zst"));
    let target = input.join("corpus.jsonl");
    if plain.exists() {
        fs_err::copy(&plain, &target)?;
    } else if packed.exists() {
        let mut out = fs_err::File::create(&target)?;
        zstd::stream::copy_decode(fs_err::File::open(&packed)?, &mut out)?;
    } else {
        bail!("no `corpus.jsonl` or `corpus.jsonl.zst` in `{}`", source.display());
    }
    let mut lines = String::new();
    for item in items.iter().filter(|item| qrels.contains_key(&item.id)) {
        lines += &serde_json::json!({"_id": item.id, "text": item.text}).to_string();
        lines.push('\n');
    }
    fs_err::write(input.join("queries.jsonl"), lines)?;
    Ok(())
}
