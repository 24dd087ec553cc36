//! Text for snapshots.

/// `text` with every SHA-256 in hexadecimal replaced by `<digest>`: digests change with every word
/// of a prompt and every byte of a store, and tell a reader nothing.
pub fn filtered(text: &str) -> String {
    const LENGTH: usize = 64;
    let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_digit) {
        let length = rest[start..].find(|c| !is_digit(c)).unwrap_or(rest.len() - start);
        out.push_str(&rest[..start]);
        let run = &rest[start..start + length];
        out.push_str(if length == LENGTH { "<digest>" } else { run });
        rest = &rest[start + length..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_and_nothing_else() {
        let digest = "0f".repeat(32);
        assert_eq!(filtered(&format!("a \"{digest}\" b")), "a \"<digest>\" b");
        assert_eq!(filtered("deadbeef 1234 字"), "deadbeef 1234 字");
        assert_eq!(filtered(&format!("{digest}0")), format!("{digest}0"));
    }
}
