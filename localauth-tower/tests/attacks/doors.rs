//! What comes from the network: headers, addresses, paths, floods.

use std::time::Duration;

use localauth_core::*;
use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn a_client_does_not_choose_what_forward_auth_judges() {
    let s = server(RegistrationMode::Open, false, |b| b).await;
    s.add("ada", Role::Admin).await;
    let u = s.add("bob", Role::User).await;
    let (_, key) = s.key(u, KeyScope::default()).await;
    let t = format!("Bearer {key}");
    let proxy: Vec<(&str, &[u8])> = vec![
        ("authorization", t.as_bytes()),
        ("x-forwarded-for", b"192.0.2.9"),
        ("x-forwarded-method", b"POST"),
        ("x-forwarded-uri", b"/re_isq"),
    ];
    assert_eq!(
        s.from("10.0.0.1", "GET", "/api/auth/verify", &proxy, None).await.status,
        403
    );
    let mut forged = proxy.clone();
    forged.push(("x-original-method", b"GET"));
    forged.push(("x-original-uri", b"/v1/models"));
    assert_eq!(
        s.from("10.0.0.1", "GET", "/api/auth/verify", &forged, None)
            .await
            .status,
        403,
        "forged"
    );
}
#[tokio::test]
async fn one_odd_byte_makes_nobody_the_proxy() {
    let s = server(RegistrationMode::Open, false, |b| b).await;
    let u = s.add("bob", Role::User).await;
    let (_, key) = s
        .key(
            u,
            KeyScope {
                ips: Some(vec!["10.0.0.0/8".parse().unwrap()]),
                ..KeyScope::default()
            },
        )
        .await;
    let t = format!("Bearer {key}");
    let h: Vec<(&str, &[u8])> = vec![("authorization", t.as_bytes()), ("x-forwarded-for", b"203.0.113.5")];
    assert_eq!(s.from("10.0.0.1", "GET", "/api/auth/me", &h, None).await.status, 403);
    let h: Vec<(&str, &[u8])> = vec![
        ("authorization", t.as_bytes()),
        ("x-forwarded-for", b"\xff, 203.0.113.5"),
    ];
    assert_eq!(
        s.from("10.0.0.1", "GET", "/api/auth/me", &h, None).await.status,
        403,
        "odd byte"
    );
}
#[tokio::test]
async fn an_odd_byte_opens_no_bucket_of_the_proxys() {
    let s = server(RegistrationMode::Open, true, |b| b).await;
    s.add("bob", Role::User).await;
    let body = || Some(json!({"email": "x@example.org", "password": "wrong"}));
    for _ in 0..5 {
        s.from(
            "10.0.0.1",
            "POST",
            "/api/auth/login",
            &[("x-forwarded-for", b"203.0.113.5")],
            body(),
        )
        .await;
    }
    let a = s
        .from(
            "10.0.0.1",
            "POST",
            "/api/auth/login",
            &[("x-forwarded-for", b"203.0.113.5")],
            body(),
        )
        .await
        .status;
    let b = s
        .from(
            "10.0.0.1",
            "POST",
            "/api/auth/login",
            &[("x-forwarded-for", b"\xff, 203.0.113.5")],
            body(),
        )
        .await
        .status;
    assert_eq!((a, b), (429, 429), "a second bucket of 5");
}
#[tokio::test]
async fn one_stranger_shuts_nobody_out() {
    let s = server(RegistrationMode::Open, true, |b| b).await;
    s.add("ada", Role::Admin).await;
    for _ in 0..20 {
        let r = s
            .from(
                "203.0.113.66",
                "POST",
                "/api/auth/login",
                &[],
                Some(json!({"email": "ada@example.org", "password": "x"})),
            )
            .await;
        assert_eq!(r.status, 401);
        s.later(Duration::from_secs(13)).await;
    }
    let r = s
        .from(
            "192.0.2.1",
            "POST",
            "/api/auth/login",
            &[],
            Some(json!({"email": "ada@example.org", "password": PASSWORD})),
        )
        .await;
    assert_eq!(
        r.status,
        200,
        "{} retry-after {:?}",
        r.body,
        r.headers.get("retry-after")
    );
}
#[tokio::test]
async fn signing_in_often_shuts_nobody_out() {
    let s = server(RegistrationMode::Open, true, |b| b).await;
    s.add("ada", Role::Admin).await;
    for n in 0..25 {
        let r = s
            .from(
                "192.0.2.1",
                "POST",
                "/api/auth/login",
                &[],
                Some(json!({"email": "ada@example.org", "password": PASSWORD})),
            )
            .await;
        assert_eq!(
            r.status,
            200,
            "login {n}: retry-after {:?}",
            r.headers.get("retry-after")
        );
        s.later(Duration::from_secs(13)).await;
    }
}
#[tokio::test]
async fn the_audit_log_has_the_clients_address() {
    let s = server(RegistrationMode::Open, false, |b| b).await;
    s.add("ada", Role::Admin).await;
    s.from(
        "10.0.0.1",
        "POST",
        "/api/auth/login",
        &[("x-forwarded-for", b"\xe9, 203.0.113.5")],
        Some(json!({"email": "ada@example.org", "password": "wrong"})),
    )
    .await;
    let ada = s.login("ada").await;
    let e = s
        .send("GET", "/api/auth/admin/audit?action=session.sign_in", &ada, None)
        .await;
    let f = e.body["events"]
        .as_array()
        .unwrap()
        .iter()
        .find(|e| e["outcome"] == "failure")
        .unwrap();
    assert_eq!(f["address"], "203.0.113.5");
}
#[tokio::test]
async fn forward_auth_renews_nothing() {
    let s = server(RegistrationMode::Open, false, |b| b).await;
    s.add("ada", Role::Admin).await;
    let c = format!("session={}", s.login("ada").await);
    let h: Vec<(&str, &[u8])> = vec![
        ("cookie", c.as_bytes()),
        ("x-original-method", b"GET"),
        ("x-original-uri", b"/v1/models"),
    ];
    s.later(Duration::from_secs(3_601)).await;
    // nginx, Caddy and Traefik do not hand the Set-Cookie of the subrequest on
    let r = s.from("10.0.0.1", "GET", "/api/auth/verify", &h, None).await;
    println!(
        "set-cookie in the subrequest's answer: {}",
        r.headers.contains_key("set-cookie")
    );
    assert_eq!(r.status, 200);
    s.later(Duration::from_secs(61)).await;
    assert_eq!(
        s.from("10.0.0.1", "GET", "/api/auth/verify", &h, None).await.status,
        200
    );
}
#[tokio::test]
async fn forward_auth_judges_no_path_that_is_read_in_two_ways() {
    let s = server(RegistrationMode::Open, false, |b| b).await;
    s.add("ada", Role::Admin).await;
    let u = s.add("bob", Role::User).await;
    let (_, k) = s.key(u, KeyScope::default()).await;
    let t = format!("Bearer {k}");
    let h: Vec<(&str, &[u8])> = vec![
        ("authorization", t.as_bytes()),
        ("x-original-method", b"POST"),
        ("x-original-uri", b"/v1/engines/..%2f..%2fre_isq%3f/completions"),
    ];
    assert_eq!(
        s.from("10.0.0.1", "GET", "/api/auth/verify", &h, None).await.status,
        403
    );
}
