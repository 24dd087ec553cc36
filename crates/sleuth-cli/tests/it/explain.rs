//! `sleuth search --explain`.

use expect_test::expect;

use crate::place::{Place, code};

/// With a link and a page that is reached over two others.
fn place() -> Place {
    let place = Place::with_docs();
    place.write(
        "docs/people/osk.md",
        "# Saint Osk\n\nSaint Osk kept bees, says the \
         [register of a place with a very long name](../register.md). Nobody knows more of him.\n",
    );
    place.write("docs/register.md", "# Register\n\nIt was lost in a flood.\n");
    for n in 0..9 {
        let text =
            format!("# Stone {n}\n\nA point of stone on a coast, number {n}, without a light.\n");
        place.write(&format!("docs/stones/{n}.md"), text);
    }
    let output = place.run(&["index", "build", "docs", "--into", "store", "--quiet"]);
    assert_eq!(code(&output), 0, "{}", place.show(&output));
    place
}

#[test]
fn people_see_why() {
    let place = place();
    place.check(
        &["search", "built Marrow Point Lighthouse bees", "--in", "store", "-k", "4", "--explain"],
        &expect![[r#"
            exit 0
            --- stdout
             1. Marrow Point Lighthouse marrow-point.md:1 · 1.61
                # Marrow Point Lighthouse A lighthouse on the north coast. The Marrow Point Lighthouse was built in 1911. It was designed by Ada Quill.
                  1.00 words    in title and text: Lighthouse 0.37, Marrow 0.36, Point
                                0.06; in text: built 0.21
                  0.50 named    by “Marrow Point Lighthouse” in the query
                  0.12 passed   by Ada Quill, which is reached from here and is named by it
                                as “Ada Quill”
             2. Ada Quill people/ada-quill.md:1 · 0.56
                # Ada Quill Ada Quill was an engineer. She was born in Larkhaven in 1870.
                  0.00 words    no word of the query
                  0.56 passed   by Marrow Point Lighthouse, which is named in the query and
                                names it as “Ada Quill”
             3. Saint Osk people/osk.md:1 · 0.21
                # Saint Osk Saint Osk kept bees, says the [register of a place with a very long name](../register.md). Nobody knows more of him.
                  0.20 words    in text: bees 0.20
                  0.01 passed   by Register, which is reached from here and is named by it
                                as “register of a place with a very long name”
             4. larkhaven larkhaven.txt:1 · 0.18
                Larkhaven is a harbour town. Its patron is Saint Osk.
                  0.00 words    no word of the query
                  0.18 passed   by Ada Quill, which names it as “Larkhaven” and is reached
                                from Marrow Point Lighthouse, which is named in the query
                                and names it as “Ada Quill”
            vectors take no part: the store has none; `sleuth index embed store` makes them
        "#]],
    );
    place.check(
        &["search", "coast harbour", "--in", "store", "-k", "2", "--explain", "--lexical"],
        &expect![[r#"
            exit 0
            --- stdout
             1. larkhaven larkhaven.txt:1 · 1.27
                Larkhaven is a harbour town. Its patron is Saint Osk.
                  1.27 words    in text: harbour 1.27
             2. Stone 0 stones/0.md:1 · 0.19
                # Stone 0 A point of stone on a coast, number 0, without a light.
                  0.19 words    in text: coast 0.19
        "#]],
    );
    place.check(&["search", "id:people/", "--in", "store", "--explain"], &expect![[r#"
        exit 0
        --- stdout
         1. Ada Quill people/ada-quill.md:1 · 1.00
            # Ada Quill Ada Quill was an engineer. She was born in Larkhaven in 1870.
         2. Saint Osk people/osk.md:1 · 0.50
            # Saint Osk Saint Osk kept bees, says the [register of a place with a very long name](../register.md). Nobody knows more of him.
        listed, the newest first: the query is all filters
    "#]]);
    place.check(
        &["search", "xylophone", "--in", "store", "--explain"],
        &expect![[r#"
        exit 3
        --- stdout
        no hits
    "#]],
    );
    place.check(
        &["search", "harbour", "--in", "store", "--explain", "--dense"],
        &expect![[r#"
        exit 6
        --- stderr
        error: store `store` has no vectors
        hint: compute them with `sleuth index embed store`
    "#]],
    );
}

#[test]
fn programs_see_why() {
    let place = place();
    let search = ["search", "designed Marrow Point Lighthouse", "--in", "store", "--json"];
    let plain = place.json(&search);
    assert!(plain["hits"][0].get("explanation").is_none());
    let object = place.json(&[&search[..], &["--explain"]].concat());
    let number = |value: &serde_json::Value| value.as_f64().unwrap();
    let hits = object["hits"].as_array().unwrap();
    assert!(hits.len() > 3);
    for (hit, without) in hits.iter().zip(plain["hits"].as_array().unwrap()) {
        assert_eq!(hit["score"], without["score"]);
        let explanation = &hit["explanation"];
        let shares = ["terms", "named", "passed"].into_iter().flat_map(|part| {
            explanation[part].as_array().unwrap().iter().map(|one| number(&one["share"]))
        });
        let sum: f64 = shares.sum();
        assert!((sum - number(&hit["score"])).abs() < 1e-4, "{sum} for {hit:#}");
        assert_eq!(explanation["vector"]["without"], "none_made");
        assert_eq!(explanation["factors"].as_array().unwrap().len(), 0);
    }
    expect![[r#"
        {
          "basis": "parts",
          "score": 1.6506725549697876,
          "terms": [
            {
              "term": "lighthous",
              "word": "Lighthouse",
              "title": 1,
              "body": 3,
              "share": 0.37166932225227356,
              "held_back": 0.0,
              "part_of": null
            },
            {
              "term": "marrow",
              "word": "Marrow",
              "title": 1,
              "body": 2,
              "share": 0.3587757349014282,
              "held_back": 0.0,
              "part_of": null
            },
            {
              "term": "design",
              "word": "designed",
              "title": 0,
              "body": 1,
              "share": 0.2139797955751419,
              "held_back": 0.0,
              "part_of": null
            },
            {
              "term": "point",
              "word": "Point",
              "title": 1,
              "body": 2,
              "share": 0.05557506904006004,
              "held_back": 0.0,
              "part_of": null
            }
          ],
          "terms_in": [
            0,
            137
          ],
          "vector": {
            "without": "none_made"
          },
          "named": [
            {
              "words": "Marrow Point Lighthouse",
              "share": 0.4961845278739929
            }
          ],
          "passed": [
            {
              "document": "people/ada-quill.md",
              "share": 0.15448792278766632,
              "along": {
                "kind": "named_by",
                "words": "Ada Quill"
              },
              "own": 0.0,
              "named": 0.0,
              "passed": 0.5733506679534912,
              "from": []
            }
          ],
          "factors": []
        }
    "#]]
    .assert_eq(&format!("{:#}\n", hits[0]["explanation"]));
}

#[test]
fn many_queries_are_not_explained() {
    let place = place();
    place.write("queries.jsonl", "{\"_id\": \"q1\", \"text\": \"harbour\"}\n");
    place.check(
        &["search", "--in", "store", "--queries", "queries.jsonl", "--run", "-", "--explain"],
        &expect![[r#"
            exit 2
            --- stderr
            error: `--explain` goes with one query, and `--queries` asks many: a run file has no place for reasons
            hint: take one of them: `sleuth search QUERY --in STORE --explain`, for programs with `--json`
        "#]],
    );
}
