//! Other words for a question, by a model.
//!
//! The model sees the question and never the answer. What it writes is taken only where it is one
//! question that still says every name of the old one, and gives no answer away that the old one kept.

use sleuth_index::{folded, has_words};
use sleuth_lm::{Cancel, LanguageModel, LmError, Request, ToolChoice};
use sleuth_records::{Message, Role};

use crate::filter::well_formed;
use crate::make::candidate::Candidate;

const INSTRUCTION: &str = "Reword the question in natural English. Ask for exactly the same thing, keep \
every name, number and every word in quotation marks or backticks as it is, and add nothing. Reply with \
the question alone.";

/// The question in other words; `None` where what the model wrote cannot be taken.
pub(crate) fn reword(
    model: &mut dyn LanguageModel,
    candidate: &Candidate,
    cancel: Cancel<'_>,
) -> Result<Option<String>, LmError> {
    let messages = [
        Message::text(Role::System, INSTRUCTION),
        Message::text(Role::User, candidate.question.as_str()),
    ];
    let request = Request {
        messages: &messages,
        tools: &[],
        choice: ToolChoice::Text,
        max_tokens: 160,
        temperature: 0.0,
        seed: 0,
    };
    let reply = model.complete(&request, cancel)?.message.content;
    Ok(accepted(candidate, &reply))
}

/// The reply as a question, where it keeps to the rules.
fn accepted(candidate: &Candidate, reply: &str) -> Option<String> {
    let question = reply.trim().trim_start_matches("Question:").trim();
    let old = candidate.question.as_str();
    let says = format!(" {} ", folded(question));
    let keeps = kept(old).iter().all(|name| says.contains(&format!(" {} ", folded(name))));
    let other = Candidate { question: question.to_owned(), ..candidate.clone() };
    let fine = keeps
        && !question.contains('\n')
        && question != old
        && question.len() <= old.len() * 2
        && well_formed::flaw(&other).is_none();
    fine.then(|| question.to_owned())
}

/// What must stay in a question: its names, its numbers, and what stands in quotation marks or backticks.
fn kept(question: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for mark in ['"', '`'] {
        out.extend(question.split(mark).skip(1).step_by(2).map(str::to_owned));
    }
    // The first word has a capital whatever it is.
    let start = question.find(' ').unwrap_or(0);
    out.extend(crate::facts::names(question, start..question.len()));
    let numbers = question
        .split(|c: char| !c.is_alphanumeric() && c != '.')
        .filter(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    out.extend(numbers.map(|word| word.trim_end_matches('.').to_owned()));
    out.retain(|name| has_words(name));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::make::candidate::Only;
    use crate::task::{Kind, Verifier};

    #[test]
    fn a_reply_is_taken_only_where_it_asks_the_same() {
        let candidate = Candidate {
            kind: Kind::OneHop,
            recipe: String::new(),
            question: "Who directed the film \"Hate Story\" of 2012?".to_owned(),
            golds: vec!["Vivek Agnihotri".to_owned()],
            verifier: Verifier::Exact,
            supports: Vec::new(),
            hops: Vec::new(),
            n_documents: 1,
            only: Only::Facts(Vec::new()),
            answered_in: None,
        };
        let check = |reply: &str, taken: bool| {
            assert_eq!(accepted(&candidate, reply).is_some(), taken, "{reply}");
        };
        check("Which person was the director of \"Hate Story\", the film of 2012?", true);
        check("Who directed \"Hate Story\"?", false);
        check("Did Vivek Agnihotri direct the film \"Hate Story\" of 2012?", false);
        check("The film \"Hate Story\" of 2012 was directed by whom", false);
        check("Sure! Here it is:\nWho made \"Hate Story\" of 2012?", false);
    }
}
