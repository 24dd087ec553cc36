//! Lists of sites that a person wants to see first, last or never.
//!
//! Two formats are read, those of the browser extension uBlacklist and of Brave's Goggles, so that lists
//! which others keep can be used as they are. Both are one rule a line.
//!
//! ```text
//! # uBlacklist                          ! Goggles
//! *://*.example.com/*                   $discard,site=example.com
//! *://example.com/ads/*                 /ads/$discard,site=example.com
//! /example\.(net|org)/                  |https://example.$downrank=3
//! title*="casino"i & !scheme="https"    casino$intitle,discard
//! @*://*.example.org/*                  $boost=3,site=example.org
//! @2*://docs.example.org/*              /docs^$boost=2
//! *://a.org/* @if(title=/^Ad/)          $discard
//! ```
//!
//! # uBlacklist
//!
//! A rule is a match pattern (`*`, `http` or `https`, a host with `*.` before it for those below, a path
//! with `*`), a match pattern with `@if(expression)`, or an expression. Expressions compare `url`,
//! `title`, `scheme`, `host` and `path` by `=`, `^=`, `$=`, `*=` (with `i` behind the text where case does
//! not count) or by a regular expression, and are joined by `!`, `&`, `|` and brackets. A rule blocks; with
//! `@` before it it unblocks, and with `@1`, `@2` … it highlights, which also unblocks. Comments begin
//! with `#`, and a front matter between `---` is passed over.
//!
//! Not supported: `$site`, `$category` and other properties of a page of results, and what no regular
//! expression of linear time can have (look-around, back references).
//!
//! # Goggles
//!
//! An instruction is a pattern that is looked for in the address, with `*` for any characters, `^` for a
//! separator or the end and `|` for either end of the address, then `$` and options: `boost`, `boost=1` to
//! `10`, `downrank`, `discard`, `site=` for a domain and those below it, `inurl` (what is meant without
//! it), and `intitle`. Without an action it boosts by 1. Case does not count. `$discard` alone discards
//! whatever no other instruction of the file matches. Comments and metadata begin with `!`.
//!
//! Not supported: `indescription` and `incontent`. Brave's limits of one instruction hold: 500
//! characters, two `*`, two `^`.
//!
//! # What several rules come to
//!
//! All rules of all lists are one pool:
//!
//! 1. Where an `@` rule matches, nothing is blocked.
//! 2. Else a rule that blocks or discards decides.
//! 3. Else, where lists say `$discard` alone, a page that no instruction of any of *these* lists matches is
//!    blocked: two of them leave what either wants.
//! 4. Else the strongest boost or highlight *n* decides: the score is multiplied by `1 + n/10`.
//! 5. Else the mildest downrank *n* decides: the score is divided by `1 + n/5`.
//!
//! So a boost at most doubles a score, and never lifts what does not match a query at all, whose score
//! is nothing. A document without an address of the web (`http` or `https`) is touched by rules that ask
//! about titles and nothing else, and by no others. Of what stands
//! behind the host of an address and of a title the first 2,048 bytes are looked at.
//!
//! # What goes wrong
//!
//! A line that is no rule, one that is not supported, and one with more in its expression than is allowed
//! is a warning with its number; the others count. Allowed are 1,000 comparisons, brackets and `!` in a
//! rule, 1,000,000 of them and 10,000 regular expressions in a list, those of lines that are passed over
//! included. A list without any rule, of more than 16 MiB ([`SiteList::MOST_BYTES`]) or more than 200,000
//! rules ([`MOST_RULES`]) is an error.

mod address;
mod cursor;
mod expression;
mod glob;
mod goggles;
mod matcher;
mod regular;
mod rule;
mod ublacklist;

#[cfg(test)]
mod tests;

use std::fmt;

use serde::Serialize;
use sleuth_records::Digest;

use crate::IndexError;
use address::Address;
pub(crate) use address::{Parts, ascii_host};
use matcher::Matcher;
use rule::{Action, Page, Rule};

/// Most lines of a list that are neither empty nor comments.
pub(crate) const MOST_RULES: usize = 200_000;

/// Most bytes of what stands behind the host of an address, and of a title, that rules look at.
const LOOKED_AT: usize = 2048;

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ListFormat {
    /// The format of uBlacklist.
    Ublacklist,
    /// The format of Goggles.
    Goggles,
}

impl fmt::Display for ListFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ublacklist => "uBlacklist",
            Self::Goggles => "Goggles",
        })
    }
}

/// A line of a list that is passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListWarning {
    /// Number of the line, from 1.
    pub line: u32,
    /// What was expected and found.
    pub message: String,
}

impl fmt::Display for ListWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// What a reader of either format found.
#[derive(Debug, Default)]
struct Parsed {
    rules: Vec<Rule>,
    /// Line of the `$discard` that stands alone.
    discards_the_rest: Option<u32>,
    warnings: Vec<ListWarning>,
}

impl Parsed {
    fn n_rules(&self) -> usize {
        self.rules.len() + usize::from(self.discards_the_rest.is_some())
    }
}

/// One list.
#[derive(Debug)]
pub struct SiteList {
    name: String,
    format: ListFormat,
    digest: String,
    matcher: Matcher,
    discards_the_rest: Option<u32>,
    warnings: Vec<ListWarning>,
}

impl SiteList {
    /// Longest list, in bytes.
    pub const MOST_BYTES: usize = 16 << 20;

    /// Reads the list `text`. `name` is for messages; where it ends with `.goggle` or `.goggles`, that
    /// is its format, and else the lines tell.
    ///
    /// # Errors
    /// [`IndexError::Sites`] when there is no rule in it, or too much.
    pub fn parse(name: &str, text: &str) -> Result<Self, IndexError> {
        let refused = |reason: String| IndexError::Sites { name: name.to_owned(), reason };
        if text.len() > Self::MOST_BYTES {
            return Err(refused(format!(
                "expected at most {} bytes, found more",
                Self::MOST_BYTES
            )));
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let format = format_of(name, text);
        let comment = match format {
            ListFormat::Ublacklist => '#',
            ListFormat::Goggles => '!',
        };
        let is_rule = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with(comment);
        let n_lines = text.lines().filter(is_rule).count();
        if n_lines > MOST_RULES {
            return Err(refused(format!("expected at most {MOST_RULES} rules, found {n_lines}")));
        }
        let parsed = match format {
            ListFormat::Ublacklist => ublacklist::parse(text),
            ListFormat::Goggles => goggles::parse(text),
        };
        if parsed.n_rules() == 0 {
            return Err(refused(match parsed.warnings.first() {
                None => "expected rules, found none".to_owned(),
                Some(first) => format!("no line of it is a rule of {format}; {first}"),
            }));
        }
        Ok(Self {
            name: name.to_owned(),
            format,
            digest: Digest::new().field(format.to_string().as_bytes()).field(text.as_bytes()).hex(),
            matcher: Matcher::new(parsed.rules),
            discards_the_rest: parsed.discards_the_rest,
            warnings: parsed.warnings,
        })
    }

    /// Its name, as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The format that it was read as.
    pub fn format(&self) -> ListFormat {
        self.format
    }

    /// Number of its rules.
    pub fn n_rules(&self) -> usize {
        self.matcher.len() + usize::from(self.discards_the_rest.is_some())
    }

    /// The lines that are passed over.
    pub fn warnings(&self) -> &[ListWarning] {
        &self.warnings
    }
}

/// The first `most` bytes of `text`, or a little less where a character would be cut.
fn head_of(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// The format of the list `text`: by its name, by its front matter, or by the lines that can be of one
/// format only. Where none can, uBlacklist, which takes fewer lines for rules.
fn format_of(name: &str, text: &str) -> ListFormat {
    let lower = name.to_lowercase();
    if lower.ends_with(".goggle") || lower.ends_with(".goggles") {
        return ListFormat::Goggles;
    }
    if text.lines().next().is_some_and(|line| line.trim_end() == "---") {
        return ListFormat::Ublacklist;
    }
    let (mut ublacklist, mut goggles) = (0usize, 0usize);
    for line in text.lines().map(str::trim) {
        let options = line.rsplit_once('$').map_or("", |(_, options)| options);
        let is_option = options.split(',').any(|option| {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            ["boost", "downrank", "discard", "site", "inurl", "intitle"].contains(&name.trim())
                && !value.contains(['"', '\'', ' ', '/'])
        });
        if line.starts_with("! ") || line == "!" || is_option {
            goggles += 1;
        } else if line.starts_with(['#', '@'])
            || line.starts_with("*://")
            || (line.contains("://") && line.ends_with("/*"))
        {
            ublacklist += 1;
        }
    }
    if goggles > ublacklist { ListFormat::Goggles } else { ListFormat::Ublacklist }
}

/// What lists make of a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What becomes of it.
    pub effect: Effect,
    /// The rule that decided; none where no rule matches.
    pub rule: Option<DecidingRule>,
}

impl Verdict {
    /// Whether the page is never shown.
    pub fn blocks(&self) -> bool {
        self.effect == Effect::Block
    }

    /// What its score is multiplied by; 0 where it is never shown.
    pub(crate) fn weight(&self) -> f32 {
        match self.effect {
            Effect::Block => 0.0,
            Effect::Weight(weight) => weight,
        }
    }
}

/// What becomes of a page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Effect {
    /// It is never shown.
    Block,
    /// Its score is multiplied by this: 1/3 to 2.
    Weight(f32),
}

/// Where a rule stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecidingRule {
    /// Number of its list, from 0.
    pub list: usize,
    /// Number of its line, from 1.
    pub line: u32,
}

/// Several lists, which decide together.
#[derive(Debug, Default)]
pub struct SiteLists {
    lists: Vec<SiteList>,
}

/// The rules that match a page, by what they do.
#[derive(Default)]
struct Found {
    unblock: Option<DecidingRule>,
    block: Option<DecidingRule>,
    boost: Option<(u8, DecidingRule)>,
    demote: Option<(u8, DecidingRule)>,
}

impl SiteLists {
    /// Joins `lists`.
    pub fn new(lists: Vec<SiteList>) -> Self {
        Self { lists }
    }

    /// The lists, in the order that [`DecidingRule`] numbers them by.
    pub fn lists(&self) -> &[SiteList] {
        &self.lists
    }

    /// Names what the lists say: the same texts in the same formats have the same id, in
    /// whatever files they stand.
    pub fn id(&self) -> String {
        let mut digests: Vec<&str> = self.lists.iter().map(|list| &*list.digest).collect();
        digests.sort_unstable();
        let mut digest = Digest::new();
        for one in digests {
            digest.field(one.as_bytes());
        }
        digest.hex()[..16].to_owned()
    }

    /// What the lists make of the page at `url` with this title, as the [module](self) says.
    pub fn verdict(&self, url: Option<&str>, title: &str) -> Verdict {
        let (address, title) = (url.and_then(Address::of_web), head_of(title, LOOKED_AT));
        let lower_title = title.to_lowercase();
        let page = Page { address: address.as_ref(), title, lower_title: &lower_title };
        let mut found = Found::default();
        let mut rest = None;
        let mut wanted = false;
        for (list, at) in self.lists.iter().zip(0..) {
            let mut matched = false;
            list.matcher.for_each_match(&page, &mut |rule| {
                matched = true;
                found.add(rule, at);
            });
            if let Some(line) = list.discards_the_rest {
                rest = rest.or(Some(DecidingRule { list: at, line }));
                wanted |= matched;
            }
        }
        // A file of one's own is no page that somebody forgot to list.
        let discarded = rest.filter(|_| !wanted && address.is_some());
        found.verdict(discarded)
    }
}

impl Found {
    fn add(&mut self, rule: &Rule, list: usize) {
        let decides = DecidingRule { list, line: rule.line };
        // Of rules that say the same, the first one counts.
        let key = |rule: &DecidingRule| (rule.list, rule.line);
        let earlier = |known: &mut Option<DecidingRule>| {
            if known.as_ref().is_none_or(|known| key(&decides) < key(known)) {
                *known = Some(decides);
            }
        };
        let boost = |known: &mut Option<(u8, DecidingRule)>, n: u8| {
            let better = known.as_ref().is_none_or(|(strength, rule)| {
                n > *strength || (n == *strength && key(&decides) < key(rule))
            });
            if better {
                *known = Some((n, decides));
            }
        };
        match rule.action {
            Action::Block => earlier(&mut self.block),
            Action::Unblock => earlier(&mut self.unblock),
            Action::Highlight(n) => {
                earlier(&mut self.unblock);
                boost(&mut self.boost, n);
            }
            Action::Boost(n) => boost(&mut self.boost, n),
            Action::Demote(n) => {
                let milder = self.demote.as_ref().is_none_or(|(strength, rule)| {
                    n < *strength || (n == *strength && key(&decides) < key(rule))
                });
                if milder {
                    self.demote = Some((n, decides));
                }
            }
        }
    }

    /// The verdict, where `discarded` is the rule that discards what nobody wants.
    fn verdict(self, discarded: Option<DecidingRule>) -> Verdict {
        let of = |effect, rule| Verdict { effect, rule: Some(rule) };
        if self.unblock.is_none()
            && let Some(rule) = self.block.or(discarded)
        {
            return of(Effect::Block, rule);
        }
        match (self.boost, self.demote, self.unblock) {
            (Some((n, rule)), _, _) => of(Effect::Weight(1.0 + f32::from(n) / 10.0), rule),
            (None, Some((n, rule)), _) => {
                of(Effect::Weight(1.0 / (1.0 + f32::from(n) / 5.0)), rule)
            }
            (None, None, Some(rule)) => of(Effect::Weight(1.0), rule),
            (None, None, None) => Verdict { effect: Effect::Weight(1.0), rule: None },
        }
    }
}
