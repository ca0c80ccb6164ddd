//! Who somebody is taken for.

use localauth_core::{Email, Role};
use localauth_tower::oauth::GroupMapping;
use serde_json::{Value, json};

use crate::world::{Setup, World};

fn email(text: &str) -> Email {
    text.parse().unwrap()
}

#[tokio::test]
async fn claims_come_from_the_id_token() {
    let world = World::new().await;
    let mut browser = world.browser();
    world.sign_in_with(&mut browser).await;
    assert_eq!(world.idp.asked("userinfo"), 0, "nothing was missing");
    let me = browser.me().await;
    assert_eq!(me["email"], "alice@example.org");
    assert_eq!(me["name"], "Alice");
    assert_eq!(me["avatarUrl"], "https://example.org/alice.png");
    assert_eq!(me["provider"], "oidc");
}

#[tokio::test]
async fn claims_come_from_userinfo() {
    let world = World::new().await;
    bare(&world);
    world.idp.be(|script| {
        script.userinfo = json!({
            "sub": "user-1", "email": "alice@example.org", "email_verified": true, "preferred_username": "al",
        });
    });
    world.sign_in().await;
    let user = world.user().await;
    assert_eq!((user.email, user.name.as_str()), (email("alice@example.org"), "al"));
}

/// The ID token says who, and nothing about them.
fn bare(world: &World) {
    world.idp.claims(|claims| {
        for name in ["email", "email_verified", "name", "picture"] {
            claims.as_object_mut().unwrap().remove(name);
        }
    });
}

#[tokio::test]
async fn userinfo_about_somebody_else_is_refused() {
    let world = World::new().await;
    bare(&world);
    for other in [
        json!({ "sub": "user-2", "email": "mallory@example.org", "email_verified": true }),
        json!({ "email": "mallory@example.org", "email_verified": true }),
        json!({ "sub": null }),
        json!([]),
        json!("user-1"),
    ] {
        world.idp.be(|script| script.userinfo = other.clone());
        world.refused("provider", &other.to_string()).await;
    }
    assert!(world.users().await.is_empty());
}

#[tokio::test]
async fn only_true_is_verified() {
    for in_token in [true, false] {
        for (verified, admin) in [
            (Some(json!(true)), true),
            (Some(json!(false)), false),
            (Some(json!("true")), false),
            (Some(json!("false")), false),
            (Some(Value::Null), false),
            (None, false),
        ] {
            let world = World::with(Setup {
                auth: |auth| auth.admin_email("alice@example.org".parse().unwrap()),
                ..Setup::default()
            })
            .await;
            // The first one is an administrator in any case.
            world.idp.claims(|claims| {
                claims["sub"] = "first".into();
                claims["email"] = "first@example.org".into();
            });
            world.sign_in().await;
            let mut said = json!({ "sub": "user-1", "email": "alice@example.org" });
            if let Some(verified) = &verified {
                said["email_verified"] = verified.clone();
            }
            if in_token {
                let said = said.clone();
                world.idp.claims(move |claims| {
                    claims.as_object_mut().unwrap().remove("email_verified");
                    claims
                        .as_object_mut()
                        .unwrap()
                        .extend(said.as_object().unwrap().clone());
                });
                world.idp.be(|script| script.userinfo = json!({ "sub": "user-1" }));
            } else {
                bare(&world);
                world.idp.be(|script| script.userinfo = said);
            }
            assert_eq!(world.sign_in().await.location(), "/", "{verified:?}");
            let user = world
                .auth
                .find_user_by_email(&email("alice@example.org"))
                .await
                .unwrap()
                .unwrap();
            assert_eq!(user.role == Role::Admin, admin, "{verified:?}");
        }
    }
}

#[tokio::test]
async fn an_address_of_another_account_is_never_taken_over() {
    let world = World::new().await;
    world.sign_in().await;
    world.idp.claims(|claims| claims["sub"] = "user-2".into());
    world.refused("email_taken", "the same address at the provider").await;
    // Whoever claims addresses without proof does not learn which are known.
    world.idp.claims(|claims| {
        claims["sub"] = "user-2".into();
        claims["email_verified"] = false.into();
    });
    world.refused("provider", "an address that nobody verified").await;
    assert_eq!(world.user().await.email, email("alice@example.org"));
}

#[tokio::test]
async fn whoever_changes_their_address_stays_who_they_are() {
    let world = World::new().await;
    world.sign_in().await;
    let before = world.user().await;
    world
        .idp
        .claims(|claims| claims["email"] = "alice@elsewhere.example".into());
    world.sign_in().await;
    assert_eq!(world.user().await.id, before.id);
}

fn grouped() -> Setup {
    Setup {
        oidc: |config| {
            config.scopes(["profile email groups"]).groups(
                GroupMapping::new("groups")
                    .admin("ops")
                    .feature("artists", "images")
                    .feature("talkers", "chat"),
            )
        },
        ..Setup::default()
    }
}

#[tokio::test]
async fn groups_give_role_and_features_at_each_sign_in() {
    let world = World::with(grouped()).await;
    world.idp.claims(|claims| {
        claims["sub"] = "first".into();
        claims["email"] = "first@example.org".into();
        claims["groups"] = json!(["ops"]);
    });
    world.sign_in().await;
    let mut browser = world.browser();
    for (groups, admin, images, chat) in [
        (json!(["ops", "artists", "talkers"]), true, true, true),
        (json!(["artists"]), false, true, false),
        (json!(["talkers"]), false, false, true),
        (json!(["OPS"]), false, false, false),
        (json!("ops"), false, false, false),
        (json!(["ops", 7]), false, false, false),
        (json!({ "ops": true }), false, false, false),
        (Value::Null, false, false, false),
        (json!(["ops"]), true, false, false),
    ] {
        let given = groups.clone();
        world.idp.claims(move |claims| claims["groups"] = given.clone());
        assert_eq!(world.sign_in_with(&mut browser).await.location(), "/", "{groups}");
        let user = world
            .auth
            .find_user_by_email(&email("alice@example.org"))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(user.role == Role::Admin, admin, "{groups}");
        assert_eq!(
            (user.permissions["images"], user.permissions["chat"]),
            (images, chat),
            "{groups}"
        );
    }
}

#[tokio::test]
async fn groups_come_from_userinfo_too() {
    let world = World::with(grouped()).await;
    world.idp.claims(|claims| {
        claims["sub"] = "first".into();
        claims["email"] = "first@example.org".into();
        claims["groups"] = json!(["ops"]);
    });
    world.sign_in().await;
    world.idp.claims(|_| {});
    world
        .idp
        .be(|script| script.userinfo = json!({ "sub": "user-1", "groups": ["ops", "artists"] }));
    assert_eq!(world.sign_in().await.location(), "/");
    let user = world
        .auth
        .find_user_by_email(&email("alice@example.org"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((user.role, user.permissions["images"]), (Role::Admin, true));
    assert_eq!(world.idp.asked("userinfo"), 1, "only when something is missing");
}
