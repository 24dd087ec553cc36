//! The driver notices what it is there for.

use std::time::Duration;

use sleuth_fuzz::{Plan, Target, Until, fuzz, run_once};

fn panics_at_x(input: &[u8]) {
    assert!(!input.contains(&b'x'), "an x in {} bytes", input.len());
}

static PANICS: Target =
    Target { name: "panics", about: "", run: panics_at_x, words: &["x"], longest: 10, brief: 0 };

#[test]
fn a_panic_is_found_with_its_input_and_words() {
    let folder = std::env::temp_dir().join(format!("sleuth-fuzz-{}", std::process::id()));
    let plan = Plan { at_work: Some(&folder), ..Plan::new(1, Until::Inputs(10_000)) };
    let report = fuzz(&PANICS, vec![b"abc".to_vec()], &plan).unwrap();
    let failure = report.failure.unwrap();
    assert!(failure.input.contains(&b'x') && failure.input.len() <= 10);
    assert!(
        failure.message.contains("an x in ") && failure.message.contains("driver.rs"),
        "{}",
        failure.message
    );
    assert_eq!(fs_err::read(&folder).unwrap(), failure.input);
    fs_err::remove_file(&folder).unwrap();
    assert_eq!(run_once(&PANICS, &failure.input).unwrap_err(), failure.message);
    assert!(run_once(&PANICS, b"abc").is_ok());
}

#[test]
fn the_same_seed_gives_the_same_inputs() {
    let run = |seed| {
        fuzz(&PANICS, vec![b"abc".to_vec()], &Plan::new(seed, Until::Inputs(10_000))).unwrap()
    };
    let (a, b) = (run(7), run(7));
    assert_eq!((a.inputs, a.failure.unwrap().input), (b.inputs, b.failure.unwrap().input));
}

#[test]
fn time_ends_a_run() {
    static QUIET: Target =
        Target { name: "quiet", about: "", run: |_| (), words: &[], longest: 10, brief: 0 };
    let until = Until::Time(Duration::from_millis(50));
    let report = fuzz(&QUIET, Vec::new(), &Plan::new(1, until)).unwrap();
    assert!(report.failure.is_none() && report.inputs > 10);
}

#[test]
fn what_does_not_come_back_is_a_failure() {
    static STUCK: Target = Target {
        name: "stuck",
        about: "",
        run: |input| {
            if input == b"stay" {
                loop {
                    std::thread::park();
                }
            }
        },
        words: &[],
        longest: 10,
        brief: 0,
    };
    let seeds = vec![b"go".to_vec(), b"stay".to_vec()];
    let longest = Duration::from_millis(300);
    let plan = Plan { longest, ..Plan::new(1, Until::Inputs(10)) };
    let failure = fuzz(&STUCK, seeds, &plan).unwrap().failure.unwrap();
    assert_eq!(failure.input, b"stay");
    assert_eq!(failure.message, "no end of it after 0.3 s");
}

/// What the target leaves behind panics when it is dropped, which happens outside of the target.
#[test]
fn a_panic_outside_of_the_target_is_a_failure() {
    struct PanicsWhenDropped;
    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    static OUTSIDE: Target = Target {
        name: "outside",
        about: "",
        run: |input| {
            if input == b"last" {
                std::panic::panic_any(PanicsWhenDropped);
            }
        },
        words: &[],
        longest: 10,
        brief: 0,
    };
    let seeds = vec![b"first".to_vec(), b"last".to_vec()];
    let failure = fuzz(&OUTSIDE, seeds, &Plan::new(1, Until::Inputs(10))).unwrap().failure.unwrap();
    assert_eq!(failure.input, b"last");
    assert_eq!(
        failure.message,
        "the thread ended outside of the target, after this input: dropped"
    );
}
