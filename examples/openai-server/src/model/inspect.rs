//! What mistral.rs must be kept from, whoever asks and whether auth is on or off. Which model is asked for, and whether it
//! may be, is judged before, by the layers.
//!
//! - **Media by address.** mistral.rs opens the `image_url`, audio and video of a chat, be it a file of the server or any
//!   address that the server can reach. Only what is in the request itself (`data:`) passes.
//! - **Stored responses.** mistral.rs keeps them in memory for ever, for whoever knows their id, and stores by default. A
//!   stored response is its owner's only: see [`stored`](super::stored). Where nobody will know whose it is, nothing is
//!   stored: a request says `"store": false`, whatever the client said, and what needs a stored response is refused.
//! - **Several answers to one request.** mistral.rs tells what one of them used and nothing of the others, which so would be
//!   free; and it makes as many at once as it is asked for, until memory ends. So there is one.
//! - **Bodies that are no JSON object to their end.** mistral.rs reads less of a body than we do: it takes an array as the
//!   fields in their order, and does not look into what it ignores (numbers beyond all bounds, broken escapes, any depth).
//!   Handed on, such a body could ask for what nobody judged.
//!
//! What was judged is what is forwarded: the body is written anew from what was read, each field once. The list of models
//! is shown here too, without those that the caller may not use.

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Method, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use localauth_tower::CurrentUser;
use serde_json::{Map, Value, json};

use super::{
    allow::Models,
    stored::{OwnerIsKept, refuse_ownerless},
};

/// What the middleware goes by.
#[derive(Clone, Debug)]
pub struct Inspect {
    /// The largest body in bytes.
    pub max_body: usize,
    /// Who sees which model.
    pub models: Models,
}

/// The routes whose body names a model.
const ASK_MODEL: [&str; 6] = [
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/responses",
    "/v1/embeddings",
    "/v1/images/generations",
    "/v1/audio/speech",
];

/// The middleware: `router.layer(middleware::from_fn_with_state(inspection, inspect))`, inside what shapes errors.
pub async fn inspect(State(by): State<Inspect>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if path == "/v1/models" && matches!(*request.method(), Method::GET | Method::HEAD) {
        let user = request.extensions().get::<CurrentUser>().cloned();
        let list = next.run(request).await;
        return match user {
            Some(user) => by.models.filter(list, &user).await,
            None => list,
        };
    }
    if *request.method() != Method::POST || !ASK_MODEL.contains(&path) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let bytes = match Limited::new(body, by.max_body).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(_) => return complain("the body cannot be read, or is larger than allowed"),
    };
    // Of each name, the last.
    let mut fields = match serde_json::from_slice::<Map<String, Value>>(&bytes) {
        Ok(fields) => fields,
        Err(error) => return not_an_object(&parts.headers, &error),
    };
    if fields.get("model").is_some_and(Value::is_null) {
        // To mistral.rs, null is no name; no model is the default one.
        fields.remove("model");
    }
    if ["n", "best_of"]
        .iter()
        .any(|name| fields.get(*name).is_some_and(is_several))
    {
        return complain("`n` and `best_of` can only be 1 with this model server: ask once for each answer");
    }
    if fields.values().any(names_an_address) {
        return complain("media must be in the request itself, as a `data:` URL");
    }
    if parts.uri.path() == "/v1/responses" {
        let judged = match parts.extensions.get::<OwnerIsKept>() {
            Some(_) => refuse_ownerless(&fields),
            None => store_nothing(&mut fields),
        };
        if let Err(text) = judged {
            return complain(text);
        }
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    let body = Body::from(Value::Object(fields).to_string());
    next.run(Request::from_parts(parts, body)).await
}

/// Whether it asks for more than one.
fn is_several(value: &Value) -> bool {
    !value.is_null() && value.as_f64().is_none_or(|count| count > 1.0)
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

/// In the words of the router, whose errors get their shape from its text.
fn not_an_object(headers: &HeaderMap, error: &serde_json::Error) -> Response {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind.is_some_and(|kind| kind.to_ascii_lowercase().contains("json")) {
        let text = format!("Failed to parse the request body as a JSON object: {error}");
        (StatusCode::BAD_REQUEST, text).into_response()
    } else {
        let text = "Expected request with `Content-Type: application/json`";
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, text).into_response()
    }
}

pub(super) fn complain(text: &str) -> Response {
    (StatusCode::BAD_REQUEST, axum::Json(json!({ "message": text }))).into_response()
}

#[cfg(test)]
mod tests {
    use axum::{Router, middleware::from_fn_with_state, routing::post};
    use tower::ServiceExt;

    use super::*;

    async fn ask(path: &str, body: &str) -> (StatusCode, String) {
        let inspection = Inspect {
            max_body: 1_000,
            models: Models::new("demo"),
        };
        let router = Router::new()
            .route("/v1/responses", post(async |body: String| body))
            .route("/v1/chat/completions", post(async |body: String| body))
            .route("/v1/other", post(async |body: String| body))
            .layer(from_fn_with_state(inspection, inspect));
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_owned()))
            .unwrap();
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
    async fn there_is_one_answer_to_a_request() {
        for (fields, status) in [
            (r#""n":1"#, 200),
            (r#""n":null,"best_of":1"#, 200),
            (r#""n":2"#, 400),
            (r#""n":1000000,"stream":true"#, 400),
            (r#""n":1.5"#, 400),
            (r#""n":"3""#, 400),
            (r#""best_of":2"#, 400),
        ] {
            let got = ask("/v1/chat/completions", &format!(r#"{{"messages":[],{fields}}}"#)).await;
            assert_eq!(got.0, status, "{fields}: {}", got.1);
        }
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
    }

    #[tokio::test]
    async fn what_cannot_be_judged_is_not_forwarded() {
        for body in [
            "",
            "[1]",
            r#"["hello","default",null]"#,
            r#"{"x":1e999,"store":true}"#,
            r#"{"x":"\ud800","previous_response_id":"resp_1"}"#,
        ] {
            let (status, answer) = ask("/v1/responses", body).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
            assert!(answer.contains("as a JSON object"), "{answer}");
        }
    }
}
