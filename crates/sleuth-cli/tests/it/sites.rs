//! `--sites`: lists that boost, demote and block.

use expect_test::expect;

use crate::place::{Place, code, stderr};

/// A store of pages that have addresses.
fn pages() -> Place {
    let place = Place::new();
    let page = |id: &str, host: &str, text: &str| {
        format!(
            "{}\n",
            serde_json::json!({"_id": id, "title": id, "text": text, "url": format!("https://{host}/{id}")})
        )
    };
    let text = "The Marrow Point Lighthouse was built in 1911.";
    let spam = "The Marrow Point Lighthouse was built in 1812. Marrow Point Lighthouse deals.";
    let records = [
        page("deals", "deals.spam.example", spam),
        page("history", "www.history.example", text),
        page("notes", "notes.example", "A lighthouse stands at Marrow Point."),
    ];
    place.write("pages/corpus.jsonl", records.concat());
    let output = place.run(&["index", "build", "pages", "--into", "store", "--quiet"]);
    assert_eq!(code(&output), 0, "{}", place.show(&output));
    place.write("mine.txt", "# mine\n*://*.spam.example/*\nother.example\n$site=\"google\"\n");
    place.write("good.goggle", "! name: good\n$boost=10,site=notes.example\n");
    place
}

fn ids(place: &Place, arguments: &[&str]) -> Vec<String> {
    let all = [&["search", "--in", "store", "--json"], arguments].concat();
    let object = place.json(&all);
    let hits = object["hits"].as_array().unwrap();
    hits.iter().map(|hit| hit["document"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn lists_are_obeyed_in_every_search() {
    let place = pages();
    let query = "marrow point lighthouse deals";
    assert_eq!(ids(&place, &[query])[0], "deals");
    for part in ["--lexical", "--associative", "--json"] {
        let part: &[&str] = if part == "--json" { &[] } else { &[part] };
        let mut blocked = ids(&place, &[&[query, "--sites", "mine.txt"], part].concat());
        blocked.sort();
        assert_eq!(blocked, ["history", "notes"], "{part:?}");
        let both = [query, "--sites", "mine.txt", "--sites", "good.goggle"];
        assert_eq!(ids(&place, &[&both, part].concat())[0], "notes", "{part:?}");
    }
    assert_eq!(ids(&place, &["id:d"]), ["deals"]);
    assert!(ids(&place, &["id:d", "--sites", "mine.txt"]).is_empty());
    place.write("queries.jsonl", "{\"_id\": \"q\", \"text\": \"marrow deals\"}\n");
    let many = [
        "search",
        "--queries",
        "queries.jsonl",
        "--run",
        "out.run",
        "--in",
        "store",
        "--sites",
        "mine.txt",
    ];
    assert_eq!(code(&place.run(&many)), 0);
    assert!(!place.read("out.run").contains("deals"));
}

#[test]
fn what_is_passed_over_is_said_once_a_list() {
    let place = pages();
    place.check(
        &[
            "search",
            "marrow",
            "--in",
            "store",
            "-k",
            "1",
            "--sites",
            "mine.txt",
            "--sites",
            "good.goggle",
        ],
        &expect![[r#"
            exit 0
            --- stdout
             1. notes notes:3 · 1.73
                A lighthouse stands at Marrow Point.
            --- stderr
            sites `mine.txt` (uBlacklist): 2 lines passed over; line 3: expected a match pattern such as `*://*.other.example/*`, found `other.example`
        "#]],
    );
    let quiet = place.run(&["search", "marrow", "--in", "store", "--sites", "mine.txt", "--quiet"]);
    assert_eq!(stderr(&quiet), "");
}

#[test]
fn machines_are_told_which_lists_and_rules() {
    let place = pages();
    let plain = place.json(&["search", "marrow", "--in", "store", "--json"]);
    assert!(plain.get("sites").is_none() && plain["hits"][0].get("site_rule").is_none());
    let told = place.json(&[
        "search",
        "marrow",
        "--in",
        "store",
        "--json",
        "--sites",
        "mine.txt",
        "--sites",
        "good.goggle",
    ]);
    expect![[r#"[{"name":"mine.txt","format":"ublacklist","rules":1,"warnings":2},{"name":"good.goggle","format":"goggles","rules":1,"warnings":0}]"#]].assert_eq(&told["sites"].to_string());
    let by = |id: &str| {
        let hits = told["hits"].as_array().unwrap();
        hits.iter().find(|hit| hit["document"] == id).unwrap()["site_rule"].to_string()
    };
    expect![[r#"{"list":"good.goggle","line":2,"weight":2.0}"#]].assert_eq(&by("notes"));
    assert_eq!(by("history"), "null");
    assert_ne!(plain["retrieval"]["id"], told["retrieval"]["id"]);
}

#[test]
fn an_answer_never_comes_from_a_blocked_site() {
    let place = pages();
    let ask = [
        "ask",
        "When was the Marrow Point Lighthouse built?",
        "--over",
        "store",
        "--policy",
        "trail",
        "--json",
    ];
    place.write("not-history.txt", "*://*.history.example/*\n");
    let answer = |lists: &[&str]| {
        let output = place.run(&[&ask, lists].concat());
        let object: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (object["answer"].clone(), object["evidence"].to_string())
    };
    let (given, evidence) = answer(&["--sites", "mine.txt"]);
    assert!(given.to_string().contains("1911"), "{given}");
    assert!(!evidence.contains("spam.example"), "{evidence}");
    let (given, evidence) = answer(&["--sites", "mine.txt", "--sites", "not-history.txt"]);
    assert!(!given.to_string().contains("1911"), "{given}");
    assert!(!evidence.contains("spam.example") && !evidence.contains("history.example"));
}

#[test]
fn lists_that_cannot_be_used() {
    let place = pages();
    place.write("empty.txt", "# nothing\n");
    place.write("domains.txt", "a.example\nb.example\n");
    place.write("latin.txt", b"*://a.example/*\n# caf\xe9\n");
    let with = |list: &'static str| ["search", "marrow", "--in", "store", "--sites", list];
    place.check(
        &with("nowhere.txt"),
        &expect![[r#"
        exit 6
        --- stderr
        error: cannot read `nowhere.txt`
        cause: failed to open file `nowhere.txt`: No such file or directory (os error 2)
    "#]],
    );
    place.check(&with("empty.txt"), &expect![[r#"
        exit 6
        --- stderr
        error: cannot use the list of sites `empty.txt`: expected rules, found none
        hint: one rule a line, as in uBlacklist (`*://*.example.com/*` blocks) or as in Goggles (`$discard,site=example.com` blocks, `$boost=3,site=example.org` lifts)
    "#]]);
    place.check(&with("domains.txt"), &expect![[r#"
        exit 6
        --- stderr
        error: cannot use the list of sites `domains.txt`: no line of it is a rule of uBlacklist; line 1: expected a match pattern such as `*://*.a.example/*`, found `a.example`
        hint: one rule a line, as in uBlacklist (`*://*.example.com/*` blocks) or as in Goggles (`$discard,site=example.com` blocks, `$boost=3,site=example.org` lifts)
    "#]]);
    place.check(
        &with("latin.txt"),
        &expect![[r#"
        exit 6
        --- stderr
        error: cannot use the list of sites `latin.txt`: expected UTF-8, found byte 21 to be none
        hint: save it as UTF-8
    "#]],
    );
    // Which never ends.
    place.check(&with("/dev/zero"), &expect![[r#"
        exit 6
        --- stderr
        error: cannot use the list of sites `/dev/zero`: expected at most 16777216 bytes, found more
        hint: one rule a line, as in uBlacklist (`*://*.example.com/*` blocks) or as in Goggles (`$discard,site=example.com` blocks, `$boost=3,site=example.org` lifts)
    "#]]);
    place.check(
        &["ask", "When?", "--over", "store", "--policy", "trail", "--sites", "empty.txt"],
        &expect![[r#"
            exit 6
            --- stderr
            error: cannot use the list of sites `empty.txt`: expected rules, found none
            hint: one rule a line, as in uBlacklist (`*://*.example.com/*` blocks) or as in Goggles (`$discard,site=example.com` blocks, `$boost=3,site=example.org` lifts)
        "#]],
    );
}
