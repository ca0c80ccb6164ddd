//! The layer around services: what it reads, what it leaves alone, and what it hands on.

use std::cell::Cell;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Full};
use localauth_core::policy::{Access, Asks, ModelIn, RouteTable, Rule};
use localauth_core::{Auth, Denial, FeatureRegistry, MemoryStore};
use tower::{Layer as _, ServiceBuilder, ServiceExt as _, service_fn};

use super::CHAT;
use crate::{Inspect, Inspected, InspectedBody, RequireAuth, RoutePolicy};

/// A body that counts how often it is asked, and that can neither be sent nor shared.
struct Watched {
    frames: Vec<Frame<&'static [u8]>>,
    hint: SizeHint,
    polls: Rc<Cell<usize>>,
    breaks: bool,
}

impl Watched {
    fn new(frames: &[&'static str]) -> (Self, Rc<Cell<usize>>) {
        let polls = Rc::new(Cell::new(0));
        let body = Self {
            frames: frames.iter().rev().map(|text| Frame::data(text.as_bytes())).collect(),
            hint: SizeHint::default(),
            polls: Rc::clone(&polls),
            breaks: false,
        };
        (body, polls)
    }
}

impl Body for Watched {
    type Data = &'static [u8];
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.polls.set(self.polls.get() + 1);
        if self.polls.get() % 2 == 1 {
            // Every other time it has to be asked again.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        match self.frames.pop() {
            None if self.breaks => Poll::Ready(Some(Err("broken"))),
            frame => Poll::Ready(frame.map(Ok)),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}

fn post<B>(body: B) -> Request<B> {
    let request = Request::post(CHAT).header(header::CONTENT_TYPE, "application/json");
    request.body(body).unwrap()
}

/// Answers with what came: its header, its size hint, and its frames.
async fn tell<B: Body>(request: Request<InspectedBody<B>>) -> Result<Response<Full<Bytes>>, Infallible>
where
    B::Error: std::fmt::Debug,
{
    let length = request.headers().get(header::CONTENT_LENGTH).cloned();
    let asked = request.extensions().get::<Inspected>().cloned();
    let mut body = std::pin::pin!(request.into_body());
    let hint = body.size_hint().exact();
    let mut frames = Vec::new();
    while let Some(frame) = body.frame().await {
        frames.push(frame.unwrap().into_data().unwrap());
    }
    let told = format!(
        "{length:?} {hint:?} {:?} {frames:?}",
        asked.map(|asked| asked.body_bytes())
    );
    Ok(Response::new(Full::from(told)))
}

async fn text(response: Response<impl Body<Data = Bytes, Error = Infallible>>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn a_body_in_pieces_is_handed_on_in_one() {
    let (body, _) = Watched::new(&["{\"mod", "", "el\":\"a\"", "}"]);
    let mut request = post(body);
    request.headers_mut().insert(header::CONTENT_LENGTH, 13.into());
    let response = Inspect::new().layer(service_fn(tell)).oneshot(request).await.unwrap();
    assert_eq!(text(response).await, r#"None Some(13) Some(13) [b"{\"model\":\"a\"}"]"#);
}

#[tokio::test]
async fn what_does_not_ask_a_model_passes_unread() {
    for method in [Method::GET, Method::HEAD, Method::DELETE, Method::OPTIONS] {
        let (body, polls) = Watched::new(&["not", " JSON"]);
        let mut request = post(body);
        *request.method_mut() = method;
        request.headers_mut().insert(header::CONTENT_LENGTH, 8.into());
        let seen = Rc::clone(&polls);
        let service = service_fn(async |request: Request<InspectedBody<Watched>>| {
            assert_eq!(seen.get(), 0);
            tell(request).await
        });
        let response = Inspect::new()
            .max_body(1)
            .layer(service)
            .oneshot(request)
            .await
            .unwrap();
        assert_eq!(text(response).await, r#"Some("8") None None [b"not", b" JSON"]"#);
    }
}

#[tokio::test]
async fn too_large_is_refused_as_early_as_it_is_known() {
    let service = Inspect::new().max_body(10).layer(service_fn(tell));
    let refused = async |request| {
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(response.extensions().get::<Denial>(), Some(&Denial::BodyTooLarge));
        assert!(text(response).await.contains("body_too_large"));
    };
    // By what it says of itself, unread:
    let (body, polls) = Watched::new(&["{}"]);
    let mut request = post(body);
    request.headers_mut().insert(header::CONTENT_LENGTH, 11.into());
    refused(request).await;
    assert_eq!(polls.get(), 0);
    let (mut body, polls) = Watched::new(&["{}"]);
    body.hint.set_lower(11);
    refused(post(body)).await;
    assert_eq!(polls.get(), 0);
    // Else by the first byte too much:
    let (body, polls) = Watched::new(&["{      ", "   ", "}", "never", "read"]);
    refused(post(body)).await;
    assert_eq!(polls.get(), 6);
    // Up to the limit it passes.
    let (body, _) = Watched::new(&["{      ", "  ", "}"]);
    assert_eq!(service.oneshot(post(body)).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn what_is_no_json_by_its_headers_is_refused_unread() {
    let service = Inspect::new().layer(service_fn(tell));
    for (name, value) in [(header::CONTENT_TYPE, "text/plain"), (header::CONTENT_ENCODING, "gzip")] {
        let (body, polls) = Watched::new(&["{}"]);
        let mut request = post(body);
        request.headers_mut().insert(name, value.parse().unwrap());
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert_eq!(polls.get(), 0);
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_or_has_trailers_is_no_way_around() {
    let service = Inspect::new().layer(service_fn(tell));
    let (mut body, _) = Watched::new(&["{}"]);
    body.breaks = true;
    let response = service.clone().oneshot(post(body)).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let (mut body, _) = Watched::new(&["{}"]);
    body.frames.insert(0, Frame::trailers(http::HeaderMap::new()));
    let response = service.oneshot(post(body)).await.unwrap();
    assert_eq!(text(response).await, r#"None Some(2) Some(2) [b"{}"]"#);
}

#[tokio::test]
async fn what_is_refused_can_be_said_in_other_words() {
    let words = |denial: Denial, _: &http::Uri| {
        let mut response = Response::new(Bytes::from(denial.code()));
        *response.status_mut() = StatusCode::IM_A_TEAPOT;
        response
    };
    let service = Inspect::new().with_reject(words).layer(service_fn(tell));
    let response = service.oneshot(post(Full::<Bytes>::from("[]"))).await.unwrap();
    assert_eq!(response.status(), StatusCode::IM_A_TEAPOT);
    assert_eq!(text(response).await, "invalid_body");
}

#[tokio::test]
async fn the_route_table_says_what_asks_a_model() {
    let auth = Auth::builder(MemoryStore::new())
        .shared_key("a-shared-key-of-the-administrators")
        .background(false)
        .build()
        .unwrap();
    auth.follow_changes().await.unwrap();
    let table = RouteTable::builder()
        .public(Method::POST, "/hook")
        .admin(Method::POST, "/re_isq")
        .feature(Method::POST, "/v1/chat/completions", "chat")
        .feature(Method::POST, "/m/{model}/run", "chat")
        .build(&FeatureRegistry::preset())
        .unwrap();
    let service = ServiceBuilder::new()
        .layer(RequireAuth::new(&auth).allow_anonymous())
        .layer(RoutePolicy::new(Arc::new(table)))
        .layer(Inspect::new())
        .service(service_fn(async |request: Request<InspectedBody<Full<Bytes>>>| {
            let asked = request.extensions().get::<Inspected>();
            let told = asked.map_or("unread", |asked| asked.model().unwrap_or("none"));
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(told.to_owned())))
        }));
    for (path, key, body, status, told) in [
        ("/hook", false, "hello", 200, "unread"),
        ("/hook", true, "hello", 200, "unread"),
        ("/re_isq", true, "hello", 200, "unread"),
        ("/v1/chat/completions", true, "{}", 200, "none"),
        ("/v1/chat/completions", true, "hello", 400, ""),
        ("/m/a/run", true, "{}", 200, "a"),
        ("/m/a/run", true, r#"{"model":"b"}"#, 400, ""),
    ] {
        let mut request = post(Full::<Bytes>::from(body));
        *request.uri_mut() = path.parse().unwrap();
        if key {
            let key = "Bearer a-shared-key-of-the-administrators".parse().unwrap();
            request.headers_mut().insert(header::AUTHORIZATION, key);
        }
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status, "{path} {key} {body}");
        if status == 200 {
            assert_eq!(text(response).await, told, "{path} {key} {body}");
        }
    }
}

#[tokio::test]
async fn what_names_its_model_in_the_address_has_no_body() {
    let auth = Auth::builder(MemoryStore::new())
        .shared_key("a-shared-key-of-the-administrators")
        .background(false)
        .build()
        .unwrap();
    auth.follow_changes().await.unwrap();
    let rule = |method, pattern, asks| Rule::new(method, pattern, Access::SignedIn).asking(asks);
    let table = RouteTable::builder()
        .rule(rule(Method::GET, "/v1/models/{model}", Asks::about(ModelIn::Path)))
        .rule(rule(Method::GET, "/v1/realtime", Asks::work(ModelIn::Query)))
        .rule(rule(Method::POST, "/api/show", Asks::about(ModelIn::BodyOrName)))
        .build(&FeatureRegistry::preset())
        .unwrap();
    let service = ServiceBuilder::new()
        .layer(RequireAuth::new(&auth).allow_anonymous())
        .layer(RoutePolicy::new(Arc::new(table)))
        .layer(Inspect::new())
        .service(service_fn(async |request: Request<InspectedBody<Full<Bytes>>>| {
            let asked = request.extensions().get::<Inspected>();
            let told = asked.map_or("unread", |asked| asked.model().unwrap_or("none"));
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(told.to_owned())))
        }));
    for (method, path, body, status, told) in [
        (Method::GET, "/v1/models/m%2F1", "", 200, "m/1"),
        (Method::HEAD, "/v1/models/m", "", 200, "m"),
        (Method::GET, "/v1/models/m", r#"{"model":"other"}"#, 400, ""),
        (Method::GET, "/v1/models/m?model=other", "", 400, ""),
        (Method::GET, "/v1/realtime?model=m", "", 200, "m"),
        (Method::GET, "/v1/realtime", "", 200, "none"),
        (Method::POST, "/api/show", r#"{"name":"m"}"#, 200, "m"),
        (Method::POST, "/api/show", r#"{"name":"m","model":"other"}"#, 400, ""),
    ] {
        let request = Request::builder()
            .method(&method)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, "Bearer a-shared-key-of-the-administrators");
        let request = request.body(Full::<Bytes>::from(body)).unwrap();
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status, "{method} {path} {body}");
        if status == 200 {
            assert_eq!(text(response).await, told, "{method} {path} {body}");
        }
    }
}

#[tokio::test]
async fn it_is_a_layer_of_an_axum_router() {
    use axum::routing::{get, post};

    let app: axum::Router = axum::Router::new()
        .route(
            CHAT,
            post(async |axum::Json(body): axum::Json<serde_json::Value>| body.to_string()),
        )
        .route("/", get(async || "hello"))
        .layer(axum::middleware::from_fn(
            async |request: axum::extract::Request, next: axum::middleware::Next| {
                if let Some(asked) = request.extensions().get::<Inspected>() {
                    asked.limit_completion_tokens(5).unwrap();
                }
                next.run(request).await
            },
        ))
        .layer(Inspect::new());
    let request = super::layer::post(axum::body::Body::from(r#"{"model":"a","max_tokens":50}"#));
    let response = app.clone().oneshot(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, r#"{"max_tokens":5,"model":"a"}"#);
    let request = Request::get("/").body(axum::body::Body::empty()).unwrap();
    assert_eq!(app.oneshot(request).await.unwrap().status(), StatusCode::OK);
}
