//! Walks through the head of a GGUF file before it is loaded.
//!
//! The head is full of lengths. mistral.rs believes them and asks for as much memory, which in a damaged file ends the
//! process on the spot. Here each length is held against what is left of the file, and nothing is kept.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek},
    path::Path,
};

/// Why the head of a GGUF file makes no sense.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum HeadError {
    /// A length that points behind the end of the file.
    #[error("the file is damaged or cut off before its tensors begin")]
    CutOff,
    /// A kind of value that the format does not have.
    #[error("the file is damaged: it has a value of the unknown kind {0}")]
    UnknownKind(u32),
    /// Arrays in arrays in arrays, or tensors of more dimensions than there are.
    #[error("the file is damaged: it is nested too deep")]
    TooDeep,
    /// Another version of the format.
    #[error("the file is of version {0} of GGUF, and only 2 and 3 are known")]
    Version(u32),
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    Unreadable(io::Error),
}

impl From<io::Error> for HeadError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::CutOff,
            _ => Self::Unreadable(error),
        }
    }
}

/// How deep arrays may lie in arrays, and how many dimensions a tensor may have. Real files have one and four.
const DEEPEST: u32 = 8;

/// Checks the head of a file.
pub(super) fn check(path: &Path) -> Result<(), HeadError> {
    let file = File::open(path)?;
    let left = file.metadata()?.len();
    Head {
        file: BufReader::new(file),
        left,
    }
    .walk()
}

/// A file that is being read, and how much of it is left.
struct Head<R> {
    file: R,
    left: u64,
}

impl<R: Read + Seek> Head<R> {
    fn walk(&mut self) -> Result<(), HeadError> {
        self.skip(4)?; // the magic number, which was looked at already
        match self.u32()? {
            2 | 3 => {}
            version => return Err(HeadError::Version(version)),
        }
        let (tensors, values) = (self.u64()?, self.u64()?);
        for _ in 0..values {
            self.text()?;
            let kind = self.u32()?;
            self.value(kind, 0)?;
        }
        for _ in 0..tensors {
            self.text()?;
            let dimensions = self.u32()?;
            if dimensions > DEEPEST {
                return Err(HeadError::TooDeep);
            }
            // The dimensions, the kind of number, and where the numbers are.
            self.skip(8 * u64::from(dimensions) + 4 + 8)?;
        }
        Ok(())
    }

    fn value(&mut self, kind: u32, depth: u32) -> Result<(), HeadError> {
        const TEXT: u32 = 8;
        const ARRAY: u32 = 9;
        match kind {
            TEXT => self.text(),
            ARRAY if depth == DEEPEST => Err(HeadError::TooDeep),
            ARRAY => {
                let kind = self.u32()?;
                let count = self.u64()?;
                if let Some(size) = size(kind) {
                    return self.skip(count.checked_mul(size).ok_or(HeadError::CutOff)?);
                }
                for _ in 0..count {
                    self.value(kind, depth + 1)?;
                }
                Ok(())
            }
            kind => self.skip(size(kind).ok_or(HeadError::UnknownKind(kind))?),
        }
    }

    fn text(&mut self) -> Result<(), HeadError> {
        let length = self.u64()?;
        self.skip(length)
    }

    fn u32(&mut self) -> Result<u32, HeadError> {
        self.number().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, HeadError> {
        self.number().map(u64::from_le_bytes)
    }

    fn number<const N: usize>(&mut self) -> Result<[u8; N], HeadError> {
        let mut bytes = [0; N];
        self.file.read_exact(&mut bytes)?;
        self.left = self.left.saturating_sub(N as u64);
        Ok(bytes)
    }

    fn skip(&mut self, length: u64) -> Result<(), HeadError> {
        self.left = self.left.checked_sub(length).ok_or(HeadError::CutOff)?;
        // No file is longer than this number can say.
        let length = i64::try_from(length).map_err(|_| HeadError::CutOff)?;
        self.file.seek_relative(length)?;
        Ok(())
    }
}

/// The bytes of a number of this kind, or nothing for kinds whose values differ in length.
fn size(kind: u32) -> Option<u64> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn walk(file: &[u8]) -> Result<(), HeadError> {
        Head {
            file: Cursor::new(file),
            left: file.len() as u64,
        }
        .walk()
    }

    fn text(text: &str) -> Vec<u8> {
        [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
    }

    /// A head with one tensor and one value of this kind.
    fn head(kind: u32, value: &[u8]) -> Vec<u8> {
        let mut head = b"GGUF".to_vec();
        head.extend(3_u32.to_le_bytes());
        head.extend(1_u64.to_le_bytes());
        head.extend(1_u64.to_le_bytes());
        head.extend(text("general.name"));
        head.extend(kind.to_le_bytes());
        head.extend(value);
        head.extend(text("token_embd.weight"));
        head.extend(2_u32.to_le_bytes());
        head.extend([0; 8 * 2 + 4 + 8]);
        head
    }

    fn array(kind: u32, count: u64, items: &[u8]) -> Vec<u8> {
        [&kind.to_le_bytes()[..], &count.to_le_bytes(), items].concat()
    }

    #[test]
    fn files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("demo.gguf");
        assert!(matches!(check(&path), Err(HeadError::Unreadable(_))));
        std::fs::write(&path, head(8, &text("demo"))).unwrap();
        assert!(check(&path).is_ok());
        std::fs::write(&path, "GGUF").unwrap();
        assert!(matches!(check(&path), Err(HeadError::CutOff)));
    }

    #[test]
    fn whole_heads_pass() {
        assert!(walk(&head(8, &text("demo"))).is_ok());
        assert!(walk(&head(4, &[0; 4])).is_ok());
        assert!(walk(&head(9, &array(8, 2, &[text("a"), text("b")].concat()))).is_ok());
        assert!(walk(&head(9, &array(9, 1, &array(0, 3, &[1, 2, 3])))).is_ok());
    }

    #[test]
    fn a_head_may_end_nowhere_else() {
        let whole = head(9, &array(8, 2, &[text("a"), text("b")].concat()));
        for length in 0..whole.len() {
            assert!(matches!(walk(&whole[..length]), Err(HeadError::CutOff)), "{length}");
        }
    }

    #[test]
    fn lengths_are_not_believed() {
        for length in [1 << 20, 1 << 42, i64::MAX as u64 + 1, u64::MAX] {
            for value in [
                head(8, &length.to_le_bytes()),
                head(9, &array(12, length, &[])),
                head(9, &array(8, length, &[])),
            ] {
                assert!(matches!(walk(&value), Err(HeadError::CutOff)), "{length}");
            }
        }
    }

    #[test]
    fn what_the_format_does_not_have() {
        assert!(matches!(walk(&head(13, &[])), Err(HeadError::UnknownKind(13))));
        let nested = (0..20).fold(array(0, 0, &[]), |inner, _| array(9, 1, &inner));
        assert!(matches!(walk(&head(9, &nested)), Err(HeadError::TooDeep)));
        let mut other = head(4, &[0; 4]);
        other[4] = 9;
        assert!(matches!(walk(&other), Err(HeadError::Version(9))));
    }
}
