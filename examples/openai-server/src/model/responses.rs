//! The Responses API of mistral.rs, without what it would keep.
//!
//! mistral.rs keeps responses in memory for ever, for whoever knows their id, and stores by default. Here a stored response
//! is its owner's only, and until owners are kept nothing is stored: a request says `"store": false` to mistral.rs, whatever
//! the client said, and what needs a stored response is refused.

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{Method, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Map, Value, json};

/// The middleware: `router.layer(middleware::from_fn_with_state(max_body, keep_nothing))`, inside what shapes errors.
pub async fn keep_nothing(State(max_body): State<usize>, request: Request, next: Next) -> Response {
    if *request.method() != Method::POST || request.uri().path() != "/v1/responses" {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let bytes = match http_body_util::Limited::new(body, max_body).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(_) => {
            return complain(
                StatusCode::BAD_REQUEST,
                "the body cannot be read, or is larger than allowed",
            );
        }
    };
    let body = match serde_json::from_slice::<Map<String, Value>>(&bytes) {
        Ok(mut asked) => match reduce(&mut asked) {
            Ok(()) => Body::from(Value::Object(asked).to_string()),
            Err(text) => return complain(StatusCode::BAD_REQUEST, text),
        },
        // Not an object: mistral.rs says what is wrong with it.
        Err(_) => Body::from(bytes),
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    next.run(Request::from_parts(parts, body)).await
}

fn reduce(asked: &mut Map<String, Value>) -> Result<(), &'static str> {
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

fn complain(status: StatusCode, text: &str) -> Response {
    (status, axum::Json(json!({ "message": text }))).into_response()
}

#[cfg(test)]
mod tests {
    use axum::{Router, middleware::from_fn_with_state, routing::post};
    use tower::ServiceExt;

    use super::*;

    async fn ask(path: &str, body: &str) -> (StatusCode, String) {
        let router = Router::new()
            .route("/v1/responses", post(async |body: String| body))
            .route("/v1/other", post(async |body: String| body))
            .layer(from_fn_with_state(1_000_usize, keep_nothing));
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
    async fn everything_else_passes_as_it_is() {
        assert_eq!(
            ask("/v1/other", r#"{"background":true}"#).await.1,
            r#"{"background":true}"#
        );
        assert_eq!(ask("/v1/responses", "[1]").await.1, "[1]");
    }
}
