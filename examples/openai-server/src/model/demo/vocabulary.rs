//! What the demo model can read and say: its sentence, its tokens, its tokenizer and its chat template.
//!
//! Token ids are laid out as `0..=255` for the bytes, then one per word of the sentence, then the two marks of the
//! chat template. Text from outside is always split into bytes, because the tokenizer knows no merges: a word token
//! can only ever come from the model itself, so no prompt ends in the middle of the sentence.

use serde_json::{Map, Value, json};

/// The sentence, cut where the model's tokens end.
///
/// No word may come twice and none may be a single byte: the model's whole memory is the last token.
pub(super) const WORDS: [&str; 28] = [
    "This",
    " is",
    " localauth's",
    " built-in",
    " demo",
    " model,",
    " which",
    " only",
    " ever",
    " says",
    " this",
    " sentence;",
    " to",
    " load",
    " a",
    " real",
    " one,",
    " start",
    " the",
    " server",
    " with",
    " --model",
    " and",
    " its",
    " path",
    " or",
    " hub",
    " id.",
];

/// How many tokens are bytes.
const BYTES: usize = 256;
/// Opens a message of the conversation.
const TURN: &str = "<|turn|>";
/// Closes a message, the model's own too: generation stops here.
const END: &str = "<|end|>";

/// The size of the vocabulary.
pub(super) const SIZE: usize = BYTES + WORDS.len() + 2;

/// The id of the word at this place of the sentence, or of the end mark behind the last one.
pub(super) fn word_id(place: usize) -> usize {
    if place < WORDS.len() { BYTES + place } else { END_ID }
}

/// The id of [`TURN`].
const TURN_ID: usize = BYTES + WORDS.len();
/// The id of [`END`].
pub(super) const END_ID: usize = TURN_ID + 1;

/// `tokenizer.json`: byte-level, without a single merge.
pub(super) fn tokenizer() -> Value {
    let bytes = (0..=u8::MAX).map(|byte| (visible(byte).to_string(), usize::from(byte)));
    let words = WORDS.iter().enumerate().map(|(place, word)| {
        let text: String = word.bytes().map(visible).collect();
        (text, word_id(place))
    });
    let vocabulary: Map<String, Value> = bytes.chain(words).map(|(text, id)| (text, json!(id))).collect();

    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [mark(TURN_ID, TURN), mark(END_ID, END)],
        "normalizer": null,
        "pre_tokenizer": {
            "type": "ByteLevel",
            "add_prefix_space": false,
            "trim_offsets": true,
            "use_regex": false,
        },
        "post_processor": null,
        "decoder": {
            "type": "ByteLevel",
            "add_prefix_space": false,
            "trim_offsets": true,
            "use_regex": false,
        },
        "model": {
            "type": "BPE",
            "dropout": null,
            "unk_token": null,
            "continuing_subword_prefix": null,
            "end_of_word_suffix": null,
            "fuse_unk": false,
            "byte_fallback": false,
            "ignore_merges": false,
            "vocab": vocabulary,
            "merges": [],
        },
    })
}

/// `tokenizer_config.json`, which carries the chat template.
pub(super) fn tokenizer_config(context: usize) -> Value {
    // A content is a string, or the list of parts that some clients send.
    let template = [
        "{% for message in messages %}",
        TURN,
        "{{ message.role }}\n",
        "{% if message.content is string %}{{ message.content }}",
        "{% else %}{% for part in message.content %}{{ part.text }}{% endfor %}{% endif %}",
        END,
        "{% endfor %}",
        "{% if add_generation_prompt %}",
        TURN,
        "assistant\n{% endif %}",
    ]
    .concat();

    json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": context,
        "clean_up_tokenization_spaces": false,
        "eos_token": END,
        "chat_template": template,
    })
}

fn mark(id: usize, text: &str) -> Value {
    json!({
        "id": id,
        "content": text,
        "single_word": false,
        "lstrip": false,
        "rstrip": false,
        "normalized": false,
        "special": true,
    })
}

/// The character that stands for a byte in byte-level vocabularies: printable ones for themselves, the others moved
/// behind Latin-1 in order, as GPT-2 has it.
fn visible(byte: u8) -> char {
    if is_printable(byte) {
        return char::from(byte);
    }
    let earlier = (0..byte).filter(|&other| !is_printable(other)).count();
    u32::try_from(earlier)
        .ok()
        .and_then(|place| char::from_u32(0x100 + place))
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_word_tells_its_place() {
        let distinct: HashSet<_> = WORDS.iter().collect();
        assert_eq!(distinct.len(), WORDS.len());
        assert!(WORDS.iter().all(|word| word.len() > 1));
    }

    #[test]
    fn bytes_look_as_in_gpt_2() {
        let cases = [
            (b'a', 'a'),
            (b' ', 'Ġ'),
            (b'\n', 'Ċ'),
            (0, 'Ā'),
            (0x7F, 'ġ'),
            (0xAD, 'Ń'),
            (0xFF, 'ÿ'),
        ];
        for (byte, expected) in cases {
            assert_eq!(visible(byte), expected, "byte {byte:#x}");
        }
        let distinct: HashSet<_> = (0..=u8::MAX).map(visible).collect();
        assert_eq!(distinct.len(), BYTES);
    }

    #[test]
    fn ids_are_dense() {
        let tokenizer = tokenizer();
        let mut ids: Vec<_> = tokenizer["model"]["vocab"]
            .as_object()
            .unwrap()
            .values()
            .chain(
                tokenizer["added_tokens"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|token| &token["id"]),
            )
            .map(|id| usize::try_from(id.as_u64().unwrap()).unwrap())
            .collect();
        ids.sort_unstable();
        assert_eq!(ids, (0..SIZE).collect::<Vec<_>>());
    }
}
