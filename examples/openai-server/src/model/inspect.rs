//! What is taken out of a request before mistral.rs sees it.
//!
//! - **Media by address.** mistral.rs opens the `image_url`, audio and video of a chat, be it a file of the server or any
//!   address that the server can reach. Only what is in the request itself (`data:`) passes.
//! - **Stored responses.** mistral.rs keeps them in memory for ever, for whoever knows their id, and stores by default. A
//!   stored response is its owner's only, and until owners are kept nothing is stored: a request says `"store": false`,
//!   whatever the client said, and what needs a stored response is refused.
//!
//! What was judged is what is forwarded: the body is written anew from what was read.

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{Method, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use serde_json::{Map, Value, json};

/// The middleware: `router.layer(middleware::from_fn_with_state(max_body, inspect))`, inside what shapes errors.
pub async fn inspect(State(max_body): State<usize>, request: Request, next: Next) -> Response {
    let asks_model = ["/v1/chat/completions", "/v1/completions", "/v1/responses"].contains(&request.uri().path());
    if *request.method() != Method::POST || !asks_model {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let bytes = match Limited::new(body, max_body).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(_) => return complain("the body cannot be read, or is larger than allowed"),
    };
    let body = match serde_json::from_slice::<Map<String, Value>>(&bytes) {
        Ok(mut asked) => {
            if asked.values().any(names_an_address) {
                return complain("media must be in the request itself, as a `data:` URL");
            }
            if parts.uri.path() == "/v1/responses"
                && let Err(text) = store_nothing(&mut asked)
            {
                return complain(text);
            }
            Body::from(Value::Object(asked).to_string())
        }
        // Not an object: mistral.rs says what is wrong with it.
        Err(_) => Body::from(bytes),
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    next.run(Request::from_parts(parts, body)).await
}

/// Whether anything in it is media that would have to be fetched. `serde_json` bounds how deep it can be.
fn names_an_address(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(names_an_address),
        Value::Object(fields) => fields.iter().any(|(name, value)| {
            let media = matches!(name.as_str(), "image_url" | "audio_url" | "video_url" | "file_url");
            (media && !is_inline(value)) || names_an_address(value)
        }),
        _ => false,
    }
}

/// Whether it is data: the URL itself, or `url` in an object beside others such as `detail`.
fn is_inline(value: &Value) -> bool {
    let is_data = |text: &str| text.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("data:"));
    match value {
        Value::String(url) => is_data(url),
        // Without a `url` it is a tool's schema, say: nothing that could be fetched.
        Value::Object(fields) => fields.get("url").is_none_or(|url| url.as_str().is_some_and(is_data)),
        _ => true,
    }
}

fn store_nothing(asked: &mut Map<String, Value>) -> Result<(), &'static str> {
    let given = |name: &str| {
        asked
            .get(name)
            .is_some_and(|value| !matches!(value, Value::Null | Value::Bool(false)))
    };
    if given("background") {
        return Err("`background` is not available: answers are not stored in this version");
    }
    for name in ["previous_response_id", "conversation"] {
        if given(name) {
            return Err(
                "`previous_response_id` and `conversation` are not available: answers are not stored in this version; \
                        send the whole conversation as `input`",
            );
        }
    }
    asked.insert("store".to_owned(), Value::Bool(false));
    Ok(())
}

fn complain(text: &str) -> Response {
    (StatusCode::BAD_REQUEST, axum::Json(json!({ "message": text }))).into_response()
}

#[cfg(test)]
mod tests {
    use axum::{Router, middleware::from_fn_with_state, routing::post};
    use tower::ServiceExt;

    use super::*;

    async fn ask(path: &str, body: &str) -> (StatusCode, String) {
        let router = Router::new()
            .route("/v1/responses", post(async |body: String| body))
            .route("/v1/chat/completions", post(async |body: String| body))
            .route("/v1/other", post(async |body: String| body))
            .layer(from_fn_with_state(1_000_usize, inspect));
        let request = Request::post(path).body(Body::from(body.to_owned())).unwrap();
        let response = router.oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn nothing_is_stored_whatever_was_asked() {
        for body in [
            r#"{"input":"x"}"#,
            r#"{"input":"x","store":true}"#,
            r#"{"store":true,"input":"x","store":true}"#,
        ] {
            let (status, body) = ask("/v1/responses", body).await;
            assert_eq!(
                (status, body.as_str()),
                (StatusCode::OK, r#"{"input":"x","store":false}"#)
            );
        }
        let nulls = r#"{"background":false,"previous_response_id":null}"#;
        assert_eq!(ask("/v1/responses", nulls).await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn what_needs_a_stored_answer_is_refused() {
        for body in [
            r#"{"background":true}"#,
            r#"{"background":"yes"}"#,
            r#"{"previous_response_id":"resp_1"}"#,
            r#"{"previous_response_id":"resp_1","previous_response_id":"resp_2"}"#,
            r#"{"conversation":"conv_1"}"#,
        ] {
            assert_eq!(ask("/v1/responses", body).await.0, StatusCode::BAD_REQUEST, "{body}");
        }
        assert_eq!(
            ask("/v1/responses", &"x".repeat(1_001)).await.0,
            StatusCode::BAD_REQUEST
        );
    }

    #[tokio::test]
    async fn media_is_never_fetched() {
        let part = |media: &str| format!(r#"{{"messages":[{{"role":"user","content":[{media}]}}]}}"#);
        for (media, status) in [
            (
                r#"{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA","detail":"low"}}"#,
                200,
            ),
            (r#"{"type":"image_url","image_url":"data:image/png;base64,AAAA"}"#, 200),
            (r#"{"type":"text","text":"http://example.org/ and /etc/passwd"}"#, 200),
            (r#"{"type":"image_url","image_url":{"url":"/etc/passwd"}}"#, 400),
            (r#"{"type":"image_url","image_url":"file:///etc/passwd"}"#, 400),
            (
                r#"{"type":"image_url","image_url":{"url":"http://169.254.169.254/"}}"#,
                400,
            ),
            (
                r#"{"type":"audio_url","audio_url":{"url":"https://example.org/a.wav"}}"#,
                400,
            ),
            (r#"{"type":"image_url","image\u005furl":{"url":"/etc/passwd"}}"#, 400),
            (
                r#"{"type":"image_url","image_url":{"url":"data:,","url":"/etc/passwd"}}"#,
                400,
            ),
        ] {
            let (got, body) = ask("/v1/chat/completions", &part(media)).await;
            assert_eq!(got, status, "{media}: {body}");
        }
        let input = r#"{"input":[{"role":"user","content":[{"type":"input_image","image_url":"/etc/passwd"}]}]}"#;
        assert_eq!(ask("/v1/responses", input).await.0, StatusCode::BAD_REQUEST);
        let tool =
            r#"{"tools":[{"function":{"parameters":{"properties":{"image_url":{"type":"string"}}}}}],"messages":[]}"#;
        assert_eq!(ask("/v1/chat/completions", tool).await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn everything_else_passes_as_it_is() {
        assert_eq!(
            ask("/v1/other", r#"{"background":true}"#).await.1,
            r#"{"background":true}"#
        );
        assert_eq!(ask("/v1/responses", "[1]").await.1, "[1]");
    }
}
