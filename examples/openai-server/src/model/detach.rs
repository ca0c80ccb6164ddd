//! Keeps a client that goes away from taking others with it.
//!
//! In mistral.rs 0.8 an answer that is not streamed and that nobody waits for any more makes the engine panic: every
//! other conversation it works on ends with an error. So each request runs on a task of its own, which outlives the
//! client. A streamed answer is not affected: the task ends when the stream begins, and a stream that is dropped is
//! cancelled as it should be. An answer that is not streamed is generated to its end; it is also read to its end, so that
//! whoever counts what it used sees it, though nobody else does.

use std::sync::Arc;

use axum::{
    Json,
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use http_body_util::BodyExt;
use localauth_core::Place;
use serde_json::json;
use tokio::sync::oneshot;

/// The middleware. Must be the innermost around the routes of mistral.rs, and once more around what counts usage.
pub async fn detach(request: Request, next: Next) -> Response {
    let (answer, answered) = oneshot::channel();
    // Whoever has waited for a place works in it to the end, though the client has left it.
    let place = request.extensions().get::<Arc<Place>>().cloned();
    tokio::spawn(async move {
        if let Err(unwanted) = answer.send(next.run(request).await) {
            read_to_the_end(unwanted).await;
        }
        drop(place);
    });
    // The panic itself has been logged.
    answered.await.unwrap_or_else(|_| {
        let body = Json(json!({ "message": "the handler panicked" }));
        (StatusCode::INTERNAL_SERVER_ERROR, body).into_response()
    })
}

/// Reads an answer that nobody waits for any more, unless it is a stream, which ends by being dropped.
async fn read_to_the_end(answer: Response) {
    let kind = answer.headers().get(header::CONTENT_TYPE);
    if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream")) {
        return;
    }
    let mut body = answer.into_body();
    while let Some(Ok(_)) = body.frame().await {}
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::{Router, body::Body, middleware::from_fn, routing::get};
    use futures_util::StreamExt;
    use tokio::sync::Notify;
    use tower::ServiceExt;

    use super::*;

    fn request() -> Request {
        Request::builder().uri("/").body(Body::empty()).unwrap()
    }

    #[tokio::test]
    async fn the_work_goes_on_when_the_client_is_gone() {
        let (begin, end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let handler = {
            let (begin, end) = (begin.clone(), end.clone());
            async move || {
                begin.notified().await;
                end.notify_one();
            }
        };
        let router = Router::new().route("/", get(handler)).layer(from_fn(detach));

        let client = tokio::spawn(router.oneshot(request()));
        tokio::task::yield_now().await;
        client.abort();
        assert!(client.await.is_err());

        begin.notify_one();
        tokio::time::timeout(Duration::from_secs(5), end.notified())
            .await
            .unwrap();
    }

    /// A place is in use as long as the model works, whether anybody waits for the answer or not.
    #[tokio::test]
    async fn a_place_is_kept_to_the_end_of_the_work() {
        let queue = Arc::new(localauth_core::FairQueue::new(1));
        let end = Arc::new(Notify::new());
        let handler = {
            let end = end.clone();
            async move || end.notified().await
        };
        let router = Router::new().route("/", get(handler)).layer(from_fn(detach));
        let mut request = request();
        let place = queue.enter(localauth_core::UserId::SHARED, 1).await.unwrap();
        request.extensions_mut().insert(Arc::new(place));
        let client = tokio::spawn(router.oneshot(request));
        tokio::task::yield_now().await;
        client.abort();
        assert!(client.await.is_err());
        assert_eq!(queue.in_use(), 1);

        let next = queue.enter(localauth_core::UserId::SHARED, 1);
        end.notify_one();
        let _place = tokio::time::timeout(Duration::from_secs(5), next)
            .await
            .unwrap()
            .unwrap();
    }

    /// Whoever counts what an answer used sees it whole, though nobody else does.
    #[tokio::test]
    async fn an_answer_that_nobody_wants_is_read_to_its_end_and_a_stream_is_dropped() {
        for (kind, read) in [("application/json", true), ("text/event-stream", false)] {
            let begin = Arc::new(Notify::new());
            let (sent, mut seen) = tokio::sync::mpsc::unbounded_channel();
            let handler = {
                let begin = begin.clone();
                async move || {
                    begin.notified().await;
                    let frames = futures_util::stream::iter(0..3).map(move |n| {
                        let _ = sent.send(n);
                        Ok::<_, std::convert::Infallible>(n.to_string())
                    });
                    ([(header::CONTENT_TYPE, kind)], Body::from_stream(frames))
                }
            };
            let router = Router::new().route("/", get(handler)).layer(from_fn(detach));
            let client = tokio::spawn(router.oneshot(request()));
            tokio::task::yield_now().await;
            client.abort();
            assert!(client.await.is_err());
            begin.notify_one();
            // The channel ends when the answer is gone.
            let mut frames = 0;
            while let Some(_frame) = seen.recv().await {
                frames += 1;
            }
            assert_eq!(frames == 3, read, "{kind}");
        }
    }

    #[tokio::test]
    async fn a_panic_is_an_answer() {
        // Past the panic hook, which another test may be looking at.
        let handler = async || -> () { std::panic::resume_unwind(Box::new("on purpose")) };
        let router = Router::new().route("/", get(handler)).layer(from_fn(detach));
        let response = router.oneshot(request()).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
