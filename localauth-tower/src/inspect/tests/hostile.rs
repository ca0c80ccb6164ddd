//! Bodies that different readers read differently: each is refused, or all readers read the model that was judged.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{CHAT, judge};

/// The fields at the top of a body as careless readers find them: names and values as they are written. It passes over
/// byte-order marks, comments, missing commas and whatever comes after the end.
fn careless(body: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(body).replace('\u{feff}', "");
    let mut chars = text.chars().peekable();
    let (mut depth, mut key, mut fields) = (0_u32, None, Vec::new());
    while let Some(char) = chars.next() {
        match char {
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            '/' if chars.peek() == Some(&'/') => while chars.next_if(|c| *c != '\n').is_some() {},
            '/' if chars.peek() == Some(&'*') => {
                let mut last = ' ';
                chars
                    .by_ref()
                    .find(|c| std::mem::replace(&mut last, *c) == '*' && *c == '/');
            }
            '"' | '\'' => {
                let mut string = String::new();
                while let Some(inside) = chars.next() {
                    if inside == char {
                        break;
                    }
                    string.push(inside);
                    if inside == '\\' {
                        string.extend(chars.next());
                    }
                }
                match key.take() {
                    None => key = Some(string),
                    Some(key) if depth == 1 => fields.push((key, string)),
                    Some(_) => {}
                }
            }
            ',' => key = None,
            _ => {}
        }
        if matches!(char, '{' | '[' | '}' | ']') {
            key = None;
        }
    }
    fields
}

fn unescaped(text: &str) -> String {
    serde_json::from_str(&format!("\"{text}\"")).unwrap_or_else(|_| text.to_owned())
}

fn cut(text: &str) -> String {
    text.split('\0').next().unwrap_or_default().to_owned()
}

/// Whether a reader takes a key for `model`, as it is written.
type IsModel = fn(&str) -> bool;

/// The model that each kind of reader sees.
fn readers(body: &[u8]) -> BTreeMap<&'static str, Option<String>> {
    let fields = careless(body);
    let keys: [(&str, IsModel); 4] = [
        ("to the letter", |key| unescaped(key) == "model"),
        ("in any case", |key| unescaped(key).eq_ignore_ascii_case("model")),
        ("without escapes", |key| key == "model"),
        ("up to a null", |key| cut(&unescaped(key)) == "model"),
    ];
    let mut seen = BTreeMap::new();
    for (how, is_model) in &keys {
        let mut values = fields.iter().filter(|(key, _)| is_model(key));
        let values: Vec<_> = values.by_ref().map(|(_, value)| unescaped(value)).collect();
        let name = |order: &str| -> &'static str { format!("{order}, {how}").leak() };
        seen.insert(name("first"), values.first().cloned());
        seen.insert(name("last"), values.last().cloned());
        seen.insert(name("as C"), values.first().map(|value| cut(value)));
    }
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        let model = value.get("model").and_then(Value::as_str);
        seen.insert("serde_json", model.map(str::to_owned));
    }
    if let Ok(value) = serde_json::from_slice::<BTreeMap<String, Value>>(body) {
        let model = value.get("model").and_then(Value::as_str);
        seen.insert("a map", model.map(str::to_owned));
    }
    seen
}

/// `None` is refused; `Some` is forwarded, and the model read.
fn check(body: &[u8], expected: Option<&str>) {
    let shown = String::from_utf8_lossy(&body[..body.len().min(100)]).into_owned();
    let judged = judge(CHAT, body.to_vec());
    let model = judged.as_ref().ok().and_then(|asked| asked.model());
    assert_eq!(model, expected, "{shown}");
    if model.is_none() {
        return;
    }
    for (reader, seen) in readers(body) {
        let seen = seen.unwrap_or_else(|| "demo".to_owned());
        let seen = if seen == "default" { "demo" } else { &seen };
        assert_eq!(Some(seen), model, "{reader}: {shown}");
    }
}

#[test]
fn the_readers_of_this_test_disagree_where_they_should() {
    let models = |body: &str| {
        let seen = readers(body.as_bytes());
        let mut seen: Vec<_> = seen.into_values().flatten().collect();
        seen.sort();
        seen.dedup();
        seen
    };
    assert_eq!(models(r#"{"model":"a","model":"b"}"#), ["a", "b"]);
    assert_eq!(models(r#"{"model":"a","Model":"b"}"#), ["a", "b"]);
    assert_eq!(models(r#"{"model":"a","mod\u0065l":"b"}"#), ["a", "b"]);
    assert_eq!(models(r#"{"model":"a","model\u0000":"b"}"#), ["a", "b"]);
    assert_eq!(models(r#"{"x":{"model":"b"},"model":"a"}"#), ["a"]);
    assert_eq!(models(r#"/* {"model":"b"} */ {"model":"a"}"#), ["a"]);
}

#[test]
fn what_is_forwarded_is_read_by_everybody_as_it_was_judged() {
    for (body, model) in [
        (r#"{"model":"a"}"#, "a"),
        (" \r\n\t{\t\"model\"\r:\n\"a\" }\n", "a"),
        (r#"{"model":"\u0061"}"#, "a"),
        (r#"{"model":"meta\/llama"}"#, "meta/llama"),
        (r#"{"model":"\ud83e\udd99"}"#, "\u{1f999}"),
        (r#"{"model":""}"#, ""),
        (r#"{"model":" a"}"#, " a"),
        (r#"{"model":"Default"}"#, "Default"),
        (r#"{"model":"default"}"#, "demo"),
        (r#"{"model":null}"#, "demo"),
        ("{}", "demo"),
        (r#"{"modes":"b"}"#, "demo"),
        (r#"{"metadata":{"model":"b","Model":"c"},"model":"a"}"#, "a"),
        (r#"{"messages":[{"model":"b"},["model","b"]],"model":"a"}"#, "a"),
        (r#"{"x":"\"model\":\"b\"","model":"a"}"#, "a"),
        (r#"{"x":"}, {\"model\":\"b\"}","model":"a"}"#, "a"),
        (r#"{"x":"model","y":"b","model":"a"}"#, "a"),
        (r#"{"x":1e308,"model":"a"}"#, "a"),
        (r#"{"x":123456789012345678901234567890,"model":"a"}"#, "a"),
    ] {
        check(body.as_bytes(), Some(model));
    }
    let long = format!(r#"{{"{}":"b","model":"a"}}"#, "k".repeat(1_000_000 - 100));
    check(long.as_bytes(), Some("a"));
    let deep = |depth| format!(r#"{{"x":{}{},"model":"a"}}"#, "[".repeat(depth), "]".repeat(depth));
    check(deep(100).as_bytes(), Some("a"));
    check(deep(100_000).as_bytes(), None);
    // As deep as a tree of the whole may be, wherever it stands.
    for depth in 120..135 {
        let options = format!("{}1{}", r#"{"x":"#.repeat(depth), "}".repeat(depth));
        for body in [deep(depth), format!(r#"{{"stream_options":{options},"model":"a"}}"#)] {
            let tree = serde_json::from_str::<Value>(&body).map(|_| "a").ok();
            check(body.as_bytes(), tree);
        }
    }
}

#[test]
fn what_somebody_reads_differently_is_not_forwarded() {
    for body in [
        // Twice, in any spelling.
        r#"{"model":"a","model":"b"}"#,
        r#"{"model":"a","model":"a"}"#,
        r#"{"model":null,"model":"a"}"#,
        r#"{"model":"a","mod\u0065l":"b"}"#,
        r#"{"mod\u0065l":"b"}"#,
        r#"{"model":"a","Model":"b"}"#,
        r#"{"MODEL":"b","model":"a"}"#,
        r#"{"Model":"a"}"#,
        r#"{"\u004dodel":"a"}"#,
        r#"{"model":"a","model\u0000":"b"}"#,
        r#"{"model\u0000x":"b"}"#,
        // No name, or one that ends early.
        r#"{"model":7}"#,
        r#"{"model":["a"]}"#,
        r#"{"model":{"id":"a"}}"#,
        r#"{"model":true}"#,
        r#"{"model":"a\u0000b"}"#,
        r#"{"model":"a\n"}"#,
        r#"{"model":"\ud800"}"#,
        // No JSON object to its end.
        "",
        " ",
        "null",
        "1",
        "\"model\"",
        r#"["hello","a"]"#,
        r#"[{"model":"a"}]"#,
        "{",
        r#"{"model":"a""#,
        r#"{"model":"a"}}"#,
        r#"{"model":"a"}{"model":"b"}"#,
        r#"{"model":"a"} {"model":"b"}"#,
        r#"{"model":"a"},"#,
        "{\"model\":\"a\"}\0",
        "\u{feff}{\"model\":\"a\"}",
        r#"{"model":"a",}"#,
        r#"{,"model":"a"}"#,
        r#"{"model" "a"}"#,
        "{'model':'a'}",
        r#"{model:"a"}"#,
        r#"{"x":NaN,"model":"a"}"#,
        r#"{"x":-Infinity,"model":"a"}"#,
        r#"{"x":01,"model":"a"}"#,
        r#"{"x":+1,"model":"a"}"#,
        r#"{"x":.5,"model":"a"}"#,
        r#"{"x":0x10,"model":"a"}"#,
        r#"{"x":1e999,"model":"a"}"#,
        r#"{"x":tru,"model":"a"}"#,
        r#"{"x":"\ud800","model":"a"}"#,
        r#"{"\udc00":1,"model":"a"}"#,
        r#"{"x":"\x41","model":"a"}"#,
        "{\"x\":\"\n\",\"model\":\"a\"}",
        "{\"x\":\"\0\",\"model\":\"a\"}",
        "{\"model\"\u{b}:\"a\"}",
        "{\"model\"\u{a0}:\"a\"}",
        "// {\n{\"model\":\"a\"}",
        r#"{"model":"a"/*,"model":"b"*/}"#,
        r#"{/**/"model":"a"}"#,
        "{\"model\":\"a\"#\n}",
    ] {
        check(body.as_bytes(), None);
    }
    for body in [
        &b"{\"model\":\"a\xff\"}"[..],
        b"{\"x\":\"\xc0\xaf\",\"model\":\"a\"}",
        b"{\"x\":\"\xed\xa0\x80\",\"model\":\"a\"}",
        b"{\"x\xff\":1,\"model\":\"a\"}",
        b"\xff\xfe{\0}\0",
        b"\x1f\x8b\x08\0",
    ] {
        check(body, None);
    }
    let wide: Vec<u8> = "{\"model\":\"a\"}".encode_utf16().flat_map(u16::to_be_bytes).collect();
    check(&wide, None);
}
