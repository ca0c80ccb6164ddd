//! What a client tries on a proxy that asks us.

use localauth_core::*;

use crate::support::*;

/// The proxy's question about `method` and `uri`, with what the client sent along.
async fn ask(s: &Server, method: &str, uri: &str, client: &[(&str, &str)]) -> Answer {
    let mut headers = vec![
        ("x-original-method", method.as_bytes()),
        ("x-original-uri", uri.as_bytes()),
        ("x-forwarded-host", b"app.example"),
        ("x-forwarded-proto", b"https"),
    ];
    headers.extend(client.iter().map(|(name, value)| (*name, value.as_bytes())));
    s.from("10.0.0.1", "GET", "/api/auth/verify", &headers, None).await
}

#[tokio::test]
async fn another_site_does_nothing_in_a_browsers_name() {
    let s = server(RegistrationMode::Open, false, |b| b).await;
    s.add("ada", Role::Admin).await;
    let user = s.add("bob", Role::User).await;
    let (_, key) = s.key(user, KeyScope::default()).await;
    let cookie = format!("session={}", s.login("bob").await);
    let bearer = format!("Bearer {key}");
    let chat = "/v1/chat/completions";
    let (cookie, bearer) = (("cookie", &*cookie), ("authorization", &*bearer));
    for (headers, method, uri, status, why) in [
        (&[cookie][..], "POST", chat, 200, "no browser says where it comes from"),
        (
            &[cookie, ("origin", "https://app.example")],
            "POST",
            chat,
            200,
            "its own",
        ),
        (
            &[cookie, ("origin", "https://evil.example")],
            "POST",
            chat,
            403,
            "another site",
        ),
        (
            &[cookie, ("origin", "http://app.example")],
            "POST",
            chat,
            403,
            "another scheme",
        ),
        (
            &[cookie, ("origin", "https://app.example:444")],
            "POST",
            chat,
            403,
            "another port",
        ),
        (&[cookie, ("origin", "null")], "POST", chat, 403, "nowhere"),
        (
            &[cookie, ("sec-fetch-site", "cross-site")],
            "POST",
            chat,
            403,
            "by its own word",
        ),
        (
            &[cookie, ("sec-fetch-site", "same-site")],
            "POST",
            chat,
            403,
            "a neighbour",
        ),
        (
            &[cookie, ("origin", "https://evil.example")],
            "GET",
            "/v1/models",
            200,
            "only looks",
        ),
        (
            &[
                cookie,
                ("origin", "https://evil.example"),
                ("sec-fetch-mode", "websocket"),
            ],
            "GET",
            "/v1/models",
            403,
            "a channel is more than a look",
        ),
        (
            &[cookie, ("origin", "https://evil.example"), ("upgrade", "websocket")],
            "GET",
            "/v1/models",
            403,
            "a channel is more than a look",
        ),
        (
            &[bearer, ("origin", "https://evil.example")],
            "POST",
            chat,
            200,
            "no browser adds that",
        ),
        (
            &[cookie, bearer, ("origin", "https://evil.example")],
            "POST",
            chat,
            200,
            "the header stands for itself",
        ),
    ] {
        assert_eq!(ask(&s, method, uri, headers).await.status, status, "{why}");
    }
}

#[tokio::test]
async fn a_stranger_does_not_say_what_is_its_own_origin() {
    let s = server(RegistrationMode::Open, false, |b| b).await;
    s.add("ada", Role::Admin).await;
    let cookie = format!("session={}", s.login("ada").await);
    let headers: Vec<(&str, &[u8])> = vec![
        ("cookie", cookie.as_bytes()),
        ("origin", b"https://evil.example"),
        ("x-forwarded-host", b"evil.example"),
        ("x-forwarded-proto", b"https"),
    ];
    let answer = s.from("192.0.2.1", "POST", "/api/auth/logout", &headers, None).await;
    assert_eq!(answer.status, 403);
}

#[tokio::test]
async fn a_keys_routes_are_those_of_the_original() {
    let s = server(RegistrationMode::Open, false, |b| b).await;
    s.add("ada", Role::Admin).await;
    let user = s.add("bob", Role::User).await;
    let routes = |routes: &[&str]| KeyScope {
        routes: Some(routes.iter().map(|route| route.parse().unwrap()).collect()),
        ..KeyScope::default()
    };
    let (_, chat) = s.key(user, routes(&["POST /v1/chat/completions"])).await;
    let (_, verify) = s.key(user, routes(&["GET /api/auth/verify"])).await;
    for (key, method, uri, status) in [
        (&chat, "POST", "/v1/chat/completions", 200),
        (&chat, "POST", "/v1/chat/completions?x=/v1/models", 200),
        (&chat, "GET", "/v1/models", 403),
        (&chat, "GET", "/v1/chat/completions", 403),
        (&verify, "POST", "/v1/chat/completions", 403),
        (&verify, "GET", "/v1/models", 403),
    ] {
        let bearer = format!("Bearer {key}");
        let answer = ask(&s, method, uri, &[("authorization", &bearer)]).await;
        assert_eq!(answer.status, status, "{method} {uri}");
    }
    // Who is no proxy of ours asks for itself.
    let bearer = format!("Bearer {chat}");
    let headers: Vec<(&str, &[u8])> = vec![
        ("authorization", bearer.as_bytes()),
        ("x-original-method", b"POST"),
        ("x-original-uri", b"/v1/chat/completions"),
    ];
    assert_eq!(
        s.from("192.0.2.1", "GET", "/api/auth/verify", &headers, None)
            .await
            .status,
        403
    );
    assert_eq!(s.send("GET", "/api/auth/verify", &verify, None).await.status, 200);
}

#[tokio::test]
async fn what_is_for_everybody_needs_no_credential_and_says_nobody() {
    let s = server(RegistrationMode::Open, false, |b| b).await;
    s.add("ada", Role::Admin).await;
    for client in [
        &[][..],
        &[("authorization", "Bearer stale")],
        &[("cookie", "session=stale")],
    ] {
        let answer = ask(&s, "GET", "/api/auth/status", client).await;
        assert_eq!(answer.status, 200, "{client:?}");
        // There, and empty: a proxy that copies only what is there would leave what the client wrote.
        for name in ["x-auth-user", "x-auth-email", "x-auth-role", "x-auth-key"] {
            assert_eq!(answer.headers[name], "", "{name}");
        }
        assert_eq!(ask(&s, "GET", "/v1/models", client).await.status, 401, "{client:?}");
        assert_eq!(ask(&s, "GET", "/nowhere", client).await.status, 401, "{client:?}");
    }
    let challenge = ask(&s, "GET", "/v1/models", &[("authorization", "Bearer stale")]).await;
    assert_eq!(
        challenge.headers["www-authenticate"],
        "Bearer realm=\"localauth\", error=\"invalid_token\""
    );
    assert_eq!(
        s.send("GET", "/api/auth/verify", "", None).await.status,
        401,
        "nobody asks"
    );
}

#[tokio::test]
async fn odd_methods_and_paths_are_not_what_somebody_declared() {
    let s = server(RegistrationMode::Open, false, |b| b).await;
    s.add("ada", Role::Admin).await;
    let token = s.login("ada").await;
    let bearer = format!("Bearer {token}");
    for (method, uri) in [
        ("POST", "//v1/chat/completions"),
        ("POST", "/v1/chat/completions#/../../../api/pull"),
        ("POST", "/v1/chat/completions#"),
        ("POST", "/v1/chat/completions/"),
        ("POST", "/v1%2fchat/completions"),
        ("POST", "/v1/./chat/completions"),
        ("POST", "/x/../v1/chat/completions"),
        ("POST", "/v1/chat/completions;x"),
        ("POST", "/v1/chat\\completions"),
        ("POST", "http://evil.example//v1/chat/completions"),
        ("POST", "*"),
        ("POST", ""),
        ("post", "/v1/chat/completions"),
        ("CONNECT", "/v1/chat/completions"),
        ("OPTIONS", "/v1/chat/completions"),
        ("", "/v1/chat/completions"),
        ("POST /v1/models", "/v1/chat/completions"),
    ] {
        let answer = ask(&s, method, uri, &[("authorization", &bearer)]).await;
        assert_eq!(answer.status, 403, "{method} {uri}");
    }
}

/// What is behind the proxy may take a request for one with another method, which nobody has judged.
#[tokio::test]
async fn a_request_has_one_method() {
    let s = server(RegistrationMode::Open, false, |b| b).await;
    s.add("ada", Role::Admin).await;
    let user = s.add("bob", Role::User).await;
    let (_, key) = s.key(user, KeyScope::default()).await;
    let bearer = format!("Bearer {key}");
    let bearer = ("authorization", &*bearer);
    let chat = "/v1/chat/completions";
    for uri in [
        "/v1/models?_method=DELETE",
        "/v1/models?a=1&_METHOD=DELETE",
        "/v1/models?%5Fmethod=DELETE",
        "/v1/models?a;_method=DELETE",
        "/v1/models?X-HTTP-Method-Override=DELETE",
    ] {
        assert_eq!(ask(&s, "GET", uri, &[bearer]).await.status, 403, "{uri}");
    }
    for name in ["x-http-method-override", "x-http-method", "x-method-override"] {
        assert_eq!(
            ask(&s, "POST", chat, &[bearer, (name, "DELETE")]).await.status,
            403,
            "{name}"
        );
        assert_eq!(
            ask(&s, "POST", chat, &[bearer, (name, "POST"), (name, "DELETE")])
                .await
                .status,
            403,
            "{name} twice"
        );
        assert_eq!(
            ask(&s, "POST", chat, &[bearer, (name, "post")]).await.status,
            200,
            "{name}"
        );
    }
    assert_eq!(ask(&s, "GET", "/v1/models?method=DELETE", &[bearer]).await.status, 200);
}
