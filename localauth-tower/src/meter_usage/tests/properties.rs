//! Whatever comes, however it is cut.

use proptest::prelude::*;

use super::super::counts::tokens_of_piece;
use super::super::events::EventTap;
use super::super::facts::{Document, Head};
use super::super::guard::Guard;
use super::super::json::JsonTap;
use super::super::reading::Measured;
use super::super::streaming::Streaming;
use super::tree::{Dice, Found, Tree, document};
use super::{EVENTS, JSON, PROMPT_ESTIMATE, measure, pass};

/// Cuts `bytes` into pieces of these lengths, over and over; the first rest is in one piece where a length is 0.
pub(super) fn cut<'b>(mut bytes: &'b [u8], lengths: &[usize]) -> Vec<&'b [u8]> {
    let mut pieces = Vec::new();
    for &length in lengths.iter().cycle() {
        let (piece, rest) = bytes.split_at(if length == 0 {
            bytes.len()
        } else {
            length.min(bytes.len())
        });
        pieces.push(piece);
        bytes = rest;
        if bytes.is_empty() {
            break;
        }
    }
    pieces
}

fn lengths() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![9 => 1_usize..12, 1 => Just(0)], 1..8)
}

fn dice() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 1..64)
}

fn write(tree: &Tree, dice: &[u8]) -> String {
    let mut out = String::new();
    tree.write(&mut out, &mut Dice::new(dice));
    out
}

/// The lines of a stream and what stands in its `data`, event by event, with everything at hand at once.
fn events(stream: &str) -> Vec<String> {
    let stream = stream
        .strip_prefix('\u{feff}')
        .unwrap_or(stream)
        .replace("\r\n", "\n")
        .replace('\r', "\n");
    let (mut events, mut data) = (Vec::new(), Vec::new());
    for line in stream.split('\n') {
        if line.is_empty() {
            events.push(std::mem::take(&mut data).join("\n"));
        } else if line == "data" {
            data.push(String::new());
        } else if let Some(value) = line.strip_prefix("data:") {
            data.push(value.strip_prefix(' ').unwrap_or(value).to_owned());
        }
    }
    events.push(data.join("\n"));
    events
}

fn read_events(stream: &str) -> Measured {
    let mut tap = JsonTap::new();
    let (mut uncounted, mut is_of_many) = (0_u64, false);
    for event in events(stream) {
        tap.read(event.as_bytes());
        let document = tap.end_document();
        is_of_many |= document.is_of_many();
        uncounted = if document.counted && is_of_many {
            uncounted.saturating_sub(document.finished)
        } else if document.counted {
            0
        } else {
            uncounted + tokens_of_piece(document.text_bytes)
        };
    }
    let told = tap.counts();
    let counts = told.unwrap_or_default();
    let cost = told.is_some() || tap.costs_tokens();
    Measured {
        model: tap.model().to_owned(),
        prompt_tokens: counts.prompt().unwrap_or(if cost { PROMPT_ESTIMATE } else { 0 }),
        cached_tokens: counts.cached(),
        completion_tokens: counts.completion.unwrap_or(0) + uncounted,
        estimated: cost && (counts.prompt().is_none() || uncounted > 0),
    }
}

/// Writes documents as events: with lines broken wherever the documents are, comments and other fields between.
fn write_each(trees: &[Tree], throws: &[u8]) -> Vec<String> {
    let mut dice = Dice::new(throws);
    let mut write = |tree: &Tree| {
        let mut out = String::new();
        let end = match dice.roll() {
            0..40 => "\r\n",
            40..80 => "\r",
            _ => "\n",
        };
        let mut text = String::new();
        tree.write(&mut text, &mut dice);
        for line in text.replace("\r\n", "\n").split('\n') {
            out.push_str(match dice.roll() {
                0..30 => ": usage",
                30..60 => "event: usage",
                60..90 => "data ",
                _ => "",
            });
            if !out.is_empty() && !out.ends_with(['\n', '\r']) {
                out.push_str(end);
            }
            out.push_str(if dice.roll() < 60 { "data:" } else { "data: " });
            out.push_str(line);
            out.push_str(end);
        }
        out.push_str(end);
        out
    };
    trees.iter().map(&mut write).collect()
}

fn write_events(trees: &[Tree], throws: &[u8]) -> String {
    write_each(trees, throws).concat()
}

/// A chunk with usage and nothing else, or almost.
fn usage_alone() -> impl Strategy<Value = Tree> {
    let number = |number: u64| Tree::Literal(number.to_string());
    let entry = |key: &str, value| (key.to_owned(), value);
    let usage = move |prompt, completion| {
        let counts = vec![
            entry("prompt_tokens", number(prompt)),
            entry("completion_tokens", number(completion)),
        ];
        entry("usage", Tree::Object(counts))
    };
    let choices = prop_oneof![
        4 => Just(Tree::Array(Vec::new())),
        1 => Just(Tree::Array(vec![Tree::Object(Vec::new())])),
        1 => Just(Tree::Literal("null".to_owned())),
    ];
    (choices, 0_u64..9, 0_u64..9, any::<bool>()).prop_map(move |(choices, prompt, completion, first)| {
        let mut entries = vec![usage(prompt, completion), entry("choices", choices)];
        if first {
            entries.reverse();
        }
        Tree::Object(entries)
    })
}

proptest! {
    #[test]
    fn finds_what_is_there_and_nothing_else(tree in document(), dice in dice(), lengths in lengths()) {
        let text = write(&tree, &dice);
        let mut tap = JsonTap::new();
        for piece in cut(text.as_bytes(), &lengths) {
            tap.read(piece);
        }
        // `serde_json` has the last word on whether it is JSON at all.
        prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{}", text);
        let (model, counts) = (tap.model().to_owned(), tap.counts());
        let Document { text_bytes, counted, complete, .. } = tap.end_document();
        let found = tree.found();
        let finished = found.finished;
        prop_assert_eq!(Found { model, counts, text_bytes, counted, finished }, found, "{}", text);
        prop_assert!(complete || matches!(tree, Tree::Literal(_)), "{}", text);
    }

    #[test]
    fn events_are_read_by_the_book(trees in prop::collection::vec(document(), 0..5), throws in dice(), lengths in lengths()) {
        let stream = write_events(&trees, &throws);
        let expected = read_events(&stream);
        prop_assert_eq!(measure(EVENTS, cut(stream.as_bytes(), &lengths), true), expected, "{:?}", stream);
    }

    #[test]
    fn lines_are_read_by_the_book(
        stream in "(\u{feff}?)((data|dat|data2|:|event)?(:| :|: )?(\\{\"usage\":|\\{\"prompt_tokens\":7\\}|\\}|1)?(\n|\r|\r\n|\n\n)){0,12}",
        lengths in lengths(),
    ) {
        let expected = read_events(&stream);
        prop_assert_eq!(measure(EVENTS, cut(stream.as_bytes(), &lengths), true), expected, "{:?}", stream);
    }

    #[test]
    fn nothing_is_changed_but_what_is_hidden(
        trees in prop::collection::vec(prop_oneof![2 => document(), 1 => usage_alone()], 0..8),
        throws in dice(),
        lengths in lengths(),
        rest in prop::sample::select(vec!["", "data: ", ": x", "data: {\"choices\":"]),
    ) {
        let each = write_each(&trees, &throws);
        let stream = format!("{}{rest}", each.concat());
        let pieces = cut(stream.as_bytes(), &lengths);
        let passed = pass(EventTap::sse(), pieces.iter().copied(), false, None);
        prop_assert_eq!(passed.text.as_slice(), stream.as_bytes());

        let shown = each.iter().zip(&trees).filter(|(_, tree)| !tree.is_usage_alone()).map(|(text, _)| text.as_str());
        let shown = shown.chain([rest]).collect::<String>();
        let gated = pass(EventTap::sse(), pieces, true, None);
        prop_assert_eq!(String::from_utf8(gated.text).unwrap(), shown);
        prop_assert_eq!(gated.tally, passed.tally, "what is hidden counts");
    }

    #[test]
    fn an_answer_ends_at_the_same_place_however_it_is_cut(
        trees in prop::collection::vec(document(), 0..8),
        throws in dice(),
        lengths in lengths(),
        limit in 0_u64..20,
    ) {
        let stream = write_events(&trees, &throws);
        let whole = pass(EventTap::sse(), [stream.as_bytes()], false, Some(limit));
        prop_assert!(stream.as_bytes().starts_with(&whole.text));
        prop_assert_eq!(whole.was_cut, whole.text.len() < stream.len());
        prop_assert_eq!(pass(EventTap::sse(), cut(stream.as_bytes(), &lengths), false, Some(limit)), whole);
    }

    #[test]
    fn what_was_found_stays_when_the_rest_is_missing(tree in document(), dice in dice(), keep in any::<prop::sample::Index>()) {
        let text = write(&tree, &dice);
        let kept = &text.as_bytes()[..keep.index(text.len() + 1)];
        let mut tap = JsonTap::new();
        tap.read(kept);
        let found = tree.found();
        let model = tap.model().to_owned();
        prop_assert!(model.is_empty() || model == found.model, "{}", text);
        prop_assert!(tap.document().text_bytes <= found.text_bytes, "{}", text);
        prop_assert!(found.counts.is_some() || tap.counts().is_none(), "{}", text);
    }

    #[test]
    fn garbage_is_garbage_however_it_is_cut(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            "[\\[\\]{}:,\"\\\\ud8cnulE0-9. \r\n]{0,200}".prop_map(String::into_bytes),
            "(data|:| |\\{|\\}|\"usage\"|\"model\"|\"x\"|\"prompt_tokens\"|7|,|\r|\n|\\\\){0,80}".prop_map(String::into_bytes),
        ],
        lengths in lengths(),
        ended in any::<bool>(),
    ) {
        for content_type in [JSON, EVENTS] {
            let whole = measure(content_type, [bytes.as_slice()], ended);
            prop_assert_eq!(measure(content_type, cut(&bytes, &lengths), ended), whole, "{}", content_type);
        }
    }

    #[test]
    fn text_is_only_text(text in any::<String>(), dice in dice(), lengths in lengths()) {
        let text = format!("{text}\",\"usage\":{{\"prompt_tokens\":9,\"completion_tokens\":9}},\"model\":\"n\"");
        let content = Tree::Object(vec![("content".to_owned(), Tree::Text(text.clone()))]);
        let choice = Tree::Object(vec![("delta".to_owned(), content)]);
        let tree = Tree::Object(vec![("choices".to_owned(), Tree::Array(vec![choice]))]);
        let document = write(&tree, &dice);
        let events = write_events(std::slice::from_ref(&tree), &dice);
        let tokens = tokens_of_piece(text.len() as u64);
        for (content_type, answer) in [(JSON, document), (EVENTS, events)] {
            let came_to = measure(content_type, cut(answer.as_bytes(), &lengths), true);
            prop_assert_eq!(came_to, super::about("", PROMPT_ESTIMATE, tokens), "{}", answer);
        }
    }
}

/// Of a stream: what is in the body, and what it points to. An event that is kept back comes on top, and is bounded too.
#[test]
fn memory_is_bounded() {
    let sizes = [
        ("an answer in one piece", size_of::<JsonTap>(), 1_024),
        ("a reader of events", size_of::<EventTap>() + size_of::<Head>(), 1_600),
        ("a stream", size_of::<Streaming>() + size_of::<Head>(), 3_200),
        ("the guard", size_of::<Guard>(), 400),
    ];
    for (what, size, bound) in sizes {
        eprintln!("{what}: {size}");
        assert!(size <= bound, "{what}: {size}");
    }
}
