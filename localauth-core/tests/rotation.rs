//! Keys whose secrets are replaced: what the old one, and a narrower key, can do about it.

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use localauth_core::{
    DEFAULT_ROTATION_GRACE, Denial, KEEP_ENDED_KEYS, KeyError, KeyScope, KeyStore as _, NewKey, Password,
};
use support::{PASSWORD, World, bearer};

const DAY: Duration = Duration::from_hours(24);

fn minting() -> KeyScope {
    KeyScope {
        can_mint: true,
        ..KeyScope::default()
    }
}

#[tokio::test]
async fn an_old_secret_is_good_for_the_grace_and_then_expired() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    let by = world.by(&world.session("ada@example.org").await).await;
    let made = world.auth.create_own_key(&by, NewKey::named("x")).await.unwrap();
    let old = made.plain;
    world.ask(old.expose()).await.unwrap();
    let by_id = || async { world.store.find_key_by_id(made.key.id).await.unwrap().unwrap() };
    let rotated = world
        .auth
        .rotate_key(&by, made.key.id, DEFAULT_ROTATION_GRACE)
        .await
        .unwrap();
    assert_eq!(rotated.grace_until, world.auth.now() + DEFAULT_ROTATION_GRACE);
    assert_eq!(rotated.plain.public_id(), old.public_id());
    assert_ne!(rotated.plain.expose(), old.expose());
    world.ask(rotated.plain.expose()).await.unwrap();
    world.auth.flush().await.unwrap();
    assert_eq!(
        by_id().await.previous.unwrap().last_used_at,
        None,
        "only the new one was used"
    );

    world
        .pass(DEFAULT_ROTATION_GRACE.saturating_sub(Duration::from_millis(1)))
        .await;
    let from = "192.0.2.9".parse().ok();
    world.auth.authenticate_from(&bearer(old.expose()), from).await.unwrap();
    world.auth.flush().await.unwrap();
    let previous = by_id().await.previous.unwrap();
    assert_eq!(previous.last_used_at, Some(world.auth.now()));
    assert_eq!(previous.last_used_ip, "192.0.2.9", "who still uses the old one is told");

    world.pass(Duration::from_millis(1)).await;
    for _ in 0..2 {
        assert_eq!(world.ask(old.expose()).await.unwrap_err(), Denial::ExpiredApiKey);
    }
    world.ask(rotated.plain.expose()).await.unwrap();
    // The one before the last rotation is forgotten; a grace of nothing is over at once.
    let third = world.auth.rotate_key(&by, made.key.id, Duration::ZERO).await.unwrap();
    assert_eq!(
        world.ask(rotated.plain.expose()).await.unwrap_err(),
        Denial::ExpiredApiKey
    );
    world.pass(Duration::from_secs(10)).await;
    assert_eq!(world.ask(old.expose()).await.unwrap_err(), Denial::InvalidApiKey);
    assert_eq!(world.ask(third.plain.expose()).await.unwrap().user_id(), ada.id);
}

/// Whoever stole the old secret has the grace to use it, and must not get out of it.
#[tokio::test]
async fn nothing_made_with_an_old_secret_outlives_its_grace() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    let stolen = world.key_with(&ada, minting()).await;
    let owner = world.by(&world.session("ada@example.org").await).await;
    let rotated = world.auth.rotate_key(&owner, stolen.key.id, DAY).await.unwrap();
    let thief_session = world.token_session(stolen.plain.expose()).await;
    let mut made = Vec::new();
    for token in [stolen.plain.expose(), &thief_session] {
        let thief = world.by(token).await;
        let taken_over = world.auth.rotate_key(&thief, stolen.key.id, DAY).await;
        assert!(matches!(taken_over, Err(KeyError::Exceeds(_))), "{taken_over:?}");
        let child = world.auth.create_own_key(&thief, NewKey::named("child")).await.unwrap();
        assert_eq!(child.key.expires_at, Some(rotated.grace_until));
        let grandchild = world.token_session(child.plain.expose()).await;
        made.extend([child.plain.expose().to_owned(), grandchild]);
        let changed = world
            .auth
            .change_password(&thief, Password::new(PASSWORD), Password::new("x"), true)
            .await;
        assert!(changed.is_err());
    }
    made.extend([thief_session, stolen.plain.expose().to_owned()]);
    for token in &made {
        world.ask(token).await.unwrap();
    }
    world.pass(DAY).await;
    for token in &made {
        assert!(world.ask(token).await.is_err());
    }
    world.ask(rotated.plain.expose()).await.unwrap();
}

#[tokio::test]
async fn a_narrow_key_gets_no_secret_of_a_wider_one() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada@example.org").await, world.user("bob@example.org").await);
    let narrow = KeyScope {
        features: Some(BTreeSet::from(["chat".to_owned()])),
        ..minting()
    };
    let by = world.key_with(&ada, narrow.clone()).await;
    let by = world.by(by.plain.expose()).await;
    let plain_wide = world.key_with(&ada, KeyScope::default()).await.key.id;
    let wide = world.key_with(&ada, minting()).await.key.id;
    for id in [plain_wide, wide] {
        let refused = world.auth.rotate_key(&by, id, DAY).await;
        assert!(matches!(refused, Err(KeyError::Exceeds(_))), "{refused:?}");
    }
    let peer = world.key_with(&ada, narrow).await.key.id;
    world.auth.rotate_key(&by, peer, DAY).await.unwrap();
    // A key that ends gets none that lasts.
    let ending = NewKey::named("x").scoped(minting()).expiring(world.auth.now() + DAY);
    let ending = world.auth.create_key(ada.id, ending).await.unwrap();
    let by = world.by(ending.plain.expose()).await;
    let refused = world.auth.rotate_key(&by, wide, DAY).await;
    assert!(matches!(refused, Err(KeyError::Exceeds(_))), "{refused:?}");
    let theirs = world.key_with(&bob, KeyScope::default()).await.key.id;
    for done in [
        world.auth.rotate_key(&by, theirs, DAY).await.map(drop),
        world.auth.revoke_own_key(&by, theirs).await,
    ] {
        assert!(
            matches!(done, Err(KeyError::NotFound)),
            "somebody else's is as good as none"
        );
    }
}

#[tokio::test]
async fn an_expired_key_is_remembered_for_thirty_days_and_cannot_be_revived() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    let by = world.by(&world.session("ada@example.org").await).await;
    let short = NewKey::named("short").expiring(world.auth.now() + DAY);
    let short = world.auth.create_own_key(&by, short).await.unwrap();
    let gone = world.key_with(&ada, KeyScope::default()).await;
    world.auth.revoke_own_key(&by, gone.key.id).await.unwrap();
    world.pass(DAY).await;
    for id in [short.key.id, gone.key.id] {
        let revived = world.auth.rotate_key(&by, id, DAY).await;
        assert!(matches!(revived, Err(KeyError::NotFound)), "{revived:?}");
    }
    world
        .pass(KEEP_ENDED_KEYS.saturating_sub(Duration::from_millis(1)))
        .await;
    world
        .store
        .sweep_keys(world.auth.now() - KEEP_ENDED_KEYS)
        .await
        .unwrap();
    assert_eq!(
        world.ask(short.plain.expose()).await.unwrap_err(),
        Denial::ExpiredApiKey
    );
    assert_eq!(world.ask(gone.plain.expose()).await.unwrap_err(), Denial::InvalidApiKey);
}
