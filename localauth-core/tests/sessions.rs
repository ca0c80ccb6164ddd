//! Sessions: renewal, those made from keys, and how they end.

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use localauth_core::{
    Denial, KeyScope, KeyStore as _, NewKey, Password, RENEW_AFTER, RENEWAL_OVERLAP, Role, SESSION_LIFETIME, SessionId,
    SignInError, Source, Status, UsageSource, UserStore as _,
};
use support::{PASSWORD, World, bearer, headers, nobody, operator};

const DAY: Duration = Duration::from_hours(24);
const MILLI: Duration = Duration::from_millis(1);

fn minting() -> KeyScope {
    KeyScope {
        can_mint: true,
        ..KeyScope::default()
    }
}

/// The new token for the session behind this one, when it is due and we get it.
async fn renew(world: &World, token: &str) -> Option<(String, Duration)> {
    let identity = world.ask(token).await.unwrap();
    let renewed = world.auth.renew_session(&identity, token.as_bytes()).await.unwrap();
    renewed.map(|(token, lasts)| (token.expose().to_owned(), lasts))
}

fn session_id(caller: &localauth_core::Caller) -> SessionId {
    match caller.identity().unwrap().source() {
        Source::Session { id } => *id,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_token_is_renewed_after_an_hour_and_the_old_one_is_good_for_a_minute() {
    let world = World::new().await;
    world.user("ada@example.org").await;
    let old = world.session("ada@example.org").await;
    world.pass(RENEW_AFTER.saturating_sub(MILLI)).await;
    assert!(renew(&world, &old).await.is_none(), "not due");
    world.pass(MILLI).await;
    let (new, lasts) = renew(&world, &old).await.unwrap();
    assert_eq!(lasts, SESSION_LIFETIME.saturating_sub(RENEW_AFTER));
    assert_ne!(new, old);
    let same = session_id(&world.by(&new).await);
    assert_eq!(session_id(&world.by(&old).await), same, "both are the one session");
    assert!(renew(&world, &old).await.is_none(), "an old token gets no other");
    world.pass(RENEWAL_OVERLAP.saturating_sub(MILLI)).await;
    world.ask(&old).await.unwrap();
    world.pass(MILLI).await;
    for _ in 0..2 {
        assert_eq!(
            world.ask(&old).await.unwrap_err(),
            Denial::InvalidSession,
            "also when cached"
        );
    }
    world.ask(&new).await.unwrap();
}

#[tokio::test]
async fn renewal_does_not_extend_a_session() {
    let world = World::new().await;
    world.user("ada@example.org").await;
    let mut token = world.session("ada@example.org").await;
    let end = world.auth.now() + SESSION_LIFETIME;
    for _ in 0..29 {
        world.pass(DAY).await;
        token = renew(&world, &token).await.unwrap().0;
        assert_eq!(world.ask(&token).await.unwrap().expires_at(), end);
    }
    world.pass(DAY.saturating_sub(MILLI)).await;
    let (last, lasts) = renew(&world, &token).await.unwrap();
    assert_eq!(lasts, MILLI);
    world.pass(MILLI).await;
    for token in [token, last] {
        assert_eq!(world.ask(&token).await.unwrap_err(), Denial::InvalidSession);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_renewals_at_once_one_wins_and_nobody_is_logged_out() {
    let world = World::new().await;
    world.user("ada@example.org").await;
    let old = world.session("ada@example.org").await;
    world.pass(RENEW_AFTER).await;
    let identity = world.ask(&old).await.unwrap();
    let all = (0..20).map(|_| {
        let (auth, identity, old) = (world.auth.clone(), identity.clone(), old.clone());
        tokio::spawn(async move { auth.renew_session(&identity, old.as_bytes()).await.unwrap() })
    });
    let won: Vec<_> = join_all(all).await.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(won.len(), 1);
    world.ask(&old).await.unwrap();
    world.ask(won[0].0.expose()).await.unwrap();
}

#[tokio::test]
async fn a_token_that_is_not_the_sessions_renews_nothing() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    let (one, two) = (
        world.session("ada@example.org").await,
        world.session("ada@example.org").await,
    );
    let key = world.key(&ada).await;
    world.pass(RENEW_AFTER).await;
    let identity = world.ask(&one).await.unwrap();
    for token in [two.as_bytes(), key.expose().as_bytes(), b"", b"ss-local-x"] {
        assert!(world.auth.renew_session(&identity, token).await.unwrap().is_none());
    }
    let by_key = world.ask(key.expose()).await.unwrap();
    assert!(
        world
            .auth
            .renew_session(&by_key, one.as_bytes())
            .await
            .unwrap()
            .is_none()
    );
    world.store.set_outage(true);
    assert!(
        world.auth.renew_session(&identity, one.as_bytes()).await.is_err(),
        "an outage is an error"
    );
    world.store.set_outage(false);
    world.ask(&one).await.unwrap();
}

#[tokio::test]
async fn a_session_made_from_a_key_is_that_key_in_a_browser() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    let scope = KeyScope {
        features: Some(BTreeSet::from(["chat".to_owned()])),
        ..KeyScope::default()
    };
    let key = world.key_with(&ada, scope).await;
    let session = world.token_session(key.plain.expose()).await;
    let me = world.ask(&session).await.unwrap();
    assert!(me.may("chat") && !me.may("images"));
    assert_eq!(me.usage_source(), UsageSource::Web);
    assert_eq!(me.require_minting(), Err(Denial::KeyScope));

    // Another secret under the same key ends it with the old one's grace; the key's end does, for the next request.
    let owner = world.by(&world.session("ada@example.org").await).await;
    let grace = RENEW_AFTER * 2;
    world.auth.rotate_key(&owner, key.key.id, grace).await.unwrap();
    world.ask(&session).await.unwrap();
    world.pass(RENEW_AFTER).await;
    let (renewed, _) = renew(&world, &session).await.unwrap();
    assert!(
        !world.ask(&renewed).await.unwrap().may("images"),
        "renewal sheds nothing"
    );
    world.auth.revoke_own_key(&owner, key.key.id).await.unwrap();
    for token in [&session, &renewed] {
        assert_eq!(world.ask(token).await.unwrap_err(), Denial::InvalidSession);
    }
    assert!(
        world
            .auth
            .sign_in_with_token(Password::new(key.plain.expose()), &nobody())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_session_made_from_a_key_ends_with_it_and_cannot_be_extended() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    let end = world.auth.now() + 2 * DAY;
    let key = NewKey::named("short").scoped(minting()).expiring(end);
    let key = world.auth.create_key(ada.id, key).await.unwrap();
    let made = world
        .auth
        .sign_in_with_token(Password::new(key.plain.expose()), &nobody())
        .await
        .unwrap();
    assert_eq!(made.lifetime, 2 * DAY, "the cookie is told the same");
    let session = made.token.expose().to_owned();
    assert_eq!(world.ask(&session).await.unwrap().expires_at(), end);
    world.pass(DAY).await;
    let (renewed, lasts) = renew(&world, &session).await.unwrap();
    assert_eq!(lasts, DAY);
    // A session makes no session, so none can be chained beyond the key.
    let chained = world.auth.sign_in_with_token(Password::new(&renewed), &nobody()).await;
    assert!(matches!(chained, Err(SignInError::Denied(_))));
    let child = world
        .auth
        .create_own_key(&world.by(&renewed).await, NewKey::named("child"))
        .await
        .unwrap();
    assert_eq!(child.key.expires_at, Some(end));
    world.pass(DAY).await;
    assert_eq!(world.ask(&renewed).await.unwrap_err(), Denial::InvalidSession);
}

#[tokio::test]
async fn sessions_are_listed_and_ended_by_their_owner_alone() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada@example.org").await, world.user("bob@example.org").await);
    let phone = nobody().at("192.0.2.7".parse().ok()).with_user_agent("phone\u{7}");
    let phone = world
        .auth
        .sign_in("ada@example.org", Password::new(PASSWORD), &phone)
        .await
        .unwrap();
    world.pass(DAY).await;
    let laptop = world.session("ada@example.org").await;
    let by = world.by(&laptop).await;
    world.by(phone.token.expose()).await;
    world.auth.flush().await.unwrap();
    let list = world.auth.list_sessions(ada.id).await.unwrap();
    assert_eq!(list.iter().map(|s| s.id).next(), Some(session_id(&by)), "newest first");
    assert_eq!((&*list[1].ip, &*list[1].user_agent), ("192.0.2.7", "phone"));
    assert_eq!(list[1].last_seen_at, world.auth.now());

    world.user("eve@example.org").await;
    let eve = world.by(&world.session("eve@example.org").await).await;
    assert!(
        !world.auth.end_session(&eve, list[1].id).await.unwrap(),
        "somebody else's is as good as none"
    );
    world.ask(phone.token.expose()).await.unwrap();
    assert!(world.auth.end_session(&by, list[1].id).await.unwrap());
    assert_eq!(
        world.ask(phone.token.expose()).await.unwrap_err(),
        Denial::InvalidSession
    );

    let (third, bobs) = (
        world.session("ada@example.org").await,
        world.session("bob@example.org").await,
    );
    world.auth.end_other_sessions(&by).await.unwrap();
    world.ask(&laptop).await.unwrap();
    world.ask(&bobs).await.unwrap();
    assert_eq!(world.ask(&third).await.unwrap_err(), Denial::InvalidSession);
    let by_key = world.by(world.key_with(&ada, minting()).await.plain.expose()).await;
    world.auth.end_other_sessions(&by_key).await.unwrap();
    assert_eq!(
        world.ask(&laptop).await.unwrap_err(),
        Denial::InvalidSession,
        "a key keeps none"
    );
    assert!(world.auth.list_sessions(ada.id).await.unwrap().is_empty());
    assert_eq!(world.auth.list_sessions(bob.id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn who_may_not_come_in_comes_in_by_no_carrier() {
    let world = World::new().await;
    world.admin("root@example.org").await;
    let ada = world.user("ada@example.org").await;
    let key = world.key(&ada).await;
    for status in [Status::Disabled, Status::Pending] {
        let (session, from_key) = (
            world.session("ada@example.org").await,
            world.token_session(key.expose()).await,
        );
        let basic = base64_of(&format!("ada:{}", key.expose()));
        let by_key = [
            bearer(key.expose()),
            headers(&[("authorization", &format!("Basic {basic}"))]),
            headers(&[("x-api-key", key.expose())]),
            headers(&[("xi-api-key", key.expose())]),
            headers(&[("cookie", &format!("token={}", key.expose()))]),
        ];
        let by_session = [
            bearer(&session),
            headers(&[("cookie", &format!("session={session}"))]),
            headers(&[("cookie", &format!("__Host-session={from_key}"))]),
            bearer(&from_key),
        ];
        for request in by_key.iter().chain(&by_session) {
            world.auth.authenticate(request).await.unwrap();
        }
        let changed = world.store.set_status(ada.id, status).await.unwrap();
        assert!(matches!(changed, localauth_core::ChangeUser::Changed(_)));
        world.auth.follow_changes().await.unwrap();
        for request in &by_key {
            assert_eq!(
                world.auth.authenticate(request).await.unwrap_err(),
                Denial::AccountInactive,
                "{status}"
            );
        }
        for request in &by_session {
            assert_eq!(
                world.auth.authenticate(request).await.unwrap_err(),
                Denial::InvalidSession,
                "{status}"
            );
        }
        assert!(
            world
                .auth
                .sign_in("ada@example.org", Password::new(PASSWORD), &nobody())
                .await
                .is_err()
        );
        assert!(
            world
                .auth
                .sign_in_with_token(Password::new(key.expose()), &nobody())
                .await
                .is_err()
        );
        world
            .auth
            .set_status(&operator(), ada.id, Status::Active)
            .await
            .unwrap();
        world.pass(Duration::from_secs(10)).await;
        world.ask(key.expose()).await.unwrap();
        assert!(world.ask(&session).await.is_err(), "let in again, they sign in again");
    }
}

fn base64_of(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[tokio::test]
async fn another_role_ends_sessions_and_keys_stay() {
    let world = World::new().await;
    world.admin("root@example.org").await;
    let ada = world.user("ada@example.org").await;
    let (session, key) = (world.session("ada@example.org").await, world.key(&ada).await);
    let from_key = world.token_session(key.expose()).await;
    world.auth.set_role(&operator(), ada.id, Role::User).await.unwrap();
    world.ask(&session).await.unwrap();
    world.auth.set_role(&operator(), ada.id, Role::Admin).await.unwrap();
    for token in [&session, &from_key] {
        assert_eq!(world.ask(token).await.unwrap_err(), Denial::InvalidSession);
    }
    assert!(world.ask(key.expose()).await.unwrap().is_admin());
    assert!(
        world
            .store
            .find_key_by_id(world.auth.list_keys(ada.id).await.unwrap()[0].id)
            .await
            .unwrap()
            .is_some()
    );
}
