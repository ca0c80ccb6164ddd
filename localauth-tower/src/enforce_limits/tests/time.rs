//! Budgets where time costs. Time is tokio's, which stands still but for waiting.

use std::time::Duration;

use localauth_core::{Clock, HouseRules, Price, Timestamp};
use tokio::time::{Instant, sleep};

use super::*;

#[derive(Debug)]
struct TokioClock(Instant);

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000) + self.0.elapsed()
    }
}

/// A second costs a million.
const SECOND: u64 = 1_000_000;

async fn world(rule: LimitRule) -> (Auth, UserId, String) {
    let auth = Auth::builder(MemoryStore::new())
        .password_cost(PasswordCost::INSECURE)
        .clock(TokioClock(Instant::now()))
        .build()
        .unwrap();
    let ada = NewAccount::local("ada@example.org", Password::new("correct-horse-battery"));
    let user = auth.add_user(ada).await.unwrap().id;
    let key = auth.create_key(user, NewKey::named("laptop")).await.unwrap();
    auth.set_user_limit(&Caller::operator(), user, rule).await.unwrap();
    let price = Price {
        second: SECOND,
        ..Price::FREE
    };
    auth.change_house_rules(&Caller::operator(), |rules: &mut HouseRules| {
        rules.prices.insert("m".to_owned(), price);
        Ok(())
    })
    .await
    .unwrap();
    (auth, user, key.plain.expose().to_owned())
}

/// Asks a model that takes `seconds` for its answer; as a stream, a word each.
async fn ask(auth: &Auth, key: &str, seconds: u64, is_stream: bool) -> (StatusCode, String) {
    let service = ServiceBuilder::new()
        .layer(RequireAuth::new(auth))
        .layer(Inspect::new().default_model("m"))
        .layer(EnforceLimits::new(auth))
        .layer(MeterUsage::new(auth))
        .service(service_fn(
            move |_: Request<crate::InspectedBody<Full<Bytes>>>| async move {
                let chunk = r#"data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"w"}}]}"#;
                let body: Body = if is_stream {
                    let words = stream::iter(0..seconds).then(move |_| async move {
                        sleep(Duration::from_secs(1)).await;
                        Ok(http_body::Frame::data(Bytes::from(format!("{chunk}\n\n"))))
                    });
                    http_body_util::BodyExt::boxed(StreamBody::new(words))
                } else {
                    sleep(Duration::from_secs(seconds)).await;
                    full(r#"{"choices":[]}"#)
                };
                let kind = if is_stream { "text/event-stream" } else { "application/json" };
                Ok::<_, Infallible>(Response::builder().header(CONTENT_TYPE, kind).body(body).unwrap())
            },
        ));
    let request = Request::post("/v1/chat/completions")
        .header(AUTHORIZATION, format!("Bearer {key}"))
        .header(CONTENT_TYPE, "application/json")
        .body(Full::<Bytes>::from(format!(r#"{{"stream":{is_stream}}}"#)))
        .unwrap();
    let response = service.oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn spent(auth: &Auth, user: UserId) -> (u64, u64) {
    let standing = auth.quota_status(user).await.unwrap()[0].standing;
    (standing.used.cost_micros, standing.held.cost_micros)
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_where_its_time_is_spent() {
    let (auth, user, key) = world(per("1d").cost_micros(7 * SECOND)).await;
    let (status, text) = ask(&auth, &key, 3, true).await;
    assert_eq!((status.as_u16(), text.contains("length")), (200, false));
    assert_eq!(spent(&auth, user).await, (3 * SECOND, 0));
    let (status, text) = ask(&auth, &key, 100, true).await;
    assert_eq!(status, 200);
    assert!(
        text.contains(r#""finish_reason":"length""#) && text.ends_with("data: [DONE]\n\n"),
        "{text}"
    );
    let (cost, held) = spent(&auth, user).await;
    assert!((5 * SECOND..=7 * SECOND).contains(&cost) && held == 0, "{cost} {held}");
    assert_eq!(ask(&auth, &key, 1, true).await.0, 429);
}

#[tokio::test(start_paused = true)]
async fn of_many_at_once_as_many_pass_as_time_is_left_for() {
    for is_stream in [false, true] {
        let (auth, user, key) = world(per("1d").cost_micros(10 * SECOND)).await;
        let answers = join_all((0..100).map(|_| ask(&auth, &key, 1, is_stream))).await;
        let passed = answers.iter().filter(|(status, _)| status.is_success()).count();
        assert_eq!(passed, 5, "two seconds are held for each");
        let (cost, held) = spent(&auth, user).await;
        assert!(cost <= 10 * SECOND && held == 0, "{cost}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_one_piece_holds_its_time_as_it_goes_by() {
    let (auth, user, key) = world(per("1d").cost_micros(10 * SECOND)).await;
    let long = ask(&auth, &key, 8, false);
    let meanwhile = async {
        sleep(Duration::from_millis(6_100)).await;
        let (_, held) = spent(&auth, user).await;
        assert!(held > 6 * SECOND && held < 9 * SECOND, "{held}");
        sleep(Duration::from_millis(1_500)).await;
        ask(&auth, &key, 1, false).await.0
    };
    let ((status, _), other) = tokio::join!(long, meanwhile);
    assert_eq!((status.as_u16(), other.as_u16()), (200, 429));
    assert_eq!(spent(&auth, user).await, (8 * SECOND, 0));
}
