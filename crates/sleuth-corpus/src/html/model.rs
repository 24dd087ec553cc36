//! The fitted part of the choice of main content: how likely a block is to belong to it.
//!
//! Two models, both written by `cargo xtask tune pages`, each of which says the logarithm of the odds.
//! Boosted trees over the numbers of [`super::features`] are the better one; a weight for each word by
//! which elements are named ([`super::names`]) errs elsewhere, so that both together err less.
//!
//! `trees.txt`: one line a tree: nodes from the root on, parted by spaces, a split as
//! `FEATURE:AT_MOST:LOW:HIGH`, a leaf as its value. `words.txt`: one line a word, its hash and its
//! weight; the first line is what holds without any.

use std::collections::HashMap;
use std::sync::OnceLock;

/// How much the words count beside the trees.
const SHARE: f32 = 0.27;

/// The logarithms of the odds that the block with these features and names is main content, after
/// the trees and after the words; `None` when the models were fitted to other features.
pub(super) fn odds(row: &[f32], names: &[u32]) -> Option<(f32, f32)> {
    Some((of_trees(row)?, of_words(names)?))
}

/// What both models together make of their logarithms of odds.
pub(super) fn mixed((trees, words): (f32, f32)) -> f32 {
    (1.0 - SHARE) * trees + SHARE * words
}

fn of_words(names: &[u32]) -> Option<f32> {
    static WORDS: OnceLock<Option<(f32, HashMap<u32, f32>)>> = OnceLock::new();
    let (base, weights) = WORDS.get_or_init(|| parse_words(include_str!("words.txt"))).as_ref()?;
    Some(base + names.iter().filter_map(|name| weights.get(name)).sum::<f32>())
}

fn parse_words(text: &str) -> Option<(f32, HashMap<u32, f32>)> {
    let mut lines = text.lines();
    let base = lines.next()?.parse().ok()?;
    let weight = |line: &str| {
        let (hash, weight) = line.split_once(' ')?;
        Some((u32::from_str_radix(hash, 16).ok()?, weight.parse().ok()?))
    };
    Some((base, lines.map(weight).collect::<Option<_>>()?))
}

enum Node {
    Split { feature: usize, at_most: f32, low: usize, high: usize },
    Leaf(f32),
}

fn of_trees(row: &[f32]) -> Option<f32> {
    static TREES: OnceLock<Option<Vec<Vec<Node>>>> = OnceLock::new();
    let trees = TREES.get_or_init(|| parse(include_str!("trees.txt"))).as_ref()?;
    trees.iter().map(|tree| walk(tree, row)).sum()
}

fn walk(tree: &[Node], row: &[f32]) -> Option<f32> {
    let mut at = 0;
    loop {
        match tree.get(at)? {
            Node::Leaf(value) => return Some(*value),
            Node::Split { feature, at_most, low, high } => {
                at = if row.get(*feature)? <= at_most { *low } else { *high };
            }
        }
    }
}

fn parse(text: &str) -> Option<Vec<Vec<Node>>> {
    let node = |(at, text): (usize, &str)| -> Option<Node> {
        let Some((feature, rest)) = text.split_once(':') else {
            return Some(Node::Leaf(text.parse().ok()?));
        };
        let (at_most, rest) = rest.split_once(':')?;
        let (low, high) = rest.split_once(':')?;
        let (low, high) = (low.parse().ok()?, high.parse().ok()?);
        // Children stand behind their parents: no walk goes in circles.
        (low > at && high > at).then_some(Node::Split {
            feature: feature.parse().ok()?,
            at_most: at_most.parse().ok()?,
            low,
            high,
        })
    };
    text.lines().map(|line| line.split(' ').enumerate().map(node).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trees_are_whole_and_fit_the_features() {
        let trees = parse(include_str!("trees.txt")).expect("trees.txt is well formed");
        assert!(trees.len() > 1);
        let row = vec![0.0; super::super::features::WIDTH];
        assert!(odds(&row, &[1, 2]).is_some());
        for node in trees.iter().flatten() {
            if let Node::Split { feature, low, high, .. } = node {
                assert!(*feature < super::super::features::WIDTH);
                assert!(low != high);
            }
        }
    }

    #[test]
    fn malformed_words_are_refused() {
        let (base, weights) = parse_words("-0.5\nff 0.25\n").expect("well formed");
        assert_eq!((base, weights.get(&255)), (-0.5, Some(&0.25)));
        for text in ["", "x", "0.5\nxy 1", "0.5\nff", "0.5\nff x"] {
            assert!(parse_words(text).is_none(), "{text}");
        }
    }

    #[test]
    fn malformed_trees_are_refused() {
        assert!(parse("0:1:1:2 0.5 -0.5").is_some());
        for text in ["0:1:0:0", "0:1:1", "x", "0:y:1:2 1 2"] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
