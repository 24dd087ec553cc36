//! Languages of documents: stated by the source, or else detected from the text.
//!
//! Detection is by the script and the frequency of three-letter groups (`whatlang`, 70 languages), over
//! title and beginning of a document, and counts only where it is sure of itself; it is made when a query
//! first asks for a language, so that building a store does not pay for it and stores that were built
//! before have it, too.
//!
//! # Why there is one analyzer and not one for each language
//!
//! A document and a query must come to the same terms, and a query's language is not known: detection is
//! sure of the language of 99.7 % of the paragraphs of `squad_dev`, but only of 55 % of its questions, and
//! the best guess is wrong for 10 % of these; shorter queries and names tell nothing (see the tests). A
//! stemmer chosen by the document's language would have to be matched by stemming the query in every
//! language of the store, which dilutes what makes words rare, and the graph's names and titles, which
//! are shared between languages, would fall apart. With one analyzer a German word meets itself in
//! whatever document it stands; what is missed is other inflections of it. So words of all languages in
//! Latin script are stemmed as English, on both sides, and those with other letters not at all.
//! Chinese, Japanese and Korean are told by their characters, not by detection.

/// Bytes of text that detection looks at.
const LOOKED_AT: usize = 2_000;

/// The languages that can be detected: code of two letters (three where there are no two), code of three
/// letters, English name in lower case.
#[rustfmt::skip]
const LANGUAGES: [(&str, &str, &str); 70] = [
    ("af", "afr", "afrikaans"), ("ak", "aka", "akan"), ("am", "amh", "amharic"),
    ("ar", "ara", "arabic"), ("az", "aze", "azerbaijani"), ("be", "bel", "belarusian"),
    ("bg", "bul", "bulgarian"), ("bn", "ben", "bengali"), ("ca", "cat", "catalan"),
    ("cs", "ces", "czech"), ("cy", "cym", "welsh"), ("da", "dan", "danish"),
    ("de", "deu", "german"), ("el", "ell", "greek"), ("en", "eng", "english"),
    ("eo", "epo", "esperanto"), ("es", "spa", "spanish"), ("et", "est", "estonian"),
    ("fa", "pes", "persian"), ("fi", "fin", "finnish"), ("fr", "fra", "french"),
    ("gu", "guj", "gujarati"), ("he", "heb", "hebrew"), ("hi", "hin", "hindi"),
    ("hr", "hrv", "croatian"), ("hu", "hun", "hungarian"), ("hy", "hye", "armenian"),
    ("id", "ind", "indonesian"), ("it", "ita", "italian"), ("ja", "jpn", "japanese"),
    ("jv", "jav", "javanese"), ("ka", "kat", "georgian"), ("km", "khm", "khmer"),
    ("kn", "kan", "kannada"), ("ko", "kor", "korean"), ("la", "lat", "latin"),
    ("lt", "lit", "lithuanian"), ("lv", "lav", "latvian"), ("mk", "mkd", "macedonian"),
    ("ml", "mal", "malayalam"), ("mr", "mar", "marathi"), ("my", "mya", "burmese"),
    ("ne", "nep", "nepali"), ("nl", "nld", "dutch"), ("no", "nob", "norwegian"),
    ("or", "ori", "oriya"), ("pa", "pan", "punjabi"), ("pl", "pol", "polish"),
    ("pt", "por", "portuguese"), ("ro", "ron", "romanian"), ("ru", "rus", "russian"),
    ("si", "sin", "sinhala"), ("sk", "slk", "slovak"), ("sl", "slv", "slovenian"),
    ("sn", "sna", "shona"), ("sr", "srp", "serbian"), ("sv", "swe", "swedish"),
    ("ta", "tam", "tamil"), ("te", "tel", "telugu"), ("th", "tha", "thai"),
    ("tk", "tuk", "turkmen"), ("tl", "tgl", "tagalog"), ("tr", "tur", "turkish"),
    ("uk", "ukr", "ukrainian"), ("ur", "urd", "urdu"), ("uz", "uzb", "uzbek"),
    ("vi", "vie", "vietnamese"), ("yi", "yid", "yiddish"), ("zh", "cmn", "chinese"),
    ("zu", "zul", "zulu"),
];

/// Other codes for the same.
const ALIASES: [(&str, &str); 16] = [
    ("chi", "zh"),
    ("cze", "cs"),
    ("dut", "nl"),
    ("fas", "fa"),
    ("fil", "tl"),
    ("fre", "fr"),
    ("ger", "de"),
    ("gre", "el"),
    ("iw", "he"),
    ("may", "ms"),
    ("nb", "no"),
    ("nor", "no"),
    ("per", "fa"),
    ("rum", "ro"),
    ("zho", "zh"),
    ("yue", "zh"),
];

/// The language that a person asks for: a tag, a code of three letters, or an English name.
pub(crate) fn asked(text: &str) -> Option<String> {
    let name = text.to_lowercase();
    match LANGUAGES.iter().find(|(_, _, known)| *known == name) {
        Some((code, _, _)) => Some((*code).to_owned()),
        None => stated(text),
    }
}

/// A stated tag in the form that tags are compared in: lower case, `-` between parts, the shortest code
/// of the language. `None` where it is no tag.
pub(crate) fn stated(tag: &str) -> Option<String> {
    let tag = tag.trim().to_lowercase().replace('_', "-");
    let (code, rest) = tag.split_at(tag.find('-').unwrap_or(tag.len()));
    let fits = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    if !(2..=3).contains(&code.len())
        || !code.bytes().all(|b| b.is_ascii_lowercase())
        || !rest.split('-').skip(1).all(fits)
    {
        return None;
    }
    let alias = ALIASES.iter().find(|(other, _)| *other == code).map(|(_, code)| *code);
    Some(format!("{}{rest}", alias.unwrap_or_else(|| shortest(code))))
}

fn shortest(code: &str) -> &str {
    LANGUAGES.iter().find(|(_, long, _)| *long == code).map_or(code, |(short, _, _)| short)
}

/// The language of a document with this title and text, where that is clear.
pub(crate) fn detect(title: &str, text: &str) -> Option<&'static str> {
    let beginning = &text[..text.floor_char_boundary(LOOKED_AT)];
    let found = whatlang::detect(&format!("{title}\n{beginning}"))?;
    let code = found.lang().code();
    found.is_reliable().then(|| shortest(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_that_can_be_detected_has_a_code() {
        for language in whatlang::Lang::all() {
            assert!(LANGUAGES.iter().any(|(_, long, _)| *long == language.code()), "{language:?}");
        }
        assert!(LANGUAGES.is_sorted());
    }

    #[test]
    fn tags() {
        for (text, expected) in [
            ("de", Some("de")),
            ("DE_at", Some("de-at")),
            ("German", Some("de")),
            ("ger", Some("de")),
            ("zh-Hans-CN", Some("zh-hans-cn")),
            ("cmn", Some("zh")),
            ("nb-NO", Some("no-no")),
            ("sw", Some("sw")),
            ("x", None),
            ("", None),
            ("de-", None),
            ("klingon", None),
            ("c++", None),
        ] {
            assert_eq!(asked(text).as_deref(), expected, "{text}");
        }
        assert_eq!(stated("German"), None);
    }

    #[test]
    fn texts_are_told_apart_and_short_queries_are_not() {
        let detect = |text| detect("", text);
        let german = "Der Leuchtturm wurde im Jahr 1911 an der Küste erbaut und steht seitdem unter \
                      dem Schutz der Gemeinde, die ihn im Sommer für Besucher öffnet.";
        let french = "Le phare a été construit en 1911 sur la côte et il est depuis lors sous la \
                      protection de la commune, qui l'ouvre aux visiteurs pendant l'été.";
        let english = "The lighthouse was built on the coast in 1911 and has been under the protection \
                       of the town ever since, which opens it to visitors in summer.";
        assert_eq!(detect(german), Some("de"));
        assert_eq!(detect(french), Some("fr"));
        assert_eq!(detect(english), Some("en"));
        assert_eq!(detect("灯塔建于1911年，由一位工程师设计。"), Some("zh"));
        assert_eq!(detect("灯台は1911年に建てられました。"), Some("ja"));
        assert_eq!(detect("등대는 1911년에 지어졌다."), Some("ko"));
        assert_eq!(detect("12345 !?"), None);
        // What a query looks like; that it is English, Spanish or Italian cannot be told.
        for query in ["madrid opera", "lighthouse architect", "Tonkova novelist", "river delta"] {
            assert_eq!(detect(query), None, "{query}");
        }
    }
}
