//! `tune trail`: learns the weights by which `trail` picks an answer.
//!
//! The examples are the tuning questions (see [`data::is_tuning`]), a sample of the long store so
//! that no store outweighs the others. For each, the candidates that the policy would weigh; the
//! ones that match a gold answer are right. Minimised is the negative log of the probability that a
//! softmax over the candidates gives to the right ones together, with an L2 penalty, by plain
//! gradient descent. A fifth of the examples is held back to report on.

use anyhow::Result;
use sleuth_agent::{
    AgentError, Answer, AskOptions, Draft, N_FEATURES, Policy, Session, candidate_answers,
};
use sleuth_records::{Budget, Question};

use crate::data;

const STORES: [&str; 3] = ["hotpotqa_closed", "nq_closed", "squad_dev"];
const MOST_PER_STORE: usize = 900;
const EPOCHS: usize = 400;
const PENALTY: f32 = 2e-4;

struct Example {
    candidates: Vec<Vec<f32>>,
    /// Reward of each candidate: 1 exact, F1 below.
    right: Vec<f32>,
}

/// Takes the candidates and answers nothing.
#[derive(Default)]
struct Collect(Vec<Answer>);

impl Policy for Collect {
    fn name(&self) -> &str {
        "collect"
    }

    fn run(&mut self, session: &mut Session<'_>) -> Result<Draft, AgentError> {
        self.0 = candidate_answers(session)?;
        Ok(Draft::default())
    }
}

/// Learns the weights and writes `weights.rs`.
pub(crate) fn trail() -> Result<()> {
    let mut examples = Vec::new();
    for name in STORES {
        let set = data::load(name)?;
        let items: Vec<_> =
            set.items.iter().filter(|item| data::is_tuning(name, &item.id)).collect();
        let step = items.len().div_ceil(MOST_PER_STORE);
        let mut reachable = 0;
        let mut n = 0;
        for item in items.into_iter().step_by(step.max(1)) {
            let Some(question) = Question::new(&item.text) else { continue };
            let mut collect = Collect::default();
            let options = AskOptions { budget: Budget::UNLIMITED, seed: 0 };
            data::ask_quietly(&question, &mut collect, &set.store, &options)?;
            n += 1;
            let right: Vec<f32> = collect
                .0
                .iter()
                .map(|answer| {
                    let (exact, f1) = data::exact_and_f1(&answer.text, &item.answers);
                    if exact > 0.0 { 1.0 } else { (f1 * f1 * 0.3) as f32 }
                })
                .collect();
            if right.contains(&1.0) {
                reachable += 1;
            }
            if right.iter().any(|right| *right > 0.2) {
                let candidates = collect.0.into_iter().map(|answer| answer.features).collect();
                examples.push(Example { candidates, right });
            }
        }
        println!("{name}: {n} questions, a right candidate for {reachable}");
    }
    let (test, train): (Vec<_>, Vec<_>) =
        examples.into_iter().enumerate().partition(|(at, _)| at % 5 == 0);
    let strip = |list: Vec<(usize, Example)>| list.into_iter().map(|(_, e)| e).collect();
    let (test, train): (Vec<Example>, Vec<Example>) = (strip(test), strip(train));
    println!("{} examples to learn from, {} held back", train.len(), test.len());
    let weights = learn(&train, &test);
    write(&weights)
}

fn dot(features: &[f32], weights: &[f32]) -> f32 {
    features.iter().zip(weights).map(|(f, w)| f * w).sum()
}

/// Adam on the full batch.
fn learn(train: &[Example], test: &[Example]) -> Vec<f32> {
    let mut weights = vec![0.0f32; N_FEATURES];
    let (mut m, mut v) = (vec![0.0f32; N_FEATURES], vec![0.0f32; N_FEATURES]);
    for epoch in 1..=EPOCHS {
        let mut gradient = vec![0.0f32; N_FEATURES];
        let mut loss = 0.0;
        for example in train {
            let scores: Vec<f32> =
                example.candidates.iter().map(|features| dot(features, &weights)).collect();
            let top = scores.iter().copied().fold(f32::MIN, f32::max);
            let mass: Vec<f32> = scores.iter().map(|score| (score - top).exp()).collect();
            let all: f32 = mass.iter().sum();
            let good: f32 = mass.iter().zip(&example.right).map(|(mass, right)| mass * right).sum();
            let good = good.max(1e-12);
            loss -= (good / all).ln();
            for ((features, mass), right) in
                example.candidates.iter().zip(&mass).zip(&example.right)
            {
                let slope = mass / all - mass * right / good;
                if slope.abs() > 1e-6 {
                    for (gradient, feature) in gradient.iter_mut().zip(features) {
                        *gradient += slope * feature;
                    }
                }
            }
        }
        let n = train.len() as f32;
        let rate = 0.1;
        for i in 0..N_FEATURES {
            let slope = gradient[i] / n + PENALTY * weights[i];
            m[i] = 0.9 * m[i] + 0.1 * slope;
            v[i] = 0.999 * v[i] + 0.001 * slope * slope;
            let step = (m[i] / (1.0 - 0.9f32.powi(epoch as i32)))
                / ((v[i] / (1.0 - 0.999f32.powi(epoch as i32))).sqrt() + 1e-8);
            weights[i] -= rate * step;
        }
        if epoch % 50 == 0 {
            println!(
                "epoch {epoch}: loss {:.3}, right {:.3}, held back right {:.3}",
                loss / n,
                accuracy(train, &weights),
                accuracy(test, &weights)
            );
        }
    }
    weights
}

/// Share of examples whose best candidate is exactly right.
fn accuracy(examples: &[Example], weights: &[f32]) -> f64 {
    let right = examples
        .iter()
        .filter(|example| {
            let best = (0..example.candidates.len()).max_by(|&a, &b| {
                dot(&example.candidates[a], weights)
                    .total_cmp(&dot(&example.candidates[b], weights))
            });
            best.is_some_and(|best| example.right[best] >= 1.0)
        })
        .count();
    right as f64 / examples.len().max(1) as f64
}

fn write(weights: &[f32]) -> Result<()> {
    let mut text = String::from(
        "//! Written by `cargo xtask tune trail`: do not edit by hand.\n\n\
         use super::extract::N_FEATURES;\n\n\
         /// Weights of the features of an answer.\n\
         pub(super) const WEIGHTS: [f32; N_FEATURES] = [\n",
    );
    for row in weights.chunks(10) {
        let row: Vec<String> = row.iter().map(|weight| format!("{weight:.3}")).collect();
        text += &format!("    {},\n", row.join(", "));
    }
    text += "];\n";
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../crates/sleuth-agent/src/trail/weights.rs");
    fs_err::write(path, text)?;
    Ok(())
}
