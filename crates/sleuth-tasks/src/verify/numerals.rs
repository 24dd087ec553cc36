//! Numbers in English words.
//!
//! `two hundred and five`, `twenty-three`, `a dozen`, `half a million`, `three and a half`, `two point
//! five`. An article counts as one where a word of scale follows; `one` alone is a number.

const ONES: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 8] =
    ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const SCALES: [(&str, f64); 4] =
    [("thousand", 1e3), ("million", 1e6), ("billion", 1e9), ("trillion", 1e12)];

/// The number that `text` begins with and its length in bytes.
pub(super) fn read(text: &str) -> Option<(f64, usize)> {
    let words = words(text);
    let word = |at: usize| words.get(at).map_or("", |(word, _)| word.as_str());
    let mut total = 0.0;
    // What stands before the next word of scale.
    let mut group: Option<f64> = None;
    // Whether the group may still take a number below ten, or below a hundred.
    let mut room = 100.0;
    let mut end = 0;
    let mut at = 0;
    let is_scale = |word: &str| {
        word == "hundred" || word == "dozen" || SCALES.iter().any(|(name, _)| *name == word)
    };
    while at < words.len() {
        let this = word(at);
        let mut taken = 1;
        if let Some(small) = small(this) {
            if small >= room {
                break;
            }
            room = if small >= 20.0 { 10.0 } else { 0.0 };
            group = Some(group.unwrap_or(0.0) + small);
        } else if this == "hundred" && group.is_some_and(|group| group < 100.0) {
            group = group.map(|group| group * 100.0);
            room = 100.0;
        } else if this == "dozen" && group.is_some() {
            group = group.map(|group| group * 12.0);
            room = 0.0;
        } else if let Some((_, scale)) = SCALES.iter().find(|(name, _)| *name == this)
            && let Some(before) = group.take()
        {
            total += before * scale;
            room = 100.0;
            end = words[at].1;
            at += 1;
            continue;
        } else if (this == "a" || this == "an") && end == 0 && is_scale(word(at + 1)) {
            group = Some(1.0);
            room = 0.0;
        } else if this == "half" && end == 0 {
            group = Some(0.5);
            room = 0.0;
            // `half a million`
            if matches!(word(at + 1), "a" | "an") && is_scale(word(at + 2)) {
                taken = 2;
            }
        } else if this == "quarter" && end == 0 {
            group = Some(0.25);
            room = 0.0;
        } else if matches!(this, "half") && group == Some(1.0) && total == 0.0 {
            group = Some(0.5);
        } else if this == "and" && end > 0 {
            if word(at + 1) == "a" && word(at + 2) == "half" {
                group = Some(group.unwrap_or(0.0) + 0.5);
                room = 0.0;
                taken = 3;
            } else if small(word(at + 1)).is_some_and(|next| next < room)
                && (total > 0.0 || group.is_some_and(|group| group >= 100.0))
            {
                at += 1;
                continue;
            } else {
                break;
            }
        } else if this == "point" && end > 0 && small(word(at + 1)).is_some_and(|n| n < 10.0) {
            let mut place = 0.1;
            while let Some(digit) = small(word(at + taken)).filter(|digit| *digit < 10.0) {
                group = Some(group.unwrap_or(0.0) + digit * place);
                place /= 10.0;
                taken += 1;
            }
            room = 0.0;
        } else {
            break;
        }
        at += taken;
        end = words[at.min(words.len()) - 1].1;
    }
    let value = total + group.unwrap_or(0.0);
    (end > 0).then_some((value, end))
}

/// The number of a word below a hundred.
fn small(word: &str) -> Option<f64> {
    let position = |list: &[&str]| list.iter().position(|name| *name == word);
    #[expect(clippy::cast_precision_loss, reason = "the tables have twenty words")]
    let number = |at: usize| at as f64;
    position(&ONES).map(number).or_else(|| position(&TENS).map(|at| 20.0 + 10.0 * number(at)))
}

/// The first words of a text, in lower case, each with its end; what is joined by anything but one space
/// or hyphen is left out. Numbers have no more than twenty words.
fn words(text: &str) -> Vec<(String, usize)> {
    let mut out = Vec::new();
    let mut at = 0;
    while out.len() < 24 {
        let rest = &text[at..];
        let length = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        if length == 0 {
            break;
        }
        // A word that goes on with a letter of another script, or a digit, is another word.
        if rest[length..].starts_with(char::is_alphanumeric) {
            break;
        }
        out.push((rest[..length].to_ascii_lowercase(), at + length));
        at += length;
        match text.as_bytes().get(at) {
            Some(b' ' | b'-') => at += 1,
            _ => break,
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_numbers() {
        let check = |text: &str, expected: Option<(f64, &str)>| {
            let expected = expected.map(|(value, rest)| (value, text.len() - rest.len()));
            assert_eq!(read(text), expected, "{text}");
        };
        check("zero", Some((0.0, "")));
        check("twenty-three years", Some((23.0, " years")));
        check("twenty thirty", Some((20.0, " thirty")));
        check("nineteen eighty", Some((19.0, " eighty")));
        check("two hundred and five people", Some((205.0, " people")));
        check("three hundred thousand and one", Some((300_001.0, "")));
        check("one million two hundred thousand", Some((1_200_000.0, "")));
        check("a hundred", Some((100.0, "")));
        check("a house", None);
        check("half a million", Some((500_000.0, "")));
        check("three and a half miles", Some((3.5, " miles")));
        check("two and three", Some((2.0, " and three")));
        check("two point five four", Some((2.54, "")));
        check("two dozen eggs", Some((24.0, " eggs")));
        check("one half", Some((0.5, "")));
        check("oneness", None);
        check("hundred", None);
    }
}
