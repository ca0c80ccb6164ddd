//! How much memory a tree of a JSON text would take.

use localauth_core::Denial;

/// Texts up to this length are not looked at: whatever is in them, a tree of it is small enough.
const FREE: usize = 256 * 1024;
/// The most objects and arrays. Each takes up to some 700 bytes in a tree, however short its text is.
const MOST_CONTAINERS: usize = 100_000;
/// The most values. Each takes 32 bytes in an array.
const MOST_VALUES: usize = 2_000_000;

/// Whether whoever makes a tree of `text` has room for it: what is a few bytes there may be hundreds in memory.
///
/// # Errors
///
/// [`Denial::BodyTooLarge`].
pub(super) fn check(text: &str) -> Result<(), Denial> {
    if text.len() <= FREE {
        return Ok(());
    }
    let (mut containers, mut values) = (0, 0);
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'{' | b'[' => containers += 1,
            b',' => values += 1,
            b'"' => rest = behind_string(rest),
            _ => {}
        }
    }
    if containers > MOST_CONTAINERS || values > MOST_VALUES {
        return Err(Denial::BodyTooLarge);
    }
    Ok(())
}

/// What follows the string that `text` is within.
fn behind_string(mut text: &[u8]) -> &[u8] {
    while let Some(at) = memchr::memchr2(b'"', b'\\', text) {
        let is_end = text.get(at) == Some(&b'"');
        text = text.get(at + if is_end { 1 } else { 2 }..).unwrap_or_default();
        if is_end {
            return text;
        }
    }
    &[]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_fill_the_memory_is_refused() {
        let many = |piece: &str, count: usize| format!("[{}0]", format!("{piece},").repeat(count));
        for (piece, most) in [
            (r#"{"":0}"#, MOST_CONTAINERS),
            ("[]", MOST_CONTAINERS),
            ("0", MOST_VALUES),
        ] {
            // The array around them is one, too.
            assert_eq!(check(&many(piece, most - 1)), Ok(()), "{piece}");
            assert_eq!(check(&many(piece, most + 1)), Err(Denial::BodyTooLarge), "{piece}");
        }
    }

    #[test]
    fn what_stands_in_a_string_is_text() {
        let code = r#"{\"a\":[1,2]},\\\" "#.repeat(400_000);
        assert_eq!(check(&format!(r#"{{"content":"{code}"}}"#)), Ok(()));
        let broken = format!(r#"{{"content":"{code}\"#);
        assert_eq!(check(&broken), Ok(()), "somebody else refuses that");
        assert_eq!(check(&"[".repeat(FREE)), Ok(()));
        assert_eq!(check(&"[".repeat(FREE + 1)), Err(Denial::BodyTooLarge));
    }
}
