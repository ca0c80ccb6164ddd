//! Hostile forms of path, framing and model: what the upstream received is what was judged, or nothing.

mod framings;
mod models;
mod paths;

use serde_json::json;

use super::engine::{Engine, Received, json_answer};
use super::world::Guard;

pub(super) const ROUTES: [&str; 2] = ["/v1/chat/completions", "/v1/models/unload"];

pub(super) async fn world() -> (Engine, Guard) {
    let engine = Engine::serving(&["allowed", "secret"], |_| {
        json_answer(&json!({"id": "x", "choices": []}))
    })
    .await;
    let guard = Guard::before(&[&engine], &[]).await;
    (engine, guard)
}

/// What arrived is the one request that a user may send, and says nothing that only somebody else may.
pub(super) fn check(arrived: &[Received], what: &str, status: Option<u16>) {
    match arrived {
        [] => assert!(
            status.is_none_or(|status| (400..500).contains(&status)),
            "{what}: {status:?}"
        ),
        [one] => {
            assert_eq!(
                (one.method(), one.target()),
                ("POST", ROUTES[0]),
                "{what}: {}",
                one.head
            );
            let host = one.header("host");
            assert!(host.len() == 1 && host[0].starts_with("127.0.0.1:"), "{what}: {host:?}");
            for name in one.header_names() {
                assert!(
                    !name.contains("override") && !name.starts_with("x-original"),
                    "{what}: {name}"
                );
            }
            assert!(
                one.header("transfer-encoding").len() + one.header("content-length").len() == 1,
                "{what}"
            );
            assert_eq!(one.json()["model"], "allowed", "{what}");
        }
        more => panic!("{what}: {} requests arrived", more.len()),
    }
}
