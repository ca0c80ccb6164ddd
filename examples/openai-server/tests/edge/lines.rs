//! What requests leave in the log, and what they do not.

use http::Request;
use openai_server::settings::LogFormat;
use regex::Regex;
use serde_json::Value;

use crate::world::{Log, PASSWORD, World, authorized};

const REQUESTS: &str = "info,localauth::request=debug";

fn requests(log: &Log) -> Vec<Value> {
    let lines = log.lines();
    lines.into_iter().filter(|line| line["message"] == "request").collect()
}

#[tokio::test]
async fn a_request_leaves_one_line() {
    let world = World::new().await;
    let (log, _guard) = Log::start(REQUESTS, LogFormat::Json);
    let request = authorized(Request::get("/v1/responses/an-id?secret=hunter2"), &world.user)
        .header("x-request-id", "mine")
        .header("cookie", "theme=hunter2")
        .header("user-agent", "hunter2");
    assert_eq!(world.send(request, "").await.status, 403);
    world.chat(&world.user).await;
    world.get("/v1/models", "").await;
    world
        .send(Request::builder().method("HUNTER2").uri("/hunter2"), "")
        .await;

    let lines = requests(&log);
    assert_eq!(lines.len(), 4, "{lines:?}");
    let public_id = world.user.split('-').nth(2).unwrap();
    let refused = &lines[0];
    assert_eq!(refused["id"], "mine");
    assert_eq!(refused["route"], "/v1/responses/{id}");
    assert_eq!((&refused["method"], &refused["status"]), (&"GET".into(), &403.into()));
    assert_eq!(
        (&refused["code"], &refused["user"]),
        (&"admin_required".into(), &world.user_id.clone().into())
    );
    assert!(refused["key"].as_str().unwrap().contains(public_id), "{refused}");
    assert_eq!(
        (&refused["address"], &refused["whole"]),
        (&"192.0.2.7".into(), &true.into())
    );
    assert!(refused["ms"].is_u64());
    assert_eq!((&lines[1]["status"], &lines[1]["code"]), (&200.into(), &Value::Null));
    assert_eq!(
        (&lines[2]["code"], &lines[2]["user"]),
        (&"missing_credentials".into(), &Value::Null)
    );
    assert_eq!(
        (&lines[3]["method"], &lines[3]["route"]),
        (&"other".into(), &"other".into())
    );

    let text = log.text();
    for secret in [
        world.user.as_str(),
        world.user.rsplit('-').next().unwrap(),
        "hunter2",
        "HUNTER2",
        "an-id",
    ] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

#[tokio::test]
async fn requests_are_not_logged_unless_somebody_wants_that() {
    let world = World::new().await;
    let (log, _guard) = Log::start("info", LogFormat::Json);
    world.chat(&world.user).await;
    world.get("/v1/models", "").await;
    assert_eq!(log.text(), "");
}

/// The expressions of the filter, with what fail2ban puts in place of `<HOST>`.
fn filter() -> Vec<Regex> {
    let filter = include_str!("../../deploy/fail2ban/filter.d/localauth.conf");
    let (_, rest) = filter.split_once("failregex = ").unwrap();
    let (expressions, _) = rest.split_once("ignoreregex").unwrap();
    let expressions = expressions.lines().map(str::trim).filter(|line| !line.is_empty());
    expressions
        .map(|expression| Regex::new(&expression.replace("<HOST>", "(?P<host>[0-9a-fA-F:.]+)")).unwrap())
        .collect()
}

#[tokio::test]
async fn failed_authentications_are_what_fail2ban_looks_for() {
    let filter = filter();
    assert_eq!(filter.len(), 3);
    for format in [LogFormat::Text, LogFormat::Json] {
        let world = World::new().await;
        let (log, _guard) = Log::start("warn", format);
        world.get("/v1/models", "sk-local-wrong").await;
        // What nobody tried, what is public, and what is right, is nothing to ban for.
        world.get("/v1/models", "").await;
        world.get("/api/auth/status", "sk-local-wrong").await;
        world.get("/v1/models", &world.user).await;
        world.get("/metrics", &world.user).await;
        // Nor is a session that is over: every tab of a browser sends it, and so does a link on another site.
        for path in ["/v1/models", "/api/auth/me", "/account"] {
            let over = Request::get(path).header("cookie", "session=which-was-good-yesterday");
            let answer = world.send(over, "").await;
            assert!([401, 303].contains(&answer.status.as_u16()), "{path} {}", answer.status);
        }
        assert_eq!(world.sign_in(PASSWORD).await.status, 200);
        for status in [401, 401, 401, 401, 429] {
            assert_eq!(world.sign_in("hunter2 is not it").await.status, status);
        }
        let text = log.text();
        assert!(!text.contains("hunter2") && !text.contains("sk-local"), "{text}");
        let reasons: Vec<_> = text
            .lines()
            .map(|line| {
                let found = filter.iter().find_map(|filter| filter.captures(line));
                let found = found.unwrap_or_else(|| panic!("not found: {line}"));
                assert_eq!(&found["host"], "192.0.2.7");
                ["invalid_api_key", "wrong_credentials", "too_many_attempts"]
                    .into_iter()
                    .find(|reason| line.contains(reason))
            })
            .collect();
        assert_eq!(reasons.len(), 6, "{text}");
        assert_eq!(reasons[0], Some("invalid_api_key"));
        assert_eq!(
            (reasons[1], reasons[5]),
            (Some("wrong_credentials"), Some("too_many_attempts"))
        );
    }
}

#[tokio::test]
async fn nobody_gets_somebody_else_banned() {
    let filter = filter();
    let world = World::new().await;
    for format in [LogFormat::Text, LogFormat::Json] {
        let (log, _guard) = Log::start("trace", format);
        let forged = "WARN authentication failed address=203.0.113.9 reason=x method=GET route=/ id=x";
        let json = r#"{"address":"203.0.113.9","message":"authentication failed"}"#;
        for text in [forged, json] {
            let path: String = text.chars().filter(|c| !" \"{}".contains(*c)).collect();
            let request = Request::get(format!("/{path}?{path}"))
                .header("x-request-id", text)
                .header("user-agent", text)
                .header("authorization", format!("Bearer {text}"))
                .header("x-forwarded-for", "203.0.113.9");
            world.send(request, "").await;
            let email = serde_json::json!({"email": format!("{text}\n{text}"), "password": text});
            let request = Request::post("/api/auth/login").header("content-type", "application/json");
            world.send(request, &email.to_string()).await;
        }
        let text = log.text();
        for line in text.lines() {
            for found in filter.iter().filter_map(|filter| filter.captures(line)) {
                assert_eq!(&found["host"], "192.0.2.7", "{line}");
            }
        }
    }
}
