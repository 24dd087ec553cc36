//! What each format becomes.

use expect_test::{Expect, expect};
use sleuth_corpus::Limits;

use crate::{documents, folder, show};

fn check(files: &[(&str, &str)], expected: &Expect) {
    let files: Vec<(&str, &[u8])> = files.iter().map(|(n, c)| (*n, c.as_bytes())).collect();
    let dir = folder(&files);
    expected.assert_eq(&show(dir.path(), Limits::default()));
}

#[test]
fn text_markdown_and_rst_stay_as_they_are() {
    check(
        &[
            ("a/notes.txt", "One.\r\nTwo.\r\n"),
            ("b.md", "---\ntitle: Harbour\n---\n# Other\n\nSee [a](a/notes.txt#x).\n"),
            ("c.rst", "=====\nTitle\n=====\n\nSee :doc:`b`.\n"),
            ("d.rst.txt", "Sources\n-------\n\nSee :doc:`/c`.\n"),
            ("main.rs", "fn main() {}\n"),
            ("README", "Words.\n"),
        ],
        &expect![[r#"
            == README "README"
              1 Words.
            == a/notes.txt "notes"
              1 One.
              2 Two.
            == b.md "Harbour"
              1 ---
              2 title: Harbour
              3 ---
              4 # Other
              5
              6 See [a](a/notes.txt#x).
                [a] -> a/notes.txt
            == c.rst "Title"
              1 =====
              2 Title
              3 =====
              4
              5 See :doc:`b`.
                [] -> b.rst
            == d.rst.txt "Sources"
              1 Sources
              2 -------
              3
              4 See :doc:`/c`.
                [] -> c.rst.txt
            == main.rs "main"
              1 fn main() {}
        "#]],
    );
}

#[test]
fn a_page_becomes_its_main_content() {
    check(
        &[(
            "book/ch1.html",
            r##"<!DOCTYPE html><html lang="en"><head><title>Ownership - The Book</title>
<meta property="article:published_time" content="2024-05-01T10:00:00Z">
<style>p { color: red }</style><script>if (a < b) { "</p>" }</script></head>
<body><nav>Chapters <a href="ch2.html">Two</a></nav><header>The Book</header>
<main>
<h1 id="o"><a class="header" href="#o">Ownership</a></h1>
<p>Each value
has an <em>owner</em>&nbsp;&amp; one
only. See <a href="../ref/types.html#x">types</a>, <a href="https://x.org/">x</a>.</p>
<ul><li>First<li><p>Second</p><p>more of it</p><ul><li>Inner</ul></ul>
<pre><code>fn main() {
    let x = 1 &lt; 2;
}</code></pre>
<table><tr><th>Name<th>Size</tr><tr><td>i8</td><td><p>1 byte</p></td></tr></table>
<dl><dt>term<dd>meaning</dl>
line<br>break <button>Copy</button><svg><title>no</title></svg>
</main><footer>Imprint</footer></body></html>"##,
        )],
        &expect![[r#"
            == book/ch1.html "Ownership" language=en date=2024-05-01T10:00:00Z
              6 # Ownership
              6
              7 Each value has an owner & one only. See types, x.
              9
             10 - First
             10 - Second
             10 - more of it
             10   - Inner
             10
             11 fn main() {
             12     let x = 1 < 2;
             13 }
             13
             14 Name | Size
             14 i8 | 1 byte
             14
             15 term
             15   meaning
             15
             16 line
             16 break no
                [types] -> ref/types.html
                [x] -> https://x.org/
        "#]],
    );
}

#[test]
fn a_page_without_main_loses_its_boilerplate() {
    let prose =
        "The harbour was built in 1911 by the town and has three basins for ships of every size.";
    check(
        &[(
            "p.html",
            &format!(
                "<title>Harbour | Town News</title><div class=sidebar><p>{prose} Not this.</p></div>\n\
                 <div><a href=1>Home</a> <a href=2>News</a></div>\n<h2>Harbour</h2><p>{prose}</p>\
                 <p>Short.</p>\n<p><a href=a>Read this too</a></p><p>{prose}</p>"
            ),
        )],
        &expect![[r#"
            == p.html "Harbour"
              3 ## Harbour
              3
              3 The harbour was built in 1911 by the town and has three basins for ships of every size.
              3
              3 Short.
              3
              4 The harbour was built in 1911 by the town and has three basins for ships of every size.
        "#]],
    );
}

#[test]
fn pages_that_are_no_documents_are_named() {
    check(
        &[
            (
                "old.html",
                "<meta http-equiv=refresh content='0; URL=new.html'><p>Redirecting to new",
            ),
            ("print.html", "<!-- Book generated using mdBook --><p>All chapters"),
            ("script.html", "<script>render()</script>"),
            ("noscript.html", "<script>render()</script><noscript><p>Plain words.</p></noscript>"),
        ],
        &expect![[r#"
            == noscript.html "noscript"
              1 Plain words.
            skipped old.html: empty: expected text, found a page that leads on to `new.html`
            skipped print.html: unsupported: expected a chapter, found a whole mdBook on one page; its chapters are read
            skipped script.html: empty: expected text, found none in 25 bytes
        "#]],
    );
}

#[test]
fn hidden_text_is_not_read() {
    check(
        &[(
            "p.html",
            "<p>Seen.<p hidden>no1<p>Also seen.<div style='color:red; Display : NONE'>no2</div>\
             <span aria-hidden=true>no3</span><div style=\"font-size:0px\">no4</div>\
             <div style='position:absolute;left:-9999px'>no5<div>no6</div></div>\
             <!-- no7 --><template>no8</template><span class='sr-only'>no9</span>\
             <div style='opacity:0'>no10</div><i style='display&#58;none'>no11</i>\
             <p>zero&#8203;width \u{202e}over&#x202d;ride tags\u{e0041}</p><input value=no12>\
             <img alt=no13><a href=javascript:no14>a</a>",
        )],
        &expect![[r#"
            == p.html "p"
              1 Seen.
              1
              1 Also seen.
              1
              1 zerowidth override tags
              1
              1 a
        "#]],
    );
}

#[test]
fn records_keep_their_ids_in_a_beir_root() {
    let corpus = "{\"_id\":\"d1\",\"title\":\"&quot;A&quot; &amp; B\",\"text\":\"One.\",\"url\":\"https://x.org\"}\n\
                  {\"id\":7,\"contents\":\"Two.\",\"language\":\"de\",\"date\":\"2020\"}\n\
                  \n{\"body\":[\"Three.\",\"Four.\"],\"other\":{\"x\":[1]}}\n";
    check(
        &[("corpus.jsonl", corpus), ("queries.jsonl", "{}"), ("qrels.tsv", "x"), ("x/y.md", "# Y")],
        &expect![[r#"
            == d1 ""A" & B"
              1 One.
            == 7 "" language=de date=2020
              2 Two.
            == 4 ""
              4 Three.
              4 Four.
            skipped qrels.tsv: unsupported: expected only documents of `corpus.jsonl`, found a file beside a BEIR corpus
            skipped queries.jsonl: unsupported: expected only documents of `corpus.jsonl`, found a file beside a BEIR corpus
            skipped x/y.md: unsupported: expected only documents of `corpus.jsonl`, found a file beside a BEIR corpus
        "#]],
    );
    check(
        &[("sub/corpus.jsonl", corpus), ("a.md", "# A")],
        &expect![[r#"
            == a.md "A"
              1 # A
            == sub/corpus.jsonl#d1 ""A" & B"
              1 One.
            == sub/corpus.jsonl#7 "" language=de date=2020
              2 Two.
            == sub/corpus.jsonl#4 ""
              4 Three.
              4 Four.
        "#]],
    );
    let dir = folder(&[("data.jsonl", corpus.as_bytes())]);
    let ids: Vec<String> =
        documents(&dir.path().join("data.jsonl")).iter().map(|d| d.id.to_string()).collect();
    assert_eq!(ids, ["d1", "7", "4"]);
}

#[test]
fn compressed_files_are_read_like_others() {
    let pack = |text: &str| zstd::encode_all(text.as_bytes(), 3).unwrap();
    let dir = folder(&[
        ("a.md.zst", &pack("# A\n\ntext\n")),
        ("corpus/r.jsonl.zst", &pack("{\"_id\":\"1\",\"text\":\"One.\"}\n")),
    ]);
    expect![[r#"
        == a.md.zst "A"
          1 # A
          2
          3 text
        == corpus/r.jsonl.zst#1 ""
          1 One.
    "#]]
    .assert_eq(&show(dir.path(), Limits::default()));
}

#[test]
fn a_single_file_is_a_corpus() {
    let dir = folder(&[("a b.txt", b"Words."), ("other.txt", b"x")]);
    let documents = documents(&dir.path().join("a b.txt"));
    assert_eq!(documents.len(), 1);
    assert_eq!(documents[0].id.as_str(), "a b.txt");
    let url = documents[0].url.clone().unwrap();
    assert!(url.starts_with("file:///") && url.ends_with("/a%20b.txt"), "{url}");
}

#[test]
fn chinese_folders_are_read() {
    let (gbk, _, _) = encoding_rs::GBK.encode("北京是中华人民共和国的首都，也是全国的政治中心。");
    let (jis, _, _) =
        encoding_rs::SHIFT_JIS.encode("東京は日本の首都であり、世界最大の都市圏の一つである。");
    let dir = folder(&[
        ("中文/北京.txt", &gbk),
        ("中文/页.html", "<html lang=zh><title>港口</title><p>港口建于1911年。".as_bytes()),
        ("日本.txt", &jis),
    ]);
    expect![[r#"
        == 中文/北京.txt "北京"
          1 北京是中华人民共和国的首都，也是全国的政治中心。
        == 中文/页.html "港口" language=zh
          1 港口建于1911年。
        == 日本.txt "日本"
          1 東京は日本の首都であり、世界最大の都市圏の一つである。
    "#]]
    .assert_eq(&show(dir.path(), Limits::default()));
}
