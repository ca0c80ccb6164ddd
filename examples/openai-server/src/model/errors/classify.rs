//! What the errors of mistral.rs mean. Pure: a status and a text in, a complaint in OpenAI's terms out.

use std::borrow::Cow;

use http::StatusCode;
use serde_json::{Value, json};

use crate::settings::ErrorCode;

/// An error as clients of the OpenAI API expect it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Complaint {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: Cow<'static, str>,
}

impl Complaint {
    fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    /// The server stops.
    pub(super) fn shutting_down() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "shutting_down",
            "the server is stopping; try again soon",
        )
    }

    /// The body, `{"error": {…}}`.
    pub(super) fn body(&self, style: ErrorCode) -> Value {
        let kind = if self.status.is_server_error() {
            "server_error"
        } else {
            "invalid_request_error"
        };
        let code = match style {
            ErrorCode::String => json!(self.code),
            ErrorCode::Number => json!(self.status.as_u16()),
        };
        json!({
            "error": { "message": self.message, "type": kind, "param": null, "code": code },
        })
    }
}

/// The longest message that is handed on.
const MESSAGE: usize = 1000;

/// What the whole of a message says that mistral.rs sends with a 500 although the client is to blame, or with a text
/// that would tell more than the client should know.
struct Known {
    /// A part of the message.
    contains: &'static str,
    status: StatusCode,
    code: &'static str,
    /// What to say instead, if not the message itself.
    message: Option<&'static str>,
}

const fn bad(contains: &'static str) -> Known {
    Known {
        contains,
        status: StatusCode::BAD_REQUEST,
        code: INVALID_REQUEST,
        message: None,
    }
}

/// An image, audio or video that could not be had. The original message says whether a file exists on this machine.
const fn media(contains: &'static str) -> Known {
    Known {
        message: Some("an image, audio or video of the request cannot be read"),
        ..bad(contains)
    }
}

const fn unavailable(contains: &'static str) -> Known {
    Known {
        contains,
        status: StatusCode::SERVICE_UNAVAILABLE,
        code: "model_unavailable",
        message: Some("the model is not available now; try again later"),
    }
}

const INVALID_REQUEST: &str = "invalid_request";
const INVALID_BODY: &str = "invalid_body";

const KNOWN: &[Known] = &[
    Known {
        code: "context_length_exceeded",
        ..bad("Prompt sequence length is greater than")
    },
    bad("Received an empty prompt"),
    bad("Number of choices must be greater than 0"),
    bad("Invalid grammar."),
    bad("cannot be used as a stop token"),
    bad("Tool choice was required"),
    bad("Tools were provided but this chat template does not handle tool usage"),
    bad("are mutually exclusive"),
    bad("a model which does not have a chat template"),
    bad("incompatible for this model's category"),
    bad("No content was provided"),
    bad("Expected `text` key"),
    bad("Expected array content"),
    bad("Role for an image message"),
    bad("sub-content"),
    bad("is not supported."),
    bad("are not supported."),
    bad("must contain at least one entry"),
    // How a chat template refuses: roles out of order, a system message where it knows none.
    bad("invalid operation:"),
    media("not a valid URL"),
    media("Could not open file at path"),
    media("Could not parse file path"),
    media("Unsupported URL scheme"),
    media("The image format could not be determined"),
    media("Format error decoding"),
    media("error sending request"),
    media("dns error"),
    media("(os error"),
    unavailable("No models are currently loaded"),
    unavailable("sender not available"),
    unavailable("Failed to send request"),
    unavailable("No response received"),
];

/// An error as it came: from mistral.rs, or from the router that it sits in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Raw {
    /// What it says, perhaps nothing.
    pub(super) message: String,
    /// Whether mistral.rs says so, and not the router.
    is_own: bool,
}

impl Raw {
    /// Takes a body apart: mistral.rs answers in JSON, the router in plain text.
    pub(super) fn parse(body: &str) -> Self {
        let body = body.trim();
        let message = match serde_json::from_str(body) {
            Ok(Value::Object(object)) => object
                .get("message")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            _ => body.to_owned(),
        };
        Self {
            message,
            is_own: body.starts_with('{'),
        }
    }
}

/// Judges an answer by its status and by what it says.
pub(super) fn judge(status: StatusCode, raw: &Raw) -> Complaint {
    let Raw { message, is_own } = raw;
    known(message).unwrap_or_else(|| match status {
        StatusCode::NOT_FOUND if message.is_empty() => {
            Complaint::new(status, "unknown_route", "there is no such route")
        }
        StatusCode::NOT_FOUND => Complaint::new(status, "not_found", clip(message)),
        StatusCode::METHOD_NOT_ALLOWED => {
            Complaint::new(status, "method_not_allowed", "this route does not know that method")
        }
        StatusCode::PAYLOAD_TOO_LARGE => Complaint::new(status, "body_too_large", "the request body is too large"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Complaint::new(status, INVALID_BODY, clip(message)),
        // What mistral.rs finds wrong comes as 422 with a JSON body; a body that cannot be read, as 400 or 422 in text.
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY if !is_own => {
            Complaint::new(StatusCode::BAD_REQUEST, INVALID_BODY, clip(message))
        }
        StatusCode::UNPROCESSABLE_ENTITY => Complaint::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, clip(message)),
        status if status.is_client_error() => Complaint::new(status, INVALID_REQUEST, clip(message)),
        status => Complaint::new(status, "model_error", FAILED),
    })
}

/// What is said of failures whose text may tell about this machine.
const FAILED: &str = "the model failed to answer";

/// Judges the text of an event that broke off a stream.
pub(super) fn judge_event(message: &str) -> Complaint {
    known(message).unwrap_or_else(|| Complaint::new(StatusCode::INTERNAL_SERVER_ERROR, "model_error", FAILED))
}

fn known(message: &str) -> Option<Complaint> {
    // Goes on with the names of all models, which are not everybody's business.
    if let Some((missing, _)) = message.split_once(" is not available. Available models:") {
        let message = format!("{missing} does not exist");
        return Some(Complaint::new(StatusCode::NOT_FOUND, "model_not_found", clip(&message)));
    }
    let known = KNOWN.iter().find(|known| message.contains(known.contains))?;
    let message = known.message.map_or_else(|| clip(message), Cow::Borrowed);
    Some(Complaint::new(known.status, known.code, message))
}

fn clip(message: &str) -> Cow<'static, str> {
    message.chars().take(MESSAGE).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name, what came in (status and body), and what must come out (status, code, and a part of the message).
    type Case = (&'static str, (u16, &'static str), (u16, &'static str, &'static str));

    const CASES: &[Case] = &[
        (
            "not JSON",
            (
                400,
                "Failed to parse the request body as JSON: expected value at line 1 column 1",
            ),
            (400, "invalid_body", "expected value at line 1"),
        ),
        (
            "a field is missing",
            (
                422,
                "Failed to deserialize the JSON body into the target type: missing field `messages`",
            ),
            (400, "invalid_body", "missing field `messages`"),
        ),
        (
            "no content type",
            (415, "Expected request with `Content-Type: application/json`"),
            (415, "invalid_body", "Content-Type"),
        ),
        (
            "too large",
            (413, "Failed to buffer the request body: length limit exceeded"),
            (413, "body_too_large", "too large"),
        ),
        (
            "unknown model",
            (
                500,
                r#"{"message":"Requested model 'gpt' is not available. Available models: secret. Use 'default'."}"#,
            ),
            (404, "model_not_found", "Requested model 'gpt' does not exist"),
        ),
        (
            "long prompt",
            (
                422,
                r#"{"message":"Prompt sequence length is greater than 8192, perhaps consider …"}"#,
            ),
            (400, "context_length_exceeded", "greater than 8192"),
        ),
        (
            "refused by mistral.rs",
            (422, r#"{"message":"something new"}"#),
            (400, "invalid_request", "something new"),
        ),
        (
            "refused by the chat template",
            (
                500,
                r#"{"message":"invalid operation: roles must alternate (in chat_template:1)"}"#,
            ),
            (400, "invalid_request", "roles must alternate"),
        ),
        (
            "a file of this machine",
            (500, r#"{"message":"Could not open file at path: file:///etc/passwd"}"#),
            (400, "invalid_request", "cannot be read"),
        ),
        (
            "the model failed",
            (
                500,
                r#"{"message":"shape mismatch in /home/x","partial_response":{"id":"1"}}"#,
            ),
            (500, "model_error", "the model failed to answer"),
        ),
        (
            "the engine is gone",
            (500, r#"{"message":"No response received from the model."}"#),
            (503, "model_unavailable", "try again"),
        ),
        ("no route", (404, ""), (404, "unknown_route", "no such route")),
        (
            "no response",
            (404, r#"{"message":"Response with ID 'x' not found"}"#),
            (404, "not_found", "'x' not found"),
        ),
        ("wrong method", (405, ""), (405, "method_not_allowed", "method")),
    ];

    #[test]
    fn each_kind_of_error() {
        for (name, (status, body), expected) in CASES {
            let complaint = judge(StatusCode::from_u16(*status).unwrap(), &Raw::parse(body));
            let message = &complaint.message;
            assert_eq!(
                (complaint.status.as_u16(), complaint.code),
                (expected.0, expected.1),
                "{name}"
            );
            assert!(message.contains(expected.2), "{name}: {message}");
            assert!(!message.contains("secret"), "{name}: {message}");
        }
    }

    #[test]
    fn the_code_can_be_the_status() {
        let complaint = judge(StatusCode::NOT_FOUND, &Raw::default());
        assert_eq!(
            complaint.body(ErrorCode::String),
            json!({"error": {
                "message": "there is no such route",
                "type": "invalid_request_error",
                "param": null,
                "code": "unknown_route",
            }}),
        );
        assert_eq!(complaint.body(ErrorCode::Number)["error"]["code"], 404);
        let failed = judge_event("CUDA error");
        assert_eq!(failed.body(ErrorCode::String)["error"]["type"], "server_error");
    }

    #[test]
    fn long_messages_are_cut() {
        let complaint = judge(StatusCode::BAD_REQUEST, &Raw::parse(&"ä".repeat(5000)));
        assert_eq!(complaint.message.chars().count(), MESSAGE);
    }
}
