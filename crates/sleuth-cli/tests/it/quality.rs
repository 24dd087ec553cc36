//! How pages are made and which are copies: what searches make of it, and what is said of it.

use expect_test::expect;

use crate::place::Place;

const TEXT: &str = "The heron nests in tall trees near water and feeds on fish and frogs. A pair builds its \
nest of sticks in March, and both feed the young for eight weeks. In winter herons move to rivers that do \
not freeze, where dozens may stand along one bank.";

/// Pages saved from three sites: one well made, one of advertisements, one that copied the first.
fn sites() -> Place {
    let place = Place::new();
    let page = |title: &str, more: &str| {
        format!(
            "<html lang=en><title>{title}</title><body><main><h1>{title}</h1><p>{TEXT}</p>{more}</main></body></html>"
        )
    };
    let mut ads = String::new();
    for n in 0..30 {
        ads += &format!(
            "<p>Buy heron feed no {n}: <a rel=\"sponsored\" href=\"https://amazon.com/dp/B00{n:04}?tag=heron-20\">see the price</a></p>"
        );
    }
    place.write("pages/birds.example/heron.html", page("Heron", ""));
    place.write("pages/copied.example/0-heron.html", page("Heron | Copied", ""));
    place.write(
        "pages/shop.example/heron.html",
        page("The best heron feed", &ads).replace("tall trees", "high trees"),
    );
    let built = place.run(&["index", "build", "pages", "--into", "store", "--quiet"]);
    assert!(built.status.success());
    place
}

#[test]
fn a_document_is_explained() {
    let place = sites();
    place.check(
        &["index", "info", "store", "--document", "birds.example/heron.html"],
        &expect![[r#"
            exit 0
            --- stdout
            document   birds.example/heron.html
            title      Heron
            address    file://[DIR]/pages/birds.example/heron.html
            date       none
            language   en
            text       253 B, 1 passage
            quality    1.00
            stands for copied.example/0-heron.html
            named by   copied.example/0-heron.html
                       shop.example/heron.html
        "#]],
    );
    place.check(
        &["index", "info", "store", "--document", "copied.example/0-heron.html"],
        &expect![[r#"
            exit 0
            --- stdout
            document   copied.example/0-heron.html
            title      Heron | Copied
            address    file://[DIR]/pages/copied.example/0-heron.html
            date       none
            language   en
            text       262 B, 1 passage
            quality    1.00
            copy of    birds.example/heron.html, which the default search puts before it
            names      birds.example/heron.html (0.01)
        "#]],
    );
    place.check(
        &["index", "info", "store", "--document", "shop.example/heron.html", "--json"],
        &expect![[r#"
            exit 0
            --- stdout
            {"id":"shop.example/heron.html","title":"The best heron feed","url":"file://[DIR]/pages/shop.example/heron.html","host":"shop.example","language":"en","bytes":1344,"passages":1,"quality":0.3932257250945775,"reasons":["30 affiliate links","10.7 % of the words are `feed`","50 % of the text repeats itself"],"graph":{"stands_for":[],"names":[["birds.example/heron.html",0.005341257434338331]],"named_by":[]}}
        "#]],
    );
    place.check(
        &["index", "info", "store", "--document", "heron.html"],
        &expect![[r#"
        exit 6
        --- stderr
        error: no document `heron.html` in store `store`
        hint: `sleuth search --in store id:PREFIX` lists the documents whose ids begin so
    "#]],
    );
}

#[test]
fn copies_and_badly_made_pages_come_last() {
    let place = sites();
    place.check(&["search", "heron nest trees", "--in", "store"], &expect![[r#"
        exit 0
        --- stdout
         1. Heron birds.example/heron.html:1 · 1.27
            # Heron The heron nests in tall trees near water and feeds on fish and frogs. A pair builds its nest of sticks in March, and both feed the young for eight weeks.…
         2. Heron | Copied copied.example/0-heron.html:1 · 0.99
            # Heron | Copied The heron nests in tall trees near water and feeds on fish and frogs. A pair builds its nest of sticks in March, and both feed the young for eight weeks.…
         3. The best heron feed shop.example/heron.html:1 · 0.61
            The heron nests in high trees near water and feeds on fish and frogs. A pair builds its nest of sticks in March, and both feed the young for eight weeks.…
    "#]]);
}
