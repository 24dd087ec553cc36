//! Numbers, with units and tolerance.
//!
//! 1. A gold answer is right in any spelling of its number: digits with or without separators of
//!    thousands, a decimal point or comma, `3.5 million`, `three and a half million`, `1.2e6`, `½`.
//! 2. It is right in any unit that converts: length, mass, time, temperature, area, volume, speed, shares
//!    (`45 %` is `0.45`). Amounts of money are of one currency and no other. A unit that one side
//!    leaves out is taken to be the other's; a word that is no known unit is passed over.
//! 3. The numbers agree when they differ by no more than `tolerance` times the gold number, in its own unit:
//!    of 20 °C one per cent is 0.2 °C. Where units
//!    differ, what rounding to the digits that were written takes away is allowed as well, up to one per
//!    cent: `3.1 miles` is 5 km, `3 miles` is not.
//! 4. Every number in the answer must agree with the gold number; so a list of candidates is wrong, and
//!    `5 km (3.1 miles)` is right. A gold answer of several numbers, such as a range, wants the same
//!    numbers in the same order.
//! 5. An answer that denies (`not 42`), or bounds (`more than 42`, `>42`, `42+`) what the gold answer does
//!    not bound so, is wrong; so is one of more than [`LONGEST_STATEMENT`] words.

use super::quantity::{Quantity, quantities};
use super::words::{plain, words};
use super::{LONGEST_STATEMENT, VerifyError};

/// Most that rounding may account for, relative to the gold number.
const ROUNDING: f64 = 0.01;
/// Differences that arithmetic alone makes, relative.
const NOISE: f64 = 1e-9;

/// Whether `answer` states the quantity of a gold answer.
pub(super) fn agrees(answer: &str, gold: &[String], tolerance: f64) -> Result<bool, VerifyError> {
    let wanted: Vec<(Vec<Quantity>, Option<Bound>)> = gold
        .iter()
        .map(|gold| (quantities(gold), bound(gold)))
        .filter(|(quantities, _)| !quantities.is_empty())
        .collect();
    if wanted.is_empty() {
        let found = gold.first().cloned().unwrap_or_default();
        return Err(VerifyError::Gold { expected: "a number", found });
    }
    // Not folded: that takes away signs which tell a number from another.
    let whole = |text: &str| plain(text).to_lowercase();
    if gold.iter().any(|gold| whole(gold) == whole(answer)) {
        return Ok(true);
    }
    let answer = unquoted(answer.trim());
    if !is_statement(answer) {
        return Ok(false);
    }
    let (stated, bounded) = (quantities(answer), bound(answer));
    let agree = |a: &Quantity, g: &Quantity| same(a, g, tolerance);
    Ok(!stated.is_empty()
        && wanted.iter().any(|(wanted, bound)| {
            (bounded.is_none() || bounded == *bound)
                && match wanted.as_slice() {
                    [one] => stated.iter().all(|stated| agree(stated, one)),
                    many => {
                        many.len() == stated.len()
                            && many
                                .iter()
                                .zip(&stated)
                                .all(|(wanted, stated)| agree(stated, wanted))
                    }
                }
        }))
}

/// Whether a text is short and denies nothing, so that what it names it states.
pub(super) fn is_statement(text: &str) -> bool {
    let text = plain(text).to_lowercase();
    let denies = |word: &str| matches!(word, "not" | "no" | "never" | "neither" | "nor" | "cannot");
    let mut parts = text.split(|c: char| !c.is_alphanumeric() && c != '\'');
    words(&text).len() <= LONGEST_STATEMENT
        && !parts.any(|word| denies(word) || word.ends_with("n't"))
}

/// A text without the quotes around it, which would be read as inches or feet.
fn unquoted(text: &str) -> &str {
    let quote = |c: char| matches!(plain(c.encode_utf8(&mut [0; 4])).as_str(), "\"" | "'");
    let inner = text.strip_prefix(quote).and_then(|inner| inner.strip_suffix(quote));
    inner.unwrap_or(text)
}

#[derive(Clone, Copy, PartialEq)]
enum Bound {
    Above,
    Below,
}

fn bound(text: &str) -> Option<Bound> {
    let signs = plain(text);
    let digit = |c: char| c.is_ascii_digit();
    let open = signs.match_indices('+').any(|(at, _)| {
        signs[..at].trim_end().ends_with(digit) && !signs[at + 1..].trim_start().starts_with(digit)
    });
    let text = format!(" {} ", words(text).join(" "));
    let has = |phrases: &[&str]| phrases.iter().any(|phrase| text.contains(phrase));
    if has(&[" more than ", " over ", " above ", " at least ", " exceeding ", " greater than "])
        || signs.contains(['>', '\u{2265}'])
        || open
    {
        Some(Bound::Above)
    } else if has(&[" less than ", " under ", " below ", " at most ", " up to ", " fewer than "])
        || signs.contains(['<', '\u{2264}'])
    {
        Some(Bound::Below)
    } else {
        None
    }
}

fn same(stated: &Quantity, gold: &Quantity, tolerance: f64) -> bool {
    // The tolerance is of `scale`: what the gold number amounts to, counted from the zero of its own unit.
    let near = |value: f64, rounding: f64, gold: f64, scale: f64| {
        let allowed = (tolerance * scale.abs()).max(NOISE * gold.abs());
        let rounding = rounding.min(ROUNDING * gold.abs());
        (value - gold).abs() <= allowed.max(rounding)
    };
    if stated.units.is_empty() || gold.units.is_empty() {
        let share = |quantity: &Quantity| quantity.units.iter().any(|unit| unit.kind == "share");
        let shared = |value: f64, q: &Quantity| share(q).then_some(value / 100.0);
        return near(stated.value, 0.0, gold.value, gold.value)
            || shared(stated.value, stated)
                .is_some_and(|value| near(value, 0.0, gold.value, gold.value))
            || shared(gold.value, gold).is_some_and(|gold| near(stated.value, 0.0, gold, gold));
    }
    stated.units.iter().any(|of_stated| {
        gold.units.iter().filter(|of_gold| of_gold.kind == of_stated.kind).any(|of_gold| {
            let value = of_stated.to_base(stated.value);
            let rounding = match of_stated == of_gold {
                true => 0.0,
                false => of_stated.factor * stated.place / 2.0,
            };
            near(value, rounding, of_gold.to_base(gold.value), gold.value * of_gold.factor)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(gold: &str, right: &[&str], wrong: &[&str]) {
        let gold = [gold.to_owned()];
        for answer in right {
            assert!(agrees(answer, &gold, 0.0).unwrap(), "{answer} should be {gold:?}");
        }
        for answer in wrong {
            assert!(!agrees(answer, &gold, 0.0).unwrap(), "{answer} should not be {gold:?}");
        }
    }

    #[test]
    fn spellings_of_a_number() {
        check(
            "1,234,567",
            &[
                "1234567",
                "1 234 567",
                "1.234.567",
                "1\u{a0}234\u{a0}567 people",
                "about 1,234,567",
                "\u{ff11}234567",
            ],
            &["1234568", "1,234", "1234567 or 1234568", "not 1234567", "more than 1234567", ""],
        );
        check(
            "3.5 million",
            &[
                "3,500,000",
                "3500000",
                "three and a half million",
                "3.5e6",
                "3.5 x 10^6",
                "3,5 million",
            ],
            &["3.5", "3.5 billion", "35 million"],
        );
        check("3.5 million", &["3.5 \u{d7} 10\u{2076}"], &[]);
        check(
            "23",
            &["twenty-three", "Twenty three years", "23rd", "23.0"],
            &["twenty", "three", "twenty-two or twenty-three"],
        );
        check("205", &["two hundred and five", "two hundred five"], &["two hundred", "200 and 5"]);
        check("12", &["a dozen", "twelve"], &["dozens"]);
        check("1/2", &["half", "0.5", "\u{bd}", "one half", "50%"], &["2", "1"]);
        check("3 1/2", &["3.5", "3\u{bd}", "three and a half"], &["3"]);
        check("-5", &["minus five", "\u{2212}5", "negative 5"], &["5"]);
        check("42", &["It is 42.", "42 apples", "42%"], &["4.2", "420", "forty", "42 and 43"]);
        check("0", &["zero", "0"], &["none", "10"]);
        check("1,000", &["one thousand", "1000", "a thousand", "1k"], &["1"]);
        check("45%", &["45 percent", "45 per cent", "0.45", "45"], &["4.5", "54%"]);
    }

    #[test]
    fn units_convert_and_currencies_do_not() {
        check(
            "5 km",
            &["5 kilometres", "5000 m", "3.1 miles", "5 km (3.1 miles)", "five kilometers", "5"],
            &["5 miles", "3 miles", "5 kg", "3.2 miles", "5 m", "5 km or 6 km"],
        );
        check("6 feet", &["6 ft", "72 inches", "1.83 m", "6'", "2 yards"], &["6 inches", "6 m"]);
        check("5 feet 11 inches", &["5'11\"", "71 inches", "5 ft 11 in", "180 cm"], &["5 feet"]);
        check("70 kg", &["154 lb", "154.3 pounds", "70,000 g"], &["70 lb", "\u{a3}70"]);
        check("2 hours", &["120 minutes", "two hours", "2h", "7200 s"], &["2 minutes", "2 days"]);
        check("2 hours 30 minutes", &["150 minutes", "2.5 hours"], &["2 hours", "30 minutes"]);
        check("24 months", &["2 years", "two years"], &["24 days"]);
        check("100 \u{b0}C", &["212 \u{b0}F", "373.15 K", "100 degrees Celsius"], &["100 \u{b0}F"]);
        check("-40 \u{b0}C", &["-40 \u{b0}F", "minus 40 degrees Fahrenheit"], &["40 \u{b0}C"]);
        check("1 km\u{b2}", &["1 square kilometre", "100 hectares", "247 acres"], &["1 km"]);
        check("2 litres", &["2 l", "2000 ml", "0.528 gallons"], &["2 gallons"]);
        check("100 km/h", &["62 mph", "100 kilometres per hour", "27.8 m/s"], &["100 mph"]);
        check(
            "$5 million",
            &["5 million dollars", "US$5,000,000", "USD 5 million", "$5m", "5,000,000"],
            &["\u{20ac}5 million", "5 million euros", "\u{a3}5 million", "$5", "$5 billion"],
        );
        check("\u{a3}70", &["70 pounds", "GBP 70"], &["70 kg", "$70"]);
        check("10 to 15", &["10-15", "10\u{2013}15 people"], &["10", "15 to 10", "10 to 16"]);
        check("over 40", &["more than 40", "40"], &["less than 40", "41"]);
    }

    #[test]
    fn tolerance_is_relative() {
        let gold = ["300".to_owned()];
        assert!(agrees("303", &gold, 0.01).unwrap());
        assert!(!agrees("304", &gold, 0.01).unwrap());
        assert!(agrees("-297", &["-300".to_owned()], 0.01).unwrap());
        assert!(!agrees("0.001", &["0".to_owned()], 0.01).unwrap());
        let warm = ["20 \u{b0}C".to_owned()];
        for answer in ["20.2 \u{b0}C", "68 \u{b0}F", "68.3 \u{b0}F", "293.15 K"] {
            assert!(agrees(answer, &warm, 0.01).unwrap(), "{answer}");
        }
        for answer in ["22 \u{b0}C", "20.3 \u{b0}C", "72 \u{b0}F", "295 K"] {
            assert!(!agrees(answer, &warm, 0.01).unwrap(), "{answer}");
        }
        assert!(agrees("32 \u{b0}F", &["0 \u{b0}C".to_owned()], 0.01).unwrap());
    }

    #[test]
    fn a_gold_answer_without_a_number_is_an_error_and_aliases_help() {
        let error = agrees("5", &["many".to_owned()], 0.0).unwrap_err().to_string();
        assert_eq!(error, "gold answer `many` cannot be verified: expected a number");
        let gold = ["many".to_owned(), "five".to_owned()];
        assert!(agrees("5", &gold, 0.0).unwrap());
    }
}
