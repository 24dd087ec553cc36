//! Filters that a task has to pass to be worth training on, in the order in which they are asked: the
//! cheap ones first, and a model last.

pub(crate) mod calls;
pub(crate) mod closed_book;
pub(crate) mod leak;
pub(crate) mod reader;
pub(crate) mod unique;
pub(crate) mod well_formed;

use serde::Serialize;

/// A filter, by what it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// The question can be put as it stands: length, marks, no pronoun without a noun, and the answer
    /// is not in it.
    WellFormed,
    /// No second answer has support in the store.
    Unique,
    /// A reader finds the answer in the gold evidence, mixed with other passages.
    Answerable,
    /// One query does not give the answer away.
    NoLeak,
    /// One search is not enough.
    Searches,
    /// No task like it was made before, in whatever split.
    New,
    /// A model does not know it without search.
    NotKnown,
}

impl Filter {
    /// All of them, in their order.
    pub const ALL: [Self; 7] = [
        Self::WellFormed,
        Self::Unique,
        Self::Answerable,
        Self::NoLeak,
        Self::Searches,
        Self::New,
        Self::NotKnown,
    ];

    /// What passes it, in a phrase.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::WellFormed => {
                "the question can be put as it stands, and does not hold its answer"
            }
            Self::Unique => "no second answer has support in the store",
            Self::NoLeak => "one query does not find a passage that gives the answer away",
            Self::Answerable => {
                "a reader finds the answer in the evidence, mixed with other passages"
            }
            Self::Searches => "the policy `trail` with a single search does not answer it",
            Self::New => "no task like it was made before, in any split",
            Self::NotKnown => "the model of --model does not know the answer without documents",
        }
    }

    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WellFormed => "well_formed",
            Self::Unique => "unique",
            Self::NoLeak => "no_leak",
            Self::Answerable => "answerable",
            Self::Searches => "searches",
            Self::New => "new",
            Self::NotKnown => "not_known",
        }
    }
}
