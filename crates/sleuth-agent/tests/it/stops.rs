//! Everything that ends a hunt, and everything that corrects one.

use expect_test::{Expect, expect};
use serde_json::json;
use sleuth_agent::{AgentError, Chat, ChatOptions, MOST_IDLE_TURNS, Trail};
use sleuth_lm::{LmError, ToolChoice};
use sleuth_records::{Budget, Document, DocumentId, Finish, Mark, Role};
use sleuth_testkit::{Acting, TinyStore, library};

use crate::support::{
    Ran, Runner, alone, answer, chat_alone, find, malformed, numbered, open, search, with_lead,
};

/// A model that goes on for as long as it may: searches for a new word, opens what it found, and so
/// on. It answers only when nothing else is allowed.
fn restless() -> Acting {
    let mut turn = 0;
    Acting::new(move |request, _| {
        turn += 1;
        if matches!(request.choice, ToolChoice::Only(_)) {
            return answer("word1", &[("Thing number 1 is called word1", &["e1"])]);
        }
        let nth = turn / 2 + 1;
        if turn % 2 == 1 { search(&format!("word{nth}")) } else { open(&format!("d{}", nth - 1)) }
    })
    .with_dollars(0.01)
}

fn summary(ran: &Ran) -> String {
    let usage = &ran.outcome().usage;
    format!(
        "{}{:?} {:?}: {} searches, {} pages, {} turns, {} tokens, {} s, {:.2} dollars\n",
        ran.notices(),
        ran.outcome().finish,
        ran.outcome().answer,
        usage.searches,
        usage.pages,
        usage.turns,
        usage.tokens.prompt_tokens + usage.tokens.completion_tokens,
        usage.elapsed_ms as f64 / 1000.0,
        usage.dollars,
    )
}

fn check_budget(budget: Budget, expected: &Expect) {
    let tiny = TinyStore::of(numbered(60));
    let model = restless().with_context(100_000);
    let ran = Runner::over(tiny.store())
        .budget(budget)
        .step_ms(100)
        .run("What is thing number 1 called?", &mut chat_alone(model));
    expected.assert_eq(&summary(&ran));
}

#[test]
fn searches_end() {
    check_budget(
        Budget { searches: Some(5), ..Budget::UNLIMITED },
        &expect![[r#"
            write_up: 80 % of the budget of searches is used
            BudgetEnded { limit: "searches" } "word1": 4 searches, 3 pages, 8 turns, 4153 tokens, 2.9 s, 0.08 dollars
        "#]],
    );
}

#[test]
fn pages_end() {
    check_budget(
        Budget { pages: Some(5), ..Budget::UNLIMITED },
        &expect![[r#"
            write_up: 80 % of the budget of pages is used
            BudgetEnded { limit: "pages" } "word1": 4 searches, 4 pages, 9 turns, 4931 tokens, 3.2 s, 0.09 dollars
        "#]],
    );
}

#[test]
fn turns_end() {
    check_budget(
        Budget { turns: Some(10), ..Budget::UNLIMITED },
        &expect![[r#"
            write_up: 80 % of the budget of turns is used
            BudgetEnded { limit: "turns" } "word1": 4 searches, 4 pages, 9 turns, 4931 tokens, 3.2 s, 0.09 dollars
        "#]],
    );
}

#[test]
fn tokens_end() {
    check_budget(
        Budget { tokens: Some(10_000), ..Budget::UNLIMITED },
        &expect![[r#"
            write_up: 80 % of the budget of tokens is used
            BudgetEnded { limit: "tokens" } "word1": 7 searches, 6 pages, 14 turns, 9706 tokens, 4.7 s, 0.14 dollars
        "#]],
    );
}

#[test]
fn seconds_end() {
    check_budget(
        Budget { seconds: Some(5.0), ..Budget::UNLIMITED },
        &expect![[r#"
            write_up: 80 % of the budget of seconds is used
            BudgetEnded { limit: "seconds" } "word1": 7 searches, 6 pages, 14 turns, 9706 tokens, 4.7 s, 0.14 dollars
        "#]],
    );
}

#[test]
fn dollars_end() {
    check_budget(
        Budget { dollars: Some(0.10), ..Budget::UNLIMITED },
        &expect![[r#"
            write_up: 80 % of the budget of dollars is used
            BudgetEnded { limit: "dollars" } "word1": 5 searches, 4 pages, 10 turns, 5768 tokens, 3.5 s, 0.10 dollars
        "#]],
    );
}

/// What is counted one by one never goes past its limit, however small, with either policy.
#[test]
fn counted_limits_hold() {
    let tiny = TinyStore::of(numbered(60));
    let library = TinyStore::of(library());
    let mut breaches = String::new();
    for limit in 1..=12 {
        let budgets = [
            ("searches", Budget { searches: Some(limit), ..Budget::UNLIMITED }),
            ("pages", Budget { pages: Some(limit), ..Budget::UNLIMITED }),
            ("turns", Budget { turns: Some(limit), ..Budget::UNLIMITED }),
        ];
        for (name, budget) in budgets {
            let question = "On which river lies the birthplace of the author of The Glass Harbour?";
            let runs = [
                (
                    "chat",
                    Runner::over(tiny.store())
                        .budget(budget.clone())
                        .run("What is thing number 1 called?", &mut chat_alone(restless())),
                ),
                (
                    "chat with lead",
                    Runner::over(library.store())
                        .budget(budget.clone())
                        .run(question, &mut Chat::new(Box::new(restless()), with_lead(6))),
                ),
                (
                    "trail",
                    Runner::over(library.store())
                        .budget(budget)
                        .run(question, &mut Trail::default()),
                ),
            ];
            for (policy, ran) in runs {
                let usage = &ran.outcome().usage;
                let used = match name {
                    "searches" => usage.searches,
                    "pages" => usage.pages,
                    _ => usage.turns,
                };
                if used > limit {
                    breaches.push_str(&format!("{policy}: {used} {name} of {limit}\n"));
                }
            }
        }
    }
    assert_eq!(breaches, "");
}

/// A model that answers of its own accord has answered, whatever its last turn used up.
#[test]
fn an_answer_in_time_is_an_answer() {
    let tiny = TinyStore::of(library());
    let model = Acting::script([
        search("Varnograd"),
        answer("Selm", &[("Varnograd lies on the river Selm", &["e1"])]),
    ]);
    let budget = Budget { turns: Some(3), ..Budget::UNLIMITED };
    let ran = Runner::over(tiny.store()).budget(budget).run("Which river?", &mut chat_alone(model));
    assert_eq!(ran.outcome().finish, Finish::Answered, "{}", ran.notices());
}

#[test]
fn a_repeated_query_brings_further_results_and_a_word() {
    let tiny = TinyStore::of(numbered(20));
    let model = Acting::script([
        search("thing number"),
        search("Thing, NUMBER!"),
        answer("not found", &[]),
    ]);
    let seen = model.seen();
    let ran = Runner::over(tiny.store()).run("Which thing?", &mut chat_alone(model));
    expect![[r#"
        repeated_query: `Thing, NUMBER!` was asked before
    "#]]
    .assert_eq(&ran.notices());
    let requests = seen.requests();
    let last = &requests[2].messages;
    let results: Vec<&str> =
        last.iter().filter(|m| m.role == Role::Tool).map(|m| m.content.as_str()).collect();
    assert!(results[1].starts_with("You asked this before"), "{}", results[1]);
    // Nothing is shown twice.
    for name in ["e1 ", "e2 ", "e3 ", "e4 "] {
        assert!(results[0].contains(name) && !results[1].contains(name));
    }
}

#[test]
fn turns_without_anything_new_end_the_hunt() {
    let tiny = TinyStore::of(library());
    let mut turn = 0;
    let model = Acting::new(move |request, _| {
        turn += 1;
        match request.choice {
            ToolChoice::Only(_) => {
                answer("1702", &[("Its cathedral was finished in 1702", &["e1"])])
            }
            _ if turn == 1 => search("Varnograd cathedral"),
            _ if turn % 2 == 0 => find("d1", "no such words"),
            _ => open("d99"),
        }
    });
    let ran = Runner::over(tiny.store())
        .run("When was the cathedral of Varnograd finished?", &mut chat_alone(model));
    assert_eq!(ran.outcome().usage.turns, 1 + MOST_IDLE_TURNS + 1);
    expect![[r#"
        no_progress: 2 turns brought nothing new
        Answered "1702": 1 searches, 1 pages, 4 turns, 1858 tokens, 0.017 s, 0.00 dollars
    "#]]
    .assert_eq(&summary(&ran));
}

#[test]
fn an_empty_store_answers_nothing() {
    let tiny = TinyStore::of([]);
    let question = "Where was the author of The Glass Harbour born?";
    let ran = Runner::over(tiny.store()).run(question, &mut Trail::default());
    expect![[r#"
        NotFound "": 2 searches, 0 pages, 2 turns, 0 tokens, 0.01 s, 0.00 dollars
    "#]]
    .assert_eq(&summary(&ran));
    let model =
        Acting::script([search("The Glass Harbour"), search("Tonkova"), answer("not found", &[])]);
    let mut chat = Chat::new(Box::new(model), with_lead(6));
    let ran = Runner::over(tiny.store()).run(question, &mut chat);
    expect![[r#"
        no_progress: 2 turns brought nothing new
        NotFound "": 3 searches, 0 pages, 4 turns, 1158 tokens, 0.015 s, 0.00 dollars
    "#]]
    .assert_eq(&summary(&ran));
}

#[test]
fn an_answer_that_nothing_supports_is_not_found() {
    let tiny = TinyStore::of(library());
    let model = Acting::script([
        search("kestrel"),
        answer("Atlantis", &[("The empire of Atlantis fell", &["e1"])]),
    ]);
    let ran = Runner::over(tiny.store()).run("Which empire fell?", &mut chat_alone(model));
    let outcome = ran.outcome();
    assert_eq!(outcome.finish, Finish::NotFound);
    assert_eq!(outcome.answer, "");
    assert_eq!(outcome.citations[0].mark, Mark::Unsupported);
}

#[test]
fn unknown_evidence_and_bare_claims_are_dropped_and_reported() {
    let tiny = TinyStore::of(library());
    let model = Acting::script([
        search("Varnograd"),
        answer(
            "Selm",
            &[
                ("Varnograd lies on the river Selm", &["e1", "e77", "e2", "e1"]),
                ("The Selm is long", &["e88"]),
                ("It is frozen in winter", &[]),
            ],
        ),
    ]);
    let ran = Runner::over(tiny.store())
        .run("On which river does Varnograd lie?", &mut chat_alone(model));
    expect![[r#"
        unknown_evidence: no evidence is called `e77`
        unknown_evidence: no evidence is called `e88`
        unsupported_claim: dropped `The Selm is long`
        unsupported_claim: dropped `It is frozen in winter`
    "#]]
    .assert_eq(&ran.notices());
    let outcome = ran.outcome();
    assert_eq!(outcome.finish, Finish::Answered);
    assert_eq!(outcome.claims.len(), 1);
    // Each name counts once.
    assert_eq!(outcome.claims[0].evidence.len(), 2);
    assert_eq!(outcome.citations.len(), 2);
}

#[test]
fn evidence_that_the_model_forgot_to_name_is_added() {
    let tiny = TinyStore::of(library());
    let model =
        Acting::script([search("Varnograd"), answer("forty thousand", &[("People", &["e42"])])]);
    let ran = Runner::over(tiny.store())
        .run("How many people live in Varnograd?", &mut chat_alone(model));
    expect![[r#"
        evidence_added: `e1` holds the answer
        unknown_evidence: no evidence is called `e42`
        unsupported_claim: dropped `People`
        Answered "forty thousand": 1 searches, 0 pages, 2 turns, 752 tokens, 0.013 s, 0.00 dollars
    "#]]
    .assert_eq(&summary(&ran));
}

/// One passage may bear out several claims; its quote has to hold what all of them state.
#[test]
fn several_claims_of_one_passage() {
    let tiny = TinyStore::of(library());
    let claims: &[(&str, &[&str])] = &[
        ("Varnograd has forty thousand people", &["e1"]),
        ("Its cathedral was finished in 1702", &["e1"]),
    ];
    let model = Acting::script([search("Varnograd cathedral"), answer("1702", claims)]);
    let ran = Runner::over(tiny.store())
        .run("When was the cathedral of Varnograd finished?", &mut chat_alone(model));
    let marks: Vec<Mark> = ran.outcome().citations.iter().map(|c| c.mark).collect();
    expect![[r#"
        [Partial, Exact]
        Varnograd is a port of forty thousand people. It lies on the river Selm. Its cathedral was finished in 1702.
    "#]].assert_eq(&format!("{marks:?}\n{}\n", ran.outcome().evidence[0].quote));
}

/// Claims are judged, and through them the answer; an answer that none of its claims states is let
/// through on the strength of claims that are true.
#[test]
fn an_answer_beside_its_claims() {
    let tiny = TinyStore::of(library());
    let claims: &[(&str, &[&str])] = &[("Varnograd is a port", &["e1"])];
    let model = Acting::script([search("Varnograd"), answer("Atlantis", claims)]);
    let ran = Runner::over(tiny.store()).run("Where is the port?", &mut chat_alone(model));
    expect![[r#"
        unsupported_answer: no cited quote holds `Atlantis`
        NotFound "": 1 searches, 0 pages, 2 turns, 741 tokens, 0.011 s, 0.00 dollars
    "#]]
    .assert_eq(&summary(&ran));
}

/// Scripts without spaces are shown around what was looked for, too.
#[test]
fn words_are_found_in_chinese() {
    let filler: String = "红隼常在田野上空悬停，寻找田鼠。".repeat(200);
    let text = format!("{filler}灯塔看守人收集信件。{filler}");
    let document = Document::new(DocumentId::new("d"), "灯塔", text);
    let tiny = TinyStore::of([document]);
    let model =
        Acting::script([search("灯塔"), find("d1", "看守人收集"), answer("not found", &[])]);
    let seen = model.seen();
    let ran = Runner::over(tiny.store()).run("看守人收集什么？", &mut chat_alone(model));
    assert!(ran.result.is_ok());
    let last = &seen.requests()[2].messages;
    let result = &last.iter().rfind(|m| m.role == Role::Tool).unwrap().content;
    let passage = result.split("⟦end⟧").next().unwrap();
    assert!(passage.contains("看守人收集"), "{result}");
}

#[test]
fn malformed_replies_are_corrected_and_then_fail() {
    let tiny = TinyStore::of(library());
    let model = Acting::script([
        malformed("`Let me think.`"),
        search("Varnograd"),
        malformed("`{\"tool\":`"),
        answer("Selm", &[("Varnograd lies on the river Selm", &["e1"])]),
    ]);
    let ran = Runner::over(tiny.store())
        .run("On which river does Varnograd lie?", &mut chat_alone(model));
    expect![[r#"
        invalid_action: malformed reply of `scripted`: expected one tool call, found `Let me think.`
        invalid_action: malformed reply of `scripted`: expected one tool call, found `{"tool":`
        Answered "Selm": 1 searches, 0 pages, 4 turns, 821 tokens, 0.016 s, 0.00 dollars
    "#]]
    .assert_eq(&summary(&ran));

    let model = Acting::script((0..9).map(|_| malformed("`Let me think.`")));
    let ran = Runner::over(tiny.store())
        .run("On which river does Varnograd lie?", &mut chat_alone(model));
    assert!(matches!(ran.error(), AgentError::Model(LmError::MalformedReply { .. })));
    expect![[r#"
        invalid_action: malformed reply of `scripted`: expected one tool call, found `Let me think.`
        invalid_action: malformed reply of `scripted`: expected one tool call, found `Let me think.`
        Failed { boundary: "model", message: "malformed reply of `scripted`: expected one tool call, found `Let me think.`" }
        malformed reply of `scripted`: expected one tool call, found `Let me think.`"#]].assert_eq(&format!("{}{:?}\n{}", ran.notices(), ran.finish(), ran.error()));
}

/// A slip at the very end costs one more turn, not everything that was found.
#[test]
fn a_malformed_last_word_is_corrected_too() {
    let tiny = TinyStore::of(library());
    let model = Acting::script([
        search("Varnograd"),
        malformed("`Selm`"),
        answer("Selm", &[("Varnograd lies on the river Selm", &["e1"])]),
    ]);
    let budget = Budget { searches: Some(1), ..Budget::UNLIMITED };
    let ran = Runner::over(tiny.store())
        .budget(budget)
        .run("On which river does Varnograd lie?", &mut chat_alone(model));
    assert_eq!(ran.outcome().answer, "Selm", "{}", summary(&ran));
}

#[test]
fn a_tool_that_does_not_exist() {
    let tiny = TinyStore::of(library());
    let model = Acting::script([
        Acting::call("fetch", json!({ "url": "http://example.invalid/" })),
        answer("not found", &[]),
    ]);
    let ran = Runner::over(tiny.store()).run("Who?", &mut chat_alone(model));
    expect![[r#"
        invalid_action: there is no tool `fetch`
        NotFound "": 0 searches, 0 pages, 2 turns, 647 tokens, 0.01 s, 0.00 dollars
    "#]]
    .assert_eq(&summary(&ran));
}

/// Arguments of every wrong shape are answered, never a panic.
#[test]
fn arguments_of_a_wrong_shape() {
    let tiny = TinyStore::of(library());
    for arguments in [
        json!(null),
        json!([]),
        json!("x"),
        json!({}),
        json!({"query": 7, "document": 7, "line": -1, "pattern": [], "answer": {}, "claims": "x"}),
        json!({"query": "", "document": "d0", "pattern": "", "answer": "", "claims": [1, {}]}),
        json!({"query": " ?! ", "document": "d18446744073709551616", "pattern": " "}),
        json!({"document": "d1", "line": u64::MAX, "pattern": "\u{0}", "answer": "x",
            "claims": [{"text": "x", "evidence": [7, "⟦e1⟧", "", "e99999999999999999999"]}]}),
    ] {
        for tool in ["search", "open", "find", "answer"] {
            let model = Acting::script([
                search("Varnograd"),
                Acting::call(tool, arguments.clone()),
                answer("not found", &[]),
            ]);
            let ran = Runner::over(tiny.store()).run("Which river?", &mut chat_alone(model));
            assert!(ran.result.is_ok(), "{tool} {arguments}: {:?}", ran.result);
        }
    }
}

#[test]
fn a_model_that_is_gone() {
    let tiny = TinyStore::of(library());
    let model = Acting::script([search("Varnograd")]);
    let ran = Runner::over(tiny.store()).run("Which river?", &mut chat_alone(model));
    assert_eq!(ran.error().boundary(), "model");
    expect![[r#"
        Failed { boundary: "model", message: "model `scripted` is unavailable: its script has ended" }
    "#]].assert_eq(&format!("{:?}\n", ran.finish()));
}

#[test]
fn a_question_that_does_not_fit() {
    let tiny = TinyStore::of(library());
    let question = "river ".repeat(400);
    let model = Acting::script([]).with_context(2048);
    let seen = model.seen();
    let ran = Runner::over(tiny.store()).run(&question, &mut chat_alone(model));
    assert!(matches!(ran.error(), AgentError::QuestionTooLong { .. }));
    assert!(seen.requests().is_empty());
    expect![[r#"
        Failed { boundary: "model", message: "the question has 600 tokens; expected at most 512, a quarter of the context of `scripted`" }
    "#]].assert_eq(&format!("{:?}\n", ran.finish()));

    // A quarter is still allowed.
    let question = "r".repeat(2048);
    let model = Acting::script([answer("not found", &[])]).with_context(2048);
    let ran = Runner::over(tiny.store()).run(&question, &mut chat_alone(model));
    assert_eq!(ran.outcome().finish, Finish::NotFound);
}

#[test]
fn a_full_context_loses_results_and_never_the_question() {
    let tiny = TinyStore::of(numbered(60));
    let question = "What is thing number 1 called?";
    let model = restless().with_context(1600);
    let seen = model.seen();
    let options = ChatOptions { reply_tokens: 100, ..alone() };
    let budget = Budget { turns: Some(30), ..Budget::UNLIMITED };
    let ran = Runner::over(tiny.store())
        .budget(budget)
        .run(question, &mut Chat::new(Box::new(model), options));
    expect![[r#"
        trimmed: 14 of the oldest results were cut
        write_up: 80 % of the budget of turns is used
        BudgetEnded { limit: "turns" } "word1": 12 searches, 12 pages, 25 turns, 22792 tokens, 0.081 s, 0.25 dollars
    "#]].assert_eq(&summary(&ran));
    for request in seen.requests() {
        assert_eq!(request.messages[1].content, question);
        assert_eq!(request.messages[0].content, sleuth_agent::system_prompt());
    }
    // Between two trims the conversation only grows.
    let mut cuts = 0;
    for pair in seen.requests().windows(2) {
        let (one, two) = (&pair[0].messages, &pair[1].messages);
        cuts += usize::from(two[..one.len()] != one[..]);
    }
    assert_eq!(cuts, ran.notices().matches("trimmed").count());
}

/// The calls themselves fill a small context in the end: then the oldest go, and the hunt goes on.
#[test]
fn a_long_hunt_forgets_its_oldest_calls() {
    let tiny = TinyStore::of(numbered(200));
    let question = "What is thing number 1 called?";
    let mut turn = 0;
    let model = Acting::new(move |request, _| match request.choice {
        ToolChoice::Only(_) => answer("word1", &[("Thing number 1 is called word1", &["e1"])]),
        _ => {
            turn += 1;
            search(&format!("thing number {turn} {}", "and so on ".repeat(12)))
        }
    })
    .with_context(1600);
    let seen = model.seen();
    let options = ChatOptions { reply_tokens: 100, ..alone() };
    let budget = Budget { turns: Some(60), ..Budget::UNLIMITED };
    let ran = Runner::over(tiny.store())
        .budget(budget)
        .run(question, &mut Chat::new(Box::new(model), options));
    assert_eq!(ran.finish(), &Finish::BudgetEnded { limit: "turns".to_owned() });
    assert!(ran.notices().contains("of the oldest calls were forgotten"), "{}", ran.notices());
    for request in seen.requests() {
        assert_eq!(request.messages[1].content, question);
        // Servers refuse a result whose call is gone, and a call without its result.
        for (at, message) in request.messages.iter().enumerate().skip(2) {
            if message.role == Role::Tool {
                assert_eq!(request.messages[at - 1].role, Role::Assistant);
            }
        }
    }
}

/// A model that gives up without an interrupt is a failure, and not asked for ever.
#[test]
fn a_call_that_nobody_cancelled() {
    let tiny = TinyStore::of(library());
    let model = Acting::new(|_, _| Err(LmError::Cancelled));
    let ran = Runner::over(tiny.store()).run("Which river?", &mut chat_alone(model));
    assert!(matches!(ran.error(), AgentError::Model(LmError::Cancelled)), "{:?}", ran.result);
}

/// A page that may be opened is opened, also where it is the only one.
#[test]
fn a_single_page_is_read() {
    let tiny = TinyStore::of(library());
    let budget = Budget { pages: Some(1), ..Budget::UNLIMITED };
    let ran = Runner::over(tiny.store())
        .budget(budget)
        .run("Where was the author of The Glass Harbour born?", &mut Trail::default());
    assert_eq!(ran.outcome().usage.pages, 1);
}

/// What does not fit even after everything was cut is a failure of the model, said as such.
#[test]
fn a_context_too_small_for_the_instructions() {
    let tiny = TinyStore::of(library());
    let model = restless().with_context(400);
    let ran = Runner::over(tiny.store()).run("Which river?", &mut chat_alone(model));
    expect![[r#"
        Failed { boundary: "model", message: "the prompt has 294 tokens and the reply may have 256, but the context of `scripted` holds 400" }
    "#]].assert_eq(&format!("{:?}\n{}", ran.finish(), ran.notices()));
}
