//! `bench pages`: main content of real pages, against every single extractor, in one run.
//! `tune pages`: fits the choice of main content to the same pages.
//!
//! The metric is that of the benchmark's own `evaluate.py`: F1 of the words (lower case, as a bag) of
//! an extractor's text and of the page's main content, averaged over pages; and the shares of
//! snippets found that should (`with`) and should not (`without`) be in the text.
//!
//! Half of the pages, those whose SHA-256 of the id is even, may be looked at. The models that ship are
//! fitted to all pages, so no number here is theirs: Sleuth's column `F1` is that of models fitted to
//! pages of other sites (see [`fit`]), its column `F1 held out` that of models fitted to the tuning half.

use std::collections::{BTreeMap, HashMap};
use std::io::Read as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use sleuth_corpus::{Corpus, Limits};
use sleuth_records::sha256_hex;

use self::fit::{Example, Models};
use crate::data;

mod fit;

const TYPES: [&str; 7] =
    ["article", "forum", "product", "collection", "listing", "documentation", "service"];

/// The peers that `xtask/peers` builds, and those of its Python half.
const RUST_PEERS: [&str; 5] =
    ["rs-trafilatura", "trafilatura", "dom_smoothie", "legible", "dom-content-extraction"];
const PYTHON_PEERS: [&str; 2] = ["trafilatura-py", "resiliparse"];

const THREADS: usize = 2;

/// A page with what people say is its main content.
struct Page {
    id: String,
    url: String,
    kind: String,
    main: Vec<String>,
    with: Vec<String>,
    without: Vec<String>,
    path: PathBuf,
}

impl Page {
    /// Whether the page may be fitted to.
    fn is_tuning(&self) -> bool {
        let hash = sha256_hex(self.id.as_bytes());
        hash.chars().last().and_then(|c| c.to_digit(16)).is_some_and(|digit| digit % 2 == 0)
    }
}

/// What an extractor makes of all pages.
struct Outcome {
    texts: HashMap<String, String>,
    seconds: f64,
    failures: u64,
}

#[derive(Clone, Copy, Default)]
struct Score {
    precision: f64,
    recall: f64,
    f1: f64,
    with: f64,
    without: f64,
}

/// Scores Sleuth and, but for `--ours`, its peers.
pub(crate) fn bench(options: &[&str]) -> Result<()> {
    let folder = workplace()?;
    let pages = load(&folder)?;
    // Files in, text out says how fast; what is right is said by models that did not see the page.
    let mut sleuth = ours(&folder, &pages)?;
    let examples = examples(&pages)?;
    sleuth.texts = fit::out_of_fold(&examples);
    let held_out = fit::held_out(&examples);
    let mut names = vec![("sleuth", sleuth)];
    if !options.contains(&"--ours") {
        for name in RUST_PEERS {
            names.push((name, rust_peer(name, &folder)?));
        }
        for name in PYTHON_PEERS {
            names.push((name, python_peer(name, &folder)?));
        }
    }
    let tuning = pages.iter().filter(|page| page.is_tuning()).count();
    println!("{} pages, {tuning} of them for tuning; {THREADS} threads\n", pages.len());
    println!(
        "| extractor | F1 | P | R | with | without | F1 tuning | F1 held out | pages/s | failures |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let mut by_type = String::new();
    let mut means = Vec::new();
    for (name, outcome) in &names {
        let scores: Vec<Score> =
            pages.iter().map(|page| score(page, text_of(&outcome.texts, page))).collect();
        let of = |keep: &dyn Fn(&Page) -> bool, value: &dyn Fn(&Score) -> f64| {
            let kept: Vec<f64> =
                pages.iter().zip(&scores).filter(|(p, _)| keep(p)).map(|(_, s)| value(s)).collect();
            kept.iter().sum::<f64>() / kept.len().max(1) as f64
        };
        let all = |value: &dyn Fn(&Score) -> f64| of(&|_| true, value);
        let odd = if *name == "sleuth" {
            let odd: Vec<&Page> = pages.iter().filter(|page| !page.is_tuning()).collect();
            let f1 = |page: &&Page| score(page, text_of(&held_out, page)).f1;
            odd.iter().map(f1).sum::<f64>() / odd.len().max(1) as f64
        } else {
            of(&|page| !page.is_tuning(), &|s| s.f1)
        };
        println!(
            "| {name} | {:.4} | {:.3} | {:.3} | {:.3} | {:.3} | {:.4} | {:.4} | {:.0} | {} |",
            all(&|s| s.f1),
            all(&|s| s.precision),
            all(&|s| s.recall),
            all(&|s| s.with),
            all(&|s| s.without),
            of(&|page| page.is_tuning(), &|s| s.f1),
            odd,
            pages.len() as f64 / outcome.seconds,
            outcome.failures,
        );
        by_type.push_str(&format!("| {name} |"));
        for kind in TYPES {
            let is = |page: &Page| page.kind == kind;
            by_type.push_str(&format!(
                " {:.3} ({:.3}/{:.3}) |",
                of(&is, &|s| s.f1),
                of(&is, &|s| s.precision),
                of(&is, &|s| s.recall)
            ));
        }
        by_type.push('\n');
        means.push((*name, all(&|s| s.f1), odd));
    }
    println!("\nF1 (precision/recall) by type of page:\n\n| extractor | {} |", TYPES.join(" | "));
    println!("|---|{}\n{by_type}", "---|".repeat(TYPES.len()));
    for (name, mean, _) in &means {
        println!("{name:>24} {mean:.3} {}", "#".repeat((mean * 60.0).round() as usize));
    }
    if let Some((ours, peers)) = means.split_first()
        && let Some(best) = peers.iter().max_by(|a, b| a.1.total_cmp(&b.1))
    {
        println!(
            "\nbest single extractor: {}; sleuth is {:+.4} from it on all pages, {:+.4} on those held out",
            best.0,
            ours.1 - best.1,
            ours.2 - best.2
        );
    }
    Ok(())
}

/// Fits the models of `sleuth-corpus` to all pages, and says what cross-validation makes of them.
pub(crate) fn tune() -> Result<()> {
    let folder = workplace()?;
    let pages = load(&folder)?;
    let examples = examples(&pages)?;
    let texts = fit::out_of_fold(&examples);
    for tuning in [true, false] {
        let half: Vec<&Page> = pages.iter().filter(|page| page.is_tuning() == tuning).collect();
        let total: f64 = half.iter().map(|page| score(page, text_of(&texts, page)).f1).sum();
        let name = if tuning { "for tuning" } else { "held out" };
        println!("{} pages {name}: F1 out of fold {:.4}", half.len(), total / half.len() as f64);
    }
    let models = Models::fit(examples.iter());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/sleuth-corpus/src/html");
    let (trees, words) = models.written();
    fs_err::write(path.join("trees.txt"), trees)?;
    fs_err::write(path.join("words.txt"), words)?;
    println!("`trees.txt` and `words.txt` written to {}", path.display());
    Ok(())
}

fn examples(pages: &[Page]) -> Result<Vec<Example<'_>>> {
    pages.iter().filter_map(|page| Example::read(page).transpose()).collect()
}

fn text_of<'a>(texts: &'a HashMap<String, String>, page: &Page) -> &'a str {
    texts.get(&page.id).map_or("", String::as_str)
}

// The metric.

fn tokens(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Precision, recall and F1 of words as bags.
fn word_f1(found: &[&String], expected: &[String]) -> (f64, f64, f64) {
    if expected.is_empty() || found.is_empty() {
        let same = f64::from(u8::from(expected.is_empty() && found.is_empty()));
        return (same, same, same);
    }
    let mut left: HashMap<&str, usize> = HashMap::new();
    for word in expected {
        *left.entry(word).or_default() += 1;
    }
    let mut shared = 0.0;
    for word in found {
        if let Some(count) = left.get_mut(word.as_str()).filter(|count| **count > 0) {
            *count -= 1;
            shared += 1.0;
        }
    }
    let (precision, recall) = (shared / found.len() as f64, shared / expected.len() as f64);
    let f1 = if shared > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 };
    (precision, recall, f1)
}

fn score(page: &Page, text: &str) -> Score {
    let found = tokens(text);
    let (precision, recall, f1) = word_f1(&found.iter().collect::<Vec<_>>(), &page.main);
    let lower = text.to_lowercase();
    let share = |snippets: &[String]| {
        let found = snippets.iter().filter(|snippet| lower.contains(&snippet.to_lowercase()));
        if snippets.is_empty() { 1.0 } else { found.count() as f64 / snippets.len() as f64 }
    };
    Score { precision, recall, f1, with: share(&page.with), without: share(&page.without) }
}

// The extractors.

/// Sleuth's own reading: files in, text out.
fn ours(folder: &Path, pages: &[Page]) -> Result<Outcome> {
    let corpus = Corpus::open(&folder.join("html"), Limits::default())?;
    let files = corpus.list()?.files;
    if files.len() != pages.len() {
        bail!("expected {} pages in `{}`, found {}", pages.len(), folder.display(), files.len());
    }
    let (next, failures) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let texts = Mutex::new(HashMap::new());
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let report = corpus.read(file, &mut |document| {
                        let id = document.id.as_str().trim_end_matches(".html").to_owned();
                        if let Ok(mut texts) = texts.lock() {
                            texts.insert(id, document.text);
                        }
                        ControlFlow::Continue(())
                    });
                    failures.fetch_add(report.skipped.len(), Ordering::Relaxed);
                }
            });
        }
    });
    let seconds = begin.elapsed().as_secs_f64();
    let texts = texts.into_inner().unwrap_or_default();
    Ok(Outcome { texts, seconds, failures: failures.into_inner() as u64 })
}

fn rust_peer(name: &str, folder: &Path) -> Result<Outcome> {
    let target = folder.join("../peers");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/Cargo.toml");
    done(
        Command::new("cargo")
            .args(["build", "--quiet", "--release", "--manifest-path"])
            .arg(&manifest)
            .env("CARGO_TARGET_DIR", &target),
        "building the peers in `xtask/peers`",
    )?;
    run_peer(name, folder, Command::new(target.join("release/peers")))
}

fn python_peer(name: &str, folder: &Path) -> Result<Outcome> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
    let environment = folder.join("../peers/python");
    let python = environment.join("bin/python");
    let marker = environment.join("ready");
    if !marker.exists() {
        done(
            Command::new("python3").args(["-m", "venv"]).arg(&environment),
            "making a virtual environment for the peers in Python",
        )?;
        done(
            Command::new(&python)
                .args(["-m", "pip", "install", "--quiet", "-r"])
                .arg(here.join("requirements.txt")),
            "installing the peers in Python",
        )?;
        fs_err::write(&marker, "")?;
    }
    let mut command = Command::new(python);
    command.arg(here.join("peers.py"));
    run_peer(name, folder, command)
}

/// Runs a peer in a process of its own.
fn run_peer(name: &str, folder: &Path, mut command: Command) -> Result<Outcome> {
    let out = folder.join(format!("{name}.json"));
    command.arg(name).arg(folder.join("pages.json")).arg(&out);
    done(&mut command, &format!("running the peer `{name}`"))?;
    let report: Value = serde_json::from_slice(&fs_err::read(&out)?)?;
    let texts = serde_json::from_value(report["texts"].clone())
        .with_context(|| format!("expected texts by id in `{}`", out.display()))?;
    let seconds = report["seconds"].as_f64().context("no time in the report of a peer")?;
    Ok(Outcome { texts, seconds, failures: report["panics"].as_u64().unwrap_or(0) })
}

fn done(command: &mut Command, what: &str) -> Result<()> {
    let status = command.status().with_context(|| what.to_owned())?;
    if !status.success() {
        bail!("{what} failed: {status}");
    }
    Ok(())
}

// The pages.

/// `target/bench/pages`, with the pages unpacked.
fn workplace() -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench/pages");
    fs_err::create_dir_all(folder.join("html"))?;
    Ok(folder)
}

/// Reads the archive of pages; their HTML goes to files of `folder`.
fn load(folder: &Path) -> Result<Vec<Page>> {
    let archive = data::folder()?.join("pages/wcxb/wcxb_dev_499.tar.zst");
    let bytes = zstd::decode_all(fs_err::File::open(&archive)?)
        .with_context(|| format!("expected a zstd archive at `{}`", archive.display()))?;
    let mut truths = BTreeMap::new();
    let mut html = HashMap::new();
    for (name, content) in members(&bytes)? {
        let stem = name.rsplit('/').next().unwrap_or(name);
        if let Some(id) = stem.strip_suffix(".json") {
            truths.insert(id.to_owned(), serde_json::from_slice::<Value>(content)?);
        } else if let Some(id) = stem.strip_suffix(".html.gz") {
            let path = folder.join("html").join(format!("{id}.html"));
            let mut page = Vec::new();
            flate2::read::GzDecoder::new(content).read_to_end(&mut page)?;
            // Peers take text: all get the same, decoded once.
            fs_err::write(&path, String::from_utf8_lossy(&page).as_bytes())?;
            html.insert(id.to_owned(), path);
        }
    }
    let list = |value: &Value| -> Vec<String> {
        value
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    let mut pages = Vec::new();
    for (id, truth) in truths {
        let path = html.remove(&id).with_context(|| format!("no HTML for page {id}"))?;
        let truth_of = &truth["ground_truth"];
        let kind = truth["_internal"]["page_type"]["primary"].as_str().unwrap_or("article");
        pages.push(Page {
            url: truth["url"].as_str().unwrap_or_default().to_owned(),
            kind: if kind == "category" { "collection" } else { kind }.to_owned(),
            main: tokens(truth_of["main_content"].as_str().unwrap_or_default()),
            with: list(&truth_of["with"]),
            without: list(&truth_of["without"]),
            path: path.canonicalize()?,
            id,
        });
    }
    let listed: Vec<Value> = pages
        .iter()
        .map(|page| json!({ "id": page.id, "url": page.url, "path": page.path }))
        .collect();
    fs_err::write(folder.join("pages.json"), serde_json::to_vec(&listed)?)?;
    Ok(pages)
}

/// Files of a tar archive: a header of 512 bytes with name and octal size, the content padded to
/// whole blocks of 512.
fn members(bytes: &[u8]) -> Result<Vec<(&str, &[u8])>> {
    let mut files = Vec::new();
    let mut at = 0;
    while let Some(header) = bytes.get(at..at + 512).filter(|header| header[0] != 0) {
        let field = |from: usize, to: usize| {
            let field = header[from..to].split(|&b| b == 0).next().unwrap_or_default();
            std::str::from_utf8(field).map(str::trim)
        };
        let size = usize::from_str_radix(field(124, 136)?, 8)
            .with_context(|| format!("expected a tar header at byte {at}"))?;
        let content = bytes.get(at + 512..at + 512 + size).context("the archive is cut short")?;
        if matches!(header[156], b'0' | 0) {
            files.push((field(0, 100)?, content));
        }
        at += 512 + size.div_ceil(512) * 512;
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(found: &str, expected: &str, (precision, recall, f1): (f64, f64, f64)) {
        let found = tokens(found);
        let score = word_f1(&found.iter().collect::<Vec<_>>(), &tokens(expected));
        assert_eq!(score, (precision, recall, f1));
    }

    #[test]
    fn words_are_counted_as_bags() {
        check("", "", (1.0, 1.0, 1.0));
        check("a", "", (0.0, 0.0, 0.0));
        check("", "a", (0.0, 0.0, 0.0));
        check("The harbour, the town", "the harbour", (0.5, 1.0, 2.0 / 3.0));
        check("x", "y", (0.0, 0.0, 0.0));
    }

    #[test]
    fn an_archive_that_is_none_is_refused() {
        assert!(members(&[]).unwrap().is_empty());
        let mut bytes = vec![b'x'; 512];
        assert!(members(&bytes).is_err());
        bytes[124..136].copy_from_slice(b"00000000010\0");
        bytes[156] = b'0';
        assert!(members(&bytes).unwrap_err().to_string().contains("cut short"));
        bytes.extend([b'y'; 512]);
        assert_eq!(members(&bytes).unwrap()[0].1, b"yyyyyyyy");
    }
}
