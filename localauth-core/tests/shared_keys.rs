//! Shared keys: those of the configuration, those of the run time, and the sessions made from them.

mod support;

use std::time::Duration;

use localauth_core::{
    AuditAction, AuditQuery, Auth, Caller, Denial, KeyScope, NewKey, Password, Period, RENEW_AFTER, ServerSecret,
    SharedKeysError, SignInError, StoreErrorKind, UsageEvent, UsageFilter, UsageSource, UserId,
};
use support::{World, bearer, builder, nobody, operator};

const CONFIGURED: &str = "a-key-of-the-configuration";
const RUNTIME: &str = "a-key-of-the-run-time";

async fn set(auth: &Auth, keys: &[&str]) {
    let keys: Vec<String> = keys.iter().map(|&key| key.to_owned()).collect();
    auth.replace_shared_keys(&operator(), &keys).await.unwrap();
}

/// The next process over the same store, as after a restart: nobody has looked at the store yet.
fn restarted(world: &World, configured: &[&str]) -> Auth {
    let builder = configured
        .iter()
        .fold(builder(&world.store, &world.clock), |b, &key| b.shared_key(key));
    builder.build().unwrap()
}

#[tokio::test]
async fn keys_of_the_run_time_come_and_go_for_the_next_request() {
    let world = World::with(|b| b.shared_key(CONFIGURED)).await;
    assert_eq!(world.ask(RUNTIME).await.unwrap_err(), Denial::InvalidApiKey);
    set(&world.auth, &[RUNTIME]).await;
    let me = world.ask(RUNTIME).await.unwrap();
    assert!(me.is_admin() && me.user_id() == UserId::SHARED && me.usage_source() == UsageSource::Legacy);
    set(&world.auth, &[]).await;
    assert!(!me.is_current(), "whoever holds the identity can tell");
    assert_eq!(world.ask(RUNTIME).await.unwrap_err(), Denial::InvalidApiKey);
    assert!(world.ask(CONFIGURED).await.unwrap().is_current(), "the other stays");
}

#[tokio::test]
async fn what_is_listed_tells_no_key_and_can_be_sent_back() {
    let world = World::with(|b| b.shared_key(CONFIGURED)).await;
    // Two that look alike.
    let twin = "a-k-and-something-else-time";
    set(&world.auth, &[RUNTIME, twin]).await;
    let listed = world.auth.shared_keys().await.unwrap();
    assert_eq!(listed.iter().filter(|key| key.is_configured).count(), 1);
    assert!(
        listed
            .iter()
            .all(|key| ![CONFIGURED, RUNTIME, twin].contains(&key.masked.as_str()))
    );
    let of_run_time = listed.iter().filter(|key| !key.is_configured);
    let masked: Vec<&str> = of_run_time.clone().map(|key| key.masked.as_str()).collect();
    assert_eq!(masked[0], masked[1]);
    set(&world.auth, &masked).await;
    for key in [RUNTIME, twin] {
        world.ask(key).await.unwrap();
    }
    let ids: Vec<&str> = of_run_time.map(|key| key.id.as_str()).collect();
    set(&world.auth, &ids[..1]).await;
    assert_eq!(
        [RUNTIME, twin]
            .map(|key| world.auth.authenticate(&bearer(key)))
            .into_iter()
            .count(),
        2
    );
    let mut good = 0;
    for key in [RUNTIME, twin] {
        good += usize::from(world.ask(key).await.is_ok());
    }
    assert_eq!(good, 1);
}

#[tokio::test]
async fn what_cannot_be_a_shared_key_is_refused_and_changes_nothing() {
    let world = World::new().await;
    set(&world.auth, &[RUNTIME]).await;
    for wrong in [
        "",
        "short",
        "with spaces in the middle",
        "with,a,comma,in,it",
        "nicht-in-ascii-ä",
        &"x".repeat(513),
    ] {
        let refused = world.auth.replace_shared_keys(&operator(), &[wrong.to_owned()]).await;
        assert!(matches!(refused, Err(SharedKeysError::Form)), "{wrong}");
    }
    let many: Vec<String> = (0..101).map(|n| format!("a-shared-key-number-{n}")).collect();
    let refused = world.auth.replace_shared_keys(&operator(), &many).await;
    assert!(matches!(refused, Err(SharedKeysError::TooMany)));
    world.ask(RUNTIME).await.unwrap();
    for configured in ["", "with space", "ä", &"x".repeat(513)] {
        let built = builder(&world.store, &world.clock).shared_key(configured).build();
        assert!(built.is_err(), "{configured}");
    }
}

/// Before anybody has looked at the store, a key of the run time is not known: no reason to call it wrong.
#[tokio::test]
async fn right_after_the_start_a_key_of_the_run_time_is_found_or_503() {
    let world = World::new().await;
    set(&world.auth, &[RUNTIME]).await;
    let session = world.token_session(RUNTIME).await;
    let auth = restarted(&world, &[]);
    world.store.set_outage(true);
    for token in [RUNTIME, &session, "a-guess-at-a-shared-key"] {
        assert_eq!(
            auth.authenticate(&bearer(token)).await.unwrap_err(),
            Denial::StoreUnavailable,
            "{token}"
        );
    }
    world.store.set_outage(false);
    for _ in 0..2 {
        auth.authenticate(&bearer(&session)).await.unwrap();
        auth.authenticate(&bearer(RUNTIME)).await.unwrap();
    }
    let guess = auth.authenticate(&bearer("a-guess-at-a-shared-key")).await;
    assert_eq!(guess.unwrap_err(), Denial::InvalidApiKey);
    let other = restarted(&world, &[]);
    other.authenticate(&bearer(RUNTIME)).await.unwrap();
}

#[tokio::test]
async fn guesses_ask_the_store_nothing_once_it_was_read() {
    let world = World::with(|b| b.shared_key(CONFIGURED)).await;
    set(&world.auth, &[RUNTIME]).await;
    world.store.set_outage(true);
    for n in 0..100 {
        let guess = world.ask(&format!("a-guess-number-{n}")).await;
        assert_eq!(
            guess.unwrap_err(),
            Denial::InvalidApiKey,
            "not even an outage is noticed"
        );
    }
}

/// A key removed on another node is dead here within a second, also when this node has lost the store.
#[tokio::test]
async fn a_key_of_the_run_time_is_believed_no_longer_than_anything_else() {
    let world = World::with(|b| b.shared_key(CONFIGURED)).await;
    set(&world.auth, &[RUNTIME]).await;
    let session = world.token_session(RUNTIME).await;
    let other = restarted(&world, &[CONFIGURED]);
    other.follow_changes().await.unwrap();
    for token in [RUNTIME, &session] {
        other.authenticate(&bearer(token)).await.unwrap();
    }
    world.store.set_outage(true);
    world.clock.advance(Duration::from_mins(4));
    other.follow_changes().await.unwrap_err();
    other.authenticate(&bearer(RUNTIME)).await.unwrap();
    world.clock.advance(Duration::from_mins(2));
    other.follow_changes().await.unwrap_err();
    for token in [RUNTIME, &session] {
        assert_eq!(
            other.authenticate(&bearer(token)).await.unwrap_err(),
            Denial::StoreUnavailable
        );
    }
    other.authenticate(&bearer(CONFIGURED)).await.unwrap();
    world.store.set_outage(false);
    set(&world.auth, &[]).await;
    // It has not followed yet: whoever comes first makes it look.
    assert_eq!(
        other.authenticate(&bearer(RUNTIME)).await.unwrap_err(),
        Denial::InvalidApiKey
    );
    assert_eq!(
        other.authenticate(&bearer(&session)).await.unwrap_err(),
        Denial::InvalidSession
    );
    other.authenticate(&bearer(CONFIGURED)).await.unwrap();
}

#[tokio::test]
async fn a_session_of_a_shared_key_is_the_shared_administrator_until_the_key_goes() {
    let world = World::new().await;
    set(&world.auth, &[RUNTIME, "another-key-of-the-run-time"]).await;
    let session = world.token_session(RUNTIME).await;
    let other = world.token_session("another-key-of-the-run-time").await;
    let me = world.ask(&session).await.unwrap();
    assert!(me.is_admin() && me.public_user_id() == "legacy-api-key");
    assert_eq!(me.usage_source(), UsageSource::Legacy);
    world.pass(RENEW_AFTER).await;
    let renewed = world
        .auth
        .renew_session(&world.ask(&session).await.unwrap(), session.as_bytes())
        .await;
    let renewed = renewed.unwrap().unwrap().0;
    set(&world.auth, &["another-key-of-the-run-time"]).await;
    for ended in [session.as_str(), renewed.expose()] {
        assert_eq!(
            world.ask(ended).await.unwrap_err(),
            Denial::InvalidSession,
            "the next request"
        );
    }
    world.ask(&other).await.unwrap();
    // A session is no key to make sessions from.
    let chained = world.auth.sign_in_with_token(Password::new(&other), &nobody()).await;
    assert!(matches!(chained, Err(SignInError::Denied(Denial::InvalidApiKey))));
    world.auth.sign_out(&world.by(&other).await).await.unwrap();
    assert_eq!(world.ask(&other).await.unwrap_err(), Denial::InvalidSession);
    world.ask("another-key-of-the-run-time").await.unwrap();
}

#[tokio::test]
async fn a_session_of_a_configured_key_survives_a_restart_with_it_and_none_without() {
    let world = World::with(|b| b.shared_key(CONFIGURED)).await;
    let session = world.token_session(CONFIGURED).await;
    world.ask(&session).await.unwrap();
    let with = restarted(&world, &[CONFIGURED, "another"]);
    with.authenticate(&bearer(&session)).await.unwrap();
    let without = restarted(&world, &["another"]);
    assert_eq!(
        without.authenticate(&bearer(&session)).await.unwrap_err(),
        Denial::InvalidSession
    );
    assert_eq!(
        without.authenticate(&bearer(CONFIGURED)).await.unwrap_err(),
        Denial::InvalidApiKey
    );
}

#[tokio::test]
async fn signing_out_one_shared_session_cuts_no_key_off() {
    let world = World::with(|b| b.shared_key(CONFIGURED)).await;
    set(&world.auth, &[RUNTIME]).await;
    let configured = world.ask(CONFIGURED).await.unwrap();
    let session = world.token_session(CONFIGURED).await;
    let stays = world.token_session(RUNTIME).await;
    world.auth.sign_out(&world.by(&session).await).await.unwrap();
    assert!(configured.is_current(), "a stream under it goes on");
    for token in [RUNTIME, CONFIGURED, &stays] {
        assert!(world.ask(token).await.unwrap().is_current(), "{token}");
    }
}

#[tokio::test]
async fn the_shared_administrator_has_no_account_to_change() {
    let world = World::with(|b| b.shared_key(CONFIGURED)).await;
    let ada = world.user("ada@example.org").await;
    let by = world.by(CONFIGURED).await;
    assert!(world.auth.create_own_key(&by, NewKey::named("x")).await.is_err());
    assert!(world.auth.set_profile(&by, "Eve", None).await.is_err());
    let password = Password::new(support::PASSWORD);
    let new = Password::new("another-horse-battery");
    assert!(world.auth.change_password(&by, password, new, false).await.is_err());
    assert!(!world.auth.has_users().await.unwrap() || world.auth.find_user(ada.id).await.unwrap().is_some());
    // But it administers: a key for somebody, and its own session's end.
    world
        .auth
        .create_key_for(&by, ada.id, NewKey::named("x"))
        .await
        .unwrap();
    let scope = KeyScope::default();
    world
        .auth
        .create_key_for(&by, ada.id, NewKey::named("y").scoped(scope))
        .await
        .unwrap();
    assert!(
        !world
            .auth
            .end_session(&by, localauth_core::SessionId::from_uuid(ada.id.as_uuid()))
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn an_outage_while_keys_are_replaced_is_an_error() {
    let world = World::new().await;
    set(&world.auth, &[RUNTIME]).await;
    let by: Caller = world.by(RUNTIME).await;
    world.store.set_outage(true);
    match world.auth.replace_shared_keys(&by, &[]).await {
        Err(SharedKeysError::Store(error)) => assert_eq!(error.kind(), StoreErrorKind::Unavailable),
        other => panic!("{other:?}"),
    }
    world.ask(RUNTIME).await.unwrap();
}

#[tokio::test]
async fn what_shared_keys_use_is_legacy_in_the_report() {
    let world = World::with(|b| b.shared_key(CONFIGURED)).await;
    let session = world.token_session(CONFIGURED).await;
    for token in [CONFIGURED, &session] {
        let me = world.ask(token).await.unwrap();
        world.auth.record_usage(UsageEvent {
            request_id: world.auth.new_request_id(),
            at: world.auth.now(),
            user_id: me.user_id(),
            user_name: me.name().to_owned(),
            key: None,
            source: me.usage_source(),
            model: "demo".into(),
            endpoint: "/v1/chat/completions".into(),
            prompt_tokens: 1,
            cached_tokens: 0,
            cost_micros: 0,
            completion_tokens: 1,
            estimated: false,
        });
    }
    let all = world
        .auth
        .usage_sources(Period::Day, UsageFilter::default(), true)
        .await
        .unwrap();
    assert_eq!(all.by_source.keys().copied().collect::<Vec<_>>(), [UsageSource::Legacy]);
    assert_eq!(all.grand_total.requests, 2);
    let users = world
        .auth
        .usage_sources(Period::Day, UsageFilter::default(), false)
        .await
        .unwrap();
    assert_eq!(users.grand_total.requests, 0);
}

/// Nobody has to know the others to add one or to take one away.
#[tokio::test]
async fn one_key_comes_and_goes_beside_the_others() {
    let world = World::with(|b| b.shared_key(CONFIGURED)).await;
    let auth = &world.auth;
    let typed = auth.add_shared_key(&operator(), Some(RUNTIME)).await.unwrap();
    let fresh = auth.add_shared_key(&operator(), None).await.unwrap();
    assert_eq!(*typed, RUNTIME);
    assert!(fresh.len() >= 40 && fresh.starts_with("sk-"), "{}", fresh.len());
    for key in [CONFIGURED, RUNTIME, &fresh] {
        assert!(world.ask(key).await.unwrap().is_admin());
    }
    for taken in [RUNTIME, CONFIGURED] {
        let refused = auth.add_shared_key(&operator(), Some(taken)).await;
        assert!(matches!(refused, Err(SharedKeysError::Present)), "{taken}");
    }
    for wrong in ["short", "with spaces in the middle", ""] {
        let refused = auth.add_shared_key(&operator(), Some(wrong)).await;
        assert!(matches!(refused, Err(SharedKeysError::Form)), "{wrong}");
    }
    let listed = auth.shared_keys().await.unwrap();
    let of_run_time: Vec<&str> = listed
        .iter()
        .filter(|key| !key.is_configured)
        .map(|key| &*key.id)
        .collect();
    assert_eq!(of_run_time.len(), 2);
    // Both are of the same moment, so that either may be the first.
    let typed = listed
        .iter()
        .find(|key| !key.is_configured && key.masked.starts_with("a-k"));
    let id = typed.unwrap().id.parse().unwrap();
    auth.remove_shared_key(&operator(), id).await.unwrap();
    assert_eq!(world.ask(RUNTIME).await.unwrap_err(), Denial::InvalidApiKey);
    world.ask(&fresh).await.unwrap();
    let again = auth.remove_shared_key(&operator(), id).await;
    assert!(matches!(again, Err(SharedKeysError::NotFound)));
    // Whoever does not know yet that it is gone would keep it by its id, which is on pages: it must not become a key.
    {
        let text = id.to_string();
        let kept = auth.replace_shared_keys(&operator(), std::slice::from_ref(&text)).await;
        assert!(matches!(kept, Err(SharedKeysError::NotFound)));
        let typed = auth.add_shared_key(&operator(), Some(&text)).await;
        assert!(matches!(typed, Err(SharedKeysError::Form)));
        assert_eq!(world.ask(&text).await.unwrap_err(), Denial::InvalidApiKey);
    }
    world.ask(&fresh).await.unwrap();
}

#[tokio::test]
async fn who_may_not_hand_out_credentials_neither_adds_nor_removes_one() {
    let world = World::with(|b| b.shared_key(CONFIGURED)).await;
    let auth = &world.auth;
    auth.add_shared_key(&operator(), Some(RUNTIME)).await.unwrap();
    let id = auth.shared_keys().await.unwrap()[1].id.parse().unwrap();
    for caller in [nobody(), Caller::anonymous()] {
        let added = auth.add_shared_key(&caller, None).await;
        assert!(matches!(added, Err(SharedKeysError::Denied(_))), "{added:?}");
        let removed = auth.remove_shared_key(&caller, id).await;
        assert!(matches!(removed, Err(SharedKeysError::Denied(_))));
    }
    world.ask(RUNTIME).await.unwrap();
}

/// A key that is there under a digest of an earlier secret is not stored a second time: removed, it would stay good.
#[tokio::test]
async fn a_removed_key_is_dead_also_when_the_secret_was_rotated_before() {
    let world = World::new().await;
    set(&world.auth, &[RUNTIME]).await;
    let rotated = builder(&world.store, &world.clock)
        .secret(ServerSecret::new(&[8; 32]).unwrap())
        .previous_secret(ServerSecret::new(&[7; 32]).unwrap())
        .build()
        .unwrap();
    let by = operator();
    let again = rotated.add_shared_key(&by, Some(RUNTIME)).await;
    assert!(matches!(again, Err(SharedKeysError::Present)), "{again:?}");
    let listed = rotated.shared_keys().await.unwrap();
    assert_eq!(listed.len(), 1);
    // Given as text it is kept under the present secret, and not beside the one that its mask names.
    let both = [listed[0].masked.clone(), RUNTIME.to_owned()];
    rotated.replace_shared_keys(&by, &both).await.unwrap();
    rotated.authenticate(&bearer(RUNTIME)).await.unwrap();
    let listed = rotated.shared_keys().await.unwrap();
    assert_eq!(listed.len(), 1);
    rotated
        .remove_shared_key(&by, listed[0].id.parse().unwrap())
        .await
        .unwrap();
    assert_eq!(
        rotated.authenticate(&bearer(RUNTIME)).await.unwrap_err(),
        Denial::InvalidApiKey
    );
}

#[tokio::test]
async fn the_audit_log_says_which_key_came_and_which_went() {
    let world = World::new().await;
    let auth = &world.auth;
    auth.add_shared_key(&operator(), Some(RUNTIME)).await.unwrap();
    let key = auth.shared_keys().await.unwrap().remove(0);
    auth.remove_shared_key(&operator(), key.id.parse().unwrap())
        .await
        .unwrap();
    set(auth, &[RUNTIME]).await;
    let other = auth.shared_keys().await.unwrap().remove(0);
    set(auth, &[]).await;
    let query = AuditQuery {
        action: Some(AuditAction::SharedKeysChange),
        ..AuditQuery::default()
    };
    let lines = auth.audit_events(&query).await.unwrap();
    let mut details: Vec<String> = lines.into_iter().map(|line| line.detail).collect();
    details.reverse();
    let (key, other) = (
        format!("{} ({})", key.masked, key.id),
        format!("{} ({})", other.masked, other.id),
    );
    assert_eq!(
        details,
        [
            format!("with {key}"),
            format!("without {key}"),
            format!("1 set at run time, with {other}"),
            format!("0 set at run time, without {other}"),
        ]
    );
}
