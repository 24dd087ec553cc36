//! Imports: small files of each format, and the real ones where they are present.

use std::io::Write as _;
use std::path::Path;

use serde_json::json;
use sleuth_index::{MemorySource, Retriever, Store, SyncOptions, sync};
use sleuth_records::{Document, DocumentId};
use sleuth_tasks::{
    Format, ImportError, ImportOptions, ImportReport, Kind, Reason, Split, Task, Verifier,
    check_tasks, import,
};
use sleuth_testkit::SharedData;

fn read(
    format: Format,
    path: &Path,
    store: Option<&dyn Retriever>,
) -> Result<(Vec<Task>, ImportReport), ImportError> {
    let mut tasks = Vec::new();
    let options = ImportOptions { split: Split::Dev, store };
    let report = import(format, path, &options, &mut |task| {
        tasks.push(task);
        Ok(())
    })?;
    assert_eq!(report.tasks, tasks.len());
    assert_eq!(report.records, report.tasks + report.left_out.values().sum::<usize>());
    Ok((tasks, report))
}

fn written(name: &str, text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    fs_err::write(&path, text).unwrap();
    (dir, path)
}

fn store_of(dir: &Path, documents: impl IntoIterator<Item = Document>) -> Store {
    let source = MemorySource::new(documents);
    sync(&dir.join("store"), &source, &SyncOptions::default(), &|_| (), &|| false).unwrap();
    Store::open(&dir.join("store")).unwrap()
}

fn library(dir: &Path) -> Store {
    let document =
        |id: &str, title: &str, text: &str| Document::new(DocumentId::new(id), title, text);
    store_of(
        dir,
        [
            document(
                "harbour",
                "The Glass Harbour",
                "The Glass Harbour is a novel of 1911\nby Mirela Tonkova. It tells of a keeper.",
            ),
            document(
                "tonkova",
                "Mirela Tonkova",
                "Mirela Tonkova was a novelist. She was born in Varnograd.",
            ),
            document(
                "tonkova2",
                "Tonkova, novels",
                "Mirela Tonkova was a novelist. She was born in Varnograd.",
            ),
        ],
    )
}

const HOTPOT: &str = r#"[{"_id": "h1", "question": "Where was the author of The Glass Harbour born?", "answer": "Varnograd", "type": "bridge", "level": "medium",
 "supporting_facts": [["The Glass Harbour", 0], ["Mirela Tonkova", 1], ["Mirela Tonkova", 7]],
 "context": [["The Glass Harbour", ["The Glass Harbour is a novel of 1911 by Mirela Tonkova.", " It tells of a keeper."]],
             ["Mirela Tonkova", ["Mirela Tonkova was a novelist.", " She was born in Varnograd."]]]},
{"_id": "h2", "question": "Are both novels?", "answer": "yes", "type": "comparison", "level": "hard", "supporting_facts": [["Nowhere", 0]], "context": [["Nowhere", ["It is not here."]]]}]"#;

#[test]
fn supporting_sentences_are_found_in_the_store() {
    let (dir, path) = written("hotpot.json", HOTPOT);
    let store = library(dir.path());
    let (tasks, report) = read(Format::HotpotQa, &path, Some(&store)).unwrap();
    let [task] = tasks.as_slice() else { panic!("{tasks:?}") };
    assert_eq!((task.kind, task.hops, task.difficulty), (Kind::Bridge, 2, Some(0.5)));
    assert_eq!((task.split, &task.verifier), (Split::Dev, &Verifier::Exact));
    assert_eq!(task.store.as_deref(), Some(store.snapshot()));
    let quotes: Vec<(&str, &str)> =
        task.evidence.iter().map(|e| (e.document.as_str(), e.quote.as_str())).collect();
    // In the words of the store, by the title where two documents say the same; a sentence that is not
    // there stands for its document.
    assert_eq!(
        quotes,
        [
            ("harbour", "The Glass Harbour is a novel of 1911\nby Mirela Tonkova."),
            ("tonkova", "She was born in Varnograd."),
            ("tonkova", ""),
        ]
    );
    assert!(check_tasks(&tasks, &store).unwrap().faults.is_empty());
    assert_eq!(report.left_out[&Reason::NotInStore], 1);
    assert_eq!((report.named[0].task.as_str(), report.named[0].what.as_str()), ("h2", "Nowhere"));
    assert_eq!(report.named[0].place, "record 2");
    // Without a store both are taken, and evidence is named by its title.
    let (tasks, _) = read(Format::HotpotQa, &path, None).unwrap();
    assert_eq!(tasks[0].evidence[0].document.as_str(), "The Glass Harbour");
    assert_eq!(tasks[1].verifier, Verifier::YesNo);
    assert_eq!(tasks[1].store, None);
}

#[test]
fn triples_become_steps_and_columns_are_read() {
    let line = r#"{"id": "w1", "question": "Where was the author born?", "answer": "Varnograd", "type": "compositional", "supporting_facts": {"title": ["The Glass Harbour"], "sent_id": [0]}, "context": {"title": ["The Glass Harbour"], "content": [["A novel."]]}, "evidences": [["The Glass Harbour", "author", "Mirela Tonkova"], ["Mirela Tonkova", "place of birth", "Varnograd"]]}"#;
    let (_dir, path) = written("2wiki.jsonl", line);
    let (tasks, report) = read(Format::TwoWiki, &path, None).unwrap();
    let asked: Vec<&str> = tasks[0].steps.iter().map(|step| step.question.as_str()).collect();
    assert_eq!(asked, ["The Glass Harbour >> author", "#1 >> place of birth"]);
    assert_eq!((tasks[0].kind, report.with_steps), (Kind::Bridge, 1));
    assert_eq!(tasks[0].evidence[0].quote, "A novel.");
}

#[test]
fn decompositions_become_steps() {
    let line = r#"{"id": "2hop__1", "question": "Where was the author born?", "answer": "Varnograd", "answer_aliases": ["the port Varnograd", "Varnograd"], "answerable": true, "paragraphs": [{"idx": 3, "title": "The Glass Harbour", "paragraph_text": "The Glass Harbour is a novel of 1911 by Mirela Tonkova. It tells of a keeper.", "is_supporting": true}, {"idx": 5, "title": "Mirela Tonkova", "paragraph_text": "Mirela Tonkova was a novelist. She was born in Varnograd.", "is_supporting": true}], "question_decomposition": [{"question": "The Glass Harbour >> author", "answer": "Mirela Tonkova", "paragraph_support_idx": 3}, {"question": "Where was #1 born?", "answer": "Varnograd", "paragraph_support_idx": 5}]}
{"id": "2hop__2", "question": "Where is the keeper?", "answer": "nowhere", "answerable": false, "paragraphs": [], "question_decomposition": [{"question": "who?", "answer": "x", "paragraph_support_idx": null}]}
"#;
    let (dir, path) = written("musique.jsonl", line);
    let store = library(dir.path());
    let (tasks, report) = read(Format::Musique, &path, Some(&store)).unwrap();
    assert_eq!(tasks[0].gold_answers, ["Varnograd", "the port Varnograd"]);
    let steps: Vec<_> =
        tasks[0].steps.iter().map(|s| s.document.as_ref().unwrap().as_str()).collect();
    assert_eq!(steps, ["harbour", "tonkova"]);
    assert_eq!(tasks[0].evidence[1].quote, "She was born in Varnograd.");
    assert_eq!(tasks[0].hops, 2);
    assert_eq!(tasks[1].kind, Kind::Unanswerable);
    assert_eq!(tasks[1].verifier, Verifier::NotFound);
    assert!(tasks[1].is_unanswerable() && tasks[1].evidence.is_empty());
    assert_eq!((report.unanswerable, report.ranges), (1, 2));
    // In the whole set each question stands twice under one id, once without its paragraphs.
    let first = line.lines().next().unwrap();
    let twice =
        format!("{first}\n{}", first.replace("\"answerable\": true", "\"answerable\": false"));
    let (_dir, path) = written("full.jsonl", &twice);
    let (tasks, report) = read(Format::Musique, &path, Some(&store)).unwrap();
    let ids: Vec<&str> = tasks.iter().map(|task| task.id.0.as_str()).collect();
    assert_eq!(ids, ["2hop__1", "2hop__1-unanswerable"]);
    assert!(report.left_out.is_empty());
    assert!(tasks[1].is_unanswerable() && !tasks[0].is_unanswerable());
}

#[test]
fn squad_counts_characters_and_has_questions_without_answers() {
    let text = r#"{"version": "v2.0", "data": [{"title": "The_Glass_Harbour", "paragraphs": [{"context": "É. The Glass Harbour is a novel of 1911 by Mirela Tonkova. It tells of a keeper.", "qas": [
 {"id": "s1", "question": "Who wrote it?", "answers": [{"text": "Mirela Tonkova", "answer_start": 42}, {"text": "Mirela Tonkova", "answer_start": 42}, {"text": "Tonkova", "answer_start": 49}], "is_impossible": false},
 {"id": "s2", "question": "Who read it?", "answers": [], "is_impossible": true, "plausible_answers": [{"text": "a keeper", "answer_start": 70}]},
 {"id": "s3", "question": "Whose is it?", "answers": []}]}]}]}"#;
    let (_dir, path) = written("squad.json", text);
    let (tasks, report) = read(Format::Squad, &path, None).unwrap();
    assert_eq!(tasks[0].gold_answers, ["Mirela Tonkova", "Tonkova"]);
    let quote = "The Glass Harbour is a novel of 1911 by Mirela Tonkova.";
    assert_eq!(tasks[0].evidence[0].quote, quote);
    assert_eq!((tasks[0].kind, tasks[0].hops), (Kind::OneHop, 1));
    assert!(tasks[1].is_unanswerable());
    assert_eq!(report.left_out[&Reason::NoAnswer], 1);
    assert_eq!(report.named[0].task, "s3");
}

#[test]
fn beir_folders_need_judgements() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("set");
    fs_err::create_dir_all(folder.join("qrels")).unwrap();
    fs_err::write(
        folder.join("queries.jsonl"),
        concat!(
            "{\"_id\": \"b1\", \"text\": \"Where was she born?\", \"answers\": [\"Varnograd\"], \"type\": \"2hop\", \"decomposition\": [{\"question\": \"who?\", \"answer\": \"Mirela Tonkova\"}, {\"question\": \"where was #1 born?\", \"answer\": \"Varnograd\"}]}\n",
            "{\"_id\": \"b2\", \"text\": \"harbours of glass\"}\n",
            "{\"_id\": \"b3\", \"text\": \"not judged\"}\n",
            "{\"_id\": \"b4\", \"text\": \"judged away\", \"reference_answers\": [\"A paragraph.\"]}\n",
        ),
    )
    .unwrap();
    let lacking = read(Format::Beir, &folder, None).unwrap_err().to_string();
    assert!(lacking.starts_with("no `qrels.tsv` and no `qrels/SPLIT.tsv` in"), "{lacking}");
    fs_err::write(
        folder.join("qrels/dev.tsv"),
        "query-id\tcorpus-id\tscore\nb1\tc1\t1\nb1\tc2\t2\nb2\tc1\t1\nb4\tc1\t0\nb4\tc2\t1\n",
    )
    .unwrap();
    fs_err::write(
        folder.join("corpus.jsonl"),
        concat!(
            "{\"_id\": \"c1\", \"title\": \"The Glass Harbour\", \"text\": \"The Glass Harbour is a novel of 1911 by Mirela Tonkova.\"}\n",
            "{\"_id\": \"c2\", \"title\": \"Mirela Tonkova\", \"text\": \"Mirela Tonkova was a novelist. She was born in Varnograd.\"}\n",
        ),
    )
    .unwrap();
    let (tasks, report) = read(Format::Beir, &folder, None).unwrap();
    let ids: Vec<&str> = tasks.iter().map(|task| task.id.0.as_str()).collect();
    assert_eq!(ids, ["b1", "b2", "b4"]);
    assert_eq!(tasks[0].evidence[0].document.as_str(), "c2", "the best judged first");
    assert_eq!((tasks[0].hops, tasks[0].kind), (2, Kind::Bridge));
    assert_eq!(tasks[1].verifier, Verifier::Supported);
    assert!(!tasks[1].is_unanswerable() && tasks[1].gold_answers.is_empty());
    assert_eq!(tasks[2].gold_answers, ["A paragraph."]);
    assert_eq!(report.named[0].task, "b3");
    // A store that calls the documents otherwise.
    let store = library(dir.path());
    let (tasks, _) = read(Format::Beir, &folder, Some(&store)).unwrap();
    let named: Vec<&str> = tasks[0].evidence.iter().map(|e| e.document.as_str()).collect();
    assert_eq!(named, ["tonkova", "harbour"]);
    assert!(check_tasks(&tasks, &store).unwrap().faults.is_empty());
    let document = tasks[0].steps[1].document.as_ref().unwrap();
    assert_eq!(document.as_str(), "tonkova");
}

#[test]
fn plain_lines_have_many_shapes() {
    let text = r#"{"question": "a?", "answer": "one"}
{"query": "b?", "golden_answers": ["two", " ", "two", "2"], "id": 7}

{"prompt": "c?", "reward_model": {"ground_truth": {"target": ["three"]}}, "data_source": "nq", "extra_info": {"split": "train", "index": 5}}
{"problem": "d?", "answers": {"value": "four", "aliases": ["4"]}, "verifier": {"by": "number"}, "kind": "one_hop", "hops": 1}
{"text": "e?", "answer": 5}
{"question": "f?", "answers": {"text": ["six"], "answer_start": [1]}, "answer_aliases": ["VI"]}
{"question": "g?", "answers": []}
{"question": " ", "answers": ["x"]}
{"question": "h?", "is_impossible": true, "answers": ["x"]}
{"question": "i?", "answer": true}
"#;
    let (dir, path) = written("asked.jsonl", text);
    let (tasks, report) = read(Format::Jsonl, &path, None).unwrap();
    let shown: Vec<String> = tasks
        .iter()
        .map(|task| {
            format!("{} {} {}", task.id, task.question.as_str(), task.gold_answers.join("|"))
        })
        .collect();
    assert_eq!(
        shown,
        [
            "line-1 a? one",
            "7 b? two|2",
            "nq-train-5 c? three",
            "line-5 d? four|4",
            "line-6 e? 5",
            "line-7 f? six|VI",
            "line-10 h? ",
            "line-11 i? yes",
        ]
    );
    assert_eq!(tasks[2].provenance.source, "nq");
    assert_eq!(tasks[0].provenance.source, "asked");
    assert_eq!(tasks[3].verifier, Verifier::Number { tolerance: 0.0 });
    assert_eq!(tasks[3].kind, Kind::OneHop);
    assert_eq!(report.left_out[&Reason::NoAnswer], 1);
    assert_eq!(report.left_out[&Reason::NoQuestion], 1);
    // The same, packed.
    let gz = dir.path().join("asked.jsonl.gz");
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(text.as_bytes()).unwrap();
    fs_err::write(&gz, packer.finish().unwrap()).unwrap();
    let zst = dir.path().join("asked.jsonl.zst");
    fs_err::write(&zst, zstd::encode_all(text.as_bytes(), 0).unwrap()).unwrap();
    for path in [gz, zst] {
        assert_eq!(read(Format::Jsonl, &path, None).unwrap().0, tasks);
    }
}

#[test]
fn evidence_that_is_not_in_the_store_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = library(dir.path());
    let check = |document: &str, quote: &str, left_out: Option<Reason>, range: bool| {
        let line = json!({
            "question": "Where was she born?",
            "answer": "Varnograd",
            "evidence": [{ "document": document, "quote": quote }],
        });
        let (_dir, path) = written("asked.jsonl", &line.to_string());
        let (tasks, report) = read(Format::Jsonl, &path, Some(&store)).unwrap();
        assert_eq!(report.left_out.keys().copied().collect::<Vec<_>>(), Vec::from_iter(left_out));
        assert_eq!(tasks.is_empty(), left_out.is_some());
        assert!(tasks.iter().all(|task| task.evidence[0].range.is_some() == range));
    };
    check("tonkova", "She was born in  Varnograd", None, true);
    check("tonkova", "", None, false);
    check("tonkova", "She was born in Port Selm", Some(Reason::NotQuoted), false);
    check("nobody", "", Some(Reason::NotInStore), false);
}

#[test]
fn what_is_malformed_is_named() {
    let check = |format, text: &str, expected: &str| {
        let (_dir, path) = written("bad.json", text);
        let error = read(format, &path, None).unwrap_err();
        let message = error.to_string().replace(&path.display().to_string(), "F");
        assert_eq!(message, expected);
    };
    let hotpot = "an object with `_id`, `question`, `answer`, `supporting_facts` and `context`";
    check(
        Format::HotpotQa,
        "[{\"_id\": \"a\", \"question\": \"q\", \"answer\": \"b\"}, {\"_id\": 3}]",
        &format!("malformed record 2 of `F`: expected {hotpot}"),
    );
    check(
        Format::HotpotQa,
        "[{\"_id\": \"a\", \"question\": \"q\", \"answer\": \"b\"}",
        &format!("malformed record 2 of `F`: expected {hotpot}"),
    );
    check(
        Format::Jsonl,
        "{\"question\": \"q\", \"answer\": \"a\"}\n[1]\n",
        "malformed line 2 of `F`: expected an object with `question` and `answers`",
    );
    check(
        Format::Jsonl,
        "{\"question\": \"q\", \"answer\": \"a\", \"verifier\": {\"by\": \"luck\"}}\n",
        "malformed line 1 of `F`: expected an object with `question` and `answers`",
    );
    check(
        Format::Squad,
        "{\"version\": \"1\"}",
        "malformed record 1 of `F`: expected an article of SQuAD, with `paragraphs` of `context` and `qas`",
    );
}

#[test]
fn whoever_takes_the_tasks_may_fail() {
    let (_dir, path) = written("hotpot.json", HOTPOT);
    let full = || std::io::Error::other("disk full");
    let mut n = 0;
    let read = import(Format::HotpotQa, &path, &ImportOptions::default(), &mut |_| {
        n += 1;
        Err(full())
    });
    assert!(matches!(read, Err(ImportError::Sink(_))), "{read:?}");
    assert_eq!(n, 1, "nothing is read on");
}

#[cfg(feature = "parquet")]
#[test]
fn rows_of_search_r1() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/data/search_r1.parquet");
    let (tasks, report) = read(Format::SearchR1, &path, None).unwrap();
    let ids: Vec<&str> = tasks.iter().map(|task| task.id.0.as_str()).collect();
    assert_eq!(ids, ["nq-train_0", "nq-train_1", "hotpotqa-train_0"]);
    assert_eq!(tasks[1].gold_answers, ["thirty thousand", "more than thirty thousand"]);
    assert_eq!(tasks[2].provenance.source, "hotpotqa");
    assert_eq!(report.named[0].place, "row 4");
    assert_eq!(report.left_out[&Reason::NoQuestion], 1);
    let (_dir, path) = written("torn.parquet", "PAR1 and no more");
    let error = read(Format::SearchR1, &path, None).unwrap_err().to_string();
    assert!(error.starts_with("malformed table of"), "{error}");
}

/// Imports of the data at hand into stores of their own documents, every one found.
#[test]
fn the_sets_at_hand() {
    let Some(data) = SharedData::find() else {
        println!("skipped: no shared data");
        return;
    };
    let mut found = Vec::new();
    for (format, file, store) in [
        (Format::HotpotQa, "hotpotqa_100/hotpotqa_raw.json", "hotpotqa_100"),
        (Format::Musique, "musique_100/musique_raw.json", "musique_100"),
        (Format::Beir, "hotpotqa_100", "hotpotqa_100"),
        (Format::Beir, "musique_100", "musique_100"),
    ] {
        let path = data.path(&format!("stores/{file}")).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let store = store_of(dir.path(), data.documents(store).unwrap());
        let (tasks, report) = read(format, &path, Some(&store)).unwrap();
        assert!(report.left_out.is_empty(), "{file}: {:?}", report.named);
        assert!(check_tasks(&tasks, &store).unwrap().faults.is_empty(), "{file}");
        found.push((file, report.tasks, report.evidence, report.ranges, report.with_steps));
    }
    assert_eq!(
        found,
        [
            ("hotpotqa_100/hotpotqa_raw.json", 100, 229, 229, 0),
            ("musique_100/musique_raw.json", 100, 237, 237, 100),
            ("hotpotqa_100", 100, 200, 0, 0),
            ("musique_100", 100, 237, 0, 100),
        ]
    );
}
