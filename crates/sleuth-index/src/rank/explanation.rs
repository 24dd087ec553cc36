//! What the score of a hit is made of, as data.
//!
//! ```text
//! score = (terms + vector + named + passed) · factors
//! ```
//!
//! where each part is the sum of the shares in it. A document's words count by the passage where they
//! count most, and its vector by the passage that is nearest; neither need be the passage shown.

use serde::Serialize;
use sleuth_records::{DocumentId, Ranking};

/// A ranking with what its scores are made of; see [`Store::explain`](crate::Store::explain).
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// What the search finds.
    pub ranking: Ranking,
    /// One for each hit, in their order.
    pub explanations: Vec<Explanation>,
}

/// What a score goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Nothing: the query is all filters, and what passes them is listed, the newest first. The score says
    /// the place and nothing else.
    Listing,
    /// BM25 of the passage, in its own measure.
    Words,
    /// All parts of the search that were asked for and the store has. The score is of the document; where
    /// further passages of it are hits, they have a part of it.
    Parts,
}

/// Why a hit stands where it does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// What the score goes by.
    pub basis: Basis,
    /// The sum of all shares, times all factors.
    pub score: f32,
    /// Words of the query in the document, the greatest share first. Empty where words do not count.
    pub terms: Vec<TermShare>,
    /// The passage whose words these are: its first byte in the document's text and the one after its last.
    pub terms_in: Option<[usize; 2]>,
    /// Nearness of meaning, or why it does not count.
    pub vector: VectorPart,
    /// Names in the question by which the document is called.
    pub named: Vec<NameShare>,
    /// What other documents passed on: the best source, and the second best for half of what it passes.
    pub passed: Vec<Passed>,
    /// What the whole is multiplied by, in this order; usually nothing.
    pub factors: Vec<Factor>,
}

/// A term of the query in a passage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TermShare {
    /// The term as the index has it.
    pub term: String,
    /// The word as it stands in the query; the term where it stands there in no one place.
    pub word: String,
    /// Times that it stands in the title.
    pub title: u32,
    /// Times that it stands in the passage's text.
    pub body: u32,
    /// Its share of the score.
    pub share: f32,
    /// What it would count beside, were it not part of a name whose bearer the document does not speak of.
    pub held_back: f32,
    /// That name, as it stands in the query.
    pub part_of: Option<String>,
}

/// The part of vectors.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum VectorPart {
    /// They count.
    Near(Nearness),
    /// They do not.
    Without {
        /// Why.
        without: NoVectors,
    },
}

/// How near a document is to the query.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Nearness {
    /// Cosine of the nearest passage, from -1 to 1. Nothing where there are so many that it was ruled out
    /// beforehand.
    pub cosine: Option<f32>,
    /// From 0, no nearer than the hundredth document, to 1, the nearest of all.
    pub nearness: f32,
    /// Its share of the score.
    pub share: f32,
    /// The nearest passage, as [`Explanation::terms_in`].
    pub passage: Option<[usize; 2]>,
}

/// Why vectors do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoVectors {
    /// The query does not ask for them.
    NotAsked,
    /// The store has none.
    NoneMade,
    /// Some passages have none yet.
    Incomplete,
    /// Their embedder is not there to make one of the query.
    NoEmbedder,
}

/// A name in the question.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NameShare {
    /// As it stands there.
    pub words: String,
    /// What it adds to the score of the document that bears it.
    pub share: f32,
}

/// What one document passed to another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Passed {
    /// The source.
    pub document: DocumentId,
    /// What of the score of the document at the other end came from it.
    pub share: f32,
    /// What joins the two.
    pub along: Along,
    /// What the source has by its words and its vector.
    pub own: f32,
    /// What the source has for being named in the question.
    pub named: f32,
    /// What the source has from others.
    pub passed: f32,
    /// From whom, where that is more than it has by itself. At most two steps in all; nothing where the most
    /// of it came from a document on the way here.
    pub from: Vec<Passed>,
}

/// What joins a source with the document that it passes to. The words are missing only where the graph
/// and the text disagree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Along {
    /// The source names it.
    Names {
        /// By these words of its text.
        words: Option<String>,
    },
    /// The source links to it.
    Links {
        /// The words that carry the link; may be empty.
        words: String,
    },
    /// It names the source, or links to it.
    NamedBy {
        /// By these words of its text.
        words: Option<String>,
    },
    /// Both speak of something by the same name.
    Shares {
        /// As it stands in one of them.
        name: Option<String>,
    },
}

/// What a whole score is multiplied by.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Factor {
    /// Below 1 holds the document back, above 1 lifts it.
    pub factor: f32,
    /// In words for people, such as `20 affiliate links`.
    pub reason: String,
}

impl Explanation {
    /// What words add.
    pub fn by_terms(&self) -> f32 {
        sum(self.terms.iter().map(|term| term.share))
    }

    /// What nearness adds.
    pub fn by_vector(&self) -> f32 {
        match &self.vector {
            VectorPart::Near(near) => near.share,
            VectorPart::Without { .. } => 0.0,
        }
    }

    /// What being named adds.
    pub fn by_name(&self) -> f32 {
        sum(self.named.iter().map(|name| name.share))
    }

    /// What other documents add.
    pub fn by_others(&self) -> f32 {
        sum(self.passed.iter().map(|passed| passed.share))
    }

    /// All shares times all factors: the score again, within rounding, except of a listing.
    pub fn sum(&self) -> f32 {
        let factors: f32 = self.factors.iter().map(|factor| factor.factor).product();
        (self.by_terms() + self.by_vector() + self.by_name() + self.by_others()) * factors
    }
}

/// The sum of no shares is 0, and not the -0 that the library has for it.
fn sum(shares: impl Iterator<Item = f32>) -> f32 {
    shares.fold(0.0, |sum, share| sum + share)
}
