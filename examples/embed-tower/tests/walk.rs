//! The example, in process, with a body that is not axum's.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use localauth_core::{Auth, MemoryStore, NewAccount, NewKey, Password, PasswordCost, Period, UsageFilter};
use tower::ServiceExt as _;

#[tokio::test]
async fn a_plain_service_is_guarded_and_metered() {
    let auth = Auth::builder(MemoryStore::new())
        .password_cost(PasswordCost::INSECURE)
        .build()
        .unwrap();
    let ada = NewAccount::local("ada@example.org", Password::new("correct-horse-battery"));
    let ada = auth.add_user(ada).await.unwrap();
    let key = auth.create_key(ada.id, NewKey::named("k")).await.unwrap().plain;
    let app = embed_tower::app::<Full<Bytes>>(&auth).unwrap();
    for (method, path, key, status) in [
        ("GET", "/", "", 200),
        ("POST", "/v1/chat/completions", "", 401),
        ("POST", "/v1/chat/completions", "sk-local-wrong", 401),
        ("POST", "/v1/chat/completions", key.expose(), 200),
        ("GET", "/v1/chat/completions", key.expose(), 404),
        ("GET", "/anything", key.expose(), 404),
    ] {
        let request = Request::builder().method(method).uri(path).header("x-api-key", key);
        let response = app
            .clone()
            .oneshot(request.body(Full::default()).unwrap())
            .await
            .unwrap();
        assert_eq!(response.status(), status, "{method} {path}");
        response.into_body().collect().await.unwrap();
    }
    let totals = auth
        .usage_report(Period::Day, UsageFilter::of_user(ada.id))
        .await
        .unwrap()
        .totals;
    assert_eq!(
        (totals.requests, totals.prompt_tokens, totals.completion_tokens),
        (1, 2, 3)
    );
}

/// What the example's name promises.
#[test]
fn no_axum_in_the_tree() {
    let tree = std::process::Command::new(env!("CARGO"))
        .args([
            "tree",
            "--package",
            "embed-tower",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--offline",
        ])
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    assert!(tree.contains("localauth-tower") && !tree.contains("axum"), "{tree}");
}
