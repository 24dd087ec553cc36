//! Vectors of texts, against reference values.

use sleuth_lm::{EmbedderOptions, LmError, TextEmbedder};

use super::embedded::model;

const MINILM: &str = "all-minilm-l6-v2-q8_0.gguf";

const TEXTS: [&str; 4] = [
    "Which river does the Aln bridge cross?",
    "The bridge at Alnwick spans the River Aln in Northumberland.",
    "Interest rates were raised by a quarter of a point.",
    "",
];

fn minilm(threads: usize) -> Option<TextEmbedder> {
    Some(TextEmbedder::open(&model(MINILM)?, EmbedderOptions { threads }).unwrap())
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The reference is the published weights computed in 32 bits; eight bits move a cosine by less than
/// .01 here.
#[test]
fn cosines_are_those_of_the_reference() {
    let Some(embedder) = minilm(1) else { return };
    let vectors = embedder.embed(&TEXTS, &|| false).unwrap();
    let expected = [(0, 1, 0.6689), (0, 2, 0.0558), (1, 2, -0.061), (0, 3, 0.068), (2, 3, 0.0591)];
    for (a, b, expected) in expected {
        let found = cosine(&vectors[a], &vectors[b]);
        assert!((found - expected).abs() < 0.01, "{a} and {b}: {found}, expected {expected}");
    }
    for vector in &vectors {
        assert_eq!(vector.len(), embedder.dims());
        assert!((cosine(vector, vector) - 1.0).abs() < 1e-5);
    }
    assert!((vectors[0][0] - -0.0301).abs() < 0.005 && (vectors[1][2] - -0.0445).abs() < 0.005);
}

#[test]
fn a_text_has_one_vector_in_whatever_company() {
    let (Some(one), Some(two)) = (minilm(1), minilm(2)) else { return };
    let mut texts: Vec<String> =
        (0..150).map(|n| format!("Ferry {n} {}", "to the island ".repeat(n % 40))).collect();
    texts.push("word ".repeat(300));
    texts.push("word ".repeat(900));
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let together = two.embed(&texts, &|| false).unwrap();
    for at in [0, 1, 39, 77, 149, 150, 151] {
        assert!(one.embed_query(texts[at]).unwrap() == together[at], "text {at}");
    }
    // Cut at 256 tokens, the two long ones are the same.
    assert!(together[150] == together[151]);
    assert!(one.embed(&[], &|| false).unwrap().is_empty());
    assert_eq!(one.id(), two.id());
    assert!(one.id().starts_with("all-minilm-l6-v2-q8_0@"), "{}", one.id());
}

#[test]
fn it_can_be_cancelled_and_used_from_several_threads() {
    let Some(embedder) = minilm(1) else { return };
    let error = embedder.embed(&TEXTS, &|| true).unwrap_err();
    assert_eq!(error, LmError::Cancelled);
    let expected = embedder.embed_query(TEXTS[0]).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                assert!(embedder.embed_query(TEXTS[0]).unwrap() == expected);
            });
        }
    });
}

#[test]
fn files_that_are_no_embedder_are_refused() {
    fn check(path: &std::path::Path, expected: &expect_test::Expect) {
        let error = TextEmbedder::open(path, EmbedderOptions::default()).unwrap_err();
        let folder = path.parent().unwrap().display().to_string();
        expected.assert_eq(&error.to_string().replace(&folder, "DIR"));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.gguf");
    check(
        &path,
        &expect_test::expect![
            "model `m` is unavailable: cannot read the model file: failed to open file `DIR/m.gguf`: No such file or directory (os error 2)"
        ],
    );
    fs_err::write(&path, "no model").unwrap();
    check(
        &path,
        &expect_test::expect![
            "model `m` is unavailable: `DIR/m.gguf` is not a GGUF file: expected it to start with `GGUF`, found `no m`"
        ],
    );
    if let Some(tiny) = model(super::embedded::TINY) {
        check(
            &tiny,
            &expect_test::expect![
                "model `smollm2-135m-instruct-q4_1` is unavailable: `DIR/smollm2-135m-instruct-q4_1.gguf` is no embedding model: expected the architecture `bert` or `static`, found `llama`"
            ],
        );
    }
    if let Some(minilm) = model(MINILM) {
        let whole = fs_err::read(minilm).unwrap();
        fs_err::write(&path, &whole[..whole.len() - 1]).unwrap();
        check(
            &path,
            &expect_test::expect![
                "model `m` is unavailable: `DIR/m.gguf` is truncated: expected at least 25282016 bytes, found 25282015"
            ],
        );
    }
}

/// What distilled tables are worth is measured by `cargo xtask bench embed`.
#[test]
fn distilling_can_be_cancelled_and_refuses_other_lengths() {
    let Some(embedder) = minilm(0) else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("static.gguf");
    let error = embedder.distil(385, &path, &|| false).unwrap_err();
    expect_test::expect!["model `all-minilm-l6-v2-q8_0` is unavailable: expected a multiple of 32 up to 384 as the length of a vector, found 385"].assert_eq(&error.to_string());
    let error = embedder.distil(32, &path, &|| true).unwrap_err();
    assert_eq!(error, LmError::Cancelled);
    assert!(!path.exists());
}
