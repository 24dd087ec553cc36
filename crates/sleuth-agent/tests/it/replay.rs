//! A recorded run, run again.

use std::path::Path;

use expect_test::expect;
use sleuth_agent::{AgentError, CALLS, Chat, ChatOptions, LOG, Policy, Tap, Trail, replay};
use sleuth_index::{IndexError, Mention, Query, Retriever};
use sleuth_lm::{LanguageModel, LmError, ToolChoice};
use sleuth_records::{Budget, Document, DocumentId, Event, Finish, Ranking};
use sleuth_testkit::{Acting, Random, TinyStore, library};

use crate::support::{Runner, alone, answer, find, malformed, numbered, open, search, with_lead};

const QUESTION: &str = "Where was the author of The Glass Harbour born?";

/// `model` behind a tap, as the program sets it up.
fn tapped(model: Acting, options: ChatOptions) -> (Chat, Tap) {
    let tap = Tap::default();
    let model: Box<dyn LanguageModel> = tap.model(Box::new(model));
    (Chat::new(model, options), tap)
}

/// Records a run and asserts that its replay is the same, event by event.
fn assert_same(runner: &Runner<'_>, question: &str, policy: &mut dyn Policy, tap: &Tap) -> String {
    let folder = tempfile::tempdir().unwrap();
    let ran = runner.record(question, policy, folder.path(), tap);
    let replayed = replay(folder.path()).unwrap();
    assert_eq!(replayed.first_difference, None);
    assert_eq!(replayed.recorded.events.len(), ran.events.len());
    assert_eq!(replayed.recorded.events, ran.events, "the log reads back as it was written");
    ran.notices()
}

fn steady() -> Acting {
    Acting::script([
        search("The Glass Harbour author"),
        search("Mirela Tonkova"),
        open("d2"),
        find("d2", "born"),
        answer("Varnograd", &[("Mirela Tonkova was born in Varnograd", &["e2"])]),
    ])
    .with_dollars(0.1)
}

#[test]
fn without_a_model() {
    let tiny = TinyStore::of(library());
    let runner = Runner::over(tiny.store());
    assert_same(&runner, QUESTION, &mut Trail::default(), &Tap::default());
    // Its settings come from the recording, not from today's defaults.
    let mut narrow = Trail::default();
    narrow.options.beam = 1;
    narrow.options.pool.follow = 0.3;
    assert_same(&runner, QUESTION, &mut narrow, &Tap::default());
}

#[test]
fn with_a_model() {
    let tiny = TinyStore::of(library());
    let runner = Runner::over(tiny.store());
    let (mut chat, tap) = tapped(steady(), alone());
    assert_same(&runner, QUESTION, &mut chat, &tap);
    let (mut chat, tap) = tapped(steady(), with_lead(6));
    assert_same(&runner, QUESTION, &mut chat, &tap);
    let options = ChatOptions { samples: 3, temperature: 0.3, ..alone() };
    let mut turn = 0;
    let model = Acting::new(move |_, _| {
        turn += 1;
        if turn % 2 == 1 {
            search("Mirela Tonkova born")
        } else {
            answer("Varnograd", &[("She was born in Varnograd", &["e1"])])
        }
    });
    let (mut chat, tap) = tapped(model, options);
    assert_same(&runner, QUESTION, &mut chat, &tap);
}

#[test]
fn after_a_malformed_reply_and_a_failure() {
    let tiny = TinyStore::of(library());
    let runner = Runner::over(tiny.store());
    let model = Acting::script([malformed("`x`"), search("Selm"), answer("not found", &[])]);
    let (mut chat, tap) = tapped(model, alone());
    let notices = assert_same(&runner, QUESTION, &mut chat, &tap);
    assert!(notices.contains("invalid_action"));
    // A run that failed fails again in the same way.
    for replies in [vec![search("Selm")], (0..5).map(|_| malformed("`x`")).collect()] {
        let (mut chat, tap) = tapped(Acting::script(replies), alone());
        assert_same(&runner, QUESTION, &mut chat, &tap);
    }
}

#[test]
fn after_trimming() {
    let tiny = TinyStore::of(numbered(40));
    let mut turn = 0;
    let model = Acting::new(move |request, _| {
        turn += 1;
        match request.choice {
            ToolChoice::Only(_) => answer("word1", &[("It is called word1", &["e1"])]),
            _ => search(&format!("word{turn}")),
        }
    })
    .with_context(900)
    .with_dollars(0.1);
    let options = ChatOptions { reply_tokens: 100, ..alone() };
    let (mut chat, tap) = tapped(model, options);
    let runner = Runner::over(tiny.store())
        .budget(Budget { turns: Some(20), ..Budget::UNLIMITED })
        .step_ms(7);
    let notices = assert_same(&runner, "What is thing number 1 called?", &mut chat, &tap);
    assert!(notices.contains("trimmed") && notices.contains("write_up"), "{notices}");
}

#[test]
fn at_the_end_of_every_budget() {
    let tiny = TinyStore::of(numbered(40));
    let budgets = [
        Budget { searches: Some(4), ..Budget::UNLIMITED },
        Budget { tokens: Some(5_000), ..Budget::UNLIMITED },
        Budget { seconds: Some(0.6), ..Budget::UNLIMITED },
        Budget { dollars: Some(0.7), ..Budget::UNLIMITED },
    ];
    for budget in budgets {
        let mut turn = 0;
        let model = Acting::new(move |request, _| {
            turn += 1;
            match request.choice {
                ToolChoice::Only(_) => answer("word1", &[("It is called word1", &["e1"])]),
                _ => search(&format!("word{turn}")),
            }
        })
        .with_dollars(0.1);
        let (mut chat, tap) = tapped(model, with_lead(6));
        let runner = Runner::over(tiny.store()).budget(budget.clone()).step_ms(13);
        let notices = assert_same(&runner, "What is thing number 1 called?", &mut chat, &tap);
        assert!(notices.contains("write_up"), "{budget:?} {notices}");
        let runner = Runner::over(tiny.store()).budget(budget).step_ms(53);
        let question = "What is thing number 1 called?";
        assert_same(&runner, question, &mut Trail::default(), &Tap::default());
    }
}

/// Prices have digits that decimal text has to bring back exactly, and sums of them more so.
#[test]
fn with_awkward_numbers() {
    let tiny = TinyStore::of(library());
    let mut random = Random(5);
    for _ in 0..40 {
        let dollars = random.number() as f64 / u64::MAX as f64 * 1e-3;
        let seconds = 1.0 + random.number() as f64 / u64::MAX as f64;
        let model = steady().with_dollars(dollars);
        let options =
            ChatOptions { temperature: random.number() as f32 / u64::MAX as f32, ..alone() };
        let (mut chat, tap) = tapped(model, options);
        let budget =
            Budget { seconds: Some(seconds), dollars: Some(dollars * 77.7), ..Budget::UNLIMITED };
        assert_same(&Runner::over(tiny.store()).budget(budget), QUESTION, &mut chat, &tap);
    }
}

#[test]
fn after_an_interrupt() {
    let tiny = TinyStore::of(library());
    for turn in 0..=5 {
        let stop = move |event: &Event| match event {
            Event::Turn { turn: at, .. } => *at == turn,
            _ => turn == 0,
        };
        let act = || {
            let mut n = 0;
            Acting::new(move |request, cancel| {
                n += 1;
                if cancel() && !matches!(request.choice, ToolChoice::Only(_)) {
                    return Err(LmError::Cancelled);
                }
                match request.choice {
                    ToolChoice::Only(_) => answer("Varnograd", &[("born in Varnograd", &["e1"])]),
                    _ => search(["Tonkova", "Varnograd", "Selm", "Okrin", "organ"][n % 5]),
                }
            })
        };
        let (mut chat, tap) = tapped(act(), alone());
        let runner = Runner::over(tiny.store()).interrupt_at(stop);
        let notices = assert_same(&runner, QUESTION, &mut chat, &tap);
        assert!(notices.contains("interrupt") || notices.contains("no_progress"), "{notices}");
        let (mut chat, tap) = tapped(act(), with_lead(6));
        let runner = Runner::over(tiny.store()).interrupt_at(stop);
        assert_same(&runner, QUESTION, &mut chat, &tap);
        let runner = Runner::over(tiny.store()).interrupt_at(stop);
        assert_same(&runner, QUESTION, &mut Trail::default(), &Tap::default());
    }
}

/// A store whose documents cannot be read after the first few.
struct Failing<'s> {
    store: &'s dyn Retriever,
    left: std::sync::atomic::AtomicI32,
}

impl Retriever for Failing<'_> {
    fn snapshot(&self) -> &str {
        self.store.snapshot()
    }
    fn search(&self, query: &Query) -> Result<Ranking, IndexError> {
        if self.left.fetch_sub(1, std::sync::atomic::Ordering::Relaxed) <= 0 {
            return Err(IndexError::Source("the disk is gone".to_owned()));
        }
        self.store.search(query)
    }
    fn document(&self, id: &DocumentId) -> Result<Option<std::sync::Arc<Document>>, IndexError> {
        self.store.document(id)
    }
    fn mentions(&self, text: &str) -> Result<Vec<Mention>, IndexError> {
        self.store.mentions(text)
    }
    fn rarity(&self, terms: &[String]) -> Result<Vec<f32>, IndexError> {
        self.store.rarity(terms)
    }
}

#[test]
fn after_a_failure_of_the_store() {
    let tiny = TinyStore::of(library());
    let failing = Failing { store: tiny.store(), left: 1.into() };
    let folder = tempfile::tempdir().unwrap();
    let (mut chat, tap) = tapped(steady(), alone());
    let ran = Runner::over(&failing).record(QUESTION, &mut chat, folder.path(), &tap);
    assert_eq!(ran.error().boundary(), "store");
    assert!(matches!(ran.finish(), Finish::Failed { boundary, .. } if boundary == "store"));
    // The run is replayed up to the failure, which is said to be one.
    expect![[r#"
        recording: the run cannot be replayed: it ended with a failure of the store: cannot list the documents: the disk is gone
    "#]].assert_eq(&told(replay(folder.path())));
}

fn told(result: Result<sleuth_agent::Replayed, AgentError>) -> String {
    match result {
        Ok(replayed) => format!("{:?}\n", replayed.first_difference),
        Err(error) => format!("{}: {error}\n", error.boundary()),
    }
}

/// Records a run, lets `change` at one of its files, and replays what is left.
fn tampered(file: &str, change: impl Fn(Vec<String>) -> Vec<String>) -> String {
    let tiny = TinyStore::of(library());
    let folder = tempfile::tempdir().unwrap();
    let (mut chat, tap) = tapped(steady(), alone());
    Runner::over(tiny.store()).record(QUESTION, &mut chat, folder.path(), &tap);
    let path = folder.path().join(file);
    let lines = fs_err::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
    fs_err::write(&path, change(lines).iter().map(|line| format!("{line}\n")).collect::<String>())
        .unwrap();
    hide(&told(replay(folder.path())), folder.path())
}

/// `text` without the folder and without the digits of digests.
fn hide(text: &str, folder: &Path) -> String {
    let text = sleuth_testkit::filtered(&text.replace(&folder.display().to_string(), "RUN"));
    let mut out = String::new();
    for word in text.split_inclusive(' ') {
        let plain = word.trim_end_matches([' ', ',', '\n']);
        if plain.len() == 12 && plain.chars().all(|c| c.is_ascii_hexdigit()) {
            out.push_str(&word.replace(plain, "<digest>"));
        } else {
            out.push_str(word);
        }
    }
    out
}

#[test]
fn another_reply() {
    let change = |lines: Vec<String>| {
        let swap = |line: String| line.replace("Mirela Tonkova\\\"}", "Anton Brezik\\\"}");
        lines
            .into_iter()
            .map(|line| {
                if line.contains("\"complete\"") {
                    line.replace("\"query\":\"Mirela Tonkova\"", "\"query\":\"Anton Brezik\"")
                } else {
                    swap(line)
                }
            })
            .collect()
    };
    expect![[r#"
        recording: the recording differs at call 14: expected search {"clauses":[["Mirela Tonkova",1.0]],"k":4,"per_document":1,"parts":{"lexical":true,"dense":true,"associative":true}}, found search {"clauses":[["Anton Brezik",1.0]],"k":4,"per_document":1,"parts":{"lexical":true,"dense":true,"associative":true}}
    "#]].assert_eq(&tampered(CALLS, change));
}

#[test]
fn another_document() {
    let change = |lines: Vec<String>| {
        lines
            .into_iter()
            .map(|line| line.replace("born in Varnograd", "born in Varnopolis"))
            .collect()
    };
    expect![[r#"
        recording: the recording differs at call 18: expected a reply to request <digest>, found a reply to request <digest>
    "#]].assert_eq(&tampered(CALLS, change));
}

#[test]
fn another_log() {
    let change = |lines: Vec<String>| {
        lines
            .into_iter()
            .map(|line| {
                if line.contains("\"type\":\"answer\"") {
                    line.replace("Varnograd", "Okrin Mill")
                } else {
                    line
                }
            })
            .collect()
    };
    expect![[r#"
        Some("event 12: recorded {\"seq\":12,\"at_ms\":0,\"type\":\"answer\",\"text\":\"Okrin Mill\",\"claims\":[{\"text\":\"Mirela Tonkova was born in Okrin Mill\",\"evidence\":[\"e2\"]}]}, replayed {\"seq\":12,\"at_ms\":0,\"type\":\"answer\",\"text\":\"Varnograd\",\"claims\":[{\"text\":\"Mirela Tonkova was born in Varnograd\",\"evidence\":[\"e2\"]}]}")
    "#]].assert_eq(&tampered(LOG, change));
    // A log that ends early, as a kill leaves it.
    let change = |mut lines: Vec<String>| {
        lines.truncate(3);
        lines
    };
    expect![[r#"
        Some("event 3: recorded nothing, replayed {\"seq\":3,\"at_ms\":0,\"type\":\"turn\",\"turn\":2,\"message\":{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"id\":\"c2\",\"name\":\"search\",\"arguments\":{\"query\":\"Mirela Tonkova\"}}]},\"tokens\":{\"prompt_tokens\":393,\"cached_tokens\":0,\"completion_tokens\":9},\"request\":\"1e003ccc71b291f90978437cdc64d480cbf6b4f71f9fb7203b")
    "#]].assert_eq(&tampered(LOG, change));
}

#[test]
fn a_recording_that_ends_early() {
    let change = |mut lines: Vec<String>| {
        lines.truncate(lines.len() / 2);
        lines
    };
    expect![[r#"
        recording: the recording differs at call 17: expected the end, found a count of tokens
    "#]]
    .assert_eq(&tampered(CALLS, change));
}

#[test]
fn recordings_that_are_none() {
    let all = [
        tampered(CALLS, |_| Vec::new()),
        tampered(CALLS, |mut lines| {
            lines[2] = "{\"call\":\"sing\"}".to_owned();
            lines
        }),
        tampered(CALLS, |mut lines| {
            lines[0] = lines[0].replace("\"hits\":4", "\"hits\":\"four\"");
            lines
        }),
        tampered(CALLS, |lines| lines[1..].to_vec()),
        tampered(LOG, |lines| {
            lines.into_iter().map(|l| l.replace("\"chat\"", "\"poll\"")).collect()
        }),
        tampered(LOG, |lines| lines[1..].to_vec()),
        tampered(LOG, |lines| {
            lines.into_iter().map(|l| l.replace("\"schema\":1", "\"schema\":9")).collect()
        }),
    ];
    expect![[r#"
        recording: the run cannot be replayed: its recording has no head
        recording: the run cannot be replayed: line 3 of `calls.jsonl`: unknown variant `sing`, expected one of `policy`, `search`, `document`, `mentions`, `rarity`, `store_failed`, `count_tokens`, `complete`, `clock`, `interrupted` at line 1 column 14
        recording: the run cannot be replayed: its settings are of another version: invalid type: string "four", expected usize
        recording: the run cannot be replayed: its recording has no head
        recording: the run cannot be replayed: its policy is `poll`
        recording: line 1 of `RUN/log.jsonl` has sequence number 1, expected 0
        recording: `RUN/log.jsonl` is not a trajectory of schema 1 or older: expected a `started` event first, found schema 9
    "#]].assert_eq(&all.concat());
    let folder = tempfile::tempdir().unwrap();
    expect![[r#"
        recording: failed to open file `RUN/log.jsonl`: No such file or directory (os error 2)
    "#]]
    .assert_eq(&hide(&told(replay(folder.path())), folder.path()));
}

/// The messages that no run above brings about.
#[test]
fn the_other_messages() {
    let errors = [
        AgentError::Log(std::io::Error::other("disk full")),
        AgentError::NoSuchRange { document: DocumentId::new("d"), range: 3..99 },
        AgentError::Store(IndexError::Cancelled),
        AgentError::Model(LmError::Cancelled),
    ];
    let text: String =
        errors.iter().map(|error| format!("{}: {error}\n", error.boundary())).collect();
    expect![[r#"
        log: cannot write the event log
        store: document `d` has no text at bytes 3 to 99
        store: cancelled
        model: the model call was cancelled
    "#]]
    .assert_eq(&text);
}
