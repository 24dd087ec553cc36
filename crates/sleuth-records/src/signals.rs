//! What a page gives away about its own quality, and what that says.
//!
//! [`Signals`] are counted while a page is read and stay with its document; [`quality`] weighs them.
//! The kinds of signals are those that a study of search results found to go with spam: ads, trackers,
//! affiliate links, stuffed keywords, simple and repeated text (Bevendorff et al., "Is Google Getting
//! Worse?", ECIR 2024). No one of them makes a page bad, so each costs little and all are named.
//!
//! A document without signals (plain text, Markdown, records) has quality 1.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Counts from one page. Shares are in thousandths.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Signals {
    /// Words of the main text.
    #[serde(skip_serializing_if = "is_zero")]
    pub words: u32,
    /// Share of the main text that is link text.
    #[serde(skip_serializing_if = "is_zero")]
    pub link_share: u32,
    /// Elements `script`.
    #[serde(skip_serializing_if = "is_zero")]
    pub scripts: u32,
    /// Known services for tracking that the page loads from, by host, sorted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trackers: Vec<String>,
    /// Places for advertisements.
    #[serde(skip_serializing_if = "is_zero")]
    pub ad_slots: u32,
    /// Links that pay the page for a sale.
    #[serde(skip_serializing_if = "is_zero")]
    pub affiliate_links: u32,
    /// Links to other hosts, by host; the 32 most linked.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub outgoing: BTreeMap<String, u32>,
    /// The most frequent content word of the text; empty for none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub top_word: String,
    /// Its share of all words.
    #[serde(skip_serializing_if = "is_zero")]
    pub top_share: u32,
    /// Share of the runs of three words that stood in the text before.
    #[serde(skip_serializing_if = "is_zero")]
    pub repeated: u32,
    /// How often the words of the title stand in the text, for each hundred of its words.
    #[serde(skip_serializing_if = "is_zero")]
    pub title_echo: u32,
    /// Mean words of a sentence, in tenths.
    #[serde(skip_serializing_if = "is_zero")]
    pub sentence: u32,
    /// Share of distinct words among the first 500; 0 for a shorter text.
    #[serde(skip_serializing_if = "is_zero")]
    pub variety: u32,
    /// Phrases that stand in text made to a template, in order of the list of such phrases.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub phrases: Vec<String>,
    /// The address that the page gives itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canonical: Option<String>,
    /// Types of its structured data, in order of appearance.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// How far a page can be trusted for how it is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Quality {
    /// From 0 to 1; 1 where nothing speaks against the page.
    pub score: f64,
    /// What lowered it, for a person, the worst first.
    pub reasons: Vec<String>,
}

impl Default for Quality {
    fn default() -> Self {
        Self { score: 1.0, reasons: Vec::new() }
    }
}

/// Weighs the signals of a page.
///
/// Each finding multiplies the score by its factor. What the text alone shows counts only where it
/// is extreme, or where the page also earns by being visited: a reference repeats its subject, too.
pub fn quality(signals: &Signals) -> Quality {
    let mut found: Vec<(f64, String)> = Vec::new();
    let mut find = |factor: f64, reason: String| found.push((factor, reason));
    // From `low` on a count costs something, from `high` on it costs all it can.
    let ramp = |count: f64, low: f64, high: f64, least: f64| -> Option<f64> {
        (count >= low).then(|| {
            let part = ((count - low + 1.0) / (high - low + 1.0)).min(1.0);
            1.0 - part * (1.0 - least)
        })
    };
    let count = |n: usize| n as f64;
    let trackers = signals.trackers.len();
    if let Some(factor) = ramp(count(trackers), 4.0, 12.0, 0.85) {
        find(factor, format!("{trackers} trackers"));
    }
    if let Some(factor) = ramp(signals.ad_slots.into(), 3.0, 15.0, 0.75) {
        find(factor, format!("{} places for advertisements", signals.ad_slots));
    }
    if let Some(factor) = ramp(signals.affiliate_links.into(), 2.0, 15.0, 0.6) {
        find(factor, format!("{} affiliate links", signals.affiliate_links));
    }
    if let Some(factor) = ramp(count(signals.phrases.len()), 2.0, 5.0, 0.75) {
        let phrases: Vec<String> =
            signals.phrases.iter().map(|phrase| format!("`{phrase}`")).collect();
        find(factor, format!("phrases of a template: {}", phrases.join(", ")));
    }
    let hosts = signals.outgoing.len();
    if signals.link_share >= 600
        && let Some(factor) = ramp(count(hosts), 15.0, 30.0, 0.75)
    {
        find(factor, format!("mostly links, to {hosts} hosts or more"));
    }
    let earns = trackers >= 2 || signals.ad_slots > 0 || signals.affiliate_links > 0;
    if signals.words >= 150 {
        let (low, high) = if earns { (60.0, 120.0) } else { (200.0, 400.0) };
        if let Some(factor) = ramp(signals.top_share.into(), low, high, 0.6) {
            let share = f64::from(signals.top_share) / 10.0;
            find(factor, format!("{share:.1} % of the words are `{}`", signals.top_word));
        }
        let (low, high) = if earns { (450.0, 800.0) } else { (900.0, 980.0) };
        if let Some(factor) = ramp(signals.repeated.into(), low, high, 0.7) {
            let share = f64::from(signals.repeated) / 10.0;
            find(factor, format!("{share:.0} % of the text repeats itself"));
        }
        if earns
            && signals.variety > 0
            && let Some(factor) = ramp(350.0 - f64::from(signals.variety), 0.0, 150.0, 0.8)
        {
            find(factor, format!("{} different words in the first 500", signals.variety / 2));
        }
    }
    found.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    Quality {
        score: found.iter().map(|(factor, _)| factor).product(),
        reasons: found.into_iter().map(|(_, reason)| reason).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(signals: &Signals, score: f64, reasons: &[&str]) {
        let quality = quality(signals);
        assert!((quality.score - score).abs() < 0.005, "{quality:?}");
        assert_eq!(quality.reasons, reasons);
    }

    #[test]
    fn nothing_known_is_nothing_said() {
        check(&Signals::default(), 1.0, &[]);
        assert_eq!(serde_json::to_string(&Signals::default()).unwrap(), "{}");
        assert_eq!(serde_json::from_str::<Signals>("{}").unwrap(), Signals::default());
    }

    #[test]
    fn a_reference_repeats_its_subject() {
        let reference = Signals {
            words: 2000,
            top_word: "trait".to_owned(),
            top_share: 90,
            repeated: 500,
            variety: 300,
            scripts: 4,
            link_share: 300,
            ..Signals::default()
        };
        check(&reference, 1.0, &[]);
    }

    #[test]
    fn each_finding_is_named_the_worst_first() {
        let spam = Signals {
            words: 900,
            trackers: (0..12).map(|n| format!("t{n}.example")).collect(),
            ad_slots: 3,
            affiliate_links: 20,
            top_word: "mattress".to_owned(),
            top_share: 80,
            variety: 300,
            phrases: vec!["key takeaways".to_owned(), "in conclusion".to_owned()],
            ..Signals::default()
        };
        check(
            &spam,
            0.377,
            &[
                "20 affiliate links",
                "12 trackers",
                "8.0 % of the words are `mattress`",
                "150 different words in the first 500",
                "phrases of a template: `key takeaways`, `in conclusion`",
                "3 places for advertisements",
            ],
        );
    }

    #[test]
    fn more_is_never_better() {
        let mut last = 1.0;
        for n in 0..40 {
            let signals = Signals { affiliate_links: n, ad_slots: n, ..Signals::default() };
            let score = quality(&signals).score;
            assert!(score <= last && score > 0.3);
            last = score;
        }
    }

    #[test]
    fn stuffing_without_gain_must_be_extreme() {
        let stuffed = |top_share| Signals {
            words: 500,
            top_word: "loans".to_owned(),
            top_share,
            ..Signals::default()
        };
        check(&stuffed(190), 1.0, &[]);
        check(&stuffed(400), 0.6, &["40.0 % of the words are `loans`"]);
    }
}
