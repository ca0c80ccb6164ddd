//! Who may do what with keys.

use http::HeaderMap;
use localauth_core::{Caller, KeyScope, NewKey, Password, Role};

use crate::keys::{key_of, lets_in};
use crate::support::{NOBODY, PASSWORD, World};

#[tokio::test]
async fn keys_of_others_are_not_there() {
    let world = World::new();
    let (eve, _) = world.visitor("eve", Role::Admin).await;
    let (_, mut browser) = world.visitor("ada", Role::User).await;
    let (_, mut admin) = world.visitor("root", Role::Admin).await;
    let key = key_of(&world, &eve, "eve's").await;
    for id in [key.key.id.to_string(), NOBODY.to_owned(), "nonsense".to_owned()] {
        for who in [&mut browser, &mut admin] {
            for path in [format!("/keys/{id}"), format!("/keys/{id}/revoke")] {
                who.get(&path)
                    .await
                    .expect(404)
                    .says("There is no such key")
                    .does_not_say("eve");
            }
            who.post(&format!("/keys/{id}/rotate"), &[("grace", "0s")])
                .await
                .expect(404);
            who.post(&format!("/keys/{id}/revoke"), &[]).await.expect(404);
        }
    }
    assert!(lets_in(&world, key.plain.expose()).await);
}

#[tokio::test]
async fn forms_of_other_sites_make_no_keys() {
    let world = World::new();
    let (user, mut browser) = world.visitor("ada", Role::User).await;
    let key = key_of(&world, &user, "laptop").await;
    for path in [
        "/keys/new".to_owned(),
        "/first-key".to_owned(),
        format!("/keys/{}/rotate", key.key.id),
    ] {
        let refused = browser
            .post_from_elsewhere(&path, &[("name", "x"), ("grace", "0s")])
            .await;
        refused.expect(403).says("came from another site");
    }
    assert_eq!(world.auth.list_keys(user.id).await.unwrap().len(), 1);
    assert!(lets_in(&world, key.plain.expose()).await);
}

#[tokio::test]
async fn whoever_signed_in_with_a_key_makes_none_unless_it_may() {
    let world = World::new();
    let user = world.user("ada", Role::User).await;
    let plain = key_of(&world, &user, "plain").await;
    let mut browser = world.signed_in_by(plain.plain.expose()).await;
    browser
        .get("/keys")
        .await
        .expect(200)
        .says("plain")
        .says("not make or change any")
        .does_not_say("href=\"/keys/new\"");
    browser
        .get(&format!("/keys/{}", plain.key.id))
        .await
        .expect(200)
        .does_not_say("/rotate")
        .does_not_say("/revoke");
    browser.get("/keys/new").await.expect(403);
    for path in [
        "/keys/new".to_owned(),
        "/first-key".to_owned(),
        format!("/keys/{}/revoke", plain.key.id),
    ] {
        browser
            .post(&path, &[("name", "x")])
            .await
            .expect(403)
            .says("does not allow this");
    }
    browser
        .post(&format!("/keys/{}/rotate", plain.key.id), &[("grace", "0s")])
        .await
        .expect(403);

    let scope = KeyScope {
        can_mint: true,
        models: Some(["demo".to_owned()].into()),
        ..KeyScope::default()
    };
    let minting = world
        .auth
        .create_key(user.id, NewKey::named("minting").scoped(scope))
        .await
        .unwrap();
    let mut browser = world.signed_in_by(minting.plain.expose()).await;
    browser
        .get("/keys/new")
        .await
        .expect(200)
        .says("value=\"demo\"")
        .does_not_say("value=\"llama\"");
    let more = [("name", "more"), ("model", "llama")];
    browser
        .post("/keys/new", &more)
        .await
        .expect(403)
        .says("models that you do not have");
    browser
        .post("/keys/new", &[("name", "less"), ("expires", "none")])
        .await
        .expect(200);
    let keys = world.auth.list_keys(user.id).await.unwrap();
    let less = keys.iter().find(|key| key.name == "less").unwrap();
    assert_eq!(
        less.scope.models,
        Some(["demo".to_owned()].into()),
        "no more than its maker"
    );
    let mark = plain.key.secret_mark();
    let fields = [("grace", "0s"), ("secret", mark.as_str())];
    let refused = browser.post(&format!("/keys/{}/rotate", plain.key.id), &fields).await;
    refused.expect(403).says("A key cannot have more than");
}

#[tokio::test]
async fn whoever_acts_as_somebody_makes_no_keys_of_theirs_and_may_revoke_them() {
    let world = World::new();
    let (root, _) = world.visitor("root", Role::Admin).await;
    let user = world.user("ada", Role::User).await;
    let key = key_of(&world, &user, "laptop").await;
    let signed_in = world
        .auth
        .sign_in(root.email.as_str(), Password::new(PASSWORD), &Caller::anonymous())
        .await
        .unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(
        "authorization",
        format!("Bearer {}", signed_in.token.expose()).parse().unwrap(),
    );
    let identity = world.auth.authenticate(&headers).await.unwrap();
    let acting = world
        .auth
        .impersonate(&Caller::from_identity(identity), user.id)
        .await
        .unwrap();
    let mut browser = world.browser();
    browser.set_cookie("session", acting.signed_in.token.expose());
    browser.get("/keys").await.expect(200).says("laptop");
    for path in [
        "/keys/new".to_owned(),
        "/first-key".to_owned(),
        format!("/keys/{}/rotate", key.key.id),
    ] {
        let refused = browser.post(&path, &[("name", "x"), ("grace", "0s")]).await;
        refused.expect(403).says("keys are for them to make");
    }
    browser
        .post(&format!("/keys/{}/revoke", key.key.id), &[])
        .await
        .leads_to("/keys?done=key-revoked");
    assert!(!lets_in(&world, key.plain.expose()).await);
}

#[tokio::test]
async fn behind_a_shared_key_there_are_no_keys() {
    let world = World::with(|auth| auth.shared_key("shared-key-of-the-house"), |console| console);
    let mut browser = world.signed_in_by("shared-key-of-the-house").await;
    for path in ["/keys", "/keys/new"] {
        browser.get(path).await.expect(400).says("no keys of its own");
    }
    browser
        .post("/keys/new", &[("name", "x")])
        .await
        .expect(400)
        .says("no keys of its own");
    browser.post("/first-key", &[("name", "x")]).await.expect(400);
    browser
        .get("/")
        .await
        .expect(200)
        .says("signed in with a shared key")
        .does_not_say("/first-key");
}
