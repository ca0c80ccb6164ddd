//! Gathers a body, within a limit.

use bytes::{Buf, Bytes};
use localauth_core::Denial;

/// What was read of a body. One that comes in one piece, as most do, is not copied.
#[derive(Debug, Default)]
pub(super) struct Collected {
    first: Bytes,
    all: Option<Vec<u8>>,
}

impl Collected {
    /// Adds a piece.
    ///
    /// # Errors
    ///
    /// [`Denial::BodyTooLarge`] when there are more than `max` bytes then.
    pub(super) fn push(&mut self, mut piece: impl Buf, max: usize) -> Result<(), Denial> {
        let room = max - self.len().min(max);
        if piece.remaining() > room {
            return Err(Denial::BodyTooLarge);
        }
        if self.first.is_empty() {
            self.first = piece.copy_to_bytes(piece.remaining());
            return Ok(());
        }
        let all = self.all.get_or_insert_with(|| self.first.to_vec());
        while piece.has_remaining() {
            let chunk = piece.chunk();
            all.extend_from_slice(chunk);
            let read = chunk.len();
            piece.advance(read);
        }
        Ok(())
    }

    fn len(&self) -> usize {
        self.all.as_ref().map_or(self.first.len(), Vec::len)
    }

    /// All of it.
    pub(super) fn into_bytes(self) -> Bytes {
        self.all.map_or(self.first, Bytes::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_become_one_within_the_limit() {
        let mut body = Collected::default();
        for piece in ["", "ab", "c", "", "de"] {
            body.push(piece.as_bytes(), 5).unwrap();
        }
        assert_eq!(body.push(&b""[..], 5), Ok(()));
        assert_eq!(body.push(&b"f"[..], 5), Err(Denial::BodyTooLarge));
        assert_eq!(body.into_bytes(), "abcde");
        assert_eq!(Collected::default().push(&b"abc"[..], 2), Err(Denial::BodyTooLarge));
    }

    #[test]
    fn one_piece_is_not_copied() {
        let piece = Bytes::from_static(b"whole");
        let mut body = Collected::default();
        body.push(piece.clone(), 5).unwrap();
        assert_eq!(body.into_bytes().as_ptr(), piece.as_ptr());
    }
}
