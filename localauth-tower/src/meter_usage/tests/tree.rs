//! Any JSON, written in any way, and what is to be found in it: by the path, over and over, with no state.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::super::counts::Counts;

/// Where text stands that the model wrote.
const TEXT: &[&str] = &[
    ".content",
    ".content[].text",
    ".content[].thinking",
    ".content[].partial_json",
    ".delta",
    ".delta.text",
    ".delta.thinking",
    ".delta.partial_json",
    ".thinking",
    ".response",
    ".output[].content",
    ".output[].content[].text",
    ".output[].content[].thinking",
    ".output[].content[].partial_json",
    ".choices[].text",
    "[].content",
    "[].content[].text",
    "[].content[].thinking",
    "[].content[].partial_json",
];

/// Where text stands that the model wrote, and further in.
const ARGUMENTS: &[&str] = &[
    ".output[].arguments",
    ".content[].input",
    "[].content[].input",
    ".output[].content[].input",
    ".delta.input",
];

/// The same within `.choices[].delta`, `.choices[].message` and `.message`.
const MESSAGES: &[&str] = &[".choices[].delta", ".choices[].message", ".message"];
const MESSAGE_TEXT: &[&str] = &[
    ".content",
    ".content[].text",
    ".content[].thinking",
    ".content[].partial_json",
    ".reasoning_content",
    ".reasoning",
    ".thinking",
    ".refusal",
];

const MESSAGE_ARGUMENTS: &[&str] = &[
    ".content[].input",
    ".tool_calls[].function.arguments",
    ".function_call.arguments",
];

const USAGE: &[&str] = &[".usage", ".response.usage", ".message.usage"];
const MODEL: &[&str] = &["[].model", ".model", ".response.model", ".message.model"];

#[derive(Debug, Clone)]
pub(super) enum Tree {
    /// `null`, `true`, a number: as written.
    Literal(String),
    Text(String),
    Array(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

/// What is found in a document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Found {
    pub(super) model: String,
    pub(super) counts: Option<Counts>,
    pub(super) text_bytes: u64,
    pub(super) counted: bool,
    /// What complete answers came to: tokens read, those in the cache, and written.
    pub(super) finished: (u64, u64, u64),
}

/// Whether `path` is one of these or leads further in.
fn is_within(path: &str, outer: &[&str]) -> bool {
    let rest = |outer: &&str| path.strip_prefix(*outer);
    outer
        .iter()
        .filter_map(rest)
        .any(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

fn is_text(path: &str) -> bool {
    let within_message = MESSAGES
        .iter()
        .filter_map(|message| path.strip_prefix(*message))
        .any(|path| MESSAGE_TEXT.contains(&path) || is_within(path, MESSAGE_ARGUMENTS));
    TEXT.contains(&path) || is_within(path, ARGUMENTS) || within_message
}

/// The largest number under these keys.
fn largest(entries: &[(String, Tree)], names: &[&str]) -> Option<u64> {
    let numbers = entries.iter().filter_map(|(key, value)| match value {
        Tree::Literal(number) if names.contains(&key.as_str()) => number.parse::<u64>().ok(),
        _ => None,
    });
    numbers.max()
}

impl Tree {
    pub(super) fn found(&self) -> Found {
        let mut found = Found::default();
        self.find("", &mut found);
        found
    }

    fn find(&self, path: &str, found: &mut Found) {
        match self {
            Self::Literal(_) => {}
            Self::Text(text) => {
                if MODEL.contains(&path) && found.model.is_empty() {
                    found.model.clone_from(text);
                }
                if is_text(path) {
                    found.text_bytes += text.len() as u64;
                }
            }
            Self::Array(elements) => elements
                .iter()
                .for_each(|element| element.find(&format!("{path}[]"), found)),
            Self::Object(entries) => {
                for (key, value) in entries {
                    value.find(&format!("{path}.{key}"), found);
                }
                if USAGE.contains(&path) {
                    Self::count(entries, found);
                } else if path.is_empty() || path == "[]" {
                    Self::answered(entries, path.is_empty(), found);
                }
            }
        }
    }

    /// An answer whose counts stand by themselves: Ollama's, or one of those of llama.cpp.
    fn answered(entries: &[(String, Self)], is_alone: bool, found: &mut Found) {
        let names = |ollama: &'static str, llama_cpp: &'static str| {
            let all = [llama_cpp, ollama];
            largest(entries, &all[..if is_alone { 2 } else { 1 }])
        };
        let timings = entries.iter().filter(|(key, _)| key == "timings");
        let cached = timings.filter_map(|(_, timings)| match timings {
            Self::Object(entries) => largest(entries, &["cache_n"]),
            _ => None,
        });
        let counts = Counts {
            prompt: names("prompt_eval_count", "tokens_evaluated"),
            completion: names("eval_count", "tokens_predicted"),
            cached: cached.max(),
            ..Counts::default()
        };
        let stop = entries.iter().rev().find_map(|(key, value)| match value {
            Self::Literal(word) if key == "stop" => Some(word.as_str()),
            _ => None,
        });
        match stop {
            Some("false") => {}
            Some("true") => {
                let Some(told) = counts.told() else { return };
                let (prompt, cached, completion) = &mut found.finished;
                *prompt += told.prompt().unwrap_or(0);
                *cached += told.cached();
                *completion += told.completion.unwrap_or(0);
                let sum = Counts {
                    prompt: Some(*prompt),
                    cached: Some(*cached),
                    completion: Some(*completion),
                    ..Counts::default()
                };
                Self::told(sum, found);
            }
            _ => Self::told(counts, found),
        }
    }

    fn count(entries: &[(String, Self)], found: &mut Found) {
        let details = entries
            .iter()
            .filter(|(key, _)| ["prompt_tokens_details", "input_tokens_details"].contains(&key.as_str()))
            .filter_map(|(_, details)| match details {
                Self::Object(entries) => largest(entries, &["cached_tokens"]),
                _ => None,
            });
        let counts = Counts {
            prompt: largest(entries, &["prompt_tokens"]),
            input: largest(entries, &["input_tokens"]),
            completion: largest(entries, &["completion_tokens", "output_tokens"]),
            total: largest(entries, &["total_tokens"]),
            cached: details.max().max(largest(entries, &["prompt_cache_hit_tokens"])),
            cache_read: largest(entries, &["cache_read_input_tokens"]),
            cache_written: largest(entries, &["cache_creation_input_tokens"]),
        };
        Self::told(counts, found);
    }

    fn told(counts: Counts, found: &mut Found) {
        if let Some(told) = counts.told() {
            found.counted |= told.completion > Some(0);
            found.counts.get_or_insert_default().update(told);
        }
    }

    /// Whether this is a chunk that tells usage and nothing else.
    pub(super) fn is_usage_alone(&self) -> bool {
        let Self::Object(entries) = self else { return false };
        let has_usage = entries
            .iter()
            .any(|(key, value)| key == "usage" && matches!(value, Self::Object(_)));
        let choices: Vec<&Vec<Self>> = entries
            .iter()
            .filter_map(|(key, value)| match value {
                Self::Array(choices) if key == "choices" => Some(choices),
                _ => None,
            })
            .collect();
        let is_empty = choices.last().is_some_and(|choices| choices.is_empty());
        let any = choices
            .iter()
            .any(|choices| choices.iter().any(|choice| matches!(choice, Self::Object(_))));
        has_usage && is_empty && !any
    }

    /// Writes it, with spaces and escapes as the dice say.
    pub(super) fn write(&self, out: &mut String, dice: &mut Dice<'_>) {
        out.push_str(dice.space());
        match self {
            Self::Literal(text) => out.push_str(text),
            Self::Text(text) => write_text(text, out, dice),
            Self::Array(elements) => {
                out.push('[');
                for (at, element) in elements.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    element.write(out, dice);
                }
                out.push_str(dice.space());
                out.push(']');
            }
            Self::Object(entries) => {
                out.push('{');
                for (at, (key, value)) in entries.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    out.push_str(dice.space());
                    write_text(key, out, dice);
                    out.push_str(dice.space());
                    out.push(':');
                    value.write(out, dice);
                }
                out.push_str(dice.space());
                out.push('}');
            }
        }
        out.push_str(dice.space());
    }
}

fn write_text(text: &str, out: &mut String, dice: &mut Dice<'_>) {
    out.push('"');
    for char in text.chars() {
        match (char, dice.roll()) {
            (_, 0) => {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}").unwrap();
                }
            }
            ('"' | '\\', _) | ('/', 1) => out.extend(['\\', char]),
            ('\n', 1..100) => out.push_str("\\n"),
            ('\t', 1..100) => out.push_str("\\t"),
            ('\0'..' ', _) => write!(out, "\\u{:04X}", u32::from(char)).unwrap(),
            _ => out.push(char),
        }
    }
    out.push('"');
}

/// Throws that were thrown before, over and over.
#[derive(Debug)]
pub(super) struct Dice<'d> {
    throws: std::iter::Cycle<std::slice::Iter<'d, u8>>,
}

impl<'d> Dice<'d> {
    /// `throws` must not be empty.
    pub(super) fn new(throws: &'d [u8]) -> Self {
        Self {
            throws: throws.iter().cycle(),
        }
    }

    pub(super) fn roll(&mut self) -> u8 {
        *self.throws.next().unwrap()
    }

    fn space(&mut self) -> &'static str {
        match self.roll() {
            0..20 => " ",
            20..25 => "\n",
            25..30 => "\r\n\t",
            _ => "",
        }
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,8}",
        any::<String>(),
        Just(r#"","usage":{"prompt_tokens":1,"completion_tokens":1},"x":"\"#.to_owned()),
        Just("data: {\"usage\":{\"prompt_tokens\":1}}\n\n".to_owned()),
    ]
}

/// Mostly keys that mean something somewhere.
fn key() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "model",
        "usage",
        "choices",
        "delta",
        "message",
        "response",
        "output",
        "content",
        "data",
        "text",
        "thinking",
        "partial_json",
        "reasoning_content",
        "reasoning",
        "refusal",
        "tool_calls",
        "function_call",
        "function",
        "arguments",
        "embedding",
        "prompt_tokens",
        "input_tokens",
        "completion_tokens",
        "output_tokens",
        "total_tokens",
        "prompt_tokens_details",
        "input_tokens_details",
        "cached_tokens",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
        "prompt_cache_hit_tokens",
        "prompt_eval_count",
        "eval_count",
        "tokens_evaluated",
        "tokens_predicted",
        "timings",
        "cache_n",
        "stop",
        "input",
        "id",
        "type",
        "index",
        "finish_reason",
        "created",
        "done",
    ]);
    prop_oneof![8 => known.prop_map(str::to_owned), 1 => text()]
}

fn literal() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0_u64..1_000_000).prop_map(|number| number.to_string()),
        1 => prop::sample::select(vec!["null", "true", "false", "-1", "1.5", "-2.5e-3", "1e9"]).prop_map(str::to_owned),
    ]
}

/// Any tree.
fn wild() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![literal().prop_map(Tree::Literal), text().prop_map(Tree::Text)];
    leaf.prop_recursive(8, 64, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Tree::Array),
            prop::collection::vec((key(), inner), 0..6).prop_map(Tree::Object),
        ]
    })
}

/// `value`, where `path` says.
fn at(path: &str, value: Tree) -> Tree {
    let mut tree = value;
    for step in path.split('.').skip(1).collect::<Vec<_>>().into_iter().rev() {
        let key = step.trim_end_matches("[]");
        if key.len() < step.len() {
            tree = Tree::Array(vec![tree]);
        }
        tree = Tree::Object(vec![(key.to_owned(), tree)]);
    }
    tree
}

/// One thing where it matters.
fn telling() -> impl Strategy<Value = Tree> {
    let paths = |paths: Vec<String>| prop::sample::select(paths);
    let owned = |paths: &[&str]| paths.iter().map(|&path| path.to_owned()).collect::<Vec<_>>();
    let mut texts = owned(TEXT);
    texts.extend(owned(ARGUMENTS));
    for message in MESSAGES {
        for path in MESSAGE_TEXT.iter().chain(MESSAGE_ARGUMENTS) {
            texts.push(format!("{message}{path}"));
        }
    }
    let counts = prop::collection::vec((key(), literal().prop_map(Tree::Literal)), 0..5);
    prop_oneof![
        (paths(texts.clone()), wild()).prop_map(|(path, tree)| at(&path, tree)),
        (paths(texts), text()).prop_map(|(path, text)| at(&path, Tree::Text(text))),
        (paths(owned(MODEL)), "[a-zé\"]{0,9}").prop_map(|(path, text)| at(&path, Tree::Text(text))),
        (paths(owned(USAGE)), counts).prop_map(|(path, counts)| at(&path, Tree::Object(counts))),
        (paths(owned(USAGE)), wild()).prop_map(|(path, tree)| at(&path, tree)),
    ]
}

/// Documents that tell something, among much that does not.
pub(super) fn document() -> impl Strategy<Value = Tree> {
    let entries = prop_oneof![
        3 => telling().prop_map(|tree| match tree {
            Tree::Object(entries) => entries,
            other => vec![(String::new(), other)],
        }),
        1 => (key(), wild()).prop_map(|entry| vec![entry]),
    ];
    let object = prop::collection::vec(entries, 0..6).prop_map(|all| Tree::Object(all.concat()));
    let list = prop::collection::vec(object.clone(), 0..3).prop_map(Tree::Array);
    prop_oneof![8 => object, 1 => list, 1 => wild()]
}
