//! Every word that a model is told by the program.

use expect_test::{expect, expect_file};
use sleuth_agent::{Chat, ChatOptions, closed_book, system_prompt, tools};
use sleuth_records::{Budget, Message, Role};
use sleuth_testkit::{Acting, Seen, TinyStore, library};

use crate::support::{
    Runner, alone, answer, chat_alone, find, malformed, numbered, open, search, with_lead,
};

const QUESTION: &str = "Where was the author of The Glass Harbour born?";

/// A conversation as text: who speaks, and what.
fn rendered(messages: &[Message]) -> String {
    let mut out = String::new();
    for message in messages {
        let role = match message.role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        };
        out.push_str(&format!("## {role}\n{}\n", message.content));
        for call in &message.tool_calls {
            out.push_str(&format!("-> {} {}\n", call.name, call.arguments));
        }
    }
    out
}

/// The last request, without the standing instructions.
fn conversation(seen: &Seen) -> String {
    let requests = seen.requests();
    rendered(&requests.last().unwrap().messages[1..])
}

#[test]
fn the_standing_instructions() {
    expect_file!["snapshots/system_prompt.txt"].assert_eq(&format!("{}\n", system_prompt()));
}

#[test]
fn the_tools() {
    let text = serde_json::to_string_pretty(&tools()).unwrap();
    expect_file!["snapshots/tools.json"].assert_eq(&format!("{text}\n"));
}

#[test]
fn every_result() {
    let tiny = TinyStore::of(library());
    let calls = [
        search("Mirela Tonkova"),
        search("organ"),
        search("zzz"),
        search("?!"),
        open("d1"),
        Acting::call("open", serde_json::json!({ "document": "d1", "line": 1 })),
        open("d77"),
        find("d2", "nothing of this"),
        find("d1", "NOVELIST"),
        find("d77", "novelist"),
        Acting::call("fetch", serde_json::json!({})),
    ];
    let mut out = String::new();
    for call in calls {
        let model = Acting::script([search("Mirela Tonkova"), call, answer("not found", &[])]);
        let seen = model.seen();
        let options = ChatOptions { open_bytes: 80, ..alone() };
        let ran =
            Runner::over(tiny.store()).run(QUESTION, &mut Chat::new(Box::new(model), options));
        assert!(ran.result.is_ok());
        let messages = &seen.requests()[2].messages;
        out.push_str(&rendered(&messages[messages.len() - 2..]));
    }
    expect_file!["snapshots/results.txt"].assert_eq(&out);
}

#[test]
fn a_conversation_with_a_lead() {
    let tiny = TinyStore::of(library());
    let model = Acting::script([answer("not found", &[])]);
    let seen = model.seen();
    let options = with_lead(2);
    let ran = Runner::over(tiny.store()).run(QUESTION, &mut Chat::new(Box::new(model), options));
    assert!(ran.result.is_ok());
    expect_file!["snapshots/conversation_lead.txt"].assert_eq(&conversation(&seen));
}

#[test]
fn corrections() {
    let tiny = TinyStore::of(library());
    let model =
        Acting::script([malformed("`Varnograd!`"), malformed("``"), answer("not found", &[])]);
    let seen = model.seen();
    let ran = Runner::over(tiny.store()).run(QUESTION, &mut chat_alone(model));
    assert!(ran.result.is_ok());
    expect![[r#"
        ## user
        Where was the author of The Glass Harbour born?
        ## user
        That was no valid tool call: expected one tool call. Reply with exactly one tool call.
        ## user
        That was no valid tool call: expected one tool call. Reply with exactly one tool call.
    "#]]
    .assert_eq(&conversation(&seen));
}

#[test]
fn the_demand_to_answer() {
    let tiny = TinyStore::of(library());
    let model = Acting::script([answer("not found", &[])]);
    let seen = model.seen();
    let budget = Budget { searches: Some(0), ..Budget::UNLIMITED };
    let ran = Runner::over(tiny.store()).budget(budget).run(QUESTION, &mut chat_alone(model));
    assert!(ran.result.is_ok());
    expect![[r###"
        ## user
        Where was the author of The Glass Harbour born?
        ## user
        Stop searching. Answer now from the passages above, or "not found" if they do not say it. The question was: Where was the author of The Glass Harbour born?
    "###]].assert_eq(&conversation(&seen));
    // All tools stay in the prompt, so that what an engine has evaluated stays good.
    assert_eq!(seen.requests()[0].tools, tools());
    let place = tools().iter().position(|tool| tool.name == "answer").unwrap();
    assert_eq!(seen.requests()[0].choice, sleuth_lm::ToolChoice::Only(place));
}

#[test]
fn results_that_were_cut() {
    let tiny = TinyStore::of(numbered(20));
    let model = Acting::script([
        search("word1"),
        search("word2"),
        search("word3"),
        search("word4"),
        search("word5"),
        search("word6"),
        answer("not found", &[]),
    ])
    .with_context(600);
    let seen = model.seen();
    let options = ChatOptions { reply_tokens: 100, ..alone() };
    let ran = Runner::over(tiny.store())
        .run("What is thing number 1 called?", &mut Chat::new(Box::new(model), options));
    assert!(ran.notices().contains("trimmed"), "{:?}", ran.result);
    expect_file!["snapshots/conversation_cut.txt"].assert_eq(&conversation(&seen));
}

#[test]
fn without_documents() {
    let mut model = Acting::script([Ok(Message::text(Role::Assistant, "Varnograd"))]);
    let seen = model.seen();
    closed_book(&mut model, QUESTION).unwrap();
    assert!(seen.requests()[0].tools.is_empty());
    expect![[r#"
        ## system
        Answer the question from what you know, with a few words and nothing else. If you do not know, write: not found
        ## user
        Where was the author of The Glass Harbour born?
    "#]].assert_eq(&rendered(&seen.requests()[0].messages));
}
