//! Episodes in the formats of others.

use expect_test::expect;
use sleuth_eval::{BrowseComp, trec_run};
use sleuth_records::{Claim, DocumentId, Evidence, EvidenceId, write_run};
use sleuth_tasks::Boundary;

use crate::made::{by_model, episode, failed, write};

#[test]
fn rankings_become_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut unranked = by_model(episode("b", 0, true), 1_000);
    unranked.attempt.ranking.clear();
    unranked.attempt.opened = vec![DocumentId::new("opened"), DocumentId::new("gold-b")];
    let episodes =
        [episode("a", 1, true), episode("a", 0, true), failed("c", 0, Boundary::Log), unranked];
    let path = write(folder.path(), "e.jsonl", &episodes);
    let mut out = Vec::new();
    write_run(&trec_run(&[path]).unwrap(), &mut out).unwrap();
    expect![[r#"
        a Q0 gold-a 1 1 trail
        a Q0 other 2 0.5 trail
        b Q0 gold-b 1 1 trail
        b Q0 other 2 0.5 trail
        b Q0 opened 3 0.33333334 trail
    "#]]
    .assert_eq(&String::from_utf8(out).unwrap());
}

#[test]
fn the_evaluator_of_browsecomp_plus_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let mut cited = by_model(episode("101", 0, true), 1_000);
    cited.attempt.claims =
        vec![Claim { text: "It is so.".to_owned(), evidence: vec![EvidenceId("e1".to_owned())] }];
    cited.attempt.evidence = vec![Evidence {
        id: EvidenceId("e1".to_owned()),
        document: DocumentId::new("gold-101"),
        title: String::new(),
        url: None,
        range: 0..2,
        line: 1,
        part: None,
        quote: "so".to_owned(),
    }];
    let lost = by_model(failed("102", 0, Boundary::Model), 0);
    let path = write(folder.path(), "e.jsonl", &[cited, lost]);
    let found = BrowseComp::of(&[path], "sleuth", "2026-11-22").unwrap();
    expect![[r#"
        run_00001.json
        {"metadata":{"model":"gpt-x"},"query_id":"101","tool_call_counts":{"search":1},"status":"completed","retrieved_docids":["gold-101","other"],"result":[{"type":"output_text","output":"Explanation: It is so. [gold-101]\nExact Answer: answer of 101\nConfidence: 100%"}]}
        run_00002.json
        {"metadata":{"model":"gpt-x"},"query_id":"102","tool_call_counts":{},"status":"incomplete","retrieved_docids":[],"result":[]}
    "#]]
    .assert_eq(&found.runs.iter().map(|(name, run)| format!("{name}\n{run}\n")).collect::<String>());
    expect![[r#"{"LLM":"gpt-x","Accuracy (%)":50.0,"Recall (%)":50.0,"avg_tool_stats":{"search":0.5},"Calibration Error (%)":0.0,"Retriever":"sleuth","Link":"change me when submitting","Evaluation Date":"2026-11-22","per_query_metrics":[{"query_id":"101","correct":true,"recall":100.0},{"query_id":"102","correct":false,"recall":0.0}]}"#]]
        .assert_eq(&found.summary.to_string());
}
