//! Turns the errors of mistral.rs into those of the OpenAI API, and closes its CORS.
//!
//! mistral.rs answers `{"message": …}` in its own shape, often 500 where the client is to blame, plain text for a body
//! that it cannot read, and nothing at all for an unknown path. Answers that are no errors pass untouched, streams
//! too, with one exception: a stream may break off with an event of bare text. As the first event it becomes the
//! status that the client would have got without a stream, later an event with an error object.

mod classify;
mod events;

use axum::{
    Json,
    body::{Body, HttpBody},
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use localauth_core::Denial;
use tracing::warn;

use self::{
    classify::{Complaint, Raw, judge},
    events::{Events, bare_text, complain},
};
use crate::settings::ErrorCode;

/// The longest error body that is read; of a longer one the status alone is judged.
const LONGEST: usize = 64 * 1024;

/// The middleware: `router.layer(middleware::from_fn_with_state(style, shape))`.
pub async fn shape(State(style): State<ErrorCode>, request: Request, next: Next) -> Response {
    // mistral.rs answers every preflight, whoever asks.
    if request.method() == Method::OPTIONS {
        return answer(&judge(StatusCode::METHOD_NOT_ALLOWED, &Raw::default()), style);
    }
    let mut response = next.run(request).await;
    close_cors(response.headers_mut());

    let status = response.status();
    if is_shaped(&response) {
        response
    } else if status.is_client_error() || status.is_server_error() {
        reshape(response, style).await
    } else if is_event_stream(response.headers()) {
        watch(response, style).await
    } else {
        response
    }
}

/// Whether it is a refusal of ours, and no error of mistral.rs.
fn is_shaped(response: &Response) -> bool {
    response.extensions().get::<Denial>().is_some()
}

/// The answer to a path that nobody knows.
pub fn unknown_route(style: ErrorCode) -> Response {
    answer(&judge(StatusCode::NOT_FOUND, &Raw::default()), style)
}

/// The answer to whoever comes while the server stops.
pub fn shutting_down(style: ErrorCode) -> Response {
    let mut response = answer(&Complaint::shutting_down(), style);
    let soon = HeaderValue::from_static("5");
    response.headers_mut().insert(header::RETRY_AFTER, soon);
    response
}

/// Takes away what allows other sites to read an answer.
fn close_cors(headers: &mut HeaderMap) {
    let granted: Vec<_> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("access-control-"))
        .cloned()
        .collect();
    for name in granted {
        headers.remove(name);
    }
    // With no origin allowed nothing varies by origin.
    headers.remove(header::VARY);
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"))
}

async fn reshape(response: Response, style: ErrorCode) -> Response {
    let (parts, body) = response.into_parts();
    let raw = match Limited::new(body, LONGEST).collect().await {
        Ok(collected) => Raw::parse(&String::from_utf8_lossy(&collected.to_bytes())),
        Err(_) => Raw::default(),
    };
    let complaint = judge(parts.status, &raw);
    if complaint.status.is_server_error() {
        warn!(error = raw.message, code = complaint.code, "the model failed");
    }
    let mut answer = answer(&complaint, style);
    for kept in [header::ALLOW, header::RETRY_AFTER] {
        if let Some(value) = parts.headers.get(&kept) {
            answer.headers_mut().insert(kept, value.clone());
        }
    }
    answer
}

/// Waits for the first event of a stream, which comes with the first token or is a sign of life.
async fn watch(response: Response, style: ErrorCode) -> Response {
    let (parts, mut rest) = response.into_parts();
    let Some(Ok(first)) = rest.frame().await else {
        // Broken off before it began.
        return answer(&complain(ENGINE_GONE), style);
    };
    if let Some(text) = first.data_ref().and_then(|event| bare_text(event)) {
        return answer(&complain(&text), style);
    }
    let body = Events {
        first: Some(first),
        rest,
        style,
    };
    debug_assert!(!body.is_end_stream());
    Response::from_parts(parts, Body::new(body))
}

/// What mistral.rs says where there is no stream.
const ENGINE_GONE: &str = "No response received from the model.";

fn answer(complaint: &Complaint, style: ErrorCode) -> Response {
    (complaint.status, Json(complaint.body(style))).into_response()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::{Router, middleware::from_fn_with_state, routing::get};
    use bytes::Bytes;
    use futures_util::stream;
    use http_body::Frame;
    use http_body_util::StreamBody;
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;

    /// A router that answers like this, behind the middleware.
    async fn ask(
        answer: impl Fn() -> Response + Clone + Send + Sync + 'static,
        method: Method,
    ) -> (StatusCode, HeaderMap, String) {
        let router = Router::new()
            .route("/", get(async move || answer()))
            .layer(from_fn_with_state(ErrorCode::String, shape));
        let request = Request::builder().method(method).uri("/").body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    fn events(events: &'static [&'static str]) -> Response {
        let frames = events
            .iter()
            .map(|event| Ok::<_, Infallible>(Frame::data(Bytes::from_static(event.as_bytes()))));
        let body = Body::new(StreamBody::new(stream::iter(frames)));
        ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
    }

    #[tokio::test]
    async fn what_is_no_error_passes() {
        let (status, _, body) = ask(
            || (StatusCode::OK, r#"{"message":"not an error"}"#).into_response(),
            Method::GET,
        )
        .await;
        assert_eq!(
            (status, body.as_str()),
            (StatusCode::OK, r#"{"message":"not an error"}"#)
        );

        let stream = &["data: {\"id\":1}\n\n", ":\n\n", "data: [DONE]\n\n"];
        let (status, _, body) = ask(|| events(stream), Method::GET).await;
        assert_eq!((status, body), (StatusCode::OK, stream.concat()));
    }

    #[tokio::test]
    async fn errors_get_the_shape() {
        let (status, headers, body) = ask(
            || (StatusCode::UNPROCESSABLE_ENTITY, r#"{"message":"no"}"#).into_response(),
            Method::GET,
        )
        .await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(headers[header::CONTENT_TYPE], "application/json");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["error"]["message"], "no");

        let (status, headers, _) = ask(|| StatusCode::OK.into_response(), Method::DELETE).await;
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(headers[header::ALLOW], "GET,HEAD");
    }

    #[tokio::test]
    async fn an_endless_error_is_not_read_to_the_end() {
        let answer = || {
            let frames = stream::repeat_with(|| Ok::<_, Infallible>(Frame::data(Bytes::from_static(&[b'x'; 1024]))));
            let mut response = Body::new(StreamBody::new(frames)).into_response();
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response
        };
        let (status, _, body) = ask(answer, Method::GET).await;
        assert_eq!(status, StatusCode::BAD_GATEWAY);
        assert!(body.contains("server_error"), "{body}");
    }

    #[tokio::test]
    async fn a_stream_that_fails_at_once_is_an_error() {
        let (status, headers, body) = ask(
            || events(&["data: Received an empty prompt.\n\n", "data: [DONE]\n\n"]),
            Method::GET,
        )
        .await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(headers[header::CONTENT_TYPE], "application/json");
        assert!(body.contains("empty prompt"), "{body}");

        let (status, _, _) = ask(|| events(&[]), Method::GET).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test]
    async fn a_stream_that_fails_later_says_so() {
        let stream = &["data: {\"id\":1}\n\n", "data: out of memory\n\n", "data: [DONE]\n\n"];
        let (status, _, body) = ask(|| events(stream), Method::GET).await;
        assert_eq!(status, StatusCode::OK);
        let lines: Vec<_> = body.split("\n\n").collect();
        assert_eq!((lines[0], lines[2]), ("data: {\"id\":1}", "data: [DONE]"));
        let error: Value = serde_json::from_str(lines[1].strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(error["error"]["code"], "model_error");
    }

    #[tokio::test]
    async fn cors_is_closed() {
        let answer = || {
            let headers = [
                ("access-control-allow-origin", "*"),
                ("access-control-expose-headers", "*"),
                ("vary", "origin"),
            ];
            (headers, "hello").into_response()
        };
        let (_, headers, _) = ask(answer, Method::GET).await;
        assert_eq!(
            headers
                .keys()
                .filter(|name| name.as_str() != "content-type" && name.as_str() != "content-length")
                .count(),
            0,
            "{headers:?}"
        );

        let (status, headers, _) = ask(answer, Method::OPTIONS).await;
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
        assert!(!headers.contains_key("access-control-allow-origin"));
    }
}
