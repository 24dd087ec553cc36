//! Fits the choice of main content to pages, and judges it by pages that it was not fitted to.
//!
//! Labelled pages are few, so the models that ship are fitted to all of them; how good these are on
//! pages of the world is said by five further fits, each to four fifths of the pages, with which the
//! remaining fifth is read. All pages of a site are in the same fifth.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use sleuth_corpus::PageView;
use sleuth_records::sha256_hex;

use super::{Page, tokens};
use crate::boost::{self, Node, Options, Tree};
use crate::linear;

/// Fits for cross-validation.
const FOLDS: usize = 5;

/// Words of a block that is labelled before those around it.
const LONG: usize = 8;

/// How far a label reaches, in blocks, and how fast its weight wanes.
const REACH: usize = 12;
const WANING: f64 = 5.0;

/// A page to fit to.
pub(super) struct Example<'a> {
    pub(super) page: &'a Page,
    view: PageView,
    labels: Vec<bool>,
    weights: Vec<f64>,
    site: String,
    fold: usize,
}

impl<'a> Example<'a> {
    /// Reads the page; `None` when it has no text.
    pub(super) fn read(page: &'a Page) -> Result<Option<Self>> {
        let Some(view) = PageView::new(&fs_err::read_to_string(&page.path)?) else {
            return Ok(None);
        };
        let words: Vec<Vec<String>> = view.texts.iter().map(|text| tokens(text)).collect();
        let labels = labels(&words, &page.main);
        // Pages count alike, and in a page its words.
        let sizes: Vec<f64> = words.iter().map(|words| (words.len() as f64).max(0.3)).collect();
        let whole = f64::midpoint(sizes.iter().sum(), page.main.len() as f64);
        let weights = sizes.iter().map(|size| size / whole).collect();
        let site = site(&page.url);
        let hash = sha256_hex(site.as_bytes());
        let fold = usize::from_str_radix(&hash[..8], 16).unwrap_or_default() % FOLDS;
        Ok(Some(Self { page, view, labels, weights, site, fold }))
    }

    /// The text that `models` choose.
    fn text(&self, models: &Models) -> String {
        let blocks = self.view.rows.iter().zip(&self.view.names);
        let odds: Vec<(f32, f32)> = blocks.map(|(row, names)| models.odds(row, names)).collect();
        let kept = self.view.choose(&odds);
        let texts = self.view.texts.iter().zip(kept).filter(|(_, kept)| *kept);
        texts.map(|(text, _)| text.as_str()).collect::<Vec<_>>().join("\n")
    }
}

/// The texts of all pages by id, each chosen by models fitted to pages of other sites.
pub(super) fn out_of_fold(examples: &[Example<'_>]) -> HashMap<String, String> {
    let fold = |fold: usize| {
        let models = Models::fit(examples.iter().filter(|example| example.fold != fold));
        let out = examples.iter().filter(|example| example.fold == fold);
        out.map(|example| (example.page.id.clone(), example.text(&models))).collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let folds: Vec<_> = (0..FOLDS).map(|at| scope.spawn(move || fold(at))).collect();
        folds.into_iter().filter_map(|fold| fold.join().ok()).flatten().collect()
    })
}

/// The texts of the pages that are not for tuning, chosen by models fitted to those that are.
pub(super) fn held_out(examples: &[Example<'_>]) -> HashMap<String, String> {
    let models = Models::fit(examples.iter().filter(|example| example.page.is_tuning()));
    let out = examples.iter().filter(|example| !example.page.is_tuning());
    out.map(|example| (example.page.id.clone(), example.text(&models))).collect()
}

/// The host of an address without its subdomains.
fn site(url: &str) -> String {
    let host = url.split("//").nth(1).unwrap_or(url).split(['/', ':', '?']).next();
    let host = host.unwrap_or_default().to_ascii_lowercase();
    let parts: Vec<&str> = host.split('.').collect();
    let by_country = |parts: &[&str]| parts[1].len() <= 3 && parts[2].len() == 2;
    let kept = if parts.len() > 2 && by_country(&parts[parts.len() - 3..]) { 3 } else { 2 };
    parts[parts.len().saturating_sub(kept)..].join(".")
}

/// Which blocks are content: those whose words are in the main content of the page, each word of it
/// counted once.
///
/// A block can be when most of its runs of four words stand in the main content. Long ones that can
/// are, in their order; short ones, which stand in many places (`Yes`, a name, a price), are as far
/// as words of the main content are left, beginning where the most content is near.
fn labels(words: &[Vec<String>], main: &[String]) -> Vec<bool> {
    let runs: [HashSet<&[String]>; 4] = [1, 2, 3, 4].map(|length| main.windows(length).collect());
    let can_be = |words: &Vec<String>| {
        let length = words.len().min(4);
        if length == 0 {
            return false;
        }
        let known = words.windows(length).filter(|run| runs[length - 1].contains(*run)).count();
        2 * known > words.len() + 1 - length
    };
    let candidates: Vec<bool> = words.iter().map(can_be).collect();
    let mut left: HashMap<&str, usize> = HashMap::new();
    for word in main {
        *left.entry(word).or_default() += 1;
    }
    let mut labels = vec![false; words.len()];
    for (at, words) in words.iter().enumerate() {
        if candidates[at] && words.len() >= LONG && available(&left, words) > 0.6 {
            take(&mut left, words);
            labels[at] = true;
        }
    }
    let sure: Vec<f64> = (0..words.len())
        .map(|at| {
            let size = words[at].len().min(40) as f64;
            if labels[at] || candidates[at] && words[at].len() < LONG { size } else { -size }
        })
        .collect();
    let near = |at: usize| -> f64 {
        let around = at.saturating_sub(REACH)..(at + REACH + 1).min(sure.len());
        around.map(|other| sure[other] * (-(other.abs_diff(at) as f64) / WANING).exp()).sum()
    };
    let mut short: Vec<(f64, usize)> = (0..words.len())
        .filter(|&at| candidates[at] && words[at].len() < LONG)
        .map(|at| (near(at), at))
        .collect();
    short.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    for (_, at) in short {
        if available(&left, &words[at]) >= 0.75 {
            take(&mut left, &words[at]);
            labels[at] = true;
        }
    }
    labels
}

/// Share of `words` that are left.
fn available(left: &HashMap<&str, usize>, words: &[String]) -> f64 {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for word in words {
        *counts.entry(word).or_default() += 1;
    }
    let found = |(word, count): (&&str, &usize)| left.get(*word).map_or(0, |left| *left.min(count));
    counts.iter().map(found).sum::<usize>() as f64 / words.len().max(1) as f64
}

fn take(left: &mut HashMap<&str, usize>, words: &[String]) {
    for word in words {
        if let Some(count) = left.get_mut(word.as_str()) {
            *count = count.saturating_sub(1);
        }
    }
}

/// The two models of `sleuth-corpus`: trees over the rows of blocks, and weights of the words by which
/// elements are named, with what holds without any.
pub(super) struct Models {
    trees: Vec<Tree>,
    base: f64,
    words: HashMap<u32, f64>,
}

impl Models {
    pub(super) fn fit<'a>(examples: impl Iterator<Item = &'a Example<'a>>) -> Self {
        let examples: Vec<&Example<'_>> = examples.collect();
        let rows: Vec<&[f32]> =
            examples.iter().flat_map(|e| e.view.rows.iter().map(Vec::as_slice)).collect();
        let labels: Vec<bool> = examples.iter().flat_map(|e| e.labels.iter().copied()).collect();
        let mut weights: Vec<f64> =
            examples.iter().flat_map(|e| e.weights.iter().copied()).collect();
        let sum = weights.iter().sum::<f64>();
        weights.iter_mut().for_each(|weight| *weight *= WORDS_WEIGH / sum);
        let (base, words) = fit_words(&examples, &labels, &weights);
        let count = weights.len() as f64;
        weights.iter_mut().for_each(|weight| *weight *= count / WORDS_WEIGH);
        let options = Options {
            trees: 150,
            rate: 0.08,
            leaves: 12,
            least: 100,
            shrink: 20.0,
            one_in: 4,
            seed: 7,
        };
        Self { trees: boost::fit(&rows, &labels, &weights, &options), base, words }
    }

    /// What both make of a block.
    fn odds(&self, row: &[f32], names: &[u32]) -> (f32, f32) {
        let trees: f64 = self.trees.iter().map(|tree| walk(tree, row)).sum();
        let known = names.iter().filter_map(|name| self.words.get(name));
        (trees as f32, (self.base + known.sum::<f64>()) as f32)
    }

    /// The files `trees.txt` and `words.txt`.
    pub(super) fn written(&self) -> (String, String) {
        let node = |node: &Node| match node {
            Node::Leaf(value) => format!("{value:.4}"),
            Node::Split { feature, at_most, low, high } => {
                format!("{feature}:{at_most}:{low}:{high}")
            }
        };
        let line = |tree: &Tree| tree.iter().map(node).collect::<Vec<_>>().join(" ") + "\n";
        let mut words: Vec<(&u32, &f64)> =
            self.words.iter().filter(|(_, weight)| weight.abs() >= 0.005).collect();
        words.sort_by_key(|(hash, _)| **hash);
        let words = words.iter().map(|(hash, weight)| format!("{hash:08x} {weight:.2}\n"));
        (
            self.trees.iter().map(line).collect(),
            format!("{:.2}\n{}", self.base, words.collect::<String>()),
        )
    }
}

/// Sum of the weights of all blocks beside a penalty of one on the squares of the words' weights.
const WORDS_WEIGH: f64 = 1000.0;

/// Fewest sites whose pages have a word that counts.
const SITES: usize = 4;

fn fit_words(
    examples: &[&Example<'_>],
    labels: &[bool],
    weights: &[f64],
) -> (f64, HashMap<u32, f64>) {
    let mut sites: HashMap<u32, HashSet<&str>> = HashMap::new();
    for example in examples {
        for &name in example.view.names.iter().flatten() {
            let known = sites.entry(name).or_default();
            if known.len() < SITES {
                known.insert(&example.site);
            }
        }
    }
    let mut kept: Vec<u32> =
        sites.into_iter().filter(|(_, sites)| sites.len() == SITES).map(|(name, _)| name).collect();
    kept.sort_unstable();
    let number = |name: &u32| kept.binary_search(name).ok().and_then(|at| u32::try_from(at).ok());
    let rows: Vec<Vec<u32>> = examples
        .iter()
        .flat_map(|example| &example.view.names)
        .map(|names| names.iter().filter_map(number).collect())
        .collect();
    let fitted = linear::fit(&rows, kept.len(), labels, weights, 1.0, 40);
    (fitted[kept.len()], kept.into_iter().zip(fitted).collect())
}

fn walk(tree: &Tree, row: &[f32]) -> f64 {
    let mut at = 0;
    loop {
        match &tree[at] {
            Node::Leaf(value) => return *value,
            Node::Split { feature, at_most, low, high } => {
                at = if row[*feature] <= *at_most { *low } else { *high };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_of_addresses() {
        for (url, expected) in [
            ("https://forum.example.org/a?b", "example.org"),
            ("http://www.example.co.uk:80/", "example.co.uk"),
            ("https://localhost/x", "localhost"),
        ] {
            assert_eq!(site(url), expected, "{url}");
        }
    }

    #[test]
    fn words_of_the_main_content_count_once() {
        let blocks =
            ["Mugs", "Home", "All about the mugs that we make here by hand", "Mugs", "Red"];
        let words: Vec<Vec<String>> = blocks.iter().map(|text| tokens(text)).collect();
        let main = tokens("Mugs. All about the mugs that we make here by hand. Red");
        assert_eq!(labels(&words, &main), [false, false, true, true, true]);
    }
}
