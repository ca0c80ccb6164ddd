//! What is left to somebody who had a credential, or nearly.

use std::time::Duration;

use localauth_core::*;
use serde_json::json;

use crate::support::*;

// The thief of a key made a browser session of it; the owner rotates with no grace at all.
#[tokio::test]
async fn a_rotation_ends_sessions_of_the_old_secret() {
    let s = server(RegistrationMode::Open, false, |b| b).await;
    let admin = s.add("ada", Role::Admin).await;
    let scope = KeyScope {
        can_mint: true,
        ..KeyScope::default()
    };
    let (id, stolen) = s.key(admin, scope).await;
    let thief = s
        .send("POST", "/api/auth/token-login", "", Some(json!({"token": stolen})))
        .await
        .token();
    let owner = s.login("ada").await;
    let r = s
        .send(
            "POST",
            &format!("/api/auth/api-keys/{id}/rotate"),
            &owner,
            Some(json!({"grace": "0s"})),
        )
        .await;
    assert_eq!(r.status, 200);
    assert_eq!(
        s.send("GET", "/api/auth/me", &stolen, None).await.status,
        401,
        "old secret dead"
    );
    s.later(Duration::from_hours(8 * 24)).await;
    assert_eq!(
        s.send("GET", "/api/auth/me", &thief, None).await.status,
        401,
        "session of the old secret"
    );
}
#[tokio::test]
async fn a_session_of_the_old_secret_mints_nothing() {
    let s = server(RegistrationMode::Open, false, |b| b).await;
    let admin = s.add("ada", Role::Admin).await;
    let (id, stolen) = s
        .key(
            admin,
            KeyScope {
                can_mint: true,
                ..KeyScope::default()
            },
        )
        .await;
    let thief = s
        .send("POST", "/api/auth/token-login", "", Some(json!({"token": stolen})))
        .await
        .token();
    let owner = s.login("ada").await;
    s.send(
        "POST",
        &format!("/api/auth/api-keys/{id}/rotate"),
        &owner,
        Some(json!({"grace": "0s"})),
    )
    .await;
    let a = s
        .send(
            "POST",
            &format!("/api/auth/api-keys/{id}/rotate"),
            &thief,
            Some(json!({"grace": "0s"})),
        )
        .await;
    let b = s
        .send(
            "PUT",
            "/api/auth/admin/shared-keys",
            &thief,
            Some(json!({"keys": ["thief-thief-thief-thief"]})),
        )
        .await;
    assert_eq!((a.status, b.status), (401, 401));
}
// child keys of a revoked maker
// narrowed admin key -> invite -> unnarrowed account
#[tokio::test]
async fn a_narrow_key_of_an_admin_is_no_key_to_the_house() {
    let s = server(RegistrationMode::Invite, false, |b| b).await;
    let admin = s.add("ada", Role::Admin).await;
    let narrow = KeyScope {
        models: Some(["tiny".to_owned()].into()),
        features: Some(std::collections::BTreeSet::default()),
        ..KeyScope::default()
    };
    let (_, key) = s.key(admin, narrow).await;
    let inv = s
        .send(
            "POST",
            "/api/auth/admin/invites",
            &key,
            Some(json!({"expiresInHours": 8760})),
        )
        .await;
    assert_eq!(inv.status, 403, "{}", inv.body);
}
// forward auth
// X-Forwarded-For
// lock-out
#[tokio::test]
async fn a_squatter_makes_room() {
    let s = server(RegistrationMode::Approval, false, |b| {
        b.admin_email("boss@example.org".parse().unwrap())
    })
    .await;
    s.add("ada", Role::Admin).await;
    let r = s
        .send(
            "POST",
            "/api/auth/register",
            "",
            Some(json!({"email": "boss@example.org", "password": PASSWORD})),
        )
        .await;
    assert_eq!(r.body["pending"], true);
    let r = s
        .auth
        .sign_in_external(
            profile("1", "boss@example.org", true),
            ExternalCodes::default(),
            &Caller::anonymous(),
        )
        .await;
    assert!(r.is_ok(), "{r:?}");
}
#[tokio::test]
async fn a_sign_in_is_the_deed_of_who_signed_in() {
    let s = server(RegistrationMode::Open, false, |b| b).await;
    s.add("ada", Role::Admin).await;
    let bob = s.add("bob", Role::User).await;
    let ada = s.login("ada").await;
    let c = format!("session={ada}");
    s.from(
        "192.0.2.7",
        "POST",
        "/api/auth/login",
        &[("cookie", c.as_bytes())],
        Some(json!({"email": "bob@example.org", "password": PASSWORD})),
    )
    .await;
    let e = s
        .send("GET", "/api/auth/admin/audit?action=session.sign_in", &ada, None)
        .await;
    println!("{:#}", e.body);
    let e = s
        .send("GET", &format!("/api/auth/admin/audit?actor={bob}"), &ada, None)
        .await;
    assert_eq!(e.body["events"].as_array().unwrap().len(), 1);
}
#[tokio::test]
async fn an_impersonation_ends_with_the_admins_sessions() {
    let s = server(RegistrationMode::Open, false, |b| b).await;
    s.add("ada", Role::Admin).await;
    let bob = s.add("bob", Role::User).await;
    let thief = s.login("ada").await;
    let imp = s
        .send(
            "POST",
            &format!("/api/auth/admin/users/{bob}/impersonate"),
            &thief,
            None,
        )
        .await
        .token();
    let ada = s.login("ada").await;
    let r = s
        .send(
            "PUT",
            "/api/auth/password",
            &ada,
            Some(json!({"current_password": PASSWORD, "new_password": "another-correct-horse-battery"})),
        )
        .await;
    assert_eq!(r.status, 200);
    assert_eq!(s.send("GET", "/api/auth/me", &thief, None).await.status, 401);
    assert_eq!(s.send("GET", "/api/auth/me", &imp, None).await.status, 401);
}
#[tokio::test]
async fn nobody_who_acts_as_somebody_invites() {
    let s = server(RegistrationMode::Open, false, |b| b).await;
    s.add("ada", Role::Admin).await;
    let bob = s.add("bob", Role::Admin).await;
    let ada = s.login("ada").await;
    let imp = s
        .send("POST", &format!("/api/auth/admin/users/{bob}/impersonate"), &ada, None)
        .await
        .token();
    let r = s.send("POST", "/api/auth/admin/invites", &imp, None).await;
    assert_eq!(r.status, 403);
}
#[tokio::test]
async fn an_impersonation_does_not_come_back() {
    let s = server(RegistrationMode::Open, false, |b| b).await;
    let ada = s.add("ada", Role::Admin).await;
    s.add("eve", Role::Admin).await;
    let bob = s.add("bob", Role::User).await;
    let t = s.login("ada").await;
    let imp = s
        .send("POST", &format!("/api/auth/admin/users/{bob}/impersonate"), &t, None)
        .await
        .token();
    let op = Caller::operator();
    s.auth.set_role(&op, ada, Role::User).await.unwrap();
    s.auth.set_role(&op, ada, Role::Admin).await.unwrap();
    assert_eq!(s.send("GET", "/api/auth/me", &imp, None).await.status, 401);
}
#[tokio::test]
async fn unlinking_a_provider_ends_its_sessions() {
    let s = server(RegistrationMode::Open, false, |b| b).await;
    s.add("ada", Role::Admin).await;
    let ada = s.login("ada").await;
    let me = who(&s, &ada).await;
    s.auth
        .link_external(&me, &profile("1", "x@y.example", true))
        .await
        .unwrap();
    let thief = s
        .auth
        .sign_in_external(
            profile("1", "x@y.example", true),
            ExternalCodes::default(),
            &Caller::anonymous(),
        )
        .await
        .unwrap();
    assert_eq!(
        s.send("DELETE", "/api/auth/identities/oidc", &ada, None).await.status,
        200
    );
    assert_eq!(
        s.send("GET", "/api/auth/me", thief.token.expose(), None).await.status,
        401
    );
}
#[tokio::test]
async fn the_only_way_in_stays_when_passwords_are_off() {
    let s = server(RegistrationMode::Open, false, |b| b.local_auth(false)).await;
    s.add("ada", Role::Admin).await;
    let id = s
        .auth
        .find_user_by_email(&"ada@example.org".parse().unwrap())
        .await
        .unwrap()
        .unwrap()
        .id;
    let k = s
        .auth
        .create_key(
            id,
            NewKey::named("k").scoped(KeyScope {
                can_mint: true,
                ..KeyScope::default()
            }),
        )
        .await
        .unwrap();
    let me = who(&s, k.plain.expose()).await;
    s.auth
        .link_external(&me, &profile("1", "x@y.example", true))
        .await
        .unwrap();
    let t = s
        .auth
        .sign_in_external(
            profile("1", "x@y.example", true),
            ExternalCodes::default(),
            &Caller::anonymous(),
        )
        .await
        .unwrap();
    assert_eq!(
        s.send("DELETE", "/api/auth/identities/oidc", t.token.expose(), None)
            .await
            .status,
        400
    );
}
