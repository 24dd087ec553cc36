//! New inputs from known ones.

use sleuth_records::Random;

/// A range of at most `most` places within `length`.
fn range(random: &mut Random, length: usize, most: usize) -> std::ops::Range<usize> {
    let start = random.below(length + 1);
    let end = start + random.below((length - start).min(most) + 1);
    start..end
}

/// Bytes that mean something to many formats.
const TELLING: &[u8] = b"\0\x01\x7f\x80\xbf\xc0\xe2\xf0\xff\n\r\t \"'<>&/\\()[]{}#@!$%^*|-:;,.=0";

/// A new input of at most `longest` bytes from one of `seeds`, with `words` of its language.
pub(crate) fn mutated(
    random: &mut Random,
    seeds: &[Vec<u8>],
    words: &[&str],
    longest: usize,
) -> Vec<u8> {
    let mut input = seeds.get(random.below(seeds.len())).cloned().unwrap_or_default();
    // Mostly few changes, so that what a format checks first still holds.
    let changes = 1 + random.below(4) * random.below(4);
    for _ in 0..changes {
        change(random, &mut input, seeds, words);
        input.truncate(longest);
    }
    input
}

fn change(random: &mut Random, input: &mut Vec<u8>, seeds: &[Vec<u8>], words: &[&str]) {
    let at = random.below(input.len() + 1);
    match random.below(12) {
        0 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        1 => {
            if let Some(byte) = input.get_mut(at) {
                *byte = TELLING[random.below(TELLING.len())];
            }
        }
        2 => input.insert(at, TELLING[random.below(TELLING.len())]),
        3 => {
            let gone = range(random, input.len(), 64);
            input.drain(gone);
        }
        // Words of the language, more often than anything else.
        4..=6 if !words.is_empty() => {
            let word = words[random.below(words.len())].as_bytes();
            let replaced = at..(at + random.below(2) * word.len()).min(input.len());
            input.splice(replaced, word.iter().copied());
        }
        7 => {
            let copied = input[range(random, input.len(), 256)].to_vec();
            input.splice(at..at, copied);
        }
        // Deep nesting and long rows.
        8 => {
            let part = input[range(random, input.len(), 16)].to_vec();
            let times = 1 << random.below(11);
            input.splice(at..at, part.repeat(times));
        }
        // The head of this with the tail of another.
        9 => {
            if let Some(other) = seeds.get(random.below(seeds.len())) {
                let from = random.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
        }
        10 => {
            let digits = input.iter().position(u8::is_ascii_digit).map_or(at, |first| {
                let rest = &input[first..];
                let places: Vec<usize> =
                    (0..rest.len()).filter(|i| rest[*i].is_ascii_digit()).collect();
                first + places[random.below(places.len())]
            });
            let numbers = [
                "0",
                "-1",
                "255",
                "65536",
                "2147483648",
                "4294967295",
                "1e309",
                "99999999999999999999",
            ];
            let number = numbers[random.below(numbers.len())];
            input.splice(digits..digits, number.bytes());
        }
        _ => input.truncate(at),
    }
}
