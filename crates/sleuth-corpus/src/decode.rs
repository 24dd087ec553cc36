//! Bytes to clean text.
//!
//! Decoding never fails: a byte order mark decides, then validity as UTF-8, then what the document
//! declares, then a guess from the bytes (chardetng, the detector of Firefox). Mostly valid UTF-8
//! with a few broken bytes stays UTF-8, with replacement characters: one damaged byte must not
//! turn every accent of a file into two letters.
//!
//! Cleaning removes what a reader does not see and a model would read: zero-width characters, the
//! Unicode tag block, bidirectional overrides, stacked variation selectors, control characters.
//! Line ends become `\n`, one for one, so that lines can still be counted. Joiners stay where a
//! script needs them (Persian, Indic scripts, emoji).

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use sleuth_records::is_unseen;

/// Share of broken sequences, one in so many good ones, below which text counts as UTF-8.
const DAMAGE: usize = 20;

/// Bytes that the detector looks at.
const DETECT: usize = 256 << 10;

/// Decodes and cleans. `declared` is what the document says of itself.
pub(crate) fn decode(bytes: &[u8], declared: Option<&'static Encoding>) -> String {
    let (encoding, skip) = encoding_of(bytes, declared);
    let (text, _) = encoding.decode_without_bom_handling(&bytes[skip..]);
    clean(text)
}

/// The encoding of `bytes` and the length of its byte order mark.
pub(crate) fn encoding_of(
    bytes: &[u8],
    declared: Option<&'static Encoding>,
) -> (&'static Encoding, usize) {
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        return (encoding, length);
    }
    if let Some(encoding) = utf16(&bytes[..bytes.len().min(8 << 10)]) {
        return (encoding, 0);
    }
    if std::str::from_utf8(bytes).is_ok() {
        return (UTF_8, 0);
    }
    if let Some(encoding) = declared
        && encoding != UTF_8
    {
        return (encoding, 0);
    }
    if nearly_utf8(bytes) {
        return (UTF_8, 0);
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(&bytes[..bytes.len().min(DETECT)], true);
    (detector.guess(None, Utf8Detection::Deny), 0)
}

fn nearly_utf8(bytes: &[u8]) -> bool {
    let (mut good, mut broken) = (0usize, 0usize);
    for chunk in bytes.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        broken += usize::from(!chunk.invalid().is_empty());
    }
    broken * DAMAGE <= good
}

/// UTF-16, by its mark or by where its zero bytes stand.
pub(crate) fn utf16(head: &[u8]) -> Option<&'static Encoding> {
    match head {
        [0xff, 0xfe, ..] => return Some(UTF_16LE),
        [0xfe, 0xff, ..] => return Some(UTF_16BE),
        _ => {}
    }
    let pairs = head.len() / 2;
    if pairs < 4 {
        return None;
    }
    let zeros = |from: usize| head.iter().skip(from).step_by(2).filter(|&&b| b == 0).count();
    let (high_first, low_first) = (zeros(0), zeros(1));
    if low_first * 5 > pairs * 2 && high_first * 50 < pairs {
        Some(UTF_16LE)
    } else if high_first * 5 > pairs * 2 && low_first * 50 < pairs {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// Removes what no reader sees; see the head of this file.
pub(crate) fn clean(text: Cow<'_, str>) -> String {
    let plain = |b: &u8| matches!(b, b'\t' | b'\n' | 0x20..=0x7e);
    let Some(first) = text.as_bytes().iter().position(|b| !plain(b)) else {
        return text.into_owned();
    };
    let mut cleaned = String::with_capacity(text.len());
    // All before it is ASCII: it starts a character.
    cleaned.push_str(&text[..first]);
    let mut previous = cleaned.chars().next_back().unwrap_or('\n');
    let mut rest = text[first..].chars().peekable();
    while let Some(c) = rest.next() {
        let kept = match c {
            '\r' if rest.peek() == Some(&'\n') => continue,
            '\r' => '\n',
            ' '..='~' | '\n' | '\t' => c,
            '\u{b}' | '\u{c}' | '\u{2028}' | '\u{2029}' | '\u{85}' => ' ',
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => continue,
            '\u{200c}' | '\u{200d}' if needs_joiner(previous) => c,
            '\u{fe00}'..='\u{fe0f}' | '\u{180b}'..='\u{180d}' if takes_selector(previous) => c,
            '\u{e0100}'..='\u{e01ef}' if ('\u{3400}'..='\u{323af}').contains(&previous) => c,
            _ if is_unseen(c) || is_shaping(c) => continue,
            _ => c,
        };
        cleaned.push(kept);
        previous = kept;
    }
    cleaned
}

/// Joiners and variation selectors: unseen unless the character before them takes one.
fn is_shaping(c: char) -> bool {
    matches!(c, '\u{180b}'..='\u{180d}' | '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{e0100}'..='\u{e01ef}')
}

/// Whether a joiner after `c` can change how it is written.
fn needs_joiner(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{1cff}' | '\u{a840}'..='\u{abff}' | '\u{fb50}'..='\u{fdff}'
        | '\u{fe70}'..='\u{fefc}' | '\u{10a00}'..='\u{11fff}' | '\u{1e900}'..='\u{1e95f}')
        || takes_selector(c)
        || ('\u{fe00}'..='\u{fe0f}').contains(&c)
        || ('\u{1f3fb}'..='\u{1f3ff}').contains(&c)
}

/// Whether a variation selector after `c` can change how it is drawn: symbols, digits of keycaps,
/// Mongolian, ideographs.
fn takes_selector(c: char) -> bool {
    matches!(c, '0'..='9' | '#' | '*' | '\u{a9}' | '\u{ae}' | '\u{1800}'..='\u{180a}'
        | '\u{1820}'..='\u{18af}' | '\u{203c}' | '\u{2049}' | '\u{2100}'..='\u{2bff}'
        | '\u{3000}'..='\u{303f}' | '\u{3297}' | '\u{3299}' | '\u{3400}'..='\u{9fff}'
        | '\u{1f000}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(bytes: &[u8], expected: &Expect) {
        expected.assert_eq(&decode(bytes, None));
    }

    #[test]
    fn marks_decide() {
        check(b"\xef\xbb\xbfna\xc3\xafve", &expect!["naïve"]);
        check(b"\xff\xfeh\0i\0", &expect!["hi"]);
        check(b"\xfe\xff\0h\0i", &expect!["hi"]);
        check(b"w\0i\0t\0h\0o\0u\0t\0", &expect!["without"]);
    }

    #[test]
    fn other_encodings_are_guessed() {
        check(
            b"Le ch\xe2teau fut b\xe2ti apr\xe8s la guerre, pr\xe8s de la for\xeat.",
            &expect!["Le château fut bâti après la guerre, près de la forêt."],
        );
        let text = "東京は日本の首都であり、世界最大の都市圏の一つである。";
        let (bytes, _, _) = encoding_rs::SHIFT_JIS.encode(text);
        assert_eq!(decode(&bytes, None), text);
        let text = "北京是中华人民共和国的首都，也是全国的政治中心。";
        let (bytes, _, _) = encoding_rs::GBK.encode(text);
        assert_eq!(decode(&bytes, None), text);
        let text = "Москва является столицей и крупнейшим городом России.";
        let (bytes, _, _) = encoding_rs::WINDOWS_1251.encode(text);
        assert_eq!(decode(&bytes, None), text);
    }

    #[test]
    fn one_broken_byte_spoils_nothing_else() {
        let mut bytes = "é".repeat(40).into_bytes();
        bytes.push(0xff);
        assert_eq!(decode(&bytes, None), format!("{}\u{fffd}", "é".repeat(40)));
    }

    #[test]
    fn line_ends_are_one_for_one() {
        check(
            b"a\r\nb\rc\n\r\nd",
            &expect![[r#"
            a
            b
            c

            d"#]],
        );
    }

    #[test]
    fn hidden_characters_go() {
        let hidden = "a\0b\u{200b}c\u{202e}d\u{2066}e\u{e0041}\u{e0042}f\u{feff}g\u{ad}h\u{200d}i";
        check(hidden.as_bytes(), &expect!["abcdefghi"]);
        check("x\u{fe0f}\u{fe01}\u{e0101}y".as_bytes(), &expect!["xy"]);
    }

    #[test]
    fn joiners_stay_where_scripts_need_them() {
        for text in ["می‌خواهم", "क्‍ष", "👩‍💻", "❤️", "1️⃣"] {
            assert_eq!(clean(Cow::Borrowed(text)), text);
        }
    }
}
