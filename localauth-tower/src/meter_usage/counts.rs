//! Token counts, as a model server tells them.

/// More than this nobody counts in one answer: a larger number is a mistake, and would spoil sums for good.
const MAX_TOKENS: u64 = 1_000_000_000_000;

/// Bytes that are taken for one token where tokens have to be estimated.
const BYTES_PER_TOKEN: u64 = 4;

/// The longest piece of a stream that still passes for one token.
const MAX_TOKEN_BYTES: u64 = 32;

/// What one `usage` object says, or several of them together, by the names that servers use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    /// `prompt_tokens`: tokens read, those from the cache among them.
    pub(super) prompt: Option<u64>,
    /// `input_tokens`: the same, but that Anthropic tells those from the cache beside it.
    pub(super) input: Option<u64>,
    /// Tokens written.
    pub(super) completion: Option<u64>,
    /// Tokens read and written.
    pub(super) total: Option<u64>,
    /// Tokens read that were in the cache, within the others.
    pub(super) cached: Option<u64>,
    /// `cache_read_input_tokens`: tokens read from the cache, beside `input_tokens`.
    pub(super) cache_read: Option<u64>,
    /// `cache_creation_input_tokens`: tokens read and put into the cache, beside `input_tokens`.
    pub(super) cache_written: Option<u64>,
}

impl Counts {
    /// The one object's last word: what was read follows from the total where that alone is told (embeddings, reranking).
    ///
    /// `None` when nothing is counted. All zeros is that too: some servers send it with each piece until they know better.
    pub(super) fn told(self) -> Option<Self> {
        let rest = || {
            let total = self.total.filter(|_| self.input.is_none());
            total.map(|total| total.saturating_sub(self.completion.unwrap_or(0)))
        };
        let counts = Self {
            prompt: self.prompt.or_else(rest),
            ..self
        };
        let any = counts.prompt().unwrap_or(0) > 0 || counts.completion.unwrap_or(0) > 0;
        any.then_some(counts)
    }

    /// Takes over what a later object tells; what it does not tell stays, and so does what it tells as zero.
    pub(super) fn update(&mut self, later: Self) {
        for (slot, later) in [
            (&mut self.prompt, later.prompt),
            (&mut self.input, later.input),
            (&mut self.completion, later.completion),
            (&mut self.cached, later.cached),
            (&mut self.cache_read, later.cache_read),
            (&mut self.cache_written, later.cache_written),
        ] {
            *slot = later.filter(|&count| count > 0).or(*slot).or(later);
        }
    }

    /// Tokens read, if told.
    pub(super) fn prompt(&self) -> Option<u64> {
        // Proxies tell both, the larger by the one name and Anthropic's parts by the others.
        if let Some(prompt) = self.prompt.filter(|&prompt| prompt > 0) {
            return Some(prompt.max(self.input.unwrap_or(0)));
        }
        let beside = self.cache_read.unwrap_or(0) + self.cache_written.unwrap_or(0);
        self.input.map(|input| input + beside).or(self.prompt)
    }

    /// Those of the tokens read that were in the cache.
    pub(super) fn cached(&self) -> u64 {
        let cached = self.cached.max(self.cache_read).unwrap_or(0);
        cached.min(self.prompt().unwrap_or(0))
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
                ..Counts::default()
            }
            .told()
        };
        let prompt = |c: Option<Counts>| c.and_then(|c| c.prompt());
        assert_eq!(prompt(total(None, None, Some(9))), Some(9));
        assert_eq!(prompt(total(None, Some(4), Some(9))), Some(5));
        assert_eq!(prompt(total(Some(3), None, Some(9))), Some(3));
        assert_eq!(total(Some(0), Some(0), Some(0)), None);
        assert_eq!(total(None, None, None), None);
    }

    #[test]
    fn the_cache_is_beside_or_within() {
        let told = |prompt, input, cached, cache_read, cache_written| {
            let counts = Counts {
                prompt,
                input,
                cached,
                cache_read,
                cache_written,
                ..Counts::default()
            };
            (counts.prompt(), counts.cached())
        };
        assert_eq!(told(None, Some(10), None, Some(80), Some(5)), (Some(95), 80), "beside");
        assert_eq!(
            told(Some(95), None, Some(80), Some(80), Some(5)),
            (Some(95), 80),
            "within"
        );
        assert_eq!(told(None, Some(95), Some(80), None, None), (Some(95), 80), "within");
        assert_eq!(
            told(Some(0), Some(10), None, Some(80), None),
            (Some(90), 80),
            "zeros by one name"
        );
        assert_eq!(
            told(Some(9), None, Some(80), None, None),
            (Some(9), 9),
            "never more than there was"
        );
        assert_eq!(told(None, None, None, Some(80), None), (None, 0), "no word of the rest");
    }

    #[test]
    fn later_counts_go_before_earlier_ones() {
        let mut counts = Counts {
            input: Some(25),
            cache_read: Some(100),
            completion: Some(1),
            ..Counts::default()
        };
        counts.update(Counts {
            input: Some(0),
            completion: Some(15),
            ..Counts::default()
        });
        assert_eq!((counts.prompt(), counts.completion), (Some(125), Some(15)));
    }
}
