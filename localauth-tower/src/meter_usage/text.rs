//! The insides of a JSON string, a piece at a time.

/// Bytes kept for later, up to `N`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept<const N: usize> {
    bytes: [u8; N],
    len: usize,
    overflowed: bool,
}

impl<const N: usize> Kept<N> {
    pub(super) const fn new() -> Self {
        Self {
            bytes: [0; N],
            len: 0,
            overflowed: false,
        }
    }

    pub(super) const fn clear(&mut self) {
        self.len = 0;
        self.overflowed = false;
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends what fits.
    pub(super) fn push(&mut self, run: &[u8]) {
        let room = self.bytes.get_mut(self.len..).unwrap_or_default();
        let fits = run.len().min(room.len());
        if let (Some(room), Some(run)) = (room.get_mut(..fits), run.get(..fits)) {
            room.copy_from_slice(run);
        }
        self.len += fits;
        self.overflowed |= fits < run.len();
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// What was appended; `None` when not all of it fitted.
    pub(super) fn whole(&self) -> Option<&[u8]> {
        (!self.overflowed).then(|| self.bytes())
    }

    /// As much of it as is text.
    pub(super) fn as_str(&self) -> &str {
        self.bytes().utf8_chunks().next().map_or("", |chunk| chunk.valid())
    }
}

/// The escapes of a string: `\n`, `\u00e9`, `\ud83d\ude00`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Escapes {
    state: State,
    /// The first half of a character that is written as two.
    high: Option<u16>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed,
    /// After the backslash.
    Open,
    /// After `\u` and so many digits.
    Hex {
        digits: u8,
        unit: u16,
    },
}

/// What no JSON string has after a backslash.
#[derive(Debug, Clone, Copy)]
pub(super) struct NotAnEscape;

impl Escapes {
    pub(super) const fn new() -> Self {
        Self {
            state: State::Closed,
            high: None,
        }
    }

    pub(super) const fn reset(&mut self) {
        *self = Self::new();
    }

    /// There was a backslash.
    pub(super) const fn open(&mut self) {
        self.state = State::Open;
    }

    /// Whether the next byte belongs to an escape.
    pub(super) const fn is_open(self) -> bool {
        !matches!(self.state, State::Closed)
    }

    /// Takes the next byte; the character, when that was the last. Half a character by itself is passed over.
    pub(super) fn read(&mut self, byte: u8) -> Result<Option<char>, NotAnEscape> {
        match self.state {
            State::Hex { digits, unit } => {
                let digit = char::from(byte)
                    .to_digit(16)
                    .and_then(|digit| u16::try_from(digit).ok());
                let unit = unit << 4 | digit.ok_or(NotAnEscape)?;
                if digits < 3 {
                    self.state = State::Hex {
                        digits: digits + 1,
                        unit,
                    };
                    return Ok(None);
                }
                self.state = State::Closed;
                Ok(self.unit(unit))
            }
            State::Closed | State::Open => {
                self.state = State::Closed;
                self.high = self.high.filter(|_| byte == b'u');
                let char = match byte {
                    b'"' | b'\\' | b'/' => char::from(byte),
                    b'b' => '\u{8}',
                    b'f' => '\u{c}',
                    b'n' => '\n',
                    b'r' => '\r',
                    b't' => '\t',
                    b'u' => {
                        self.state = State::Hex { digits: 0, unit: 0 };
                        return Ok(None);
                    }
                    _ => return Err(NotAnEscape),
                };
                Ok(Some(char))
            }
        }
    }

    /// A unit of UTF-16 was written out.
    fn unit(&mut self, unit: u16) -> Option<char> {
        let high = self.high.take();
        if (0xd800..0xdc00).contains(&unit) {
            self.high = Some(unit);
            return None;
        }
        char::decode_utf16(high.into_iter().chain([unit]))
            .filter_map(Result::ok)
            .last()
    }
}
