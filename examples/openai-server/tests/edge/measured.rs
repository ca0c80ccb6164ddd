//! What `/metrics` says.

use crate::world::World;

#[tokio::test]
async fn only_administrators_read_them() {
    let world = World::new().await;
    assert_eq!(world.get("/metrics", "").await.status, 401);
    assert_eq!(world.get("/metrics", &world.user).await.status, 403);
    let answer = world.get("/metrics", &world.admin).await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    assert!(answer.text.ends_with("# EOF\n"));
    // What parsers insist on; `tests/tests/hardening.rs` asks a real one.
    let histograms = answer.text.matches(" histogram\n").count();
    assert_eq!(answer.text.matches("le=\"+Inf\"").count(), histograms);
}

#[tokio::test]
async fn decisions_requests_and_the_cache_are_counted() {
    let world = World::new().await;
    for _ in 0..5 {
        assert_eq!(world.chat(&world.user).await.status, 200);
    }
    world.get("/v1/models", "sk-local-wrong").await;
    world.get("/v1/models", "").await;
    world.get("/v1/responses/some-id", &world.user).await;
    world.get("/nowhere/at/all", &world.user).await;
    world.get("/healthz", "").await;

    for (line, value) in [
        (
            r#"localauth_http_requests_total{method="POST",route="/v1/chat/completions",status="2xx"}"#,
            5,
        ),
        (
            r#"localauth_http_requests_total{method="GET",route="/v1/models",status="4xx"}"#,
            2,
        ),
        (
            r#"localauth_http_requests_total{method="GET",route="/v1/responses/{id}",status="4xx"}"#,
            1,
        ),
        (
            r#"localauth_http_requests_total{method="GET",route="/healthz",status="2xx"}"#,
            1,
        ),
        (
            r#"localauth_http_requests_total{method="other",route="other",status="4xx"}"#,
            1,
        ),
        (r#"localauth_decisions_total{decision="invalid_api_key"}"#, 1),
        (r#"localauth_decisions_total{decision="missing_credentials"}"#, 1),
        (r#"localauth_decisions_total{decision="admin_required"}"#, 1),
        (r#"localauth_decisions_total{decision="unknown_route"}"#, 1),
        (r#"localauth_decisions_total{decision="rate_limit_exceeded"}"#, 0),
        ("localauth_usage_unrecorded_total", 0),
        ("localauth_usage_spool_broken_total", 0),
        ("localauth_store_failing", 0),
        // Whoever asks for it is the one.
        ("localauth_http_requests_in_flight", 1),
    ] {
        assert_eq!(world.measured::<u64>(line).await, value, "{line}");
    }
    // Seven of the user and one of the administrator's key for each line above; each key was looked up once.
    assert!(world.measured::<u64>("localauth_credential_cache_misses_total").await >= 2);
    assert!(world.measured::<u64>("localauth_credential_cache_hits_total").await >= 18);
    assert!(
        world
            .measured::<u64>("localauth_http_request_duration_seconds_count")
            .await
            >= 10
    );
    assert!(world.measured::<f64>("localauth_changes_lag_seconds").await < 60.0);
    assert!(world.measured::<f64>("process_start_time_seconds").await > 1e9);
    assert!(
        world
            .measured::<u64>(&format!(
                "localauth_build_info{{version=\"{}\"}}",
                env!("CARGO_PKG_VERSION")
            ))
            .await
            == 1
    );
}

#[tokio::test]
async fn sign_ins_are_counted_by_outcome() {
    let world = World::new().await;
    assert_eq!(world.sign_in(crate::world::PASSWORD).await.status, 200);
    for _ in 0..5 {
        world.sign_in("not the password at all").await;
    }
    for (line, value) in [
        (
            r#"localauth_audit_events_total{action="session.sign_in",outcome="success"}"#,
            1,
        ),
        (
            r#"localauth_audit_events_total{action="session.sign_in",outcome="failure"}"#,
            4,
        ),
        ("localauth_attempts_limited_total", 1),
    ] {
        assert_eq!(world.measured::<u64>(line).await, value, "{line}");
    }
}

/// Whatever strangers send, the number of lines stays.
#[tokio::test]
async fn nobody_makes_the_metrics_grow() {
    let world = World::new().await;
    let count = async || world.get("/metrics", &world.admin).await.text.lines().count();
    world.get("/nowhere", &world.user).await;
    world.get("/nowhere", "").await;
    world.get("/v1/responses/0", &world.user).await;
    world.get("/v1/models", "sk-local-wrong").await;
    count().await;
    let before = count().await;
    for n in 0..100 {
        world.get(&format!("/nowhere/{n}"), &world.user).await;
        world.get(&format!("/v1/responses/{n}"), &world.user).await;
        world.get("/v1/models", &format!("sk-local-{n}")).await;
        let method = format!("METHOD{n}");
        let odd = http::Request::builder().method(method.as_str()).uri("/v1/models");
        world.send(odd, "").await;
    }
    assert_eq!(count().await, before);
    // Nor does it name anybody.
    let text = world.get("/metrics", &world.admin).await.text;
    for personal in [world.user_id.as_str(), "example.org", "192.0.2.7", "sk-local"] {
        assert!(!text.contains(personal), "{personal}");
    }
}

#[tokio::test]
async fn limits_are_counted() {
    use localauth_core::{Caller, LimitRule, UserId};

    let world = World::new().await;
    let user: UserId = world.user_id.parse().unwrap();
    let rule = LimitRule::per("1h".parse().unwrap()).requests(2);
    world
        .auth
        .set_user_limit(&Caller::operator(), user, rule)
        .await
        .unwrap();
    let statuses: Vec<_> = [
        world.chat(&world.user).await,
        world.chat(&world.user).await,
        world.chat(&world.user).await,
    ]
    .iter()
    .map(|answer| answer.status.as_u16())
    .collect();
    assert_eq!(statuses, [200, 200, 429]);
    for (line, value) in [
        ("localauth_limit_reservations_total", 2),
        ("localauth_limit_refusals_total", 1),
        (r#"localauth_decisions_total{decision="insufficient_quota"}"#, 1),
    ] {
        assert_eq!(world.measured::<u64>(line).await, value, "{line}");
    }
}
