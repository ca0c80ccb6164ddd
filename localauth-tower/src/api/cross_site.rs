//! Requests that another site makes in a browser's name.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use tower::ServiceExt as _;
use tower_http::csrf::CsrfLayer;
use tower_layer::Layer as _;

use crate::reject::FLAT_PREFIX;

/// Refuses what changes something and comes from another site, by `Sec-Fetch-Site` and `Origin` (`tower-http`'s
/// [`CsrfLayer`]). A request whose credential is in a header passes: no browser adds one by itself.
///
/// For `axum::middleware::from_fn`. The API has it already; put it around your own routes when they take the session
/// cookie.
pub async fn refuse_cross_site(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let by_header = headers.contains_key(header::AUTHORIZATION)
        || headers.contains_key("x-api-key")
        || headers.contains_key("xi-api-key");
    if by_header {
        return next.run(request).await;
    }
    let flat = request.uri().path().starts_with(FLAT_PREFIX);
    let layer = CsrfLayer::new().with_rejection_response(move |_| {
        let text = "refused: this request comes from another site";
        let body = if flat {
            serde_json::json!({ "error": text })
        } else {
            serde_json::json!({
                "error": { "message": text, "type": "authorization_error", "param": null, "code": "cross_site" }
            })
        };
        let mut response = Response::new(axum::body::Body::from(body.to_string()));
        *response.status_mut() = StatusCode::FORBIDDEN;
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    });
    match layer.layer(next).oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
