//! Signals of quality, counted while a page is read; see [`sleuth_records::Signals`].

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sleuth_records::Signals;

use super::tokens::Attributes;

/// Words of a text that are looked at.
const MAX_WORDS: usize = 5000;

/// Most hosts that are kept.
const MAX_HOSTS: usize = 32;

/// Hosts of well-known services that follow readers or sell their attention, with all below them.
const TRACKERS: [&str; 53] = [
    "ads-twitter.com",
    "adnxs.com",
    "adsafeprotected.com",
    "addthis.com",
    "adthrive.com",
    "amazon-adsystem.com",
    "amplitude.com",
    "analytics.tiktok.com",
    "bat.bing.com",
    "bluekai.com",
    "chartbeat.com",
    "clarity.ms",
    "connect.facebook.net",
    "crazyegg.com",
    "criteo.com",
    "criteo.net",
    "demdex.net",
    "doubleclick.net",
    "ezojs.com",
    "fullstory.com",
    "google-analytics.com",
    "googlesyndication.com",
    "googletagmanager.com",
    "googletagservices.com",
    "hotjar.com",
    "hs-analytics.net",
    "hs-scripts.com",
    "krxd.net",
    "mathtag.com",
    "mc.yandex.ru",
    "media.net",
    "mediavine.com",
    "mgid.com",
    "mixpanel.com",
    "moatads.com",
    "mouseflow.com",
    "omtrdc.net",
    "onesignal.com",
    "openx.net",
    "optimizely.com",
    "outbrain.com",
    "parsely.com",
    "permutive.com",
    "pubmatic.com",
    "quantserve.com",
    "revcontent.com",
    "rubiconproject.com",
    "scorecardresearch.com",
    "segment.com",
    "segment.io",
    "sharethis.com",
    "snap.licdn.com",
    "taboola.com",
];

/// Networks whose links pay for a sale.
const AFFILIATES: [&str; 26] = [
    "7eer.net",
    "amzn.to",
    "anrdoezrs.net",
    "avantlink.com",
    "awin1.com",
    "clickbank.net",
    "commission-junction.com",
    "dpbolvw.net",
    "evyy.net",
    "flexoffers.com",
    "howl.me",
    "jdoqocy.com",
    "kqzyfj.com",
    "linksynergy.com",
    "ojrq.net",
    "prf.hn",
    "pxf.io",
    "redirectingat.com",
    "rover.ebay.com",
    "rstyle.me",
    "shareasale.com",
    "shopstyle.it",
    "sjv.io",
    "skimresources.com",
    "tkqlhce.com",
    "viglink.com",
];

/// Parameters of an address that name who is paid.
const PAID: [&str; 7] =
    ["aff", "aff_id", "affid", "affiliate", "affiliate_id", "campid", "irclickid"];

/// Beginnings of class names and ids of places for advertisements.
const SLOTS: [&str; 13] = [
    "ad-container",
    "ad-placeholder",
    "ad-slot",
    "ad-unit",
    "ad-wrapper",
    "adsbygoogle",
    "adslot",
    "adthrive-ad",
    "div-gpt-ad",
    "ezoic-pub-ad",
    "google-auto-placed",
    "gpt-ad",
    "mv-ad",
];

/// Phrases of text made to a template. One alone says nothing.
const TEMPLATES: [&str; 27] = [
    "affiliate commission",
    "affiliate links",
    "as an amazon associate",
    "at no extra cost to you",
    "dive into the world",
    "elevate your",
    "everything you need to know",
    "final thoughts",
    "game-changer",
    "in conclusion",
    "in the realm of",
    "in today's digital",
    "in today's fast-paced",
    "in today's world",
    "key takeaways",
    "let's dive in",
    "limited time offer",
    "look no further",
    "may earn a commission",
    "navigating the world of",
    "the ultimate guide",
    "ultimate guide to",
    "unlock the power",
    "unlock your",
    "we've got you covered",
    "whether you're a seasoned",
    "without further ado",
];

/// Frequent English words of four letters or more that name nothing.
const EMPTY: [&str; 44] = [
    "about", "after", "all", "also", "been", "being", "both", "could", "each", "even", "from",
    "have", "here", "into", "just", "like", "make", "many", "more", "most", "must", "only",
    "other", "over", "same", "should", "some", "such", "than", "that", "their", "them", "then",
    "there", "these", "they", "this", "very", "were", "what", "when", "which", "will", "with",
];

/// Counts of elements, whether they are shown or not.
#[derive(Debug, Default)]
pub(super) struct Counts {
    scripts: u32,
    trackers: BTreeSet<&'static str>,
    slots: u32,
    sponsored: u32,
}

impl Counts {
    pub(super) fn element(&mut self, name: &str, attributes: &Attributes<'_>) {
        if name.eq_ignore_ascii_case("script") {
            self.scripts = self.scripts.saturating_add(1);
        }
        let loads =
            attributes.src.or(attributes.href.filter(|_| name.eq_ignore_ascii_case("link")));
        if let Some(host) = loads.and_then(host_of) {
            self.trackers.extend(TRACKERS.iter().find(|known| is_below(&host, known)));
        }
        let named = |names: &str| {
            names
                .split_ascii_whitespace()
                .any(|name| SLOTS.iter().any(|slot| starts_with_ignoring_case(name, slot)))
        };
        if [attributes.class, attributes.id].into_iter().flatten().any(named) {
            self.slots = self.slots.saturating_add(1);
        }
        let rel = attributes.rel.unwrap_or_default();
        if rel.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case("sponsored")) {
            self.sponsored = self.sponsored.saturating_add(1);
        }
    }

    /// The signals of a page with this main text and these links.
    pub(super) fn signals<'a>(
        &self,
        text: &str,
        title: &str,
        linked: usize,
        links: impl Iterator<Item = &'a str>,
    ) -> Signals {
        let mut signals = Signals {
            scripts: self.scripts,
            ad_slots: self.slots,
            trackers: self.trackers.iter().map(|&host| host.to_owned()).collect(),
            link_share: thousandths(linked, text.len()),
            ..Signals::default()
        };
        let mut outgoing: BTreeMap<String, u32> = BTreeMap::new();
        for link in links {
            if let Some(host) = host_of(link) {
                signals.affiliate_links += u32::from(pays(link, &host));
                *outgoing.entry(host).or_default() += 1;
            }
        }
        signals.affiliate_links = signals.affiliate_links.max(self.sponsored);
        let mut hosts: Vec<(String, u32)> = outgoing.into_iter().collect();
        hosts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        signals.outgoing = hosts.into_iter().take(MAX_HOSTS).collect();
        of_text(&mut signals, text, title);
        signals
    }
}

fn of_text(signals: &mut Signals, text: &str, title: &str) {
    let lower = text.to_lowercase().replace('’', "'");
    let words: Vec<&str> = split(&lower).collect();
    signals.words = u32::try_from(words.len()).unwrap_or(u32::MAX);
    signals.phrases = TEMPLATES
        .iter()
        .filter(|phrase| lower.contains(*phrase))
        .map(|&phrase| phrase.to_owned())
        .collect();
    let words = &words[..words.len().min(MAX_WORDS)];
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for &word in words {
        let names = word.chars().count() >= 4
            && !word.starts_with(|c: char| c.is_ascii_digit())
            && !EMPTY.contains(&word);
        if names {
            *counts.entry(word).or_default() += 1;
        }
    }
    let top = counts.iter().max_by(|a, b| a.1.cmp(b.1).then_with(|| b.0.cmp(a.0)));
    if let Some((&word, &count)) = top {
        signals.top_word = word.chars().take(64).collect();
        signals.top_share = thousandths(count, words.len());
    }
    let mut runs = HashSet::new();
    let repeated = words.windows(3).filter(|run| !runs.insert(*run)).count();
    signals.repeated = thousandths(repeated, words.len().saturating_sub(2));
    let title = title.to_lowercase();
    let of_title: HashSet<&str> =
        split(&title).filter(|word| word.len() >= 4 && !EMPTY.contains(word)).collect();
    let echoes = words.iter().filter(|word| of_title.contains(*word)).count();
    signals.title_echo = thousandths(echoes, words.len()) / 10;
    if words.len() >= 500 {
        let distinct: HashSet<&&str> = words[..500].iter().collect();
        signals.variety = thousandths(distinct.len(), 500);
    }
    let ends = lower
        .split_whitespace()
        .filter(|word| word.trim_end_matches(['"', '\'', ')']).ends_with(['.', '!', '?']))
        .count();
    signals.sentence = thousandths(signals.words as usize, ends.max(1)) / 100;
}

fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '\'')).filter(|word| !word.is_empty())
}

fn thousandths(part: usize, whole: usize) -> u32 {
    u32::try_from(part.saturating_mul(1000) / whole.max(1)).unwrap_or(u32::MAX)
}

/// The host of an address that names one, in lower case, without `www.`.
fn host_of(address: &str) -> Option<String> {
    let address = address.trim();
    let rest = match address.split_once("//") {
        Some(("" | "http:" | "https:" | "HTTP:" | "HTTPS:", rest)) => rest,
        _ => return None,
    };
    let host = rest.split(['/', '?', '#', '\\']).next()?;
    let host = host.rsplit('@').next()?.split(':').next()?.to_ascii_lowercase();
    let host = host.strip_prefix("www.").unwrap_or(&host);
    (host.contains('.') && host.len() <= 253).then(|| host.to_owned())
}

fn is_below(host: &str, known: &str) -> bool {
    host.strip_suffix(known).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

fn pays(address: &str, host: &str) -> bool {
    let query = address.split_once('?').map_or("", |(_, query)| query);
    let mut keys =
        query.split(['&', ';']).filter_map(|pair| pair.split_once('=')).map(|pair| pair.0);
    let shop = host.split('.').any(|part| part == "amazon");
    AFFILIATES.iter().any(|known| is_below(host, known))
        || keys.any(|key| shop && key == "tag" || PAID.contains(&key.to_ascii_lowercase().as_str()))
}

fn starts_with_ignoring_case(name: &str, start: &str) -> bool {
    name.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_addresses() {
        let check = |address: &str, host: Option<&str>| {
            assert_eq!(host_of(address).as_deref(), host, "{address}");
        };
        check("https://www.Example.org:80/a?b", Some("example.org"));
        check("//cdn.example.org/x.js", Some("cdn.example.org"));
        check("http://user@example.org#x", Some("example.org"));
        for none in ["", "/a//b", "a.html", "mailto:a@b.org", "https://", "javascript://x.org"] {
            check(none, None);
        }
    }

    #[test]
    fn links_that_pay() {
        let check = |address: &str, expected: bool| {
            let host = host_of(address).expect("an address with a host");
            assert_eq!(pays(address, &host), expected, "{address}");
        };
        check("https://www.amazon.co.uk/dp/1?tag=me-21&x=1", true);
        check("https://www.amazon.com/dp/1", false);
        check("https://example.org/?tag=rust", false);
        check("https://me.pxf.io/c/1", true);
        check("https://notpxf.io/c/1", false);
        check("https://shop.example/?aff_id=7", true);
    }

    #[test]
    fn text_is_measured() {
        let text = "In conclusion, loans are loans. Key takeaways: loans!".to_owned();
        let counts = Counts::default();
        let signals = counts.signals(&text, "Loans", 0, std::iter::empty());
        assert_eq!(signals.top_word, "loans");
        assert_eq!((signals.words, signals.top_share, signals.title_echo), (8, 375, 37));
        assert_eq!(signals.sentence, 40);
        assert_eq!(signals.phrases, ["in conclusion", "key takeaways"]);
        let twice = counts.signals("a b c d a b c d", "", 0, std::iter::empty());
        assert_eq!(twice.repeated, 333);
    }
}
