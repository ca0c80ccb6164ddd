//! Bodies that nobody thought of.

use crate::inspect::check::check;

const WORDS: &[&str] = &[
    "\"model\":",
    "\"Model\":",
    "\"mod\\u0065l\":",
    "\"stream\":true",
    "\"max_tokens\":",
    "\"max_completion_tokens\":",
    "\"stream_options\":{\"include_usage\":false}",
    "\"n\":2",
    "\"n_cmpl\":2",
    "\"n_predict\":",
    "\"name\":",
    "\"prompt\":[\"a\",",
    "\"prompt\":",
    "\"options\":{\"num_predict\":-1}",
    "\"options\":{",
    "\"num_predict\":0",
    "\"a:b\"",
    "\"default\"",
    "\\ud83d\\ude00",
    "\\u0000",
    "null",
    "{",
    "}",
    "[",
    "]",
    ",",
    "--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n",
    "--B--",
    "model=",
    "&",
];

#[test]
fn inspector() {
    crate::fuzz::run("inspect", WORDS, check);
}
