//! Verifiers: who decides whether an answer is right.
//!
//! [`verify`] is a function of a task and an [`Attempt`] and of nothing else, so that training and
//! measuring decide alike. Each rule has a file of its own that begins with its properties; what holds
//! of all of them:
//!
//! 1. Every gold answer is right.
//! 2. An answer without a letter or digit is wrong where there is a gold answer, and so is *not found*.
//! 3. Where there is none, *not found* is right and nothing else is, whichever rule the task names.
//! 4. A rule that cannot decide is an error at the boundary *verifier*, never a wrong answer.
//!
//! Letters that look alike and are not the same are not the same; spellings of one text in Unicode are
//! (`words`). Answers are data: none is run, rendered or followed, and where a model is asked they come as
//! JSON strings.

mod cited;
mod date;
mod exact;
mod f1;
mod judge;
mod not_found;
mod number;
mod numerals;
mod quantity;
mod set;
mod units;
mod words;
mod yes_no;

pub(crate) use words::is_blank;

pub use judge::{Judge, JudgeCall, ModelJudge, RecordedJudge};

use sleuth_lm::LmError;

use crate::{Attempt, Boundary, Task, Verdict, Verifier};

/// Most words of an answer that states a number, a date, a yes or a no. A longer one is a text in which
/// such a thing occurs.
const LONGEST_STATEMENT: usize = 25;

/// Why no verdict could be reached.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The task's gold answer is not of the kind that its verifier decides on.
    #[error("gold answer `{found}` cannot be verified: expected {expected}")]
    Gold {
        /// What the verifier decides on.
        expected: &'static str,
        /// The gold answer.
        found: String,
    },
    /// The task is decided by a judge, and none was given.
    #[error("the task is decided by a judge: expected a model to ask, found none")]
    NoJudge,
    /// The judge could not be asked.
    #[error("the judge could not be asked")]
    Judge(#[from] LmError),
    /// The judge answered something else, twice.
    #[error("judge gave no verdict: expected `yes` or `no`, found `{found}`")]
    NoVerdict {
        /// Its second reply, shortened.
        found: String,
    },
    /// The judge also accepts the answer where it cannot be right.
    #[error(
        "judge cannot be relied on: it takes the answer for right beside a gold answer that is no word"
    )]
    Gullible,
}

impl VerifyError {
    /// The part of the whole that failed: always the verifier, of which the judge is a part.
    pub fn boundary(&self) -> Boundary {
        Boundary::Verifier
    }
}

/// Decides whether the answer of `attempt` is right. `judge` is asked for tasks of [`Verifier::Judge`]
/// alone.
///
/// # Errors
/// When no verdict can be reached; see [`VerifyError`].
pub fn verify(
    task: &Task,
    attempt: &Attempt,
    judge: Option<&mut dyn Judge>,
) -> Result<Verdict, VerifyError> {
    let answer = attempt.answer.as_str();
    if task.is_unanswerable() || task.verifier == Verifier::NotFound {
        let correct = not_found::is_said(attempt);
        let reason = match correct {
            true => "there is no answer, and the attempt says so".to_owned(),
            false if words::is_blank(answer) => {
                "there is no answer, and the attempt does not say so".to_owned()
            }
            false => format!("there is no answer, but `{}` was given", shortened(answer)),
        };
        let score = f64::from(u8::from(correct));
        return Ok(Verdict { correct, exact_match: score, f1: score, reason, calls: Vec::new() });
    }
    let gold = &task.gold_answers;
    let (exact_match, f1) = words::exact_match_and_f1(answer, gold);
    let mut verdict = Verdict { exact_match, f1, ..Verdict::default() };
    if words::is_blank(answer) {
        verdict.reason = match not_found::is_said(attempt) {
            true => "the attempt found nothing, and there is an answer".to_owned(),
            false => "the attempt gave no answer".to_owned(),
        };
        return Ok(verdict);
    }
    let decided = decide(task, attempt, judge, &mut verdict)?;
    verdict.correct = decided.is_ok();
    verdict.reason = match decided {
        Ok(reason) | Err(reason) => reason,
    };
    Ok(verdict)
}

/// Asks the rule of the task; `Ok` is right, `Err` wrong, each with its reason.
fn decide(
    task: &Task,
    attempt: &Attempt,
    judge: Option<&mut dyn Judge>,
    verdict: &mut Verdict,
) -> Result<Result<String, String>, VerifyError> {
    let (answer, gold) = (attempt.answer.as_str(), &task.gold_answers);
    let shown = shortened(answer);
    let first = gold.first().map(|gold| shortened(gold)).unwrap_or_default();
    let by_rule = |right: bool, what: &str| match right {
        true => Ok(format!("`{shown}` {what} `{first}`")),
        false => Err(format!("`{shown}` does not agree with `{first}`")),
    };
    Ok(match task.verifier {
        Verifier::Exact => match exact::matching(answer, gold) {
            Some(gold) => Ok(format!("`{shown}` equals `{}`", shortened(gold))),
            None => Err(format!("`{shown}` equals no gold answer, such as `{first}`")),
        },
        Verifier::F1 { least } => match f1::matching(task.question.as_str(), answer, gold, least) {
            Some((gold, f1)) => Ok(format!("`{shown}` has F1 {f1:.2} with `{}`", shortened(gold))),
            None => Err(format!("`{shown}` has no F1 of {least} with a gold answer, as `{first}`")),
        },
        Verifier::Number { tolerance } => {
            by_rule(number::agrees(answer, gold, tolerance)?, "states the quantity of")
        }
        Verifier::Date => by_rule(date::agrees(answer, gold)?, "states the date of"),
        Verifier::Set => {
            let right = set::lists(answer, gold);
            verdict.exact_match = f64::from(u8::from(right));
            verdict.f1 = words::f1(answer, &gold.join(", "));
            match right {
                true => Ok(format!("all {} members and nothing else", gold.len())),
                false => Err(format!("`{shown}` is not the list of {} members", gold.len())),
            }
        }
        Verifier::YesNo => by_rule(yes_no::agrees(answer, gold)?, "says"),
        Verifier::NotFound => Err("there is no answer".to_owned()),
        Verifier::Cited => match exact::matching(answer, gold) {
            None => Err(format!("`{shown}` equals no gold answer, such as `{first}`")),
            Some(_) => cited::cites(task, attempt),
        },
        Verifier::Supported => cited::supports(task, attempt),
        Verifier::Judge => {
            let judge = judge.ok_or(VerifyError::NoJudge)?;
            judge::decides(task, answer, judge, &mut verdict.calls)?
        }
    })
}

/// Whether a gold answer is *yes* or *no* and nothing else.
pub(crate) fn is_yes_or_no(gold: &str) -> bool {
    matches!(words::folded(gold).as_str(), "yes" | "no")
}

/// The beginning of a text in one line, for a reason or a message.
fn shortened(text: &str) -> String {
    const MOST: usize = 80;
    let line = words::plain(text);
    match line.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}
