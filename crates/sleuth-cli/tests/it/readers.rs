//! Questions to PDF and EPUB: the real binary starts itself to read them.

use std::fmt::Write as _;

use expect_test::expect;

use crate::place::Place;

/// A PDF of pages with one line each. Without a table of its objects: readers make one.
fn pdf(lines: &[&str]) -> String {
    let kids: String = (0..lines.len()).map(|n| format!("{} 0 R ", 4 + 2 * n)).collect();
    let mut text = format!(
        "%PDF-1.4\n1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj\n\
         2 0 obj <</Type/Pages/Kids[{kids}]/Count {}>> endobj\n\
         3 0 obj <</Type/Font/Subtype/Type1/BaseFont/Helvetica>> endobj\n",
        lines.len()
    );
    for (n, line) in lines.iter().enumerate() {
        let content = format!("BT /F 10 Tf 50 700 Td ({line}) Tj ET");
        let (page, length) = (4 + 2 * n, content.len());
        let _ = write!(
            text,
            "{page} 0 obj <</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents {} 0 R\
             /Resources<</Font<</F 3 0 R>>>>>> endobj\n\
             {} 0 obj <</Length {length}>>\nstream\n{content}\nendstream endobj\n",
            page + 1,
            page + 1
        );
    }
    text + "trailer <</Root 1 0 R>>\n%%EOF\n"
}

#[test]
fn an_answer_names_the_page_of_a_pdf() {
    let place = Place::new();
    place.write(
        "docs/harbour.pdf",
        pdf(&[
            "A lighthouse on the coast.",
            "The Marrow Point Lighthouse was designed by Ada Quill.",
        ]),
    );
    let question = "Who designed the Marrow Point Lighthouse?";
    place.check(
        &["ask", question, "--over", "docs"],
        &expect![[r#"
            exit 0
            --- stdout
            Ada Quill

              [exact] “The Marrow Point Lighthouse was designed by Ada Quill.”
                harbour · docs/harbour.pdf, page 2

            2 searches, 1 page read, [TIME] · run [RUN]
            --- stderr
            1 document: 1 file read ([TIME])
            joined by 0 mentions and 0 names ([TIME])
        "#]],
    );
    let object = place.json(&["ask", question, "--over", "docs", "--json"]);
    let evidence = &object["evidence"][0];
    assert_eq!(evidence["part"], serde_json::json!({"unit": "page", "number": 2}));
    assert_eq!(evidence["quote"], "The Marrow Point Lighthouse was designed by Ada Quill.");
}
