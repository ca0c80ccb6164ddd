//! What somebody tries who wants more than a limit leaves.

use super::*;

fn three_tokens() -> LimitRule {
    LimitRule {
        max_completion_tokens: Some(3),
        ..per("1h")
    }
}

#[tokio::test]
async fn whoever_asks_for_no_token_is_held_for_one() {
    let world = World::with(three_tokens()).await;
    assert_eq!(world.text(r#"{"wanted":3,"max_tokens":3}"#).await.0, 200);
    for body in [
        r#"{"wanted":1,"max_tokens":0}"#,
        r#"{"wanted":1,"max_completion_tokens":0}"#,
        r#"{"wanted":1,"max_output_tokens":0}"#,
        r#"{"wanted":1,"stream":true,"max_tokens":0}"#,
    ] {
        assert_eq!(world.text(body).await.0, 429, "{body}");
    }
    assert_eq!(world.reached.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_stream_of_several_answers_is_held_for_one_token_of_each() {
    let world = World::with(three_tokens()).await;
    assert_eq!(
        world.text(r#"{"wanted":1,"stream":true,"n":4}"#).await.0,
        429,
        "four answers, three tokens"
    );
    assert_eq!(world.text(r#"{"wanted":1,"stream":true,"n":3}"#).await.0, 200);
}

#[tokio::test]
async fn whoever_has_nothing_left_does_not_keep_the_tokenizer_busy() {
    let world = World::with(per("1h").total_tokens(4)).await;
    assert_eq!(world.text(r#"{"wanted":3}"#).await.0, 200);
    let counted = world.counted.0.load(Ordering::Relaxed);
    assert_eq!(counted, 1);
    for _ in 0..3 {
        let response = world.ask(r#"{"wanted":3}"#).await;
        assert_eq!(response.status(), 429);
        let after: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!(after > 3_000, "when there is room for a token: {after}");
    }
    assert_eq!(world.counted.0.load(Ordering::Relaxed), counted);
}

#[tokio::test]
async fn the_longest_prompts_are_taken_for_their_bytes() {
    let world = World::with(per("1h").total_tokens(500_000)).await;
    let long = |bytes: usize| format!(r#"{{"wanted":1,"max_tokens":1,"messages":"{}"}}"#, "x".repeat(bytes));
    assert_eq!(world.text(&long(200_000)).await.0, 200);
    assert_eq!(world.counted.0.load(Ordering::Relaxed), 1);
    assert_eq!(world.text(&long(300_000)).await.0, 200);
    assert_eq!(world.text(&long(500_000)).await.0, 429);
    assert_eq!(world.counted.0.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn what_the_model_server_adds_is_held_too() {
    let world = World::with(per("1h").total_tokens(500_000)).await;
    let long = format!(
        r#"{{"wanted":1,"max_tokens":1,"messages":"{}","of":"continued"}}"#,
        "x".repeat(300_000)
    );
    assert_eq!(world.text(&long).await.0, 429);
    assert_eq!(world.text(&long.replace("continued", "new")).await.0, 200);
}

#[tokio::test]
async fn what_cannot_be_kept_short_is_refused_where_tokens_are_limited() {
    let world = World::with(per("1h").total_tokens(100)).await;
    let ask = async |kind: &str, body: &'static str| {
        let service = ServiceBuilder::new()
            .layer(RequireAuth::new(&world.auth))
            .layer(Inspect::new().default_model("m"))
            .layer(EnforceLimits::new(&world.auth))
            .service(service_fn(async |_: Request<crate::InspectedBody<Full<Bytes>>>| {
                Ok::<_, Infallible>(Response::new(full("Hello")))
            }));
        let request = Request::post("/v1/chat/completions")
            .header(AUTHORIZATION, format!("Bearer {}", world.key))
            .header(CONTENT_TYPE, kind)
            .body(Full::<Bytes>::from(body))
            .unwrap();
        service.oneshot(request).await.unwrap().status()
    };
    assert_eq!(ask("application/x-www-form-urlencoded", "prompt=x").await, 415);
    assert_eq!(world.standing().await, (0, 0, 0, 0), "nothing stays held");
    assert_eq!(ask("application/json", r#"{"prompt":"x"}"#).await, 200);
}

#[tokio::test]
async fn the_bytes_of_an_upload_are_no_tokens() {
    let world = World::with(per("1h").total_tokens(100)).await;
    let service = ServiceBuilder::new()
        .layer(RequireAuth::new(&world.auth))
        .layer(Inspect::new().default_model("m"))
        .layer(EnforceLimits::new(&world.auth).count_prompts(world.counted.clone()))
        .layer(MeterUsage::new(&world.auth))
        .service(service_fn(async |_: Request<crate::InspectedBody<Full<Bytes>>>| {
            Ok::<_, Infallible>(Response::new(full("Hello")))
        }));
    let part =
        |name: &str, value: &str| format!("--B\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let body = format!("{}{}--B--\r\n", part("model", "m"), part("file", &"x".repeat(10_000)));
    let request = Request::post("/v1/audio/transcriptions")
        .header(AUTHORIZATION, format!("Bearer {}", world.key))
        .header(CONTENT_TYPE, "multipart/form-data; boundary=B")
        .body(Full::<Bytes>::from(body))
        .unwrap();
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    response.into_body().collect().await.unwrap();
    assert_eq!(world.used().await, (1, 0));
}
