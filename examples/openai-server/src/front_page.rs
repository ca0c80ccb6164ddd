//! The one path that both people and programs ask for: `/`.

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
};
use http::{HeaderMap, header};
use tower::ServiceExt as _;

/// `console`, whose front page is for browsers only: whoever does not ask for a page at `/`, such as a client of Ollama
/// that wants to know whether it is there, asks `model`.
pub fn for_browsers(console: Router, model: Router) -> Router {
    console.layer(from_fn(move |request: Request, next: Next| {
        let program = request.uri().path() == "/" && !takes_a_page(request.headers());
        let model = program.then(|| model.clone());
        async move {
            match model {
                Some(model) => match model.oneshot(request).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                },
                None => next.run(request).await,
            }
        }
    }))
}

/// Whether `Accept` names HTML itself (RFC 9110, section 12.5.1), as every browser does; `*/*` alone is a program's.
fn takes_a_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter();
    let ranges = accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    ranges
        .map(|range| range.split(';').next().unwrap_or_default().trim())
        .any(|range| range.eq_ignore_ascii_case("text/html") || range.eq_ignore_ascii_case("application/xhtml+xml"))
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, routing::get};
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn people_see_the_console_and_programs_the_model() {
        let console = Router::new()
            .route("/", get(async || "console"))
            .route("/keys", get(async || "keys"));
        let model = Router::new().fallback(async || "model");
        let app = model.clone().merge(for_browsers(console, model));
        let cases = [
            ("/", Some("text/html,application/xhtml+xml,*/*;q=0.8"), "console"),
            ("/", Some("TEXT/HTML;q=0.5"), "console"),
            ("/", Some("*/*"), "model"),
            ("/", Some("application/json"), "model"),
            ("/", None, "model"),
            ("/keys", None, "keys"),
            ("/v1/models", Some("text/html"), "model"),
        ];
        for (path, accept, who) in cases {
            let mut request = Request::get(path);
            if let Some(accept) = accept {
                request = request.header("accept", accept);
            }
            let answer = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, who, "{path} {accept:?}");
        }
    }
}
