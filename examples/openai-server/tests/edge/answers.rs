//! Headers of every answer.

use http::Request;

use crate::world::{World, authorized};

#[tokio::test]
async fn every_answer_tells_browsers_to_be_careful() {
    let world = World::new().await;
    for (path, key) in [
        ("/healthz", ""),
        ("/readyz", ""),
        ("/v1/models", world.user.as_str()),
        ("/v1/models", ""),
        ("/v1/models", "sk-local-wrong"),
        ("/metrics", world.user.as_str()),
        ("/metrics", world.admin.as_str()),
        ("/nowhere", world.admin.as_str()),
        ("/nowhere", ""),
        ("/api/auth/status", ""),
        ("/api/auth/me", world.user.as_str()),
        ("/api/auth/nowhere", world.user.as_str()),
    ] {
        let answer = world.get(path, key).await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            (
                "content-security-policy",
                "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            ),
            ("x-frame-options", "DENY"),
        ] {
            assert_eq!(answer.headers[name], value, "{path}");
        }
        assert!(answer.headers.contains_key("x-request-id"), "{path}");
        assert!(!answer.headers.contains_key("strict-transport-security"), "{path}");
        if path.starts_with("/api/auth/") && !path.ends_with("nowhere") {
            assert_eq!(answer.headers["cache-control"], "no-store", "{path}");
        }
    }
    let answer = world.chat(&world.user).await;
    assert_eq!(answer.status, 200);
    assert!(!answer.headers.contains_key("server"), "which software answers");
}

#[tokio::test]
async fn over_tls_browsers_come_back_over_tls() {
    let world = World::with(&[("LOCALAUTH_TLS_CERT", "/c"), ("LOCALAUTH_TLS_KEY", "/k")]).await;
    for path in ["/healthz", "/nowhere", "/api/auth/status"] {
        let answer = world.get(path, "").await;
        assert_eq!(
            answer.headers["strict-transport-security"], "max-age=63072000",
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_clients_name_for_a_request_is_kept_if_it_is_harmless() {
    let world = World::new().await;
    let named = async |id: &str| {
        let request = authorized(Request::get("/v1/models"), &world.user).header("x-request-id", id);
        let answer = world.send(request, "").await;
        answer.headers["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(named("trace-1.2:3_4").await, "trace-1.2:3_4");
    for odd in ["a b", "x status=200", "<b>", "", &"a".repeat(129)] {
        let id = named(odd).await;
        assert_eq!(id.len(), 36, "one of ours: {id}");
    }
}
