//! Many at once: nothing fails, and everything counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use localauth_core::{
    Auth, Caller, NewAccount, Password, PasswordCost, RegistrationMode, Role, ServerSecret, UserQuery,
};
use localauth_tests::{PASSWORD, Person, Postgres, Server, sqlite};
use reqwest::Client;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_requests_at_64_connections() {
    const REQUESTS: usize = 10_000;
    let server = Server::start().await;
    let ada = Person::register(&server, "ada@example.org").await;
    let (_, key) = ada.make_key("load").await;
    let client = Client::builder().pool_max_idle_per_host(64).build().unwrap();
    let next = Arc::new(AtomicUsize::new(0));
    let workers = (0..64).map(|_| {
        let (client, next, key, url) = (client.clone(), Arc::clone(&next), key.clone(), server.url.clone());
        tokio::spawn(async move {
            let body = json!({"model": "demo", "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]});
            let mut tokens = (0, 0);
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= REQUESTS {
                    return tokens;
                }
                // Every other one is the list of models, which is no work of a model.
                if n % 2 == 0 {
                    let answer = client
                        .get(format!("{url}/v1/models"))
                        .bearer_auth(&key)
                        .send()
                        .await
                        .unwrap();
                    assert_eq!(answer.status(), 200);
                    answer.bytes().await.unwrap();
                } else {
                    let chat = client
                        .post(format!("{url}/v1/chat/completions"))
                        .bearer_auth(&key)
                        .json(&body);
                    let answer = chat.send().await.unwrap();
                    assert_eq!(answer.status(), 200);
                    let answer: serde_json::Value = answer.json().await.unwrap();
                    tokens.0 += answer["usage"]["prompt_tokens"].as_u64().unwrap();
                    tokens.1 += answer["usage"]["completion_tokens"].as_u64().unwrap();
                }
            }
        })
    });
    let (mut prompt, mut completion) = (0, 0);
    for worker in join_all(workers).await {
        let tokens = worker.unwrap();
        prompt += tokens.0;
        completion += tokens.1;
    }
    let totals = &ada.usage().await["totals"];
    assert_eq!(totals["request_count"], REQUESTS / 2);
    assert_eq!(
        (&totals["prompt_tokens"], &totals["completion_tokens"]),
        (&json!(prompt), &json!(completion))
    );
    assert_eq!(totals["estimated_requests"], 0);
}

async fn fifty_at_once(url: &str) {
    // Two nodes over one database.
    let mut nodes = Vec::new();
    for _ in 0..2 {
        let store = localauth_store::connect(url).await.unwrap();
        let auth = Auth::builder(store)
            .secret(ServerSecret::new(&[1; 32]).unwrap())
            .password_cost(PasswordCost::INSECURE)
            .registration(RegistrationMode::Open)
            .attempt_limits(false)
            .build()
            .unwrap();
        nodes.push(auth);
    }
    let all = (0..50).map(|n| {
        let auth = nodes[n % 2].clone();
        tokio::spawn(async move {
            let account = NewAccount::local(format!("u{n}@example.org"), Password::new(PASSWORD));
            auth.register(account, &Caller::operator()).await.unwrap();
        })
    });
    for registered in join_all(all).await {
        registered.unwrap();
    }
    let users = nodes[0].list_users(&UserQuery::default()).await.unwrap();
    assert_eq!(users.len(), 50);
    assert_eq!(users.iter().filter(|u| u.role == Role::Admin).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_first_registrations_one_is_admin_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    fifty_at_once(&sqlite(folder.path())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_first_registrations_one_is_admin_on_postgresql() {
    let database = Postgres::create("first_admin").await;
    fifty_at_once(&database.url).await;
    database.drop().await;
}

/// The same through the front door, where the limiter stands too.
#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_at_the_front_door_one_is_admin() {
    let server = Server::start().await;
    let all = (0..50).map(|n| {
        let url = format!("{}/api/auth/register", server.url);
        tokio::spawn(async move {
            let body = json!({"email": format!("u{n}@example.org"), "password": PASSWORD});
            let answer = Client::new().post(url).json(&body).send().await.unwrap();
            let status = answer.status().as_u16();
            let body: serde_json::Value = answer.json().await.unwrap();
            (status, body["user"]["role"].as_str().map(str::to_owned))
        })
    });
    let answers: Vec<_> = join_all(all).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(
        answers
            .iter()
            .filter(|(_, role)| role.as_deref() == Some("admin"))
            .count(),
        1,
        "{answers:?}"
    );
    assert!(
        answers.iter().all(|(status, _)| matches!(status, 201 | 429)),
        "{answers:?}"
    );
}
