//! Pages: whole HTML, nothing to fetch, nothing that a name can break.

use sleuth_eval::report::{
    Block, Figure, Page, Point, Row, Series, Spacing, Table, lines, whiskers,
};
use sleuth_eval::statistics::Interval;
use sleuth_eval::{Answers, Resampling, answers_page, read_systems};

use crate::made::{episode, write};

/// Every element that is opened is closed, in order; attributes are quoted.
fn check_well_formed(html: &str) {
    const EMPTY: [&str; 7] = ["meta", "line", "circle", "rect", "polygon", "path", "!doctype"];
    let mut open: Vec<String> = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let end = at + rest[at..].find('>').unwrap();
        let tag = &rest[at + 1..end];
        assert_eq!(tag.matches('"').count() % 2, 0, "<{tag}>");
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap().to_owned();
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(closed), "</{closed}>");
        } else if !EMPTY.contains(&name.as_str()) {
            open.push(name);
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn a_page_stands_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let mut episodes = vec![episode("a", 0, true), episode("b", 0, false)];
    for episode in &mut episodes {
        episode.policy = "<script>alert('x & \"y\"')</script>".to_owned();
    }
    let path = write(folder.path(), "e.jsonl", &episodes);
    let loaded = read_systems(&[path], None).unwrap();
    let answers = Answers::of(&loaded.systems[0], &Resampling::default());
    let html = answers_page(&[answers]).to_html();
    check_well_formed(&html);
    assert!(!html.contains("<script") && html.contains("&lt;script&gt;"));
    assert!(!html.contains("http") && !html.contains("url("), "nothing is fetched");
    assert!(html.contains("<html lang=\"en\">") && html.contains("prefers-color-scheme:dark"));
    // Each plot says in words what it shows, and each table has heads.
    let n = |what: &str| html.matches(what).count();
    assert!(n("<svg") > 0 && n("<svg") == n("role=\"img\" aria-label="));
    assert!(n("<table>") > 0 && n("<table>") == n("<caption>"));
    assert!(n("scope=\"row\"") > 0 && n("scope=\"col\"") > 0);
}

#[test]
fn plots_say_their_numbers() {
    let interval = Some(Interval { low: 0.2, high: 0.5 });
    let row = |label: &str, value| Row {
        group: "store".to_owned(),
        label: label.to_owned(),
        value,
        interval,
    };
    let svg = whiskers("Means", "share", &[row("trail", 0.35), row("chat", 0.25)]);
    assert!(
        svg.contains("store, trail: 0.350 (0.200 to 0.500); store, chat: 0.250 (0.200 to 0.500)"),
        "{svg}"
    );
    let points = |ys: &[f64]| -> Vec<Point> {
        ys.iter()
            .enumerate()
            .map(|(at, &y)| Point { x: (at + 1) as f64, y, interval: None })
            .collect()
    };
    let series = Series { name: "all".to_owned(), points: points(&[0.5, 0.75, 0.25]) };
    let svg =
        lines("Right", "step", "share", Spacing::Even, &[series], &[(2.0, "since 2".to_owned())]);
    assert!(
        svg.contains("all: from 0.5 at 1 to 0.25 at 3, least 0.25 at 3, most 0.75 at 2"),
        "{svg}"
    );
    let mut table = Table::new("T & co", 1, &["name", "value"]);
    table.rows.push(vec!["<b>".to_owned(), "1".to_owned()]);
    let page = Page {
        title: "P".to_owned(),
        blocks: vec![
            Block::Heading("H".to_owned()),
            Block::Alert("A".to_owned()),
            Block::Table(table),
            Block::Figure(Figure { caption: "C".to_owned(), svg }),
            Block::Figure(Figure {
                caption: "none".to_owned(),
                svg: lines("N", "x", "y", Spacing::Doubling, &[], &[]),
            }),
        ],
    };
    check_well_formed(&page.to_html());
}
