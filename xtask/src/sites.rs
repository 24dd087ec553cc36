//! `bench sites`: how long lists of sites take to read, and to decide about the pages of a store.
//!
//! Names and addresses are made up from a seed. Half of the pages lie on hosts that the lists name.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use anyhow::{Result, bail};
use sleuth_index::{SiteList, SiteLists};

const PAGES: usize = 33_000;

/// Kinds of rules, and how many of each are measured.
const KINDS: [(&str, usize); 6] = [
    ("domains, uBlacklist", 100_000),
    ("domains, Goggles", 100_000),
    ("paths without a host, Goggles", 10_000),
    ("titles, Goggles", 1_000),
    ("regular expressions of addresses", 1_000),
    ("all of these", 212_000),
];

pub(crate) fn bench(options: &[&str]) -> Result<()> {
    if !options.is_empty() {
        bail!("`bench sites` takes no options, found `{}`", options.join(" "));
    }
    let pages: Vec<(String, String)> = (0..PAGES).map(page).collect();
    println!("{PAGES} pages, one thread");
    println!("| rules | number | read, ms | decide, ms | a page, µs | blocked or weighed |");
    println!("|---|---|---|---|---|---|");
    for (kind, number) in KINDS {
        let begun = Instant::now();
        let lists = lists(kind, number)?;
        let read = begun.elapsed();
        let begun = Instant::now();
        let mut touched = 0;
        for (url, title) in &pages {
            touched += usize::from(black_box(lists.verdict(Some(url), title)).rule.is_some());
        }
        let decided = begun.elapsed();
        println!(
            "| {kind} | {number} | {:.0} | {:.0} | {:.2} | {touched} |",
            read.as_secs_f64() * 1e3,
            decided.as_secs_f64() * 1e3,
            decided.as_secs_f64() * 1e6 / PAGES as f64,
        );
    }
    Ok(())
}

fn lists(kind: &str, number: usize) -> Result<SiteLists> {
    if kind == "all of these" {
        let mut all = Vec::new();
        for (kind, number) in &KINDS[..KINDS.len() - 1] {
            all.push(SiteList::parse(kind, &text(kind, *number))?);
        }
        return Ok(SiteLists::new(all));
    }
    Ok(SiteLists::new(vec![SiteList::parse(kind, &text(kind, number))?]))
}

fn text(kind: &str, number: usize) -> String {
    let comment = if kind.ends_with("Goggles") { '!' } else { '#' };
    let mut out = format!("{comment} made up\n");
    for n in 0..number {
        let name = name(n);
        let _ = match kind {
            "domains, uBlacklist" => writeln!(out, "*://*.{name}.example/*"),
            "domains, Goggles" => writeln!(out, "$downrank=2,site={name}.example"),
            "paths without a host, Goggles" => writeln!(out, "/{name}/*.html^$downrank"),
            "titles, Goggles" => writeln!(out, "{name} deals$intitle,discard"),
            _ => writeln!(out, r"/^https?:\/\/([^\/]+\.)?{name}\.(net|org)\//"),
        };
    }
    out
}

/// A name that looks like one, the same for the same number.
fn name(n: usize) -> String {
    let mut x = (n as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut out = String::new();
    for _ in 0..4 {
        x ^= x >> 29;
        x = x.wrapping_mul(0xBF58_476D_1CE4_E5B9);
        out.push(char::from(b"bdfgklmnprstvz"[(x >> 40) as usize % 14]));
        out.push(char::from(b"aeiou"[(x >> 50) as usize % 5]));
    }
    out
}

fn page(n: usize) -> (String, String) {
    let (host, ending) = (name(n * 6), if n.is_multiple_of(2) { "example" } else { "test" });
    let (a, b) = (name(n + 7), name(n + 1_000_000));
    (format!("https://www.{host}.{ending}/{a}/{b}/{n}.html?page=2"), format!("The {b} of {a}"))
}
