//! Limits around a service that answers as it is told.

mod evasion;
mod time;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::{StreamExt as _, future::join_all, stream};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use localauth_core::{
    Auth, Caller, LimitRule, MemoryStore, NewAccount, NewKey, Password, PasswordCost, Period, UsageFilter, UserId,
};
use tower::{ServiceBuilder, ServiceExt as _, service_fn};

use crate::{EnforceLimits, Inspect, MeterUsage, RequireAuth};

type Body = BoxBody<Bytes, Infallible>;

/// Somebody with a limit, and a model that writes a token a chunk.
struct World {
    auth: Auth,
    user: UserId,
    key: String,
    reached: Arc<AtomicUsize>,
    counted: OneToken,
    status: StatusCode,
}

fn per(window: &str) -> LimitRule {
    LimitRule::per(window.parse().unwrap())
}

/// A prompt of one token, whatever it says.
#[derive(Clone, Default)]
struct OneToken(Arc<AtomicUsize>);

impl crate::CountPrompt for OneToken {
    fn count(&self, _: &str, _: &crate::Inspected) -> std::pin::Pin<Box<dyn Future<Output = Option<u64>> + Send>> {
        let asked = Arc::clone(&self.0);
        Box::pin(async move {
            asked.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Some(1)
        })
    }

    fn stored_bytes(&self, _: &str, asked: &crate::Inspected) -> u64 {
        if asked.body().ends_with(b"continued\"}") {
            300_000
        } else {
            0
        }
    }
}

fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).boxed()
}

/// `tokens` chunks, with usage at the end if it is asked for.
fn chunks(tokens: u64, tells_usage: bool) -> Body {
    let chunk = |more: String| {
        format!("data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",{more}}}\n\n")
    };
    let words = (0..tokens)
        .map(move |_| chunk(r#""choices":[{"index":0,"delta":{"content":"w"},"finish_reason":null}]"#.to_owned()));
    let last = chunk(r#""choices":[{"index":0,"delta":{},"finish_reason":"stop"}]"#.to_owned());
    let usage = tells_usage.then(|| {
        chunk(format!(
            r#""choices":[],"usage":{{"prompt_tokens":1,"completion_tokens":{tokens},"total_tokens":{}}}"#,
            tokens + 1
        ))
    });
    let all = words.chain([last]).chain(usage).chain(["data: [DONE]\n\n".to_owned()]);
    let frames: Vec<_> = all.map(|text| Ok(http_body::Frame::data(Bytes::from(text)))).collect();
    // Others have their turn between two frames.
    let frames = stream::iter(frames).then(|frame| async {
        tokio::task::yield_now().await;
        frame
    });
    http_body_util::BodyExt::boxed(StreamBody::new(frames))
}

impl World {
    async fn with(rule: LimitRule) -> Self {
        let auth = Auth::builder(MemoryStore::new())
            .password_cost(PasswordCost::INSECURE)
            .build()
            .unwrap();
        let ada = NewAccount::local("ada@example.org", Password::new("correct-horse-battery"));
        let user = auth.add_user(ada).await.unwrap().id;
        let key = auth.create_key(user, NewKey::named("laptop")).await.unwrap();
        auth.set_user_limit(&Caller::operator(), user, rule).await.unwrap();
        Self {
            key: key.plain.expose().to_owned(),
            auth,
            user,
            reached: Arc::default(),
            counted: OneToken::default(),
            status: StatusCode::OK,
        }
    }

    /// Asks with this body; the model answers it with so many tokens in a stream, or with what it was asked.
    async fn ask(&self, body: &str) -> Response<Body> {
        let (reached, status) = (Arc::clone(&self.reached), self.status);
        let model = service_fn(move |request: Request<crate::InspectedBody<Full<Bytes>>>| {
            reached.fetch_add(1, Ordering::Relaxed);
            async move {
                let asked = request.into_body().collect().await.unwrap().to_bytes();
                let asked: serde_json::Value = serde_json::from_slice(&asked).unwrap();
                let tokens = asked["wanted"].as_u64().unwrap_or(1);
                let answer = Response::builder().status(status);
                let answer = if asked["stream"] == true {
                    let tells = asked["stream_options"]["include_usage"] == true;
                    answer
                        .header(CONTENT_TYPE, "text/event-stream")
                        .body(chunks(tokens, tells))
                } else {
                    let tokens = asked["max_tokens"].as_u64().map_or(tokens, |most| most.min(tokens));
                    let text = format!(
                        r#"{{"model":"m","asked":{asked},"choices":[{{"text":"x"}}],"usage":{{"prompt_tokens":1,"completion_tokens":{tokens}}}}}"#
                    );
                    answer.header(CONTENT_TYPE, "application/json").body(full(text))
                };
                Ok::<_, Infallible>(answer.unwrap())
            }
        });
        let service = ServiceBuilder::new()
            .layer(RequireAuth::new(&self.auth))
            .layer(Inspect::new().default_model("m"))
            .layer(EnforceLimits::new(&self.auth).count_prompts(self.counted.clone()))
            .layer(MeterUsage::new(&self.auth))
            .service(model);
        let request = Request::post("/v1/chat/completions")
            .header(AUTHORIZATION, format!("Bearer {}", self.key))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::<Bytes>::from(body.to_owned()))
            .unwrap();
        let response = service.oneshot(request).await.unwrap();
        response.map(|body| body.map_err(|_| unreachable!("nothing fails")).boxed())
    }

    async fn text(&self, body: &str) -> (StatusCode, String) {
        let response = self.ask(body).await;
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn used(&self) -> (u64, u64) {
        let filter = UsageFilter::of_user(self.user);
        let totals = self.auth.usage_report(Period::Day, filter).await.unwrap().totals;
        (totals.requests, totals.total_tokens())
    }

    /// What the ledger says is used, and held.
    async fn standing(&self) -> (u64, u64, u64, u64) {
        let standing = self.auth.quota_status(self.user).await.unwrap()[0].standing;
        let (used, held) = (standing.used, standing.held);
        (
            used.requests,
            used.total_tokens(),
            held.requests + held.places,
            held.total_tokens(),
        )
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_as_many_pass_as_may() {
    let world = World::with(per("1h").requests(100)).await;
    let statuses = join_all((0..500).map(|_| async { world.text(r#"{"wanted":2}"#).await.0 })).await;
    let passed = statuses.iter().filter(|status| status.is_success()).count();
    let refused = statuses.iter().filter(|status| **status == 429).count();
    assert_eq!((passed, refused), (100, 400));
    assert_eq!(world.reached.load(Ordering::Relaxed), 100);
    assert_eq!(world.standing().await, (100, 300, 0, 0));
}

#[tokio::test]
async fn a_refusal_says_when_and_every_answer_how_much_is_left() {
    let world = World::with(per("1m").requests(2).total_tokens(100)).await;
    let response = world.ask(r#"{"wanted":5,"max_tokens":9}"#).await;
    let headers = response.headers();
    assert_eq!(headers["x-ratelimit-limit-requests"], "2");
    assert_eq!(headers["x-ratelimit-remaining-requests"], "1");
    assert_eq!(headers["x-ratelimit-limit-tokens"], "100");
    assert_eq!(headers["x-ratelimit-remaining-tokens"], "90", "held until it is over");
    let reset = headers["x-ratelimit-reset-requests"].to_str().unwrap();
    assert!(["1m0s", "1m1s"].contains(&reset), "{reset}");
    drop(response);
    world.text(r#"{"wanted":1}"#).await;
    let response = world.ask("{}").await;
    assert_eq!(response.status(), 429);
    let after: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((59..=61).contains(&after), "{after}");
    assert_eq!(response.headers()["x-ratelimit-remaining-requests"], "0");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["error"]["type"], "quota_exceeded");
    assert_eq!(body["error"]["code"], "insufficient_quota");
}

#[tokio::test]
async fn an_answer_in_one_piece_may_be_as_long_as_there_is_room() {
    let world = World::with(per("1h").total_tokens(20)).await;
    let asked = |text: &str| {
        let answer: serde_json::Value = serde_json::from_str(text).unwrap();
        answer["asked"]["max_tokens"].as_u64()
    };
    // Of its own accord it asks for less.
    let (_, text) = world.text(r#"{"wanted":3,"max_tokens":4}"#).await;
    assert_eq!(asked(&text), Some(4));
    // 16 are left, one is read.
    let (_, text) = world.text(r#"{"wanted":5}"#).await;
    assert_eq!(asked(&text), Some(15));
    let (_, text) = world.text(r#"{"wanted":500,"max_tokens":1000}"#).await;
    assert_eq!(asked(&text), Some(9));
    assert_eq!(world.used().await, (3, 20));
    assert_eq!(world.standing().await, (3, 20, 0, 0));
    assert_eq!(world.text("{}").await.0, 429);
}

#[tokio::test]
async fn several_answers_share_what_is_left() {
    let world = World::with(per("1h").total_tokens(21)).await;
    let (_, text) = world.text(r#"{"wanted":1,"n":4,"max_tokens":100}"#).await;
    assert!(text.contains(r#""max_tokens":5"#), "{text}");
}

#[tokio::test]
async fn a_stream_is_ended_in_order_where_there_is_no_more_room() {
    let world = World::with(per("1h").total_tokens(11)).await;
    let (status, text) = world.text(r#"{"stream":true,"wanted":50}"#).await;
    assert_eq!(status, 200);
    let events: Vec<&str> = text.split_terminator("\n\n").collect();
    assert_eq!(
        events.iter().filter(|event| event.contains(r#""content":"w""#)).count(),
        10
    );
    assert_eq!(events.last(), Some(&"data: [DONE]"));
    let end: serde_json::Value =
        serde_json::from_str(events[events.len() - 2].strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(end["choices"][0]["finish_reason"], "length");
    assert_eq!((&end["id"], &end["model"]), (&"c".into(), &"m".into()));
    assert!(!text.contains("usage"), "nobody asked for it: {text}");
    assert_eq!(world.used().await, (1, 11));
    assert_eq!(world.standing().await, (1, 11, 0, 0));
}

#[tokio::test]
async fn a_stream_that_fits_is_as_it_was_but_for_the_usage_nobody_asked_for() {
    let world = World::with(per("1h").total_tokens(1_000)).await;
    let (_, text) = world.text(r#"{"stream":true,"wanted":50}"#).await;
    let expected = chunks(50, false).collect().await.unwrap().to_bytes();
    assert_eq!(text, String::from_utf8(expected.to_vec()).unwrap());
    let (_, text) = world
        .text(r#"{"stream":true,"wanted":50,"stream_options":{"include_usage":true}}"#)
        .await;
    let expected = chunks(50, true).collect().await.unwrap().to_bytes();
    assert_eq!(text, String::from_utf8(expected.to_vec()).unwrap());
    assert_eq!(world.used().await, (2, 102));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_streams_use_up_a_budget_and_no_more() {
    for budget in [100, 333, 1_000, 2_500] {
        let world = World::with(per("1d").total_tokens(budget)).await;
        join_all((0..64).map(|_| world.text(r#"{"stream":true,"wanted":100}"#))).await;
        let (_, used) = world.used().await;
        assert!(used <= budget && used * 100 >= budget * 95, "{used} of {budget}");
        let (_, counted, held, held_tokens) = world.standing().await;
        assert_eq!((counted, held, held_tokens), (used, 0, 0));
    }
}

#[tokio::test]
async fn what_is_no_answer_is_given_back() {
    let mut world = World::with(per("1h").requests(1).concurrent(1)).await;
    world.status = StatusCode::INTERNAL_SERVER_ERROR;
    for _ in 0..3 {
        let response = world.ask("{}").await;
        assert_eq!(response.status(), 500);
        assert_eq!(response.headers()["x-ratelimit-limit-requests"], "1");
    }
    world.status = StatusCode::OK;
    assert_eq!(world.standing().await, (0, 0, 0, 0));
    // A stream counts from its first byte, and takes its place until it is over.
    let response = world.ask(r#"{"stream":true,"wanted":3}"#).await;
    assert_eq!(world.standing().await.0, 1);
    assert_eq!(world.ask("{}").await.status(), 429);
    drop(response);
    assert_eq!(world.standing().await.0, 1);
    assert_eq!(world.standing().await.2, 0);
}

#[tokio::test]
async fn a_place_is_free_when_the_answer_is_over() {
    let world = World::with(per("1h").concurrent(1)).await;
    let first = world.ask(r#"{"stream":true,"wanted":3}"#).await;
    let second = world.ask("{}").await;
    assert_eq!(
        (second.status().as_u16(), &second.headers()["retry-after"]),
        (429, &"1".parse().unwrap())
    );
    first.into_body().collect().await.unwrap();
    assert_eq!(world.ask("{}").await.status(), 200);
}

#[tokio::test]
async fn a_limit_that_only_warns_lets_everything_pass() {
    let rule = LimitRule {
        soft: true,
        ..per("1h").requests(1).total_tokens(5)
    };
    let world = World::with(rule).await;
    for n in 0..3 {
        let response = world.ask(r#"{"stream":true,"wanted":30}"#).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers().contains_key("x-ratelimit-warning"), n > 0);
        response.into_body().collect().await.unwrap();
    }
    assert_eq!(world.used().await, (3, 93));
}

#[tokio::test]
async fn without_a_meter_requests_count_all_the_same() {
    let world = World::with(per("1h").requests(1)).await;
    let service = ServiceBuilder::new()
        .layer(RequireAuth::new(&world.auth))
        .layer(EnforceLimits::new(&world.auth))
        .service(service_fn(async |_: Request<String>| {
            Ok::<_, Infallible>(Response::new(full("Hello")))
        }));
    let request = || {
        Request::post("/ask")
            .header(AUTHORIZATION, format!("Bearer {}", world.key))
            .body(String::new())
            .unwrap()
    };
    let response = service.clone().oneshot(request()).await.unwrap();
    assert_eq!(response.status(), 200);
    response.into_body().collect().await.unwrap();
    assert_eq!(service.oneshot(request()).await.unwrap().status(), 429);
    assert_eq!(world.standing().await.2, 0);
}

/// A connection that becomes another one is the request that it was. It holds nothing afterwards: what passes on it nobody
/// counts.
#[tokio::test]
async fn a_connection_that_becomes_another_counts_once() {
    let mut world = World::with(per("1h").requests(1)).await;
    world.status = StatusCode::SWITCHING_PROTOCOLS;
    assert_eq!(world.ask("{}").await.status(), 101);
    let (requests, _, held, _) = world.standing().await;
    assert_eq!((requests, held), (1, 0));
    assert_eq!(world.ask("{}").await.status(), 429);
}
