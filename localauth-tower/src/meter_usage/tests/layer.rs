//! The layer around a service: every request is settled exactly once, and nothing on its way is touched.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Empty, Full};
use localauth_core::policy::RouteTable;
use tower::{Layer as _, Service, ServiceBuilder, ServiceExt as _, service_fn};

use super::super::{MeterUsage, MeterUsageService, ResponseBody, ResponseFuture};
use super::support::{Answer, COUNTED, Frames, KEY, Metered, NOTHING, Step, answer, one, stream};
use super::{EVENTS, JSON};
use crate::{RequireAuth, RoutePolicy};

#[tokio::test]
async fn a_whole_answer_counts_once() {
    let metered = Metered::new().await;
    let body = metered
        .ask(metered.request(), Ok(answer(JSON, Frames::of([COUNTED]))))
        .await
        .unwrap();
    assert_eq!(metered.recorded().await, NOTHING, "not before it is read");
    let body = body.collect().await.unwrap().to_bytes();
    assert_eq!(body, COUNTED);
    assert_eq!(metered.recorded().await, one("m", 2, 3, false));
}

#[tokio::test]
async fn a_stream_counts_once_wherever_it_is_cut() {
    let expected = [
        ("", 10, 0, true),
        ("m", 10, 0, true),
        ("m", 10, 1, true),
        ("m", 10, 1, true),
        ("m", 10, 2, true),
        ("m", 2, 3, false),
        ("m", 2, 3, false),
    ];
    for (frames, (model, prompt, completion, estimated)) in expected.into_iter().enumerate() {
        let wanted = one(model, prompt, completion, estimated);

        let metered = Metered::new().await;
        let mut body = metered
            .ask(metered.request(), Ok(answer(EVENTS, Frames::of(stream()))))
            .await
            .unwrap();
        for _ in 0..frames {
            body.frame().await.unwrap().unwrap();
        }
        drop(body);
        assert_eq!(metered.recorded().await, wanted, "dropped after {frames} frames");

        let metered = Metered::new().await;
        let steps = stream()
            .into_iter()
            .take(frames)
            .map(|text| Ok(Step::Data(text.into())));
        let failing = Frames::new(steps.chain([Err("broken"), Ok(Step::Data("more".into()))]));
        let mut body = metered
            .ask(metered.request(), Ok(answer(EVENTS, failing)))
            .await
            .unwrap();
        for _ in 0..frames {
            body.frame().await.unwrap().unwrap();
        }
        assert_eq!(body.frame().await.unwrap().unwrap_err(), "broken");
        assert_eq!(metered.recorded().await, wanted, "failed after {frames} frames");
        drop(body);
        assert_eq!(
            metered.recorded().await,
            wanted,
            "failed after {frames} frames and dropped"
        );
    }
}

#[tokio::test]
async fn nothing_on_the_way_is_touched() {
    let metered = Metered::new().await;
    let trailers = HeaderMap::from_iter([("x-checksum".parse().unwrap(), "abc".parse().unwrap())]);
    let mut steps = vec![Ok(Step::Wait)];
    for text in stream() {
        steps.extend([Ok(Step::Data(text.into())), Ok(Step::Wait), Ok(Step::Data("".into()))]);
    }
    steps.push(Ok(Step::Trailers(trailers.clone())));
    let mut body = metered
        .ask(metered.request(), Ok(answer(EVENTS, Frames::new(steps))))
        .await
        .unwrap();
    assert_eq!(body.size_hint().exact(), None, "it may be cut");
    assert!(!body.is_end_stream());
    for text in stream() {
        assert_eq!(metered.recorded().await, NOTHING, "not before its end");
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), text);
    }
    assert_eq!(
        metered.recorded().await,
        one("m", 2, 3, false),
        "at the last event already"
    );
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "");
    assert_eq!(body.frame().await.unwrap().unwrap().into_trailers().unwrap(), trailers);
    assert!(body.frame().await.is_none());
    assert!(body.frame().await.is_none());
    assert_eq!(metered.recorded().await, one("m", 2, 3, false));
}

#[tokio::test]
async fn a_body_that_knows_its_end_is_not_asked_again() {
    for frames in [0, 1] {
        let metered = Metered::new().await;
        let mut frames_left = Frames::of(std::iter::repeat_n(COUNTED, frames));
        frames_left.knows_its_end = true;
        let mut body = metered
            .ask(metered.request(), Ok(answer(JSON, frames_left)))
            .await
            .unwrap();
        for _ in 0..frames {
            body.frame().await.unwrap().unwrap();
        }
        assert!(body.is_end_stream());
        let wanted = if frames == 0 {
            one("", 0, 0, false)
        } else {
            one("m", 2, 3, false)
        };
        assert_eq!(
            metered.recorded().await,
            wanted,
            "after {frames} frames, not dropped yet"
        );
        drop(body);
        assert_eq!(metered.recorded().await, wanted, "after {frames} frames, dropped");
    }
}

#[tokio::test]
async fn a_client_that_leaves_before_the_head() {
    let metered = Metered::new().await;
    let never = || service_fn(|_: Request<Full<Bytes>>| std::future::pending::<Answer>());
    let mut cx = Context::from_waker(Waker::noop());

    drop(MeterUsage::new(&metered.auth).layer(never()).call(metered.request()));
    assert_eq!(metered.recorded().await, NOTHING, "never polled");
    {
        let mut future = pin!(MeterUsage::new(&metered.auth).layer(never()).call(metered.request()));
        assert!(future.as_mut().poll(&mut cx).is_pending());
        assert!(future.as_mut().poll(&mut cx).is_pending());
        assert_eq!(metered.recorded().await, NOTHING, "still waiting");
    }
    assert_eq!(metered.recorded().await, one("", 10, 0, true));
}

#[tokio::test]
async fn what_is_not_answered_well_does_not_count() {
    let metered = Metered::new().await;
    for status in [100, 101, 199, 300, 304, 400, 429, 500] {
        let mut answer = answer(JSON, Frames::of([COUNTED]));
        *answer.status_mut() = StatusCode::from_u16(status).unwrap();
        let body = metered.ask(metered.request(), Ok(answer)).await.unwrap();
        assert_eq!(body.collect().await.unwrap().to_bytes(), COUNTED);
    }
    assert_eq!(metered.ask(metered.request(), Err("down")).await.err(), Some("down"));

    let panics =
        service_fn(|_: Request<Full<Bytes>>| async { if true { panic!("on purpose") } else { Answer::Err("") } });
    let service = MeterUsage::new(&metered.auth).layer(panics);
    assert!(
        tokio::spawn(service.oneshot(metered.request()))
            .await
            .unwrap_err()
            .is_panic()
    );
    assert_eq!(metered.recorded().await, NOTHING);

    let mut created = answer(JSON, Frames::of([COUNTED]));
    *created.status_mut() = StatusCode::CREATED;
    metered
        .ask(metered.request(), Ok(created))
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    assert_eq!(metered.recorded().await, one("m", 2, 3, false));
}

#[tokio::test]
async fn only_requests_for_work_count() {
    for (method, counts) in [
        (Method::GET, false),
        (Method::HEAD, false),
        (Method::OPTIONS, false),
        (Method::DELETE, false),
        (Method::TRACE, false),
        (Method::POST, true),
        (Method::PUT, true),
        (Method::PATCH, true),
    ] {
        let metered = Metered::new().await;
        let mut request = metered.request();
        *request.method_mut() = method.clone();
        let body = metered
            .ask(request, Ok(answer(JSON, Frames::of([COUNTED]))))
            .await
            .unwrap();
        assert_eq!(body.collect().await.unwrap().to_bytes(), COUNTED);
        let wanted = if counts { one("m", 2, 3, false) } else { NOTHING };
        assert_eq!(metered.recorded().await, wanted, "{method}");
    }
    let metered = Metered::new().await;
    let mut request = metered.request();
    request.extensions_mut().clear();
    let body = metered
        .ask(request, Ok(answer(JSON, Frames::of([COUNTED]))))
        .await
        .unwrap();
    assert_eq!(body.collect().await.unwrap().to_bytes(), COUNTED);
    assert_eq!(metered.recorded().await, NOTHING, "nobody");
}

#[tokio::test]
async fn the_route_table_says_which_those_are() {
    let Metered { auth, user, recheck } = Metered::new().await;
    let table = RouteTable::builder()
        .feature(Method::POST, "/v1/chat/completions", "chat")
        .admin(Method::POST, "/v1/models/reload")
        .build(auth.features())
        .unwrap();
    let service = ServiceBuilder::new()
        .layer(RequireAuth::new(&auth))
        .layer(RoutePolicy::new(table))
        .layer(MeterUsage::new(&auth))
        .service(service_fn(|_: Request<String>| async {
            Ok::<_, Infallible>(answer(JSON, Frames::of([COUNTED])))
        }));
    let metered = Metered { auth, user, recheck };
    for (path, wanted) in [
        ("/v1/models/reload", NOTHING),
        ("/v1/chat/completions", one("m", 2, 3, false)),
    ] {
        let request = Request::post(path)
            .header(AUTHORIZATION, format!("Bearer {KEY}"))
            .body(String::new())
            .unwrap();
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response.into_body().collect().await.unwrap();
        assert_eq!(metered.recorded().await, wanted, "{path}");
    }
}

#[tokio::test]
async fn the_prompt_is_as_long_as_the_request_says() {
    for (content_length, tokens) in [(None, 10), (Some("400"), 100), (Some("many"), 10)] {
        let metered = Metered::new().await;
        let mut request = metered.request();
        if let Some(content_length) = content_length {
            request
                .headers_mut()
                .insert(CONTENT_LENGTH, content_length.parse().unwrap());
        }
        drop(
            metered
                .ask(request, Ok(answer(EVENTS, Frames::of(stream()))))
                .await
                .unwrap(),
        );
        assert_eq!(metered.recorded().await, one("", tokens, 0, true), "{content_length:?}");
    }
}

#[tokio::test]
async fn what_is_to_be_read_is_not_to_be_compressed() {
    let metered = Metered::new().await;
    for (method, wanted) in [(Method::POST, "identity"), (Method::GET, "gzip, br")] {
        let handler = service_fn(move |request: Request<Full<Bytes>>| async move {
            let accepted = request.headers().get_all(ACCEPT_ENCODING).iter().collect::<Vec<_>>();
            assert_eq!(accepted, [wanted]);
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        });
        let mut request = metered.request();
        *request.method_mut() = method;
        request.headers_mut().insert(ACCEPT_ENCODING, "gzip".parse().unwrap());
        request
            .headers_mut()
            .insert(ACCEPT_ENCODING, "gzip, br".parse().unwrap());
        MeterUsage::new(&metered.auth)
            .layer(handler)
            .oneshot(request)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn speech_counts_as_a_request() {
    let metered = Metered::new().await;
    let speech = answer("audio/mpeg", Frames::of(["ID3", "..."]));
    drop(metered.ask(metered.request(), Ok(speech)).await.unwrap());
    assert_eq!(metered.recorded().await, one("", 0, 0, false));
}

/// Ready at the second time of asking, and not to be called before; a clone has to ask for itself.
#[derive(Debug)]
struct Shy {
    asked: usize,
    calls: Arc<AtomicUsize>,
}

impl Clone for Shy {
    fn clone(&self) -> Self {
        Self {
            asked: 0,
            calls: Arc::clone(&self.calls),
        }
    }
}

impl Service<Request<Empty<Bytes>>> for Shy {
    type Response = Response<Empty<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.asked += 1;
        if self.asked < 2 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Empty<Bytes>>) -> Self::Future {
        assert!(self.asked >= 2, "called before it was ready");
        self.asked = 0;
        self.calls.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Ok(Response::new(Empty::new())))
    }
}

#[tokio::test]
async fn the_service_that_is_ready_is_the_one_called() {
    let metered = Metered::new().await;
    let calls = Arc::new(AtomicUsize::new(0));
    let shy = Shy {
        asked: 0,
        calls: Arc::clone(&calls),
    };
    let mut service = MeterUsage::new(&metered.auth).layer(shy);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..2 {
        assert!(service.poll_ready(&mut cx).is_pending());
        assert!(service.poll_ready(&mut cx).is_ready());
        service.call(Request::new(Empty::new())).await.unwrap();
    }
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[test]
fn it_goes_wherever_its_parts_go() {
    fn anywhere<T: Send + Sync + 'static>() {}
    fn cloned<T: Clone>() {}
    anywhere::<MeterUsage>();
    anywhere::<MeterUsageService<Shy>>();
    cloned::<MeterUsageService<Shy>>();
    anywhere::<ResponseFuture<std::future::Ready<()>>>();
    anywhere::<ResponseBody<Full<Bytes>>>();
}
