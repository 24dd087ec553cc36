//! A whole episode, event by event.

use expect_test::{expect, expect_file};
use sleuth_agent::{Chat, ChatOptions, normalise};
use sleuth_index::Retriever as _;
use sleuth_records::{Finish, Mark};
use sleuth_testkit::{Acting, TinyStore, library};

use crate::support::{Ran, Runner, answer, chat_alone, find, open, search};

const QUESTION: &str = "Where was the author of The Glass Harbour born?";

/// Every quote of the outcome stands in its document where the evidence says.
fn assert_quotes(ran: &Ran, tiny: &TinyStore) {
    let outcome = ran.outcome();
    assert!(!outcome.evidence.is_empty());
    for evidence in &outcome.evidence {
        let document = tiny.store().document(&evidence.document).unwrap().unwrap();
        assert_eq!(document.text[evidence.range.clone()], evidence.quote);
        assert!(normalise(&document.text).contains(&normalise(&evidence.quote)));
    }
}

#[test]
fn a_model_left_to_itself() {
    let tiny = TinyStore::of(library());
    let model = Acting::script([
        search("The Glass Harbour author"),
        search("Mirela Tonkova"),
        open("d2"),
        find("d2", "BORN"),
        answer(
            "Varnograd",
            &[
                ("The Glass Harbour is by Mirela Tonkova", &["e1"]),
                ("Mirela Tonkova was born in Varnograd", &["e2"]),
            ],
        ),
    ]);
    let ran = Runner::over(tiny.store()).run(QUESTION, &mut chat_alone(model));
    expect_file!["snapshots/episode_alone.jsonl"].assert_eq(&ran.log());
    let outcome = ran.outcome();
    assert_eq!(outcome.finish, Finish::Answered);
    assert_eq!(outcome.answer, "Varnograd");
    assert_eq!(outcome.citations.iter().filter(|c| c.mark == Mark::Exact).count(), 2);
    let quotes: Vec<String> = outcome.evidence.iter().map(|e| e.quote.clone()).collect();
    expect![[r#"
        The Glass Harbour is a novel of 1911 by Mirela Tonkova.
        Mirela Tonkova (3 May 1874 – 9 October 1939) was a novelist. She was born in Varnograd, where her father built organs."#]].assert_eq(&quotes.join("\n"));
    assert_quotes(&ran, &tiny);
}

#[test]
fn a_model_with_a_lead() {
    let tiny = TinyStore::of(library());
    let model = Acting::script([
        open("d2"),
        answer("Varnograd", &[("Mirela Tonkova was born in Varnograd", &["e2"])]),
    ]);
    let mut chat = Chat::new(Box::new(model), ChatOptions::default());
    let ran = Runner::over(tiny.store()).run(QUESTION, &mut chat);
    expect_file!["snapshots/episode_lead.jsonl"].assert_eq(&ran.log());
    assert_eq!(ran.outcome().finish, Finish::Answered);
    assert_eq!(ran.outcome().answer, "Varnograd");
    assert_quotes(&ran, &tiny);
}

#[test]
fn no_model() {
    let tiny = TinyStore::of(library());
    let ran = Runner::over(tiny.store()).run(QUESTION, &mut sleuth_agent::Trail::default());
    expect_file!["snapshots/episode_trail.jsonl"].assert_eq(&ran.log());
    assert_eq!(ran.outcome().finish, Finish::Answered);
    assert_quotes(&ran, &tiny);
}

#[test]
fn two_runs_are_the_same_run() {
    let tiny = TinyStore::of(library());
    let run = || {
        let model = Acting::script([search("Selm"), answer("Selm", &[("The Selm", &["e1"])])]);
        let mut chat = Chat::new(Box::new(model), ChatOptions::default());
        Runner::over(tiny.store()).run(QUESTION, &mut chat).events
    };
    assert_eq!(run(), run());
}
