//! Every target for a moment, on the same inputs each time; `cargo xtask fuzz` runs them longer.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests are tests")]

use sleuth_fuzz::{Plan, TARGETS, Until, fuzz, target};

fn brief(name: &str) {
    let target = target(name).unwrap();
    let seeds = target.seeds().unwrap();
    assert!(!seeds.is_empty(), "no seeds for {name}");
    let until = Until::Inputs(seeds.len() as u64 + target.brief);
    let report = fuzz(target, seeds, &Plan::new(1, until)).unwrap();
    if let Some(failure) = report.failure {
        let input = String::from_utf8_lossy(&failure.input).into_owned();
        panic!("{name}: {}\ninput: {input:?}", failure.message);
    }
    assert!(report.inputs >= target.brief);
    println!(
        "{name}: {} inputs in {:?}, the slowest {:?}",
        report.inputs, report.took, report.slowest
    );
}

macro_rules! brief {
    ($($test:ident $name:literal),* $(,)?) => {
        $(#[test]
        fn $test() {
            brief($name);
        })*

        #[test]
        fn every_target_is_run() {
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(names, [$($name),*]);
        }
    };
}

brief! {
    queries "query",
    html "html",
    jsonl "jsonl",
    docx "docx",
    epub "epub",
    pdf "pdf",
    pdf_talk "pdf-talk",
    sites "sites",
}
