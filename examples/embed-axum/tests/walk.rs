//! The example, in process.

use axum::Router;
use axum::body::Body;
use embed_axum::app;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use localauth_core::{Auth, NewAccount, NewKey, Password, PasswordCost, Period, Role, UsageFilter};
use serde_json::{Value, json};
use tower::ServiceExt as _;

async fn send(app: &Router, method: &str, path: &str, key: &str, body: Value) -> Response<Body> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json");
    if !key.is_empty() {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    app.clone()
        .oneshot(request.body(Body::from(body.to_string())).unwrap())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_user_chats_an_admin_reloads_and_usage_counts() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    let store = localauth_store::connect(&url).await.unwrap();
    let auth = Auth::builder(store)
        .password_cost(PasswordCost::INSECURE)
        .build()
        .unwrap();
    let app = app(&auth);
    let mut keys = Vec::new();
    let mut ids = Vec::new();
    for role in [Role::Admin, Role::User] {
        let account = NewAccount::local(format!("{role}@example.org"), Password::new("correct-horse-battery"));
        let user = auth.add_user(NewAccount { role, ..account }).await.unwrap();
        keys.push(auth.create_key(user.id, NewKey::named("k")).await.unwrap().plain);
        ids.push(user.id);
    }
    let (admin, user) = (keys[0].expose(), keys[1].expose());
    let chat = json!({"messages": [{"role": "user", "content": "good morning"}]});

    assert_eq!(
        send(&app, "POST", "/v1/chat/completions", "", chat.clone())
            .await
            .status(),
        401
    );
    let answer = send(&app, "POST", "/v1/chat/completions", user, chat).await;
    assert_eq!(answer.status(), 200);
    let answer: Value = serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap();
    assert_eq!(
        send(&app, "POST", "/admin/reload", user, Value::Null).await.status(),
        403
    );
    assert_eq!(
        send(&app, "POST", "/admin/reload", admin, Value::Null).await.status(),
        200
    );
    assert_eq!(send(&app, "GET", "/hello", user, Value::Null).await.status(), 200);
    assert_eq!(
        send(&app, "GET", "/api/auth/status", "", Value::Null).await.status(),
        200
    );

    let report = auth
        .usage_report(Period::Day, UsageFilter::of_user(ids[1]))
        .await
        .unwrap();
    assert_eq!(report.totals.requests, 1);
    assert_eq!(json!(report.totals.total_tokens()), answer["usage"]["total_tokens"]);
}
