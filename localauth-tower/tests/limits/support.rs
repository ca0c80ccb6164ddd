//! What these tests share.

use std::sync::Arc;

use http::HeaderMap;
use localauth_core::{Denial, Identity, TokenAsk, UsageEvent, User, UserId};
use serde_json::Value;

use crate::admin_support::{NOBODY, World};

pub(crate) const QUOTA: &str = "/api/auth/quota";
pub(crate) const TIERS: &str = "/api/auth/admin/tiers";
pub(crate) const LIMITS: &str = "/api/auth/admin/limits";
pub(crate) const PRICES: &str = "/api/auth/admin/prices";

/// A path about a user.
pub(crate) fn of(user: &User, what: &str) -> String {
    format!("/api/auth/admin/users/{}/{what}", user.id)
}

pub(crate) fn of_nobody(what: &str) -> String {
    format!("/api/auth/admin/users/{NOBODY}/{what}")
}

pub(crate) async fn identity(world: &World, token: &str) -> Arc<Identity> {
    let value = format!("Bearer {token}").parse().unwrap();
    let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, value)]);
    world.auth.authenticate(&headers).await.unwrap()
}

/// A request for `model` that reads 10 tokens and writes 5, or the reason why it is refused. The clock stands still.
pub(crate) async fn ask(world: &World, token: &str, model: &str) -> Result<(), Denial> {
    let who = identity(world, token).await;
    let ask = TokenAsk {
        prompt_tokens: 10,
        least_completion: 1,
        most_completion: 5,
    };
    match world.auth.reserve(&who, model, ask).wait().await {
        Ok(allowance) => {
            if let Some(allowance) = allowance {
                allowance.settle(10, 0, 5);
            }
            Ok(())
        }
        Err(refusal) => Err(refusal.denial),
    }
}

/// The same without a limit, as the report has it.
pub(crate) fn recorded(world: &World, user: UserId) {
    world.auth.record_usage(UsageEvent {
        request_id: world.auth.new_request_id(),
        at: world.auth.now(),
        user_id: user,
        user_name: "ada".to_owned(),
        key: None,
        source: localauth_core::UsageSource::Web,
        model: "demo".to_owned(),
        endpoint: "/v1/chat/completions".to_owned(),
        prompt_tokens: 10,
        cached_tokens: 0,
        completion_tokens: 5,
        cost_micros: 0,
        estimated: false,
    });
}

/// The ids in a list of limits.
pub(crate) fn ids(limits: &Value) -> Vec<String> {
    let limits = limits.as_array().expect("a list").iter();
    limits.map(|limit| limit["id"].as_str().unwrap().to_owned()).collect()
}

/// Wrong rules, and a word that the refusal must have.
pub(crate) fn wrong_rules() -> Vec<(Value, &'static str)> {
    use serde_json::json;
    vec![
        (json!({}), "window is required"),
        (json!({"max_requests": 1}), "window is required"),
        (json!({"max_requests": 1, "window": ""}), "window is required"),
        (json!({"max_requests": 1, "window": null}), "window is required"),
        (json!({"max_requests": 1, "window": "0s"}), "expected `1m`"),
        (json!({"max_requests": 1, "window": "-1h"}), "expected `1m`"),
        (json!({"max_requests": 1, "window": "31d"}), "expected `1m`"),
        (json!({"max_requests": 1, "window": "week"}), "expected `1m`"),
        (json!({"max_requests": 1, "window": 3600}), "expected `1m`"),
        (json!({"window": "1h"}), "at least one maximum"),
        (
            json!({"max_requests": null, "max_total_tokens": null, "window": "1h"}),
            "at least one maximum",
        ),
        (
            json!({"max_requests": -1, "window": "1h"}),
            "max_requests must be a whole number",
        ),
        (
            json!({"max_requests": 1.5, "window": "1h"}),
            "max_requests must be a whole number",
        ),
        (
            json!({"max_requests": "1", "window": "1h"}),
            "max_requests must be a whole number",
        ),
        (
            json!({"max_requests": 1e30, "window": "1h"}),
            "max_requests must be a whole number",
        ),
        (
            json!({"max_total_tokens": u64::MAX, "window": "1h"}),
            "max_total_tokens must be a whole number",
        ),
        (
            json!({"max_requests": 1, "max_cost_micros": -1, "window": "1h"}),
            "max_cost_micros must be a whole number",
        ),
        (
            json!({"max_requests": 1, "window": "1h", "model": "x".repeat(257)}),
            "model must have",
        ),
        (
            json!({"max_requests": 1, "window": "1h", "model": "a\nb"}),
            "model must have",
        ),
        (
            json!({"max_requests": 1, "window": "1h", "on_outage": "ajar"}),
            "on_outage must be",
        ),
        (json!({"max_requests": 1, "window": "1h", "soft": "yes"}), "wrong type"),
        (json!({"max_requests": 1, "window": "1h", "model": 7}), "wrong type"),
    ]
}
