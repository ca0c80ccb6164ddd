//! The fields of a request that decisions depend on, and the spellings in which somebody might read them.

/// What is looked for in a body: at its top, and for the last one within `options`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Model,
    Stream,
    StreamOptions,
    N,
    BestOf,
    NCmpl,
    MaxTokens,
    MaxCompletionTokens,
    MaxOutputTokens,
    NPredict,
    /// On routes that complete text: one prompt, or several.
    Prompt,
    /// One more: Ollama's `options`, or `name` beside `model`; llama.cpp's `response_fields`.
    Extra,
    NumPredict,
}

/// How many [`Field`]s may stand at the top.
pub(super) const FIELDS: usize = 12;

/// How many there are.
pub(super) const ALL_FIELDS: usize = FIELDS + 1;

/// Their names, in their order. Those without are not looked for everywhere: see [`Names`].
const NAMES: [&str; ALL_FIELDS] = [
    "model",
    "stream",
    "stream_options",
    "n",
    "best_of",
    "n_cmpl",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "n_predict",
    "",
    "",
    "num_predict",
];

/// The names that are looked for at the top of a body, in the order of the fields; an empty one is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Names([&'static str; FIELDS]);

impl Names {
    /// What is looked for everywhere.
    pub(super) const fn common() -> Self {
        let mut names = [""; FIELDS];
        let mut place = 0;
        while place < FIELDS {
            names[place] = NAMES[place];
            place += 1;
        }
        Self(names)
    }

    /// The same, and `field` by this name.
    pub(super) const fn with(mut self, field: Field, name: &'static str) -> Self {
        self.0[field as usize] = name;
        self
    }

    pub(super) const fn as_slice(&self) -> &[&'static str] {
        &self.0
    }
}

/// Those that say how many tokens may be written at most. `n_predict` is llama.cpp's, which prefers it; `num_predict` is
/// Ollama's.
pub(super) const LIMITS: [Field; 5] = [
    Field::MaxTokens,
    Field::MaxCompletionTokens,
    Field::MaxOutputTokens,
    Field::NPredict,
    Field::NumPredict,
];

/// Those that say how many answers are to be written. `n_cmpl` is llama.cpp's, which prefers it.
pub(super) const CHOICES: [Field; 3] = [Field::N, Field::BestOf, Field::NCmpl];

impl Field {
    pub(super) const fn name(self) -> &'static str {
        NAMES[self as usize]
    }
}

/// Fields in which routers of models (`OpenRouter`, `LiteLLM`) are told of further ones, to be asked beside `model` or in
/// its place. Nobody judges those.
const FURTHER: [&str; 8] = [
    "models",
    "model_list",
    "fallbacks",
    "fallback_model",
    "fallback_models",
    "default_fallbacks",
    "context_window_fallbacks",
    "content_policy_fallbacks",
];

/// By which vLLM lets a client choose what its request, and the answer that is stored, is called.
const REQUEST_ID: &str = "request_id";

/// What a key is, among some names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// The name at this place, to the letter.
    Named(usize),
    /// Names further models, if it names anything.
    Further,
    /// Names the request, by any spelling.
    RequestId,
    /// Something that some readers take for one of the names, and others do not.
    Unclear,
    /// None of them.
    Other,
}

impl Key {
    /// What a `key` is that stands in the body as it is written here.
    pub(super) fn plain(key: &str, names: &[&str]) -> Self {
        match names.iter().position(|&name| name == key && !key.is_empty()) {
            Some(place) => Self::Named(place),
            None if names.iter().any(|name| reads_as(key, name)) => Self::Unclear,
            None => Self::Other,
        }
    }

    /// What a `key` is at the top of a body, as it is written there.
    pub(super) fn plain_at_top(key: &str, names: &[&str]) -> Self {
        match Self::plain(key, names) {
            Self::Other if FURTHER.contains(&key) => Self::Further,
            Self::Other => Self::other_at_top(key),
            known => known,
        }
    }

    /// The same, for one that was written with escapes.
    pub(super) fn escaped_at_top(key: &str, names: &[&str]) -> Self {
        match Self::escaped(key, names) {
            Self::Other => Self::other_at_top(key),
            known => known,
        }
    }

    /// What a `key` of a form is. There are readers that take `model[]` and `model[0]` for `model`.
    pub(super) fn of_form(key: &str, names: &[&str]) -> Self {
        match key.split_once('[') {
            None => Self::plain_at_top(key, names),
            Some((field, _)) => match Self::plain_at_top(field, names) {
                Self::Named(_) | Self::Unclear => Self::Unclear,
                other => other,
            },
        }
    }

    fn other_at_top(key: &str) -> Self {
        if FURTHER.iter().any(|name| reads_as(key, name)) {
            Self::Unclear
        } else if reads_as(key, REQUEST_ID) {
            Self::RequestId
        } else {
            Self::Other
        }
    }

    /// What a `key` is that was written with escapes. There are readers that compare without undoing them.
    pub(super) fn escaped(key: &str, names: &[&str]) -> Self {
        if names.iter().any(|name| reads_as(key, name)) {
            Self::Unclear
        } else {
            Self::Other
        }
    }
}

/// Whether any reader might take this `key` of a query for one that names models beside `model`.
pub(super) fn names_further(key: &str) -> bool {
    matches!(Key::of_form(key, &[Field::Model.name()]), Key::Further | Key::Unclear)
        && !reads_as(key, Field::Model.name())
}

/// Whether any reader might take `key` for `name`, which is in lower-case ASCII: without regard to case, as Go and .NET
/// read (for which `ſ` is an `s` and the Kelvin sign a `k`), or only up to a null character, as C does. Nothing reads as an
/// empty one.
pub(super) fn reads_as(key: &str, name: &str) -> bool {
    if name.is_empty() {
        return false;
    }
    let key = key.split('\0').next().unwrap_or_default();
    // No character that folds to a letter has more than three bytes.
    (name.len()..=3 * name.len()).contains(&key.len()) && key.chars().map(fold).eq(name.chars())
}

fn fold(char: char) -> char {
    if char.is_ascii() {
        return char.to_ascii_lowercase();
    }
    let upper = char.to_uppercase().next().filter(char::is_ascii);
    let lower = char.to_lowercase().next().filter(char::is_ascii);
    upper.or(lower).map_or(char, |letter| letter.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &[&str] = &["model", "stream", "n", "max_tokens", "max_completion_tokens"];

    #[test]
    fn names_are_in_the_order_of_the_fields() {
        for (field, name) in [
            (Field::Model, "model"),
            (Field::StreamOptions, "stream_options"),
            (Field::MaxTokens, "max_tokens"),
            (Field::NPredict, "n_predict"),
            (Field::NumPredict, "num_predict"),
        ] {
            assert_eq!(field.name(), name);
        }
        let names = Names::common().with(Field::Extra, "options");
        assert_eq!(names.as_slice()[Field::Extra as usize], "options");
        assert_eq!(
            Key::plain("options", names.as_slice()),
            Key::Named(Field::Extra as usize)
        );
        // A name that is not looked for is no key's.
        for key in ["", "\0", "\0x", "prompt"] {
            assert_eq!(Key::plain(key, names.as_slice()), Key::Other, "{key:?}");
            assert_eq!(Key::escaped(key, names.as_slice()), Key::Other, "{key:?}");
        }
    }

    #[test]
    fn what_names_further_models_is_known_by_any_spelling() {
        for key in FURTHER {
            assert_eq!(Key::plain_at_top(key, NAMES), Key::Further);
            assert_eq!(Key::escaped_at_top(key, NAMES), Key::Unclear);
            assert_eq!(Key::plain_at_top(&key.to_uppercase(), NAMES), Key::Unclear);
            assert_eq!(Key::of_form(&format!("{key}[]"), NAMES), Key::Further);
            assert!(names_further(key) && names_further(&format!("{key}[0]")), "{key}");
        }
        for key in ["model[]", "model[0]", "Model[x]", "n[]", "model\0[]"] {
            assert_eq!(Key::of_form(key, NAMES), Key::Unclear, "{key}");
        }
        for key in ["timestamp_granularities[]", "include[]", "[model]", "messages"] {
            assert_eq!(Key::of_form(key, NAMES), Key::Other, "{key}");
        }
        for key in ["request_id", "Request_ID", "request_id\0"] {
            assert_eq!(Key::plain_at_top(key, NAMES), Key::RequestId, "{key}");
        }
        // One model in the query is for others to judge.
        assert!(!names_further("model") && !names_further("Model") && !names_further("mode"));
        assert!(names_further("model[]") && names_further("MODEL[0]"));
    }

    #[test]
    fn what_some_reader_takes_for_a_name_is_unclear() {
        assert_eq!(Key::plain("model", NAMES), Key::Named(0));
        assert_eq!(Key::escaped("model", NAMES), Key::Unclear);
        for key in [
            "Model",
            "MODEL",
            "\u{17f}tream",
            "max_to\u{212a}ens",
            "m\u{131}n_n\0",
            "n\0",
            "N",
            "model\0x",
            "max_complet\u{130}on_tokens",
        ] {
            let expected = if key.starts_with("m\u{131}n") {
                Key::Other
            } else {
                Key::Unclear
            };
            assert_eq!(Key::plain(key, NAMES), expected, "{key:?}");
        }
        for key in ["", "mode", "models", "m\0odel", " model", "messages", "\u{ff4d}odel"] {
            assert_eq!(Key::plain(key, NAMES), Key::Other, "{key:?}");
            assert_eq!(Key::escaped(key, NAMES), Key::Other, "{key:?}");
        }
    }
}
