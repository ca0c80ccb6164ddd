//! Whatever a model server sends: no panic, and the same result however it is cut.

use std::collections::BTreeMap;

use super::super::events::EventTap;
use super::dialects::{CHAT, COMPLETIONS, MESSAGES, OLLAMA_CHAT, OLLAMA_GENERATE, RESPONSES};
use super::engines::LLAMA_CPP;
use super::{EVENTS, JSON, LINES, measure, pass};

const WORDS: &[&str] = &[
    "data: ",
    "data:",
    "data\n",
    "event: x\n",
    ": ",
    "\n\n",
    "\r\n\r\n",
    "\r\r",
    "\r",
    "\n",
    "\u{feff}",
    "[DONE]",
    "data: [DONE]\n\n",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\",
    "\\u",
    "\\ud83d\\ude00",
    ",",
    ":",
    "null",
    "true",
    "false",
    "\"usage\":{",
    "\"usage\":null",
    "\"choices\":[]",
    "\"choices\":[{",
    "\"delta\":{",
    "\"content\":\"",
    "\"message\":{",
    "\"response\":{",
    "\"response\":\"",
    "\"model\":\"",
    "\"id\":\"",
    "\"created\":",
    "\"index\":",
    "\"finish_reason\":\"",
    "\"type\":\"message_stop\"",
    "\"type\":\"content_block_start\"",
    "\"type\":\"response.completed\"",
    "\"done\":true",
    "\"sequence_number\":",
    "\"prompt_tokens\":",
    "\"completion_tokens\":",
    "\"total_tokens\":",
    "\"input_tokens\":",
    "\"output_tokens\":",
    "\"cache_read_input_tokens\":",
    "\"cached_tokens\":",
    "\"eval_count\":",
    "\"tokens_predicted\":7",
    "\"tokens_evaluated\":3",
    "\"stop\":true",
    "\"stop\":false",
    "\"index\":1",
    "\"prompt_eval_count\":",
    "\"tool_calls\":[{\"function\":{\"arguments\":",
    "\"embedding\":[",
];

fn check(input: &[u8]) {
    // Where it is cut depends on the input alone.
    let length = 2 + usize::from(input.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte))) % 40;
    for content_type in [JSON, EVENTS, LINES] {
        for ended in [false, true] {
            let whole = measure(content_type, [input], ended);
            assert_eq!(
                measure(content_type, input.chunks(1), ended),
                whole,
                "{content_type}, byte by byte"
            );
            assert_eq!(
                measure(content_type, input.chunks(length), ended),
                whole,
                "{content_type}, by {length}"
            );
        }
    }
    for tap in [EventTap::sse, EventTap::lines] {
        for (hides, limit) in [(false, None), (true, None), (false, Some(2)), (true, Some(4))] {
            let whole = pass(tap(), [input], hides, limit);
            assert_eq!(pass(tap(), input.chunks(1), hides, limit), whole, "byte by byte");
            assert_eq!(pass(tap(), input.chunks(length), hides, limit), whole, "by {length}");
            match (hides, limit) {
                (false, None) => assert_eq!(whole.text, input),
                (false, Some(_)) => {
                    assert!(input.starts_with(&whole.text));
                    assert!(whole.was_cut || whole.text == input);
                }
                (true, _) => {
                    let again = pass(tap(), [&whole.text[..]], true, None);
                    assert_eq!(again.text, whole.text, "nothing is left to hide");
                }
            }
        }
    }
}

#[test]
fn reader() {
    crate::fuzz::run("reader", WORDS, check);
}

/// The transcripts are in the corpus as they are in the tests.
#[test]
fn the_corpus_has_every_dialect() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/reader/");
    let transcripts = BTreeMap::from([
        ("chat", CHAT),
        ("completions", COMPLETIONS),
        ("llama-cpp", LLAMA_CPP),
        ("messages", MESSAGES),
        ("ollama-chat", OLLAMA_CHAT),
        ("ollama-generate", OLLAMA_GENERATE),
        ("responses", RESPONSES),
    ]);
    for (name, text) in transcripts {
        assert_eq!(
            std::fs::read_to_string(format!("{folder}{name}")).unwrap(),
            text,
            "{name}"
        );
    }
}
