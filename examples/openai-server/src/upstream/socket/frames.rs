//! Where in its frames (RFC 6455, section 5.2) one direction of a `WebSocket` is. Nothing of them is kept.

/// The longest head of a frame: two bytes, eight of a length, four of a mask.
const LONGEST: usize = 14;

/// Follows the frames that go by.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// The head of a frame, as far as it is there.
    head: [u8; LONGEST],
    has: usize,
    /// What is left of the frame after its head.
    left: u64,
    is_closed: bool,
}

impl Frames {
    /// So much more went by.
    pub(super) fn read(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            if self.left > 0 {
                let all = data.len() as u64;
                let skipped = self.left.min(all);
                self.left -= skipped;
                data = usize::try_from(skipped).map_or(&[], |skipped| &data[skipped..]);
                continue;
            }
            self.head[self.has] = data[0];
            self.has += 1;
            data = &data[1..];
            if let Some(payload) = self.payload() {
                self.is_closed |= self.head[0] & 0x0f == 8;
                (self.left, self.has) = (payload, 0);
            }
        }
    }

    /// Whether a frame may begin here, and none has said that it was the last.
    pub(super) const fn is_between(&self) -> bool {
        self.has == 0 && self.left == 0 && !self.is_closed
    }

    /// How long the payload is, once the head is whole.
    fn payload(&self) -> Option<u64> {
        let &[_, second, ..] = self.head.get(..self.has)? else {
            return None;
        };
        let length = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        if self.has < 2 + length + mask {
            return None;
        }
        let long = self.head[2..2 + length].iter();
        Some(match length {
            0 => u64::from(second & 0x7f),
            _ => long.fold(0, |length, &byte| length << 8 | u64::from(byte)),
        })
    }
}

/// Why a socket is closed by us (RFC 6455, section 7.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// The server stops, or nobody has said anything for too long.
    GoingAway = 1001,
    /// Whoever opened it may no longer.
    NotAllowed = 1008,
}

/// The frame by which a server closes a socket.
pub(super) const fn close(code: Code) -> [u8; 4] {
    let [high, low] = (code as u16).to_be_bytes();
    [0x88, 2, high, low]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where frames may begin, after each byte.
    fn between(bytes: &[u8]) -> Vec<usize> {
        let mut frames = Frames::default();
        let mut places = Vec::new();
        for (at, byte) in bytes.iter().enumerate() {
            frames.read(&[*byte]);
            if frames.is_between() {
                places.push(at + 1);
            }
        }
        let mut whole = Frames::default();
        whole.read(bytes);
        assert_eq!(whole.is_between(), frames.is_between(), "in one piece too");
        places
    }

    #[test]
    fn frames_begin_where_others_end() {
        assert!(Frames::default().is_between());
        assert_eq!(between(b"\x81\x02hi\x81\x00\x8a\x01x"), [4, 6, 9]);
        // Masked, as clients send.
        assert_eq!(between(b"\x81\x82maskhi\x81\x80mask"), [8, 14]);
        let long = [&[0x82, 126, 1, 0][..], &[7; 256], &[0x81, 0]].concat();
        assert_eq!(between(&long), [260, 262]);
        let longer = [&[0x82, 127, 0, 0, 0, 0, 0, 0, 0, 3][..], b"abc"].concat();
        assert_eq!(between(&longer), [13]);
        // A length that nobody will ever send.
        assert!(between(&[&[0x82, 0xff][..], &[255; 100]].concat()).is_empty());
    }

    #[test]
    fn after_the_last_frame_there_is_none() {
        assert_eq!(between(b"\x81\x00\x88\x02\x03\xe8"), [2]);
        assert_eq!(close(Code::GoingAway), [0x88, 2, 3, 0xe9]);
        let mut frames = Frames::default();
        frames.read(&close(Code::NotAllowed));
        assert!(!frames.is_between());
    }
}
