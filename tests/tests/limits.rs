//! Limits on the reference server, with many at once.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use localauth_tests::{Person, Postgres, Server, sqlite};
use reqwest::{Client, Response};
use serde_json::{Value, json};

/// A server with an administrator and a user, and the user's key.
struct House {
    server: Server,
    root: Person,
    ada: Person,
    key: String,
    client: Client,
}

impl House {
    async fn on(database: &str) -> Self {
        let server = Server::builder().env("LOCALAUTH_DATABASE_URL", database).start().await;
        let root = Person::register(&server, "root@example.org").await;
        let ada = Person::register(&server, "ada@example.org").await;
        let (_, key) = ada.make_key("laptop").await;
        Self {
            server,
            root,
            ada,
            key,
            client: Client::builder().pool_max_idle_per_host(64).build().unwrap(),
        }
    }

    /// Gives the user a quota.
    async fn limit(&self, quota: Value) {
        let me: Value = self.ada.get("/api/auth/me").await.json().await.unwrap();
        let id = me["id"].as_str().unwrap();
        let url = format!("{}/api/auth/admin/users/{id}/quotas", self.server.url);
        let answer = self.root.browser.put(url).json(&quota).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    async fn chat(&self, more: Value) -> Response {
        let mut body = json!({"model": "demo", "messages": [{"role": "user", "content": "hi"}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let url = format!("{}/v1/chat/completions", self.server.url);
        let chat = self.client.post(url).bearer_auth(&self.key).json(&body);
        chat.send().await.unwrap()
    }

    async fn quota(&self) -> Value {
        let answer: Value = self.ada.get("/api/auth/quota").await.json().await.unwrap();
        answer["quotas"][0].clone()
    }
}

async fn exactly_a_hundred(database: &str) {
    let house = House::on(database).await;
    house
        .limit(json!({"model": "", "max_requests": 100, "window": "1h"}))
        .await;
    let all = (0..500).map(|_| async {
        let answer = house.chat(json!({"max_tokens": 1})).await;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body: Value = answer.json().await.unwrap();
        assert_eq!(headers["x-ratelimit-limit-requests"], "100");
        if status == 429 {
            assert_eq!(headers["x-ratelimit-remaining-requests"], "0");
            assert_eq!(body["error"]["type"], "quota_exceeded");
            assert_eq!(body["error"]["code"], "insufficient_quota");
            let after: u64 = headers["retry-after"].to_str().unwrap().parse().unwrap();
            assert!((1..=3_661).contains(&after), "{after}");
        }
        status
    });
    let statuses = join_all(all).await;
    let count = |status| statuses.iter().filter(|s| **s == status).count();
    assert_eq!((count(200), count(429)), (100, 400));
    let totals = &house.ada.usage().await["totals"];
    assert_eq!(totals["request_count"], 100, "as many reached the model");
    let quota = house.quota().await;
    assert_eq!(quota["current_requests"], 100);
    assert!(quota["resets_at"].is_string(), "{quota}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_five_hundred_at_once_a_hundred_reach_the_model_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    exactly_a_hundred(&sqlite(folder.path())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_five_hundred_at_once_a_hundred_reach_the_model_on_postgresql() {
    let database = Postgres::create("hundred").await;
    exactly_a_hundred(&database.url).await;
    database.drop().await;
}

/// A stream to its end: whether it began, and how it finished.
async fn stream(house: &House, include_usage: bool) -> Option<String> {
    let more = json!({"stream": true, "stream_options": {"include_usage": include_usage}});
    let answer = house.chat(more).await;
    if answer.status() == 429 {
        return None;
    }
    assert_eq!(answer.status(), 200);
    let text = answer.text().await.unwrap();
    let events: Vec<&str> = text.split("\n\n").filter(|event| !event.is_empty()).collect();
    assert_eq!(events.last(), Some(&"data: [DONE]"), "{text}");
    let mut finish = None;
    for event in &events[..events.len() - 1] {
        let Some(data) = event.strip_prefix("data: ") else {
            assert!(event.starts_with(':'), "{event}");
            continue;
        };
        let chunk: Value = serde_json::from_str(data).unwrap();
        assert_eq!(chunk["object"], "chat.completion.chunk");
        if let Some(reason) = chunk["choices"][0]["finish_reason"].as_str() {
            assert!(finish.replace(reason.to_owned()).is_none(), "it finishes once: {text}");
        }
    }
    Some(finish.expect("it finishes"))
}

async fn a_budget_of_tokens(database: &str) {
    const BUDGET: u64 = 1_500;
    let house = House::on(database).await;
    house
        .limit(json!({"model": "", "max_total_tokens": BUDGET, "window": "1d"}))
        .await;
    let finished = join_all((0..64).map(|n| stream(&house, n % 2 == 0))).await;
    let usage = house.ada.usage().await;
    let total = usage["totals"]["total_tokens"].as_u64().unwrap();
    assert!(total <= BUDGET, "{total} of {BUDGET} were used");
    assert!(total * 100 >= BUDGET * 95, "only {total} of {BUDGET} were used");
    assert_eq!(house.quota().await["current_total_tokens"], total);
    let cut = finished.iter().flatten().filter(|reason| *reason == "length").count();
    assert!(cut > 0, "somebody was cut short: {finished:?}");
    // Nothing is left: whoever asks now is told so at once.
    let answer = house.chat(json!({"stream": true})).await;
    assert_eq!(answer.status(), 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_at_once_use_up_a_budget_and_no_more_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    a_budget_of_tokens(&sqlite(folder.path())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_at_once_use_up_a_budget_and_no_more_on_postgresql() {
    let database = Postgres::create("budget").await;
    a_budget_of_tokens(&database.url).await;
    database.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_one_piece_is_never_longer_than_what_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::on(&sqlite(folder.path())).await;
    house
        .limit(json!({"model": "demo", "max_total_tokens": 60, "window": "1d"}))
        .await;
    let mut total = 0;
    loop {
        let answer = house.chat(json!({})).await;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body: Value = answer.json().await.unwrap();
        if status == 429 {
            break;
        }
        assert_eq!(headers["x-ratelimit-limit-tokens"], "60");
        total += body["usage"]["total_tokens"].as_u64().unwrap();
        assert!(total <= 60, "{total}");
    }
    assert!(total >= 49, "{total}: one whole answer fits");
    assert_eq!(house.quota().await["current_total_tokens"], total);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_refills_no_quota_and_an_administrator_may_raise_it() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::builder_in(data.path()).start().await;
    let root = Person::register(&server, "root@example.org").await;
    let ada = Person::register(&server, "ada@example.org").await;
    let (_, key) = ada.make_key("laptop").await;
    let mut house = House {
        server,
        root,
        ada,
        key,
        client: Client::new(),
    };
    house
        .limit(json!({"model": "", "max_requests": 2, "window": "30d"}))
        .await;
    assert_eq!(house.chat(json!({})).await.status(), 200);
    house.server.kill().await;
    house.server = Server::builder_in(data.path()).start().await;
    assert_eq!(house.chat(json!({})).await.status(), 200);
    assert_eq!(house.chat(json!({})).await.status(), 429);
    assert_eq!(house.server.stop().await.code(), Some(0));
    house.server = Server::builder_in(data.path()).start().await;
    assert_eq!(house.chat(json!({})).await.status(), 429);
    house.root = Person::sign_in(&house.server, "root@example.org", localauth_tests::PASSWORD)
        .await
        .unwrap();
    house.ada = Person::sign_in(&house.server, "ada@example.org", localauth_tests::PASSWORD)
        .await
        .unwrap();
    house
        .limit(json!({"model": "", "max_requests": 3, "window": "30d"}))
        .await;
    assert_eq!(house.chat(json!({})).await.status(), 200);
    assert_eq!(house.chat(json!({})).await.status(), 429);
}

/// Who is shut out while an answer is written to them does not get the rest.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_when_its_key_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::on(&sqlite(folder.path())).await;
    let (id, key) = house.ada.make_key("short").await;
    let url = format!("{}/v1/chat/completions", house.server.url);
    let body = json!({"model": "demo", "stream": true, "messages": [{"role": "user", "content": "hi"}]});
    let answer = house
        .client
        .post(url)
        .bearer_auth(&key)
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let mut frames = answer.bytes_stream();
    frames.next().await.unwrap().unwrap();
    assert_eq!(house.ada.revoke(&id).await, 200);
    // The demo model may be done already; what matters is that the stream ends, and soon.
    let rest = async { while let Some(Ok(_)) = frames.next().await {} };
    tokio::time::timeout(Duration::from_secs(10), rest).await.unwrap();
}
