//! The fitted part of the choice of main content: how likely a block is to belong to it.
//!
//! Boosted trees over the numbers of [`super::features`]. The file `trees.txt` beside this one is
//! written by `cargo xtask tune pages`; its sum is the logarithm of the odds. One line a tree: nodes
//! from the root on, parted by spaces, a split as `FEATURE:AT_MOST:LOW:HIGH`, a leaf as its value.

use std::sync::OnceLock;

enum Node {
    Split { feature: usize, at_most: f32, low: usize, high: usize },
    Leaf(f32),
}

/// How likely it is that the block with these features is main content; `None` when the trees were
/// fitted to other features.
pub(super) fn chance(row: &[f32]) -> Option<f32> {
    static TREES: OnceLock<Option<Vec<Vec<Node>>>> = OnceLock::new();
    let trees = TREES.get_or_init(|| parse(include_str!("trees.txt"))).as_ref()?;
    let mut odds = 0.0;
    for tree in trees {
        odds += walk(tree, row)?;
    }
    Some(1.0 / (1.0 + (-odds).exp()))
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
        assert!(chance(&row).is_some());
        for node in trees.iter().flatten() {
            if let Node::Split { feature, low, high, .. } = node {
                assert!(*feature < super::super::features::WIDTH);
                assert!(low != high);
            }
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
