//! No gold answer is reachable from the agent.

use std::collections::BTreeSet;

use sleuth_agent::{Chat, Trail};
use sleuth_index::words;
use sleuth_lm::ToolChoice;
use sleuth_records::{Event, Role};
use sleuth_testkit::{Acting, SharedData, TinyStore};

use crate::support::{Runner, answer, open, search, with_lead};

const QUESTIONS: usize = 50;

/// Words, lower case, with a space around each.
fn folded(text: &str) -> String {
    let words: Vec<String> = words(text).into_iter().map(|word| word.text).collect();
    format!(" {} ", words.join(" "))
}

/// Outside tool results and the model's own turns, prompts are made of the same few texts for every
/// question, but for the question itself; and none of them holds the gold answer.
#[test]
fn no_gold_answer_in_any_prompt() {
    let Some(data) = SharedData::find() else {
        println!("skipped: no stores at ../shared/data");
        return;
    };
    let (Some(documents), Some(questions)) =
        (data.documents("hotpotqa_closed"), data.questions("hotpotqa_closed"))
    else {
        println!("skipped: no store `hotpotqa_closed` at ../shared/data");
        return;
    };
    let tiny = TinyStore::of(documents);
    let mut forms: BTreeSet<String> = BTreeSet::new();
    let mut searched = 0;
    for asked in questions.iter().step_by(questions.len() / QUESTIONS).take(QUESTIONS) {
        let query: String = asked.text.chars().take(100).collect();
        let mut turn = 0;
        let model = Acting::new(move |request, _| {
            turn += 1;
            match (turn, request.choice) {
                (1, _) => search(&query),
                (2, _) => open("d1"),
                (3, ToolChoice::Call) => search(&query),
                _ => answer("not found", &[]),
            }
        })
        .with_context(40_000);
        let seen = model.seen();
        let options = with_lead(3);
        let ran =
            Runner::over(tiny.store()).run(&asked.text, &mut Chat::new(Box::new(model), options));
        assert!(ran.result.is_ok());

        let mut own: Vec<String> = Vec::new();
        for request in seen.requests() {
            assert_eq!(request.tools, sleuth_agent::tools());
            for message in request.messages {
                if matches!(message.role, Role::System | Role::User) {
                    own.push(message.content.replace(asked.text.trim(), "QUESTION"));
                }
            }
        }
        for gold in &asked.answers {
            let gold = folded(gold);
            // `yes` and `no` stand in the instructions as forms of an answer.
            if matches!(gold.trim(), "" | "yes" | "no") {
                continue;
            }
            searched += 1;
            for text in &own {
                assert!(!folded(text).contains(&gold), "{}: `{gold}` in {text}", asked.id);
            }
        }
        forms.extend(own);
    }
    // The instructions, the question, the words after the lead, and the demand to answer.
    assert!(forms.len() <= 4, "{forms:#?}");
    assert!(searched >= QUESTIONS * 3 / 4, "{searched}");
}

/// What `trail` searches for is made of words of the question and of pages that it has read.
#[test]
fn trail_searches_only_for_what_it_has_read() {
    let Some(data) = SharedData::find() else {
        println!("skipped: no stores at ../shared/data");
        return;
    };
    let (Some(documents), Some(questions)) =
        (data.documents("hotpotqa_100"), data.questions("hotpotqa_100"))
    else {
        println!("skipped: no store `hotpotqa_100` at ../shared/data");
        return;
    };
    let tiny = TinyStore::of(documents);
    for asked in questions.iter().take(QUESTIONS) {
        let ran = Runner::over(tiny.store()).run(&asked.text, &mut Trail::default());
        let mut known = asked.text.to_lowercase();
        for envelope in &ran.events {
            match &envelope.event {
                Event::ToolResult { content, .. } => {
                    known.push_str(&content.to_lowercase());
                    known.push_str(&folded(content));
                }
                Event::Turn { message, .. } => {
                    for call in message.tool_calls.iter().filter(|call| call.name == "search") {
                        let terms: Vec<String> = sleuth_index::analyze(&known)
                            .into_iter()
                            .map(|term| term.text)
                            .collect();
                        let query = call.arguments["query"].as_str().unwrap();
                        for word in words(query) {
                            assert!(
                                known.contains(&word.text) || terms.contains(&word.text),
                                "{}: `{}` of `{query}` was never read",
                                asked.id,
                                word.text
                            );
                        }
                    }
                }
                _ => {}
            }
        }
    }
}
