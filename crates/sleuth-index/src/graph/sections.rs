//! Headings inside a text: what a document has a section on, other documents may name it by.

/// Most headings of one document that are taken.
const MOST: usize = 256;
/// Bytes of the longest heading.
const LONGEST: usize = 120;

/// The headings in `text`, without marks and numbers: lines that begin with `#`, and lines with a line of
/// punctuation below that is as long, as reStructuredText has them.
pub(super) fn headings(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut before = "";
    for line in text.lines() {
        let marked = line.trim_start_matches('#');
        if marked.len() < line.len() && marked.starts_with(' ') {
            out.push(marked);
        } else if is_underline(line) && !before.is_empty() && line.len() >= before.chars().count() {
            out.push(before);
        }
        before = if line.starts_with(|c: char| c.is_alphanumeric()) { line.trim_end() } else { "" };
        if out.len() >= MOST {
            break;
        }
    }
    out.into_iter()
        .map(|heading| without_number(heading.trim()))
        .filter(|heading| !heading.is_empty() && heading.len() <= LONGEST)
        .collect()
}

fn is_underline(line: &str) -> bool {
    let line = line.trim_end();
    line.len() >= 3
        && line.starts_with(['=', '-', '~', '^', '"', '*', '+', '#'])
        && line.bytes().all(|byte| byte == line.as_bytes()[0])
}

/// A heading or title without the number in front: `5.4. Constraints`, `Chapter 3. Types`.
pub(super) fn without_number(title: &str) -> &str {
    let rest = ["Chapter ", "Appendix ", "Section ", "Part "]
        .iter()
        .find_map(|kind| title.strip_prefix(kind))
        .unwrap_or(title);
    let Some((number, words)) = rest.split_once(". ") else { return title };
    let is_number = |part: &str| {
        !part.is_empty()
            && (part.bytes().all(|byte| byte.is_ascii_digit())
                || (part.len() == 1 && part.bytes().all(|byte| byte.is_ascii_uppercase())))
    };
    let digits = number.bytes().any(|byte| byte.is_ascii_digit());
    let counts = digits || rest.len() < title.len();
    if counts && number.split('.').all(is_number) { words.trim_start() } else { title }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_of_both_kinds() {
        let text = "# Constraints\n\nA check.\n\n## 5.4.5. Foreign Keys\ntext\n#hashtag\n\nMapping Types\n=============\n\
                    \n+---+\n| a |\n+---+\nToo long for its line\n---\n* * *\n";
        assert_eq!(headings(text), ["Constraints", "Foreign Keys", "Mapping Types"]);
        assert_eq!(headings("====\n===\n\n---"), [""; 0]);
    }

    #[test]
    fn numbers_in_front() {
        for (title, expected) in [
            ("5.4. Constraints", "Constraints"),
            ("Chapter 3. Data Types", "Data Types"),
            ("Appendix B. Support", "Support"),
            ("A.2. Rules", "Rules"),
            ("G. Stanley Hall", "G. Stanley Hall"),
            ("2001: A Space Odyssey", "2001: A Space Odyssey"),
            ("Part of it. All", "Part of it. All"),
            ("3.11", "3.11"),
        ] {
            assert_eq!(without_number(title), expected);
        }
    }
}
