//! Copies, traps for crawlers, badly made pages and crowding hosts.

use std::sync::Arc;

use sleuth_index::{MemorySource, Query, Retriever as _, SiteList, SiteLists, Store, build_graph};
use sleuth_records::{Document, Random, Signals};

use crate::support::{assert_sound, build, document, found};

fn page(id: &str, url: &str, title: &str, text: &str) -> Document {
    Document { url: Some(url.to_owned()), ..document(id, title, text) }
}

fn store_of(documents: Vec<Document>) -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    build(&path, &MemorySource::new(documents)).unwrap();
    build_graph(&path, 2, &|_, _| (), &|| false).unwrap();
    assert_sound(&path);
    let store = Store::open(&path).unwrap();
    (dir, store)
}

/// `n` words that look like words, with a sentence's end now and then.
fn prose(random: &mut Random, n: usize) -> String {
    const PARTS: [&str; 20] = [
        "ra", "mon", "til", "sev", "ka", "lo", "dri", "pex", "un", "ber", "so", "ning", "fal",
        "ti", "gor", "we", "cha", "mi", "lund", "os",
    ];
    let mut out = String::new();
    for at in 0..n {
        let parts = 1 + random.below(3);
        (0..parts).for_each(|_| out.push_str(PARTS[random.below(PARTS.len())]));
        out.push_str(if at % 12 == 11 { ". " } else { " " });
    }
    out
}

/// The true page, with a number in the middle of it.
fn source(random: &mut Random) -> String {
    let (before, after) = (prose(random, 90), prose(random, 90));
    format!(
        "The Corvane valve keeps the pressure of a boiler even. {before} The approval number of the \
         Corvane valve is KX-2041. {after} It has been made in Harrow since 1974."
    )
}

/// `text` with a part of its words replaced, and another number in place of the true one.
fn mutated(text: &str, share: usize, random: &mut Random) -> String {
    const KEPT: [&str; 6] = ["Corvane", "valve", "approval", "number", "boiler", "pressure"];
    let words: Vec<String> = text
        .split(' ')
        .map(|word| {
            if word.starts_with("KX-") {
                format!("KX-{}.", 3000 + random.below(6000))
            } else if random.below(100) < share && !KEPT.contains(&word) {
                prose(random, 1).trim().to_owned()
            } else {
                word.to_owned()
            }
        })
        .collect();
    words.join(" ")
}

/// A store with the true page, pages about other valves, and a host that makes up pages without end.
/// They repeat what they are found by, and have the true page's title.
fn trap(share: usize) -> Vec<Document> {
    let random = &mut Random(7 + share as u64);
    let text = source(random);
    let mut all =
        vec![page("maker/corvane", "https://maker.example/corvane", "Corvane valve", &text)];
    for n in 0..40 {
        let other = prose(random, 120);
        let text = format!("Valve {n} has an approval number. {other} A boiler has a valve {n}.");
        let id = format!("shop-{}/{n:02}", n % 5);
        all.push(page(
            &id,
            &format!("https://shop-{}.example/{n}", n % 5),
            &format!("Valve {n}"),
            &text,
        ));
    }
    for n in 0..300 {
        let text = mutated(&text, share, random);
        let stuffed = if n % 2 == 0 { " Approval number of the Corvane valve." } else { "" };
        let (id, url) = (format!("a-trap/{n:03}"), format!("https://trap.example/{n}"));
        all.push(page(&id, &url, "Corvane valve", &format!("{text}{stuffed}")));
    }
    all
}

#[test]
fn a_trap_for_crawlers_does_not_hide_the_true_page() {
    // In a hundred words so many are replaced.
    for share in [0, 5, 10, 20] {
        let (_dir, store) = store_of(trap(share));
        for query in [
            "What is the approval number of the Corvane valve?",
            "corvane valve approval",
            "Corvane valve boiler pressure",
        ] {
            let ids = found(&store, query);
            assert_eq!(ids[0], "maker/corvane", "{share} % {query}: {ids:?}");
            let n = ids.iter().filter(|id| id.starts_with("a-trap")).count();
            assert!(n <= 3, "{share} % {query}: {ids:?}");
        }
        // Nothing is lost: who asks for more gets to the pages of the trap.
        let all = store.search(&Query::new("corvane valve", 1000)).unwrap();
        assert_eq!(all.hits.len(), 341);
    }
}

#[test]
fn what_only_a_copy_holds_is_found_in_it() {
    let random = &mut Random(3);
    let form = prose(random, 150);
    let statement = |n: usize| {
        let id = format!("statement-{n:02}");
        document(&id, "Statement", &format!("Account {} {form} balance {}", 5500 + n, 17 * n))
    };
    let (_dir, store) = store_of((0..30).map(statement).collect());
    for n in 0..30 {
        assert_eq!(
            found(&store, &format!("balance of account {}", 5500 + n))[0],
            format!("statement-{n:02}")
        );
    }
    let all = store.search(&Query::new("account balance", 100)).unwrap();
    assert_eq!(all.hits.len(), 30);
    // One stands for all with one beside it, the others far behind.
    assert!(all.hits[2].score < all.hits[0].score / 5.0);
}

#[test]
fn a_badly_made_page_comes_second() {
    let text = "How to choose a mattress: foam, springs or latex, and what a mattress costs.";
    let mut bad = document("a", "Mattress", text);
    bad.signals =
        Some(Box::new(Signals { affiliate_links: 30, ad_slots: 20, ..Signals::default() }));
    let good =
        document("b", "Mattresses", "How to choose a mattress by what it costs, foam or latex.");
    let (_dir, store) = store_of(vec![bad.clone(), good.clone()]);
    assert_eq!(found(&store, "choose a mattress"), ["b", "a"]);
    bad.signals = None;
    let (_dir, store) = store_of(vec![bad, good]);
    assert_eq!(found(&store, "choose a mattress"), ["a", "b"]);
}

#[test]
fn a_host_leaves_room_for_others() {
    let random = &mut Random(11);
    let mut all = Vec::new();
    for n in 0..20 {
        let text = format!("Heron nests, heron food, heron {n}. {}", prose(random, 40));
        all.push(page(
            &format!("loud/{n:02}"),
            &format!("https://loud.example/{n}"),
            "Heron",
            &text,
        ));
    }
    for n in 0..10 {
        let text = format!("The heron {n} of river {n}. {}", prose(random, 60));
        all.push(page(&format!("p{n}"), &format!("https://p{n}.example/"), "Birds", &text));
    }
    // Without these the host is most of the store, and has its share of the page.
    for n in 0..200 {
        let url = format!("https://q{n}.example/");
        all.push(page(&format!("q{n}"), &url, "Else", &prose(random, 40)));
    }
    let (_dir, store) = store_of(all);
    let ids = found(&store, "heron");
    assert_eq!(ids.iter().filter(|id| id.starts_with("loud")).count(), 3, "{ids:?}");
    assert_eq!(store.search(&Query::new("heron", 100)).unwrap().hits.len(), 30);
    // Who asks for one host gets it.
    let of_host = store.search(&Query::parse("heron site:loud.example", 10)).unwrap();
    assert_eq!(of_host.hits.len(), 10);
    // Words alone know nothing of it.
    let words = store.search(&Query::lexical("heron", 10)).unwrap();
    assert!(words.hits.iter().all(|hit| hit.passage.document.as_str().starts_with("loud")));
}

#[test]
fn copies_elsewhere_do_not_hide_the_true_page() {
    let random = &mut Random(5);
    let text = source(random);
    let mut all = vec![page("maker", "https://maker.example/", "Corvane valve", &text)];
    for n in 0..3 {
        let (id, url) = (format!("e{n}"), format!("https://e{n}.example/"));
        all.push(page(&id, &url, "Corvane valve", &text.replace("2041", "9999")));
    }
    all.extend((0..20).map(|n| {
        document(
            &format!("x{n:02}"),
            "",
            &format!("approval {} valve {}", prose(random, 9), prose(random, 30)),
        )
    }));
    let (_dir, store) = store_of(all);
    let ids = found(&store, "approval number of the Corvane valve");
    assert!(ids[..4].contains(&"maker".to_owned()), "{ids:?}");
}

#[test]
fn a_copy_takes_the_place_of_an_original_that_is_not_wanted() {
    let text = format!("Harlan Voss built bridges. {}", prose(&mut Random(9), 60));
    let mut pages = vec![
        page("a-first", "https://bad.example/voss", "Harlan Voss", &text),
        page("second", "https://good.example/voss", "Harlan Voss", &text),
        document("third", "Bridges", "Harlan Voss is named here, and so are bridges, Harlan Voss."),
    ];
    let random = &mut Random(4);
    pages.extend((0..30).map(|n| document(&format!("x{n}"), "", &prose(random, 30))));
    let (_dir, store) = store_of(pages.clone());
    assert_eq!(found(&store, "Harlan Voss")[0], "a-first");
    let best = |store: &Store, query: &str| {
        let hit = store.search(&Query::parse(query, 1)).unwrap().hits.remove(0);
        (hit.passage.document.as_str().to_owned(), hit.score)
    };
    let (id, score) = best(&store, "Harlan Voss -site:bad.example");
    let (_dir, without) = store_of(pages[1..].to_vec());
    assert_eq!(id, "second");
    // It is named by the question as if the other were not there.
    assert!(score > 0.8 * best(&without, "Harlan Voss").1);
}

fn with_list(store: Store, list: &str) -> Store {
    let list = SiteList::parse("list.txt", list).unwrap();
    store.with_sites(Arc::new(SiteLists::new(vec![list])))
}

#[test]
fn what_is_blocked_passes_nothing_on() {
    let random = &mut Random(6);
    let mut pages = vec![
        page(
            "a",
            "https://a.example/",
            "Quixotic marmalade",
            "Quixotic marmalade is told of by Belphoebe Strand.",
        ),
        page("b", "https://blocked.example/", "Belphoebe Strand", "She sent all to Cosimo Thrale."),
        page("c", "https://c.example/", "Cosimo Thrale", "A house by the sea."),
    ];
    pages.extend((0..30).map(|n| document(&format!("x{n}"), "", &prose(random, 30))));
    let (_dir, store) = store_of(pages);
    assert_eq!(found(&store, "quixotic marmalade"), ["a", "b", "c"]);
    let store = with_list(store, "*://blocked.example/*");
    assert_eq!(found(&store, "quixotic marmalade"), ["a"]);
    let hit = store.explain(&Query::new("quixotic marmalade", 5)).unwrap().explanations.remove(0);
    assert!(hit.passed.is_empty(), "{hit:?}");
}

#[test]
fn a_boost_is_of_a_site_and_not_of_what_it_copied() {
    let random = &mut Random(8);
    let text = format!("The Corvane valve keeps pressure even. {}", prose(random, 60));
    let mut pages = vec![
        page("original", "https://spam.example/", "Valve", &text),
        page("copy", "https://good.example/valve", "Valve", &text),
    ];
    pages.extend((0..30).map(|n| document(&format!("x{n}"), "", &prose(random, 30))));
    let (_dir, store) = store_of(pages);
    let plain = store.search(&Query::new("corvane valve", 5)).unwrap().hits;
    assert_eq!(plain[0].passage.document.as_str(), "original");
    let store = with_list(
        store,
        "! Goggles\n$downrank=10,site=spam.example\n$boost=10,site=good.example\n",
    );
    let explained = store.explain(&Query::new("corvane valve", 5)).unwrap();
    let hits = &explained.ranking.hits;
    assert_eq!(hits[0].passage.document.as_str(), "copy");
    assert_eq!(hits[1].passage.document.as_str(), "original");
    assert!((hits[1].score - plain[0].score / 3.0).abs() < 1e-4);
    for (hit, explanation) in hits.iter().zip(&explained.explanations) {
        assert!((explanation.sum() - hit.score).abs() < 1e-4);
    }
}
