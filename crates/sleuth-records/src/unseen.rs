//! Characters that no reader sees and a model or a terminal would: one list for all who take them
//! out of text or write them out.

/// Whether `c` is drawn as nothing wherever it stands, or changes the order of what is drawn around
/// it: zero-width spaces and marks, soft hyphens, marks of text direction, fillers, invisible
/// operators, and the tags at U+E0000.
///
/// Not among them are control characters, and the joiners and variation selectors that emoji and
/// many scripts are written with: whether those are seen depends on their neighbours.
#[must_use]
pub fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{180f}' | '\u{200b}'
        | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e00ff}' | '\u{e01f0}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::is_unseen;

    #[test]
    fn what_is_drawn_or_shapes_its_neighbours_is_seen() {
        let hidden = "\u{ad}\u{61c}\u{200b}\u{200e}\u{202e}\u{2060}\u{2066}\u{feff}\u{e0001}\u{e0041}\u{e007f}";
        assert!(hidden.chars().all(is_unseen));
        for text in ["naïve, 你好", "👩‍💻", "❤️", "می‌خواهم", "क्‍ष", "葛\u{e0100}", "\u{fffd}"]
        {
            assert!(!text.chars().any(is_unseen), "{text}");
        }
    }
}
