//! Whether the server is alive, and whether it wants requests.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{Json, Router, extract::State, response::IntoResponse, routing::get};
use http::StatusCode;
use localauth_core::Auth;
use serde_json::json;

use crate::upstream::Upstreams;

/// Whether the server wants requests. Clones share one answer.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// From now on requests are wanted, or no longer.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }

    /// Whether requests are wanted.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// `GET /healthz`, and `GET /readyz`, which asks the store too where there is one, and says how much usage waits for it
/// and how much is lost; and how many of the servers that this one stands in front of can be reached. That none can does
/// not make it unready: accounts work without them, and a server less in the rotation mends nothing.
pub fn router(readiness: Readiness, auth: Option<Auth>, upstreams: Option<Upstreams>) -> Router {
    Router::new()
        .route("/healthz", get(async || Json(json!({ "status": "ok" }))))
        .route("/readyz", get(ready))
        .method_not_allowed_fallback(async || {
            let error = json!({
                "message": "This path takes GET only.", "type": "invalid_request_error", "param": null,
                "code": "unknown_route",
            });
            (StatusCode::METHOD_NOT_ALLOWED, Json(json!({ "error": error })))
        })
        .with_state((readiness, auth, upstreams))
}

type Asked = (Readiness, Option<Auth>, Option<Upstreams>);

async fn ready(State((readiness, auth, upstreams)): State<Asked>) -> impl IntoResponse {
    let queue = auth.as_ref().map(Auth::usage_queue);
    let problem = match auth {
        _ if !readiness.get() => Some("not ready"),
        Some(auth) if auth.ready().await.is_err() => Some("the store does not answer"),
        _ => None,
    };
    let (status, text) = match problem {
        None => (StatusCode::OK, "ready"),
        Some(problem) => (StatusCode::SERVICE_UNAVAILABLE, problem),
    };
    let mut body = json!({ "status": text });
    if let Some(queue) = queue {
        body["usage"] = json!({ "waiting": queue.waiting, "unrecorded": queue.unrecorded + queue.broken });
    }
    if let Some(health) = upstreams.as_ref().map(Upstreams::health) {
        body["upstreams"] = json!({ "configured": health.configured, "reachable": health.reachable });
    }
    (status, Json(body))
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, extract::Request};
    use localauth_core::MemoryStore;
    use tower::ServiceExt;

    use super::*;

    async fn status(readiness: &Readiness, auth: Option<&Auth>, path: &str) -> StatusCode {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let router = router(readiness.clone(), auth.cloned(), None);
        router.oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn ready_follows_the_switch_and_health_does_not() {
        let readiness = Readiness::default();
        assert_eq!(
            status(&readiness, None, "/readyz").await,
            StatusCode::SERVICE_UNAVAILABLE
        );
        assert_eq!(status(&readiness, None, "/healthz").await, StatusCode::OK);
        readiness.set(true);
        assert_eq!(status(&readiness, None, "/readyz").await, StatusCode::OK);
    }

    #[tokio::test]
    async fn it_says_how_much_usage_waits_and_is_lost() {
        let auth = Auth::builder(MemoryStore::new()).build().unwrap();
        let readiness = Readiness::default();
        readiness.set(true);
        let body = async |auth: Option<Auth>| {
            let request = Request::get("/readyz").body(Body::empty()).unwrap();
            let answer = router(readiness.clone(), auth, None).oneshot(request).await.unwrap();
            let body = axum::body::to_bytes(answer.into_body(), 1_000).await.unwrap();
            serde_json::from_slice::<serde_json::Value>(&body).unwrap()
        };
        let usage = json!({ "waiting": 0, "unrecorded": 0 });
        assert_eq!(body(Some(auth)).await, json!({ "status": "ready", "usage": usage }));
        assert_eq!(body(None).await, json!({ "status": "ready" }), "there is none");
    }

    #[tokio::test]
    async fn another_method_is_told_so() {
        let request = Request::post("/healthz").body(Body::empty()).unwrap();
        let answer = router(Readiness::default(), None, None).oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.headers()["content-type"], "application/json");
    }

    #[tokio::test]
    async fn a_store_that_is_away_is_not_ready() {
        let store = MemoryStore::new();
        let auth = Auth::builder(store.clone()).build().unwrap();
        let readiness = Readiness::default();
        readiness.set(true);
        assert_eq!(status(&readiness, Some(&auth), "/readyz").await, StatusCode::OK);
        store.set_outage(true);
        assert_eq!(
            status(&readiness, Some(&auth), "/readyz").await,
            StatusCode::SERVICE_UNAVAILABLE
        );
        assert_eq!(status(&readiness, Some(&auth), "/healthz").await, StatusCode::OK);
    }
}
