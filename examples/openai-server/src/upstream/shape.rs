//! The errors of an upstream, in OpenAI's shape.
//!
//! OpenAI and vLLM answer `{"error": {"message": …}}`, Ollama `{"error": "…"}`, `FastAPI` `{"detail": …}`, others
//! `{"message": "…"}` or plain text. The status stays, and the message, up to a length and without what is hidden; nothing
//! else of the body does.

use std::time::Duration;

use axum::{body::HttpBody, response::Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;
use tokio::time::timeout;
use tracing::warn;

use super::{
    failure::{Voice, error},
    hidden::Hidden,
};

/// The longest error body that is read; of a longer one the status alone is told.
const LONGEST: usize = 64 * 1024;
/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest message that is handed on, in characters.
const MESSAGE: usize = 1000;

/// An error of an upstream, retold.
pub(super) async fn retell<B>(response: http::Response<B>, voice: Voice, hidden: &Hidden) -> Response
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (head, body) = response.into_parts();
    let read = timeout(PATIENCE, Limited::new(body, LONGEST).collect()).await;
    let bytes = match read {
        Ok(Ok(read)) => read.to_bytes(),
        // Too long, broken off or too slow.
        _ => Bytes::new(),
    };
    let told = Told::parse(&bytes, hidden);
    if head.status.is_server_error() {
        warn!(
            status = head.status.as_u16(),
            error = told.message,
            "the upstream failed"
        );
    }
    let message = if told.message.is_empty() {
        usual(head.status)
    } else {
        told.message.as_str()
    };
    let code = told.code.as_deref().unwrap_or(usual_code(head.status));
    let mut response = error(voice, head.status, code, message, told.param.as_deref());
    keep(&head.headers, response.headers_mut());
    response
}

fn keep(from: &HeaderMap, to: &mut HeaderMap) {
    for name in [header::ALLOW, header::RETRY_AFTER] {
        if let Some(value) = from.get(&name) {
            to.insert(name, value.clone());
        }
    }
}

const fn usual(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "The model server does not know that.",
        StatusCode::METHOD_NOT_ALLOWED => "The model server does not know that method.",
        StatusCode::PAYLOAD_TOO_LARGE => "The request is too large for the model server.",
        StatusCode::TOO_MANY_REQUESTS => "The model server has too much to do. Try again later.",
        _ if status.as_u16() >= 500 => "The model server failed to answer. Try again later.",
        _ => "The model server refuses this request.",
    }
}

const fn usual_code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
        StatusCode::PAYLOAD_TOO_LARGE => "body_too_large",
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_exceeded",
        StatusCode::SERVICE_UNAVAILABLE => "model_unavailable",
        _ if status.as_u16() >= 500 => "model_error",
        _ => "invalid_request",
    }
}

/// What an error body says.
#[derive(Debug, Default)]
struct Told {
    message: String,
    code: Option<String>,
    param: Option<String>,
}

impl Told {
    fn parse(body: &[u8], hidden: &Hidden) -> Self {
        let clip = |text: &str| clip(text, hidden);
        let Ok(value) = serde_json::from_slice::<Value>(body) else {
            let text = String::from_utf8_lossy(body);
            let is_page = text.trim_start().starts_with('<');
            return Self {
                message: if is_page { String::new() } else { clip(&text) },
                ..Self::default()
            };
        };
        let object = value.get("error").filter(|error| error.is_object()).unwrap_or(&value);
        let message = ["message", "error", "detail"].iter().find_map(|name| object.get(name));
        let message = message.or(value.as_str().map(|_| &value));
        let word = |name: &str| object.get(name).and_then(Value::as_str);
        Self {
            message: match message {
                Some(Value::String(text)) => clip(text),
                Some(other) if !other.is_null() => clip(&other.to_string()),
                _ => String::new(),
            },
            // A word, which programs compare; whatever else stands there they could not.
            code: word("code")
                .filter(|code| hidden.strip(code) == *code)
                .filter(|code| code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
                .map(str::to_owned),
            param: word("param").map(clip),
        }
    }
}

/// As much of a text as is handed on. What is hidden is taken out before it is cut, which could leave a part of it.
fn clip(text: &str, hidden: &Hidden) -> String {
    let plain: String = text.trim().chars().filter(|c| !c.is_control()).collect();
    hidden.strip(&plain).chars().take(MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use futures_util::stream;
    use serde_json::json;

    use super::*;

    const VOICE: Voice = Voice {
        style: crate::settings::ErrorCode::String,
        opaque: false,
    };

    async fn told(status: u16, body: impl Into<Body>) -> (StatusCode, HeaderMap, Value) {
        let response = http::Response::builder()
            .status(status)
            .header("retry-after", "7")
            .header("set-cookie", "session=evil")
            .header("server", "engine/1")
            .body(body.into());
        let response = retell(response.unwrap(), VOICE, &Hidden::default()).await;
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status, head.headers, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn each_shape_becomes_one() {
        for (status, body, message, code) in [
            (
                400,
                r#"{"error":{"message":"no","type":"x","param":"n","code":"bad_n"}}"#,
                "no",
                "bad_n",
            ),
            (400, r#"{"error":{"message":"no","code":400}}"#, "no", "invalid_request"),
            (
                404,
                r#"{"error":"model 'x' not found"}"#,
                "model 'x' not found",
                "not_found",
            ),
            (422, r#"{"detail":"no"}"#, "no", "invalid_request"),
            (
                422,
                r#"{"detail":[{"loc":["body"]}]}"#,
                r#"[{"loc":["body"]}]"#,
                "invalid_request",
            ),
            (
                400,
                r#"{"object":"error","message":"long","code":40303}"#,
                "long",
                "invalid_request",
            ),
            (500, "CUDA\nerror", "CUDAerror", "model_error"),
            (
                503,
                "<html><body>oops",
                "The model server failed to answer. Try again later.",
                "model_unavailable",
            ),
            (
                429,
                "",
                "The model server has too much to do. Try again later.",
                "rate_limit_exceeded",
            ),
            (418, r#""tea""#, "tea", "invalid_request"),
            (
                400,
                r#"{"error":{"message":"no","code":"<script>"}}"#,
                "no",
                "invalid_request",
            ),
        ] {
            let (got, headers, told) = told(status, body).await;
            assert_eq!(got.as_u16(), status);
            let error = &told["error"];
            assert_eq!(
                (&error["message"], &error["code"]),
                (&json!(message), &json!(code)),
                "{body}"
            );
            let kind = match status {
                500.. => "server_error",
                429 => "rate_limit_error",
                403 => "authorization_error",
                _ => "invalid_request_error",
            };
            assert_eq!(error["type"], kind);
            assert_eq!(headers["retry-after"], "7");
            assert!(!headers.contains_key("set-cookie") && !headers.contains_key("server"));
        }
    }

    #[tokio::test]
    async fn an_endless_error_is_not_read_to_the_end() {
        let endless = stream::repeat_with(|| Ok::<_, std::convert::Infallible>(Bytes::from_static(&[b'x'; 1024])));
        let (status, _, told) = told(502, Body::from_stream(endless)).await;
        assert_eq!(status, 502);
        assert!(
            told["error"]["message"]
                .as_str()
                .unwrap()
                .starts_with("The model server failed")
        );
    }
}
