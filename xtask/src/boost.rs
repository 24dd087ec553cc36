//! Gradient-boosted trees for a yes or no: logistic loss, histograms of binned features, trees grown
//! leaf by leaf where the gain is largest (Friedman 2001; the binning is that of LightGBM).

/// Bins of a feature.
const BINS: usize = 64;

/// How trees are grown.
pub(crate) struct Options {
    pub(crate) trees: usize,
    pub(crate) rate: f64,
    pub(crate) leaves: usize,
    /// Least rows of a leaf.
    pub(crate) least: usize,
    /// Added to the curvature of a leaf: draws its value to zero.
    pub(crate) shrink: f64,
    /// One of how many features a tree may look at.
    pub(crate) one_in: u64,
    pub(crate) seed: u64,
}

/// A tree: nodes from the root on. A leaf has no feature.
pub(crate) type Tree = Vec<Node>;

#[derive(Clone, Debug)]
pub(crate) enum Node {
    Split { feature: usize, at_most: f32, low: usize, high: usize },
    Leaf(f64),
}

struct Growing {
    node: usize,
    rows: Vec<u32>,
    best: Option<Best>,
}

#[derive(Clone, Copy)]
struct Best {
    gain: f64,
    feature: usize,
    bin: u8,
}

/// Fits trees whose sum is the logarithm of the odds that a row's label is set; the first tree is
/// one leaf, the odds of all rows.
pub(crate) fn fit(
    rows: &[&[f32]],
    labels: &[bool],
    weights: &[f64],
    options: &Options,
) -> Vec<Tree> {
    let n = rows.len();
    let width = rows.first().map_or(0, |row| row.len());
    let edges: Vec<Vec<f32>> = (0..width).map(|f| edges(rows, f)).collect();
    let binned: Vec<Vec<u8>> = (0..width)
        .map(|f| {
            let bin = |row: &&[f32]| edges[f].partition_point(|&edge| edge < row[f]);
            rows.iter().map(|row| u8::try_from(bin(row)).unwrap_or(u8::MAX)).collect()
        })
        .collect();
    let total: f64 = weights.iter().sum();
    let set: f64 = weights.iter().zip(labels).filter(|(_, set)| **set).map(|(w, _)| w).sum();
    let base = (set / (total - set)).ln();
    let mut score = vec![base; n];
    let mut trees = vec![vec![Node::Leaf(base)]];
    let mut state = options.seed;
    for _ in 0..options.trees {
        let slopes: Vec<(f64, f64)> = (0..n)
            .map(|at| {
                let p = 1.0 / (1.0 + (-score[at]).exp());
                (weights[at] * (p - f64::from(u8::from(labels[at]))), weights[at] * p * (1.0 - p))
            })
            .collect();
        let features: Vec<usize> =
            (0..width).filter(|_| next(&mut state).is_multiple_of(options.one_in)).collect();
        let tree = grow(&binned, &edges, &slopes, &features, options, &mut score);
        trees.push(tree);
    }
    trees
}

fn grow(
    binned: &[Vec<u8>],
    edges: &[Vec<f32>],
    slopes: &[(f64, f64)],
    features: &[usize],
    options: &Options,
    score: &mut [f64],
) -> Tree {
    let mut tree: Tree = vec![Node::Leaf(0.0)];
    let all: Vec<u32> = (0..u32::try_from(slopes.len()).unwrap_or(u32::MAX)).collect();
    let best = best_split(binned, slopes, features, &all, options);
    let mut growing = vec![Growing { node: 0, rows: all, best }];
    while growing.len() < options.leaves {
        let gain = |g: &Growing| g.best.map_or(0.0, |best| best.gain);
        let Some(at) =
            (0..growing.len()).max_by(|&a, &b| gain(&growing[a]).total_cmp(&gain(&growing[b])))
        else {
            break;
        };
        let Some(best) = growing[at].best.filter(|best| best.gain > 1e-9) else {
            break;
        };
        let Growing { node, rows, .. } = growing.swap_remove(at);
        let column = &binned[best.feature];
        let (low, high): (Vec<u32>, Vec<u32>) =
            rows.into_iter().partition(|&row| column[row as usize] <= best.bin);
        tree[node] = Node::Split {
            feature: best.feature,
            at_most: edges[best.feature][usize::from(best.bin)],
            low: tree.len(),
            high: tree.len() + 1,
        };
        for rows in [low, high] {
            let best = best_split(binned, slopes, features, &rows, options);
            growing.push(Growing { node: tree.len(), rows, best });
            tree.push(Node::Leaf(0.0));
        }
    }
    for leaf in growing {
        let (g, h) = leaf.rows.iter().fold((0.0, 0.0), |(g, h), &row| {
            let (dg, dh) = slopes[row as usize];
            (g + dg, h + dh)
        });
        let value = -options.rate * g / (h + options.shrink);
        leaf.rows.iter().for_each(|&row| score[row as usize] += value);
        tree[leaf.node] = Node::Leaf(value);
    }
    tree
}

fn best_split(
    binned: &[Vec<u8>],
    slopes: &[(f64, f64)],
    features: &[usize],
    rows: &[u32],
    options: &Options,
) -> Option<Best> {
    if rows.len() < 2 * options.least {
        return None;
    }
    let worth = |g: f64, h: f64| g * g / (h + options.shrink);
    let mut best: Option<Best> = None;
    for &feature in features {
        let mut sums = [(0.0, 0.0, 0usize); BINS + 1];
        let column = &binned[feature];
        for &row in rows {
            let (g, h) = slopes[row as usize];
            let sum = &mut sums[usize::from(column[row as usize])];
            *sum = (sum.0 + g, sum.1 + h, sum.2 + 1);
        }
        let all = sums.iter().fold((0.0, 0.0), |(g, h), sum| (g + sum.0, h + sum.1));
        let (mut g, mut h, mut n) = (0.0, 0.0, 0);
        for (bin, sum) in (0..).zip(&sums[..BINS]) {
            (g, h, n) = (g + sum.0, h + sum.1, n + sum.2);
            if n < options.least {
                continue;
            }
            if rows.len() - n < options.least {
                break;
            }
            let gain = worth(g, h) + worth(all.0 - g, all.1 - h) - worth(all.0, all.1);
            if sum.2 > 0 && best.is_none_or(|best| gain > best.gain) {
                best = Some(Best { gain, feature, bin });
            }
        }
    }
    best
}

/// Values that part the rows into bins of about one size.
fn edges(rows: &[&[f32]], feature: usize) -> Vec<f32> {
    let mut values: Vec<f32> = rows.iter().map(|row| row[feature]).collect();
    values.sort_by(f32::total_cmp);
    let mut distinct = values.clone();
    distinct.dedup();
    let mut edges: Vec<f32> = if distinct.len() <= BINS {
        distinct.windows(2).map(|pair| f32::midpoint(pair[0], pair[1])).collect()
    } else {
        (1..BINS).map(|bin| values[bin * values.len() / BINS]).collect()
    };
    edges.dedup();
    edges
}

/// SplitMix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_features_say_together_is_learnt() {
        let rows: Vec<Vec<f32>> =
            (0..400).map(|n: u16| vec![f32::from(n % 20), f32::from(n / 20), 1.0]).collect();
        let labels: Vec<bool> = rows.iter().map(|row| row[0] < 10.0 && row[1] < 10.0).collect();
        let options =
            Options { trees: 40, rate: 0.3, leaves: 4, least: 5, shrink: 1.0, one_in: 1, seed: 1 };
        let slices: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
        let trees = fit(&slices, &labels, &vec![1.0; rows.len()], &options);
        let score = |row: &[f32]| -> f64 {
            trees
                .iter()
                .map(|tree| {
                    let mut at = 0;
                    loop {
                        match &tree[at] {
                            Node::Leaf(value) => return *value,
                            Node::Split { feature, at_most, low, high } => {
                                at = if row[*feature] <= *at_most { *low } else { *high };
                            }
                        }
                    }
                })
                .sum()
        };
        let right = rows.iter().zip(&labels).filter(|(row, label)| (score(row) > 0.0) == **label);
        assert!(right.count() > 380);
    }
}
