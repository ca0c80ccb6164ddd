//! The end of a stream that is cut, in the words of its family.

use bytes::Bytes;
use localauth_core::Denial;
use serde_json::{Value, json};

use super::dialect::{Dialect, Marks};
use super::facts::Head;

/// What an end has to repeat.
#[derive(Debug)]
pub(super) struct Ending<'s> {
    pub(super) dialect: Dialect,
    pub(super) head: Option<&'s Head>,
    pub(super) model: &'s str,
    /// Where the client is.
    pub(super) marks: Marks,
    /// The choices there were, those of the event that is kept back among them.
    pub(super) seen: u128,
}

/// What was used until then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Used {
    pub(super) prompt: u64,
    pub(super) cached: u64,
    pub(super) written: u64,
    /// Whether the client asked to be told.
    pub(super) is_asked: bool,
}

fn event(name: Option<&str>, data: &Value) -> String {
    name.map_or_else(
        || format!("data: {data}\n\n"),
        |name| format!("event: {name}\ndata: {data}\n\n"),
    )
}

impl Ending<'_> {
    fn id(&self) -> &str {
        self.head.map_or("", |head| head.id.as_str())
    }

    fn created(&self) -> Value {
        let Some(head) = self.head else { return json!(0) };
        let text = head.created.as_str();
        if head.created_is_text {
            json!(text)
        } else {
            serde_json::from_str(text).unwrap_or_else(|_| json!(0))
        }
    }

    fn next_number(&self) -> u64 {
        self.marks.sequence.map_or(0, |last| last.saturating_add(1))
    }

    /// The end of an answer that has become as long as it may.
    pub(super) fn at_length(&self, used: Used) -> Bytes {
        let text = match self.dialect {
            Dialect::Chat | Dialect::Completions => self.chunks(used),
            Dialect::Responses => self.response(used),
            Dialect::Messages => self.message(used),
            Dialect::OllamaChat | Dialect::OllamaGenerate => self.line(used),
            Dialect::LlamaCpp => self.stop(used),
        };
        Bytes::from(text)
    }

    fn chunks(&self, used: Used) -> String {
        let object = self.head.map_or("", |head| head.object.as_str());
        let is_text = object == "text_completion" || (object.is_empty() && self.dialect == Dialect::Completions);
        let object = match object {
            "" if is_text => "text_completion",
            "" => "chat.completion.chunk",
            object => object,
        };
        let chunk = |choices: Value, usage: Option<Value>| {
            let mut chunk = json!({
                "id": self.id(), "object": object, "created": self.created(), "model": self.model, "choices": choices,
            });
            if let (Some(chunk), Some(usage)) = (chunk.as_object_mut(), usage) {
                chunk.insert("usage".to_owned(), usage);
            }
            event(None, &chunk)
        };
        let open = match self.seen {
            0 => 1,
            seen => seen & !self.marks.finished,
        };
        let mut text = String::new();
        for index in (0..u128::BITS).filter(|index| open >> index & 1 == 1) {
            let choice = if is_text {
                json!({"index": index, "text": "", "logprobs": null, "finish_reason": "length"})
            } else {
                json!({"index": index, "delta": {}, "finish_reason": "length"})
            };
            text.push_str(&chunk(json!([choice]), None));
        }
        if used.is_asked {
            let usage = json!({
                "prompt_tokens": used.prompt,
                "completion_tokens": used.written,
                "total_tokens": used.prompt.saturating_add(used.written),
                "prompt_tokens_details": {"cached_tokens": used.cached},
            });
            text.push_str(&chunk(json!([]), Some(usage)));
        }
        text.push_str("data: [DONE]\n\n");
        text
    }

    fn response(&self, used: Used) -> String {
        let response = json!({
            "id": self.id(), "object": "response", "created_at": self.created(), "model": self.model,
            "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}, "error": null,
            "instructions": null, "metadata": {}, "output": [], "parallel_tool_calls": true, "temperature": null,
            "tool_choice": "auto", "tools": [], "top_p": null,
            "usage": {
                "input_tokens": used.prompt, "input_tokens_details": {"cached_tokens": used.cached},
                "output_tokens": used.written, "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": used.prompt.saturating_add(used.written),
            },
        });
        let name = "response.incomplete";
        let data = json!({"type": name, "sequence_number": self.next_number(), "response": response});
        event(Some(name), &data)
    }

    fn message(&self, used: Used) -> String {
        let mut text = String::new();
        if let Some(index) = self.marks.block {
            let name = "content_block_stop";
            text.push_str(&event(Some(name), &json!({"type": name, "index": index})));
        }
        let name = "message_delta";
        let delta = json!({"stop_reason": "max_tokens", "stop_sequence": null});
        let usage = json!({"output_tokens": used.written});
        text.push_str(&event(
            Some(name),
            &json!({"type": name, "delta": delta, "usage": usage}),
        ));
        let name = "message_stop";
        text.push_str(&event(Some(name), &json!({"type": name})));
        text
    }

    fn stop(&self, used: Used) -> String {
        let last = json!({
            "index": 0, "content": "", "tokens": [], "stop": true, "model": self.model,
            "tokens_predicted": used.written, "tokens_evaluated": used.prompt,
            "truncated": false, "stop_type": "limit", "stopping_word": "",
        });
        event(None, &last)
    }

    fn line(&self, used: Used) -> String {
        let mut last = json!({
            "model": self.model, "created_at": self.created(), "done": true, "done_reason": "length",
            "total_duration": 0, "load_duration": 0, "prompt_eval_duration": 0, "eval_duration": 0,
            "prompt_eval_count": used.prompt, "eval_count": used.written,
        });
        let (key, value) = match self.dialect {
            Dialect::OllamaChat => ("message", json!({"role": "assistant", "content": ""})),
            _ => ("response", json!("")),
        };
        if let Some(last) = last.as_object_mut() {
            last.insert(key.to_owned(), value);
        }
        format!("{last}\n")
    }

    /// The end of an answer whose client may not have the rest.
    pub(super) fn refused(&self, denial: Denial) -> Bytes {
        let message = denial.to_string();
        let (kind, code) = (denial.error_type(), denial.code());
        Bytes::from(match self.dialect {
            Dialect::Chat | Dialect::Completions | Dialect::LlamaCpp => {
                let error = json!({"message": message, "type": kind, "param": null, "code": code});
                event(None, &json!({"error": error}))
            }
            Dialect::Responses => {
                let number = self.next_number();
                let error = json!({
                    "type": "error", "code": code, "message": message, "param": null, "sequence_number": number,
                });
                event(Some("error"), &error)
            }
            Dialect::Messages => {
                let error = json!({"type": kind, "message": message});
                event(Some("error"), &json!({"type": "error", "error": error}))
            }
            Dialect::OllamaChat | Dialect::OllamaGenerate => format!("{}\n", json!({"error": message})),
        })
    }
}
