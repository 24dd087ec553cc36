//! Which blocks make the document.
//!
//! Most pages: those that make the expected F1 of the kept words the largest, given how likely each
//! block is to belong to the main content. That is said by models ([`super::model`]) fitted to what a
//! block looks like ([`super::features`]): its words, the elements around it and what they are named,
//! its neighbours, and what the rules below think. (After Kohlschütter et al., "Boilerplate detection
//! using shallow text features", WSDM 2010, and Vogels et al., "Web2Text", ECIR 2018.)
//!
//! Pages of a documentation generator, and pages with too few blocks to say anything, go by rules:
//!
//! 1. blocks in `<main>`, `role=main` or `<article>`, where these hold a fair share of the text;
//! 2. else all but boilerplate: regions named so (`class="sidebar"`), and runs of blocks that are
//!    mostly links;
//! 3. else, when next to nothing is left, everything: a page of links is a table of contents.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each place has a word to say on a few of the many shapes"
)]

use std::collections::HashMap;

use super::features::{kind, names, rows, split};
use super::model::{mixed, odds};
use super::reader::{Block, PageReader};
use super::structured::Structured;
use crate::shape::Shape;

/// Fewest blocks of a page that its numbers say something about.
const FEW: usize = 20;

/// Most blocks of a page that are looked at one by one: a bound on memory.
const MANY: usize = 30_000;

/// Programs that make documentation. What they write is even, and the rules know it.
const GENERATORS: [&str; 9] = [
    "rustdoc",
    "mdbook",
    "docbook",
    "sphinx",
    "docutils",
    "javadoc",
    "doxygen",
    "mkdocs",
    "asciidoctor",
];

/// Says for each block whether it belongs to the document.
pub(super) fn select(page: &mut PageReader<'_>, structured: &Structured) -> Vec<bool> {
    if !is_ruled(page) {
        let rows = rows(page, structured).into_iter().zip(names(page));
        let odds = rows.map(|(row, names)| odds(&row, &names)).collect::<Option<Vec<_>>>();
        if let Some(odds) = odds {
            let text = |block: &Block| weight(&page.buffer[block.text.clone()]);
            let weights: Vec<f32> = page.blocks.iter().map(text).collect();
            return chosen(&odds, &weights, &kinds(page));
        }
    }
    ruled(page)
}

/// Whether rules choose.
pub(super) fn is_ruled(page: &PageReader<'_>) -> bool {
    let generator = page.generator.as_deref().unwrap_or_default();
    GENERATORS.iter().any(|known| generator.contains(known))
        || !(FEW..=MANY).contains(&page.blocks.len())
}

/// What the rules choose.
pub(super) fn ruled(page: &mut PageReader<'_>) -> Vec<bool> {
    let prose = |margin: bool| -> usize {
        let blocks = page.blocks.iter().filter(|block| !is_linked(block));
        blocks.filter(|block| margin || !block.margin).map(|block| block.text.len()).sum()
    };
    if prose(false) * 4 < prose(true) {
        // Names that call nearly all of a page its margin are wrong.
        page.blocks.iter_mut().for_each(|block| block.margin = false);
    }
    by_rules(&page.buffer, &page.blocks)
}

/// The rules at the head of this file.
pub(super) fn by_rules(buffer: &str, blocks: &[Block]) -> Vec<bool> {
    let size = |keep: &dyn Fn(&Block) -> bool| -> usize {
        blocks.iter().filter(|block| keep(block)).map(|block| block.text.len()).sum()
    };
    let all = size(&|_| true);
    let content = size(&|block| !block.margin && !is_linked(block));
    for region in
        [(|block: &Block| block.main) as fn(&Block) -> bool, |block: &Block| block.article]
    {
        let inside = size(&|block| region(block) && !block.margin);
        let unlinked = size(&|block| region(block) && !block.margin && !is_linked(block));
        if inside > 0
            && (unlinked * 10 >= content * 4 || unlinked >= 2000 && unlinked * 10 >= content * 2)
        {
            return blocks.iter().map(|block| region(block) && !block.margin).collect();
        }
    }
    let kept = without_boilerplate(buffer, blocks);
    let left: usize = blocks
        .iter()
        .zip(&kept)
        .filter(|(_, kept)| **kept)
        .map(|(block, _)| block.text.len())
        .sum();
    let unmargined = size(&|block| !block.margin);
    if left * 5 >= unmargined && left > 0 {
        kept
    } else if unmargined * 5 >= all && unmargined > 0 {
        blocks.iter().map(|block| !block.margin).collect()
    } else {
        vec![true; blocks.len()]
    }
}

pub(super) fn is_linked(block: &Block) -> bool {
    block.linked * 2 > block.text.len()
}

/// Keeps blocks of prose, and short ones beside them.
fn without_boilerplate(buffer: &str, blocks: &[Block]) -> Vec<bool> {
    let length = |block: &Block| buffer[block.text.clone()].chars().count();
    let good: Vec<bool> = blocks
        .iter()
        .map(|block| {
            !block.margin
                && match block.shape {
                    Shape::Pre => true,
                    Shape::Heading(_) => false,
                    _ => block.linked * 3 < block.text.len() && length(block) >= 60,
                }
        })
        .collect();
    let near = |at: usize, reach: usize| {
        let from = at.saturating_sub(reach);
        let to = (at + reach + 1).min(good.len());
        good[from..to].contains(&true)
    };
    let after = |at: usize| {
        let mut following = (at + 1..blocks.len()).filter(|&next| !blocks[next].margin).take(4);
        following.any(|next| good[next])
    };
    (0..blocks.len())
        .map(|at| {
            let block = &blocks[at];
            good[at]
                || !block.margin
                    && match block.shape {
                        Shape::Heading(_) => after(at),
                        _ if is_linked(block) => false,
                        _ => near(at, 3),
                    }
        })
        .collect()
}

/// For each block what it has in common with others that stand in the same place of a repeated part.
pub(super) fn kinds(page: &PageReader<'_>) -> Vec<u64> {
    page.blocks.iter().map(|block| kind(&page.nodes, block)).collect()
}

/// The blocks to keep, by what the models make of each, by its words and by its kind: blocks of a kind
/// mostly belong together, so each has half of its odds from all of them.
pub(super) fn chosen(odds: &[(f32, f32)], weights: &[f32], kinds: &[u64]) -> Vec<bool> {
    let mut sums: HashMap<u64, (f32, f32)> = HashMap::new();
    for ((&odds, weight), &kind) in odds.iter().zip(weights).zip(kinds) {
        let sum = sums.entry(kind).or_default();
        *sum = (sum.0 + weight.sqrt() * mixed(odds), sum.1 + weight.sqrt());
    }
    let chance = |(&odds, kind): (&(f32, f32), &u64)| {
        let (sum, weight) = sums.get(kind).copied().unwrap_or((0.0, 1.0));
        1.0 / (1.0 + (-f32::midpoint(mixed(odds), sum / weight)).exp())
    };
    let chances: Vec<f32> = odds.iter().zip(kinds).map(chance).collect();
    likeliest(&chances, weights)
}

/// What a block counts for: its words.
pub(super) fn weight(text: &str) -> f32 {
    (split(text).count() as f32).max(0.01)
}

/// The set of blocks that makes the expected F1 of its words the largest: the likeliest blocks, as
/// many as pay. On a page where little is certain that reaches down to less likely ones, which is as
/// it should be (Lewis, "Evaluating and optimizing autonomous text classification systems", 1995).
fn likeliest(chances: &[f32], weights: &[f32]) -> Vec<bool> {
    let mut order: Vec<usize> = (0..chances.len()).collect();
    order.sort_by(|&a, &b| chances[b].total_cmp(&chances[a]).then(a.cmp(&b)));
    let expected: f32 = chances.iter().zip(weights).map(|(chance, weight)| chance * weight).sum();
    let (mut right, mut taken, mut best, mut many) = (0.0, 0.0, 0.0, 0);
    for (n, &at) in order.iter().enumerate() {
        right += chances[at] * weights[at];
        taken += weights[at];
        let f1 = 2.0 * right / (taken + expected);
        if f1 >= best {
            (best, many) = (f1, n + 1);
        }
    }
    let mut kept = vec![false; chances.len()];
    order[..many].iter().for_each(|&at| kept[at] = true);
    kept
}
