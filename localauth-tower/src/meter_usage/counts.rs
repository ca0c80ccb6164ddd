//! Token counts, as a model server tells them.

/// More than this nobody counts in one answer: a larger number is a mistake, and would spoil sums for good.
const MAX_TOKENS: u64 = 1_000_000_000_000;

/// Bytes that are taken for one token where tokens have to be estimated.
const BYTES_PER_TOKEN: u64 = 4;

/// The longest piece of a stream that still passes for one token.
const MAX_TOKEN_BYTES: u64 = 32;

/// What one `usage` object says, or several of them together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    /// Tokens read, if told.
    pub(super) prompt: Option<u64>,
    /// Tokens written, if told.
    pub(super) completion: Option<u64>,
    /// Both together, if told.
    pub(super) total: Option<u64>,
}

impl Counts {
    /// The one object's last word: what was read follows from the total where that alone is told (embeddings, reranking).
    ///
    /// `None` when nothing is counted. All zeros is that too: some servers send it with each piece until they know better.
    pub(super) fn told(self) -> Option<Self> {
        let rest = || {
            self.total
                .map(|total| total.saturating_sub(self.completion.unwrap_or(0)))
        };
        let counts = Self {
            prompt: self.prompt.or_else(rest),
            ..self
        };
        let any = counts.prompt.unwrap_or(0) > 0 || counts.completion.unwrap_or(0) > 0;
        any.then_some(counts)
    }

    /// Takes over what a later object tells; what it does not tell stays.
    pub(super) fn update(&mut self, later: Self) {
        self.prompt = later.prompt.or(self.prompt);
        self.completion = later.completion.or(self.completion);
    }
}

/// A count as JSON has it; `None` when it is none.
pub(super) fn parse_count(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    // Some languages know only one kind of number.
    let whole = text.split_once('.').map_or(text, |(whole, fraction)| {
        if fraction.bytes().all(|digit| digit == b'0') {
            whole
        } else {
            text
        }
    });
    whole.parse().ok().filter(|&count| count <= MAX_TOKENS)
}

/// Tokens that a text of so many bytes is taken for.
pub(super) const fn tokens_of_text(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN)
}

/// Tokens that a piece of a stream is taken for: one, as servers send each token by itself, unless it is clearly more.
pub(super) const fn tokens_of_piece(bytes: u64) -> u64 {
    match bytes {
        0 => 0,
        1..=MAX_TOKEN_BYTES => 1,
        _ => tokens_of_text(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_whole_and_believable() {
        for (text, count) in [
            ("0", Some(0)),
            ("12", Some(12)),
            ("12.0", Some(12)),
            ("12.5", None),
            ("-1", None),
            ("1e3", None),
            ("1000000000000", Some(MAX_TOKENS)),
            ("1000000000001", None),
            ("99999999999999999999999", None),
            ("null", None),
            ("", None),
        ] {
            assert_eq!(parse_count(text.as_bytes()), count, "{text}");
        }
    }

    #[test]
    fn a_piece_is_one_token_unless_it_is_long() {
        let tokens = [0, 1, 4, 32, 33, 400].map(tokens_of_piece);
        assert_eq!(tokens, [0, 1, 1, 1, 9, 100]);
    }

    #[test]
    fn a_total_tells_the_rest() {
        let total = |prompt, completion, total| {
            Counts {
                prompt,
                completion,
                total,
            }
            .told()
        };
        let prompt = |c: Option<Counts>| c.and_then(|c| c.prompt);
        assert_eq!(prompt(total(None, None, Some(9))), Some(9));
        assert_eq!(prompt(total(None, Some(4), Some(9))), Some(5));
        assert_eq!(prompt(total(Some(3), None, Some(9))), Some(3));
        assert_eq!(total(Some(0), Some(0), Some(0)), None);
        assert_eq!(total(None, None, None), None);
    }
}
