//! The example, in process, over several restarts.

use std::path::Path;

use axum::body::Body;
use custom_store::{app, builder};
use http::{HeaderMap, Request, header};
use localauth_core::{Auth, Caller, Denial, NewAccount, NewKey, Password, PasswordCost, Role, Status};
use tower::ServiceExt as _;

/// One life of the server: when it is over, so is all that it did in the background, and the file is free again.
fn life<T>(path: &Path, act: impl AsyncFnOnce(Auth) -> T) -> T {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let auth = builder(path)
            .unwrap()
            .password_cost(PasswordCost::INSECURE)
            .build()
            .unwrap();
        let result = act(auth.clone()).await;
        auth.shutdown().await.unwrap();
        result
    })
}

async fn hello(auth: &Auth, credential: &str) -> u16 {
    let request = Request::get("/hello").header(header::AUTHORIZATION, format!("Bearer {credential}"));
    let response = app(auth).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    response.status().as_u16()
}

fn password() -> Password {
    Password::new("correct-horse-battery")
}

#[test]
fn a_key_is_accepted_until_it_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.json");
    let (kept, revoked) = life(&path, async |auth| {
        let ada = auth
            .add_user(NewAccount::local("ada@example.org", password()))
            .await
            .unwrap();
        let kept = auth.create_key(ada.id, NewKey::named("kept")).await.unwrap();
        let revoked = auth.create_key(ada.id, NewKey::named("revoked")).await.unwrap();
        auth.follow_changes().await.unwrap();
        for key in [&kept, &revoked] {
            assert_eq!(hello(&auth, key.plain.expose()).await, 200);
        }
        assert!(auth.revoke_key(&Caller::operator(), revoked.key.id).await.unwrap());
        assert_eq!(
            hello(&auth, revoked.plain.expose()).await,
            401,
            "dead for the next request"
        );
        assert_eq!(hello(&auth, kept.plain.expose()).await, 200, "the other one is not");
        (kept, revoked)
    });
    life(&path, async |auth| {
        assert_eq!(hello(&auth, kept.plain.expose()).await, 200);
        assert_eq!(hello(&auth, revoked.plain.expose()).await, 401);
        assert_eq!(hello(&auth, "sk-local-guessed").await, 401);
        let left = auth.list_keys(kept.key.user_id).await.unwrap();
        assert_eq!(left.iter().map(|key| key.id).collect::<Vec<_>>(), [kept.key.id]);
        assert!(left[0].last_used_at.is_some(), "noted in the first life");
    });
    let plain = fs_text(folder.path());
    for key in [&kept, &revoked] {
        assert!(
            !plain.contains(key.plain.expose()),
            "a key is in the folder in plain text"
        );
    }
}

/// Everything in the folder.
fn fs_text(folder: &Path) -> String {
    let files = std::fs::read_dir(folder).unwrap();
    files
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .collect()
}

#[test]
fn a_session_lasts_until_the_password_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.json");
    let token = life(&path, async |auth| {
        let ada = NewAccount {
            role: Role::Admin,
            ..NewAccount::local("ada@example.org", password())
        };
        auth.add_user(ada).await.unwrap();
        auth.sign_in("ada@example.org", password(), &Caller::anonymous())
            .await
            .unwrap()
            .token
    });
    let mut headers = HeaderMap::new();
    headers.insert(header::COOKIE, format!("session={}", token.expose()).parse().unwrap());
    life(&path, async |auth| {
        assert_eq!(auth.authenticate(&headers).await.unwrap().name(), "ada");
        assert_eq!(hello(&auth, token.expose()).await, 200);
        let new = Password::new("another-horse-another-staple");
        auth.set_password("ada@example.org", new, false).await.unwrap();
        assert_eq!(auth.authenticate(&headers).await.unwrap_err(), Denial::InvalidSession);
    });
    life(&path, async |auth| {
        assert_eq!(auth.authenticate(&headers).await.unwrap_err(), Denial::InvalidSession);
        let old = auth.sign_in("ada@example.org", password(), &Caller::anonymous()).await;
        assert!(old.is_err());
    });
}

#[test]
fn whoever_is_shut_out_stays_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.json");
    let key = life(&path, async |auth| {
        let bob = auth
            .add_user(NewAccount::local("bob@example.org", password()))
            .await
            .unwrap();
        let key = auth.create_key(bob.id, NewKey::named("k")).await.unwrap().plain;
        assert_eq!(hello(&auth, key.expose()).await, 200);
        let disabled = auth.set_status(&Caller::operator(), bob.id, Status::Disabled).await;
        disabled.unwrap();
        assert_eq!(hello(&auth, key.expose()).await, 403);
        key
    });
    life(&path, async |auth| assert_eq!(hello(&auth, key.expose()).await, 403));
}
