//! Texts that go into the database.

use std::borrow::Cow;

use crate::error::Failure;

/// The longest label of usage (model, endpoint, name), in characters: four bytes each still fit into an index entry of
/// PostgreSQL, which takes about 2,700.
pub(crate) const MAX_LABEL_CHARS: usize = 255;

/// `text` as it is, unless it has a null character: PostgreSQL refuses those, and what one database takes and the other
/// does not is refused on both.
pub(crate) fn storable(text: &str) -> Result<String, Failure> {
    if text.contains('\0') {
        Err(Failure::NullCharacter)
    } else {
        Ok(text.to_owned())
    }
}

/// `text` as a label of usage: cut to [`MAX_LABEL_CHARS`], and with a replacement for null characters.
///
/// Labels come from outside. To refuse one would hold up the whole batch it is in, again and again.
pub(crate) fn label(text: &str) -> Cow<'_, str> {
    let end = text
        .char_indices()
        .nth(MAX_LABEL_CHARS)
        .map_or(text.len(), |(end, _)| end);
    let cut = &text[..end];
    if cut.contains('\0') {
        Cow::Owned(cut.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_cut_between_characters() {
        assert_eq!(label("llama"), "llama");
        assert_eq!(label("a\0b"), "a\u{fffd}b");
        assert_eq!(label(&"ä".repeat(255)), "ä".repeat(255));
        assert_eq!(label(&"ä".repeat(256)), "ä".repeat(255));
    }

    #[test]
    fn null_characters_are_refused_elsewhere() {
        assert!(storable("Zoë").is_ok());
        assert!(storable("\0").is_err());
    }
}
