//! Web pages: which part of them is read, what it is worth, and that nothing breaks the reader.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use sleuth_records::{Document, quality};

use crate::{documents, folder};

const PROSE: [&str; 6] = [
    "The harbour of the town was built in 1911, after the old quay had been washed away in a storm.",
    "For sixty years the ferries left from here every morning, and most of the people who worked on \
     the islands took the first of them.",
    "When the bridge was opened the ferries stopped, but the fishing boats stayed where they were.",
    "A museum in the former customs house shows how the nets were made and mended, and who made them.",
    "In summer there is a market on the pier, with smoked fish, bread, and cheese from the hills.",
    "The lighthouse can be climbed on the first Sunday of the month if the weather is fair enough.",
];

fn read(page: &str) -> Document {
    let dir = folder(&[("p.html", page.as_bytes())]);
    documents(dir.path()).remove(0)
}

/// A page as they are: prose in the middle, everything else around it.
fn ordinary() -> String {
    let mut page = "<!DOCTYPE html><html lang=en><head><title>The harbour - Islands</title>\
        <script src='https://www.googletagmanager.com/gtm.js'></script></head><body>\
        <div class='cookie-banner'><p>We use cookies to improve your experience on our site. By \
        going on you agree to our use of cookies.</p><a href=/c>Accept all</a></div>\
        <div class=header><ul><li><a href=/>Home</a><li><a href=/news>News</a><li><a href=/shop>Shop\
        </a><li><a href=/about>About us</a></ul></div><div class=content-wrapper>\
        <div class=post-content><h1>The harbour</h1><p class=byline>By A. Fisher</p>"
        .to_owned();
    for prose in PROSE {
        write!(page, "<p>{prose} See <a href=/map>the map</a>.</p>").unwrap();
    }
    page += "</div><div class='social-share'><ul><li><a href=x>Share on Facebook</a><li>\
        <a href=y>Share on Twitter</a></ul></div><div class=related-posts><h3>Related posts</h3><ul>";
    for n in 0..6 {
        write!(page, "<li><a href=/p{n}>Ten things to see on island number {n}</a>").unwrap();
    }
    page += "</ul></div></div><div class=footer><p>Copyright 2024 Islands. All rights reserved.</p>\
        <ul><li><a href=/privacy>Privacy policy</a><li><a href=/terms>Terms of service</a></ul></div>\
        </body></html>";
    page
}

#[test]
fn an_ordinary_page_keeps_its_prose_and_loses_the_rest() {
    let text = read(&ordinary()).text;
    for prose in PROSE {
        assert!(text.contains(prose), "{prose} is not in:\n{text}");
    }
    for junk in ["use of cookies", "Share on", "island number 3", "All rights", "Privacy policy"] {
        assert!(!text.contains(junk), "{junk} is in:\n{text}");
    }
}

#[test]
fn what_scripts_put_in_place_is_read() {
    let parts: String = PROSE.iter().map(|prose| format!("<p>{prose} {prose}</p>")).collect();
    let page = format!(
        "<body><p>Loading the page. {}</p><div hidden id=S:0>{parts}</div>",
        "Wait. ".repeat(50)
    );
    assert!(read(&page).text.contains(PROSE[5]));
    // A little hidden text beside much that is seen stays hidden.
    let page = format!("<body>{parts}{parts}<div hidden><p>{}</p></div>", "Buy this. ".repeat(120));
    assert!(!read(&page).text.contains("Buy this"));
}

#[test]
fn a_page_of_scripts_alone_gives_its_structured_body() {
    let body = PROSE.join("\\n");
    let page = format!(
        "<title>T</title><script type=application/ld+json>{{\"@type\": \"NewsArticle\", \
         \"datePublished\": \"2024-05-01\", \"articleBody\": \"{body}\"}}</script><div id=app></div>"
    );
    let document = read(&page);
    assert!(document.text.contains(PROSE[0]) && document.text.contains(PROSE[5]));
    assert_eq!(document.date.as_deref(), Some("2024-05-01"));
    assert_eq!(document.signals.unwrap().types, ["NewsArticle"]);
    let page = page.replace("\"@type\"", "\"@type");
    let dir = folder(&[("p.html", page.as_bytes())]);
    assert!(documents(dir.path()).is_empty());
}

#[test]
fn headings_that_unfold_are_read() {
    let page = "<main><h3><button>Is it open?</button></h3><p>Yes, all year.</p><button>Go</button>\
        <h3>Struct A<button>Copy</button></h3></main>";
    assert_eq!(read(page).text, "### Is it open?\n\nYes, all year.\n\n### Struct A");
}

#[test]
fn what_a_click_unfolds_is_read() {
    let page = "<main><p>Oak table.</p><div role=tabpanel id=tabs-2 hidden><p>Width 90 cm.</p></div>\
        <div class=accordion><div style='display:none'><p>Made in Wales.</p></div></div>\
        <div class='menu-collapse' hidden><p>no1</p></div><div hidden><p>no2</p></div>\
        <div class=accordion style='font-size:0'><p>no3</p></div>\
        <div class='cart-panel' hidden><p>no4</p></div></main>";
    assert_eq!(read(page).text, "Oak table.\n\nWidth 90 cm.\n\nMade in Wales.");
}

#[test]
fn what_lowers_the_quality_of_a_page_is_told() {
    let clean = read(&ordinary()).signals.unwrap();
    assert_eq!(clean.trackers, ["googletagmanager.com"]);
    assert_eq!(quality(&clean).reasons, [""; 0]);
    let mut page = ordinary().replace("<h1>", "<ins class=adsbygoogle></ins><h1>");
    for n in 0..8 {
        write!(page, "<p><a href='https://www.amazon.com/dp/{n}?tag=isl-20'>Buy {n}</a></p>")
            .unwrap();
    }
    for host in ["doubleclick.net", "cdn.taboola.com", "static.criteo.net", "www.hotjar.com"] {
        write!(page, "<script src=https://{host}/x.js></script>").unwrap();
    }
    let spam = read(&page).signals.unwrap();
    let quality = quality(&spam);
    assert_eq!((spam.ad_slots, spam.outgoing["amazon.com"]), (1, 8));
    assert_eq!(quality.reasons, ["8 affiliate links", "5 trackers"]);
    assert!(quality.score < 0.85);
}

#[test]
fn text_and_records_have_no_signals() {
    let dir = folder(&[("a.md", b"# A\n\nText."), ("b.txt", b"Text.")]);
    assert!(documents(dir.path()).iter().all(|document| document.signals.is_none()));
}

#[test]
fn documentation_has_full_quality() {
    let sysroot = std::process::Command::new("rustc").args(["--print", "sysroot"]).output();
    let sysroot = sysroot.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let html = Path::new(&sysroot.unwrap_or_default()).join("share/doc/rust/html");
    for book in ["book", "reference"] {
        let folder = html.join(book);
        if !folder.is_dir() {
            println!("skipped: no documentation at {}", folder.display());
            continue;
        }
        for document in documents(&folder) {
            let quality = quality(&document.signals.unwrap_or_default());
            assert!(quality.score >= 1.0, "{book}/{}: {quality:?}", document.id);
        }
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((z ^ (z >> 27)) % n.max(1) as u64) as usize
    }
}

#[test]
fn mangled_pages_neither_break_nor_hold_up_the_reader() {
    let odd = "<table><tr><td>a<td><ul><li>b<select><option>c</select><script type=application/ld+json>\
        {\"@type\":[\"Product\"],\"description\":\"d\"}</script><pre>e\n f</pre><svg><title>g</svg>\
        <div hidden aria-hidden=true style='display:none;opacity:0'>h</div><dl><dt>i<dd>j</dl>&#x202e;&amp\
        <h2><button>k</button></h2><noscript>l</noscript><!-- m --><a href='https://amzn.to/x'>n</a>";
    let page = ordinary().replace("<h1>", &format!("{odd}<h1>")).into_bytes();
    let dir = folder(&[]);
    let path = dir.path().join("p.html");
    let mut random = Random(20);
    let begin = Instant::now();
    let mut read = 0;
    while begin.elapsed() < Duration::from_secs(3) {
        let mut mangled = page.clone();
        for _ in 0..=random.below(12) {
            let from = random.below(mangled.len());
            let to = (from + random.below(400)).min(mangled.len());
            match random.below(5) {
                0 => drop(mangled.drain(from..to)),
                1 => {
                    let part = mangled[from..to].repeat(1 + random.below(20));
                    mangled.splice(from..from, part);
                }
                2 => mangled
                    .iter_mut()
                    .skip(from)
                    .step_by(97)
                    .for_each(|byte| *byte ^= 1 << (from % 8)),
                3 => mangled.truncate(from.max(1)),
                _ => {
                    let bits = [
                        b"<".as_slice(),
                        b"</",
                        b"'\"",
                        b"<!--",
                        b"<svg>",
                        b"</script>",
                        b"\0",
                        b"\xff",
                    ];
                    mangled.splice(from..from, bits[random.below(bits.len())].iter().copied());
                }
            }
        }
        fs_err::write(&path, &mangled).unwrap();
        let start = Instant::now();
        for document in documents(dir.path()) {
            let quality = quality(&document.signals.unwrap_or_default());
            assert!((0.0..=1.0).contains(&quality.score));
        }
        assert!(start.elapsed() < Duration::from_secs(5), "{}", String::from_utf8_lossy(&mangled));
        read += 1;
    }
    assert!(read > 50, "{read} pages in three seconds");
}

#[test]
fn a_page_of_a_hundred_thousand_blocks_is_read() {
    let page = format!(
        "<body>{}",
        "<div class=item><p>A word and <a href=x>a link</a>.</p></div>".repeat(100_000)
    );
    let start = Instant::now();
    assert!(read(&page).text.len() > 1_000_000);
    assert!(start.elapsed() < Duration::from_secs(20));
}
