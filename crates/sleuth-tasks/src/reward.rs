//! Rewards: what training gets for a verdict.
//!
//! A reward is a sum of parts, each a value times its weight. The parts:
//!
//! | part | value |
//! |---|---|
//! | `outcome` | the verdict as 0 or 1, exact match, or F1 |
//! | `format` | with `all`: 1 where the attempt ended of its own and every action was a valid call, else 0; with `share`: the share of valid actions among its turns, 0 where it did not end |
//! | `evidence` | with `share`: the share of the documents of the task's evidence among those that were found or opened; with `any`: 1 where there is one |
//! | `citations` | the share of the answer's citations that are not unsupported; 0 without any |
//! | `answered` | 1 where there is an answer, however wrong |
//! | `no_search` | 1 where the outcome is not 0 and nothing was searched; its weight is negative |
//!
//! What is published, and what the presets take of it:
//!
//! * `search_r1` is Search-R1's `qa_em_format` with the weights of its paper's successor (Jin et al.,
//!   2025): 1.0 right in a valid format, 0.8 right, 0.3 wrong in a valid format with the answer
//!   retrieved, 0.2 wrong in a valid format, 0.1 an answer in an invalid one. As a sum: outcome 0.8,
//!   format 0.2, and, only where the answer is wrong, evidence 0.1 with a valid format and answered 0.1
//!   without one. Theirs looks for a gold answer in the text of the results; ours for a document of the
//!   evidence among them.
//! * `strict` is DeepDive's: 1 only where every action has its form and the answer is right, else 0.
//! * `outcome` is the verdict and nothing else (torchtitan's Search-R1 example as it stands).
//! * The default is outcome 0.8 and format 0.2, as Search-R1 has them where the answer is right, with
//!   torchtitan's penalty of 0.2 for a right answer without any search. Evidence has no weight: a
//!   reward for what was retrieved brought Search-R1 little or harm.
//!
//! A reward is never given where no verdict was reached.

use serde::{Deserialize, Deserializer, Serialize, de};
use sleuth_records::Mark;

use crate::{Attempt, Reward, RewardPart, Task, Verdict};

/// Which number of a verdict is the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Whether the verifier says that it is right.
    Verdict,
    /// Exact match.
    Exact,
    /// Word F1.
    F1,
}

/// How a good form, or evidence found, is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// 1 or 0: for a form, all must be good; for evidence, one is enough.
    Whole,
    /// The share of it.
    Share,
}

/// How a reward is put together: see the [module](self). In a configuration every key may be left out and
/// is then as in `preset`, or, without one, as in the default.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RewardRule {
    /// What the outcome is.
    pub outcome: Outcome,
    /// Weight of the outcome.
    pub outcome_weight: f64,
    /// How the form is counted.
    pub format: Counted,
    /// Weight of the form.
    pub format_weight: f64,
    /// How evidence found is counted.
    pub evidence: Counted,
    /// Weight of evidence found.
    pub evidence_weight: f64,
    /// Weight of right citations.
    pub citations_weight: f64,
    /// Weight of having answered at all.
    pub answered_weight: f64,
    /// Taken off where the outcome is not 0 and nothing was searched; not negative.
    pub no_search_penalty: f64,
    /// Evidence counts only where the outcome is 0 and the form is whole, an answer only where the outcome is
    /// 0 and the form is not.
    pub consolation: bool,
    /// Nothing counts unless the form is whole.
    pub strict: bool,
}

impl Default for RewardRule {
    fn default() -> Self {
        Self {
            outcome: Outcome::Verdict,
            outcome_weight: 0.8,
            format: Counted::Share,
            format_weight: 0.2,
            evidence: Counted::Share,
            evidence_weight: 0.0,
            citations_weight: 0.0,
            answered_weight: 0.0,
            no_search_penalty: 0.2,
            consolation: false,
            strict: false,
        }
    }
}

impl RewardRule {
    /// Names of the presets.
    pub const PRESETS: [&'static str; 4] = ["default", "search_r1", "strict", "outcome"];

    /// Search-R1's ladder.
    pub fn search_r1() -> Self {
        Self {
            outcome: Outcome::Exact,
            format: Counted::Whole,
            evidence: Counted::Whole,
            evidence_weight: 0.1,
            answered_weight: 0.1,
            no_search_penalty: 0.0,
            consolation: true,
            ..Self::default()
        }
    }

    /// All or nothing, as DeepDive has it.
    pub fn strict() -> Self {
        Self { format: Counted::Whole, strict: true, ..Self::outcome_only() }
    }

    /// The verdict and nothing else.
    pub fn outcome_only() -> Self {
        Self { outcome_weight: 1.0, format_weight: 0.0, no_search_penalty: 0.0, ..Self::default() }
    }

    /// The preset of this name.
    pub fn preset(name: &str) -> Option<Self> {
        match name {
            "default" => Some(Self::default()),
            "search_r1" => Some(Self::search_r1()),
            "strict" => Some(Self::strict()),
            "outcome" => Some(Self::outcome_only()),
            _ => None,
        }
    }

    /// The reward of an attempt on which the verdict was reached. Parts without weight are left out.
    pub fn reward(&self, task: &Task, attempt: &Attempt, verdict: &Verdict) -> Reward {
        let outcome = match self.outcome {
            Outcome::Verdict => f64::from(u8::from(verdict.correct)),
            Outcome::Exact => verdict.exact_match,
            Outcome::F1 => verdict.f1,
        };
        let whole = attempt.ended && attempt.invalid_actions == 0;
        let format = match self.format {
            Counted::Whole => f64::from(u8::from(whole)),
            Counted::Share if attempt.ended => valid_share(attempt),
            Counted::Share => 0.0,
        };
        let evidence = match (self.evidence, evidence_found(task, attempt)) {
            (Counted::Share, found) => found,
            (Counted::Whole, found) => f64::from(u8::from(found > 0.0)),
        };
        let answered = f64::from(u8::from(!attempt.answer.is_empty()));
        let consoled = !self.consolation || outcome == 0.0;
        let gate = |open: bool, value: f64| if open { value } else { 0.0 };
        let closed_book = outcome > 0.0 && attempt.searches.is_empty();
        let parts = [
            ("outcome", outcome, self.outcome_weight),
            ("format", format, self.format_weight),
            (
                "evidence",
                gate(consoled && (whole || !self.consolation), evidence),
                self.evidence_weight,
            ),
            ("citations", citations_right(attempt), self.citations_weight),
            (
                "answered",
                gate(consoled && !(whole && self.consolation), answered),
                self.answered_weight,
            ),
            ("no_search", f64::from(u8::from(closed_book)), -self.no_search_penalty),
        ];
        let open = whole || !self.strict;
        let parts = parts.into_iter().filter(|(.., weight)| *weight != 0.0);
        Reward::of(
            parts
                .map(|(name, value, weight)| RewardPart {
                    name: name.to_owned(),
                    value: gate(open, value),
                    weight,
                })
                .collect(),
        )
    }
}

fn valid_share(attempt: &Attempt) -> f64 {
    let actions = attempt.turns.max(attempt.invalid_actions);
    if actions == 0 {
        return 1.0;
    }
    f64::from(actions - attempt.invalid_actions) / f64::from(actions)
}

#[expect(clippy::cast_precision_loss, reason = "counts of documents are far below 2^53")]
fn evidence_found(task: &Task, attempt: &Attempt) -> f64 {
    let mut wanted: Vec<_> = task.evidence.iter().map(|evidenced| &evidenced.document).collect();
    wanted.sort_unstable();
    wanted.dedup();
    if wanted.is_empty() {
        return 0.0;
    }
    let seen = attempt.seen();
    let found = wanted.iter().filter(|document| seen.contains(document)).count();
    found as f64 / wanted.len() as f64
}

#[expect(clippy::cast_precision_loss, reason = "counts of citations are far below 2^53")]
fn citations_right(attempt: &Attempt) -> f64 {
    if attempt.citations.is_empty() {
        return 0.0;
    }
    let right = attempt.citations.iter().filter(|c| c.mark != Mark::Unsupported).count();
    right as f64 / attempt.citations.len() as f64
}

/// A configuration of a [`RewardRule`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    preset: Option<String>,
    outcome: Option<Outcome>,
    outcome_weight: Option<f64>,
    format: Option<Counted>,
    format_weight: Option<f64>,
    evidence: Option<Counted>,
    evidence_weight: Option<f64>,
    citations_weight: Option<f64>,
    answered_weight: Option<f64>,
    no_search_penalty: Option<f64>,
    consolation: Option<bool>,
    strict: Option<bool>,
}

impl<'de> Deserialize<'de> for RewardRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        let name = written.preset.as_deref().unwrap_or("default");
        let base = Self::preset(name).ok_or_else(|| {
            let known = Self::PRESETS.map(|name| format!("`{name}`")).join(", ");
            de::Error::custom(format!("unknown preset `{name}`; known presets: {known}"))
        })?;
        let rule = Self {
            outcome: written.outcome.unwrap_or(base.outcome),
            outcome_weight: written.outcome_weight.unwrap_or(base.outcome_weight),
            format: written.format.unwrap_or(base.format),
            format_weight: written.format_weight.unwrap_or(base.format_weight),
            evidence: written.evidence.unwrap_or(base.evidence),
            evidence_weight: written.evidence_weight.unwrap_or(base.evidence_weight),
            citations_weight: written.citations_weight.unwrap_or(base.citations_weight),
            answered_weight: written.answered_weight.unwrap_or(base.answered_weight),
            no_search_penalty: written.no_search_penalty.unwrap_or(base.no_search_penalty),
            consolation: written.consolation.unwrap_or(base.consolation),
            strict: written.strict.unwrap_or(base.strict),
        };
        let numbers = [
            ("outcome_weight", rule.outcome_weight),
            ("format_weight", rule.format_weight),
            ("evidence_weight", rule.evidence_weight),
            ("citations_weight", rule.citations_weight),
            ("answered_weight", rule.answered_weight),
            ("no_search_penalty", rule.no_search_penalty),
        ];
        for (name, number) in numbers {
            if !number.is_finite() {
                return Err(de::Error::custom(format!(
                    "`{name}` is {number}: expected a finite number"
                )));
            }
        }
        if rule.no_search_penalty < 0.0 {
            return Err(de::Error::custom(format!(
                "`no_search_penalty` is {}: expected 0 or more, which is taken off",
                rule.no_search_penalty
            )));
        }
        Ok(rule)
    }
}
