//! What a stretch of text is, and how that is written into plain text.
//!
//! Headings carry `#` marks as in Markdown, items a dash, cells of a table row are parted by
//! [`CELLS`]; rows and items stand on lines below each other, all else is parted by a blank line.

/// What parts the cells of a table row.
pub(crate) const CELLS: &str = " | ";

/// Kinds of stretches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Paragraph,
    Heading(u8),
    Item {
        level: u8,
    },
    Term,
    Definition,
    Pre,
    /// Of a table.
    Row,
}

/// What stands between two stretches.
pub(crate) fn between(above: Shape, below: Shape) -> &'static str {
    match (above, below) {
        (Shape::Item { .. }, Shape::Item { .. })
        | (Shape::Row, Shape::Row)
        | (Shape::Term, Shape::Term | Shape::Definition)
        | (Shape::Definition, Shape::Term | Shape::Definition | Shape::Item { .. })
        | (Shape::Item { .. }, Shape::Definition) => "\n",
        _ => "\n\n",
    }
}

/// Writes what stands before a stretch.
pub(crate) fn prefix(text: &mut String, shape: Shape) {
    match shape {
        Shape::Heading(level) => {
            (0..level).for_each(|_| text.push('#'));
            text.push(' ');
        }
        Shape::Item { level } => {
            (0..level.min(8)).for_each(|_| text.push_str("  "));
            text.push_str("- ");
        }
        Shape::Definition => text.push_str("  "),
        Shape::Paragraph | Shape::Term | Shape::Pre | Shape::Row => {}
    }
}
