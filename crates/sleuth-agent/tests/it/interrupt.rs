//! The first interrupt means: write up now.

use expect_test::expect;
use sleuth_agent::{Chat, Trail};
use sleuth_lm::{LmError, ToolChoice};
use sleuth_records::{Event, Finish};
use sleuth_testkit::{Acting, TinyStore, library};

use crate::support::{Runner, answer, chat_alone, search, with_lead};

const QUESTION: &str = "Where was the author of The Glass Harbour born?";

/// Searches for ever; answers when told to.
fn willing() -> Acting {
    let mut turn = 0;
    Acting::new(move |request, cancel| {
        turn += 1;
        if cancel() {
            return Err(LmError::Cancelled);
        }
        match request.choice {
            ToolChoice::Only(_) => {
                answer("Varnograd", &[("Mirela Tonkova was born in Varnograd", &["e1"])])
            }
            _ if turn == 1 => search("Mirela Tonkova born"),
            _ => search(&format!("organ {turn}")),
        }
    })
}

#[test]
fn before_the_first_turn() {
    let tiny = TinyStore::of(library());
    let ran = Runner::over(tiny.store()).interrupted().run(QUESTION, &mut chat_alone(willing()));
    assert_eq!(ran.outcome().finish, Finish::Cancelled);
    assert_eq!(ran.outcome().answer, "", "nothing was read, so nothing can be said");
    assert_eq!(ran.outcome().usage.turns, 1);
    assert_eq!(ran.notices().lines().next(), Some("interrupt: asked to stop"));

    let ran = Runner::over(tiny.store()).interrupted().run(QUESTION, &mut Trail::default());
    assert_eq!(ran.outcome().finish, Finish::Cancelled);
    assert_eq!(ran.outcome().usage.pages, 0);
}

#[test]
fn in_the_middle() {
    let tiny = TinyStore::of(library());
    let ran = Runner::over(tiny.store())
        .interrupt_at(|event| matches!(event, Event::ToolResult { call, .. } if call == "c1"))
        .run(QUESTION, &mut chat_alone(willing()));
    assert_eq!(ran.outcome().finish, Finish::Cancelled);
    assert_eq!(ran.outcome().answer, "Varnograd");
    assert_eq!(ran.outcome().usage.turns, 2, "one search, one answer");
    expect!["interrupt: asked to stop\n"].assert_eq(&ran.notices());
}

#[test]
fn in_the_middle_without_a_model() {
    let tiny = TinyStore::of(library());
    let whole = Runner::over(tiny.store()).run(QUESTION, &mut Trail::default());
    for turn in 1..=whole.outcome().usage.turns {
        let ran = Runner::over(tiny.store())
            .interrupt_at(move |event| matches!(event, Event::Turn { turn: at, .. } if *at == turn))
            .run(QUESTION, &mut Trail::default());
        let outcome = ran.outcome();
        assert!(outcome.usage.turns <= turn + 2, "turn {turn}: {:?}", outcome.usage);
        let last = turn == whole.outcome().usage.turns;
        assert!(
            outcome.finish == Finish::Cancelled || last && outcome.finish == Finish::Answered,
            "turn {turn}: {:?}",
            outcome.finish
        );
        assert!(!outcome.ranking.is_empty());
    }
}

#[test]
fn during_a_model_call() {
    let tiny = TinyStore::of(library());
    let mut policy = chat_alone(willing());
    // The flag rises after the first result was written and before the second call ends.
    let ran = Runner::over(tiny.store())
        .interrupt_at(|event| matches!(event, Event::Turn { turn: 1, .. }))
        .run(QUESTION, &mut policy);
    assert_eq!(ran.outcome().finish, Finish::Cancelled);
    assert_eq!(ran.outcome().answer, "Varnograd");

    // The call itself is where the interrupt is seen first.
    let flag = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let raised = std::sync::Arc::clone(&flag);
    let mut turn = 0;
    let model = Acting::new(move |request, _| {
        turn += 1;
        match (turn, request.choice) {
            (1, _) => search("Mirela Tonkova born"),
            (2, _) => {
                raised.store(true, std::sync::atomic::Ordering::Relaxed);
                Err(LmError::Cancelled)
            }
            _ => answer("Varnograd", &[("Mirela Tonkova was born in Varnograd", &["e1"])]),
        }
    });
    let ran = Runner::over(tiny.store())
        .interrupted_by(std::sync::Arc::clone(&flag))
        .run(QUESTION, &mut chat_alone(model));
    assert_eq!(ran.outcome().finish, Finish::Cancelled);
    assert_eq!(ran.outcome().answer, "Varnograd");
    assert_eq!(ran.outcome().usage.turns, 2);
}

#[test]
fn during_the_lead() {
    let tiny = TinyStore::of(library());
    let mut chat = Chat::new(Box::new(willing()), with_lead(6));
    let ran = Runner::over(tiny.store())
        .interrupt_at(|event| matches!(event, Event::Turn { turn: 1, .. }))
        .run(QUESTION, &mut chat);
    assert_eq!(ran.outcome().finish, Finish::Cancelled);
    let calls: Vec<String> = ran.calls().into_iter().map(|(name, _)| name).collect();
    assert_eq!(calls.last().map(String::as_str), Some("answer"));
    assert_eq!(calls.iter().filter(|name| *name == "answer").count(), 1);
}
