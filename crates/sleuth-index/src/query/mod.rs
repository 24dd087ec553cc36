//! What a person may write into a search, and which documents pass it.
//!
//! ```text
//! fox hunting            words: the more and the rarer of them, the better
//! "flights to London"    these words in a row, in the title or in one passage
//! -draft  -"first draft" no document that holds it
//! title:atlas            in the title; title:"red atlas" in a row
//! site:example.org       on this host or one below it; site:example.org/blog below that path
//! lang:de                in this language: a code, or its English name
//! after:2020-01-01       dated on that day or later; also 2020-01, 2020
//! before:2021            dated before the first day of it
//! id:people/             the id begins so
//! ```
//!
//! Each filter can be turned round by a `-` before it, and any value can stand in quotes. Of several
//! `site:`, `lang:` or `id:` one is enough; of everything else all must hold. Words in quotes and of
//! titles are looked for like other words, too. A query of nothing but filters lists what passes, the
//! newest first, then by id.
//!
//! Nothing that a person types is an error: what is not a filter is words. Quotes that nobody closes,
//! a colon after an unknown name, a date that is none, a dash before another dash or before a space, and
//! quoted stop words alone (the index does not hold them) are all taken as words. Only
//! [`Query::parse`](crate::Query::parse) reads this; the text of
//! [`Query::new`](crate::Query::new) is words whatever stands in it.
//!
//! Since stop words are not in the index, a phrase cannot tell *flights to London* from *flights in
//! London*; words are stemmed in phrases as elsewhere. A document without a date passes neither
//! `after:` nor `before:`.
//!
//! Filters decide before a ranking is cut to its length. The first query by site, date or listing reads
//! the head of every record once, the first by language detects the languages (see
//! [`crate::language`]); both tables stay in memory while the store is open.

mod allowed;
mod day;
mod details;
mod parse;
mod row;
mod single;

use serde::{Deserialize, Serialize};

pub(crate) use allowed::Allowed;
pub use day::Day;
pub(crate) use details::{Place, host_and_path, languages, places, verdicts};
pub(crate) use single::{Terms, single};

/// What documents must and must not be, beside the words that they are ranked by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Conditions that hold. Of several sites, languages or ids one is enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub must: Vec<Condition>,
    /// Conditions of which none holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub must_not: Vec<Condition>,
}

/// Something that is true of a document or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Its title, or a passage of it, holds these words in a row. Text without any is never held.
    Words(String),
    /// Its title holds these words in a row.
    Title(String),
    /// Its address is on this host or one below it, and below the path where there is one:
    /// `example.org`, `example.org/blog`. Lower-case host, no port.
    Site(String),
    /// It is in this language: a BCP 47 tag in lower case, such as `de` or `de-at`.
    Language(String),
    /// It is dated on this day or later.
    After(Day),
    /// It is dated before this day.
    Before(Day),
    /// Its id begins so.
    Id(String),
}

impl Filter {
    /// Whether every document passes.
    pub fn is_empty(&self) -> bool {
        self.must.is_empty() && self.must_not.is_empty()
    }
}

impl Condition {
    /// Conditions of one kind of which one is enough share a name.
    fn alternative(&self) -> Option<&'static str> {
        match self {
            Self::Site(_) => Some("site"),
            Self::Language(_) => Some("language"),
            Self::Id(_) => Some("id"),
            Self::Words(_) | Self::Title(_) | Self::After(_) | Self::Before(_) => None,
        }
    }
}
