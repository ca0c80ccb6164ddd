//! From headers to an identity: what the cache may and may not do.

mod support;

use std::time::Duration;

use base64::Engine as _;
use futures_util::future::join_all;
use localauth_core::{Denial, NewKey, ServerSecret};
use support::{World, bearer, builder, headers, operator};

#[tokio::test]
async fn a_known_key_asks_the_store_once() {
    let world = World::new().await;
    let key = world.key(&world.user("ada@example.org").await).await;
    for _ in 0..100 {
        world.auth.authenticate(&bearer(key.expose())).await.unwrap();
    }
    assert_eq!(world.store.lookups(), 1);
}

#[tokio::test]
async fn malformed_and_foreign_keys_cost_no_look_up() {
    let world = World::new().await;
    let key = world.key(&world.user("ada@example.org").await).await;
    let foreign = World::with(|b| b.secret(ServerSecret::new(&[8; 32]).unwrap())).await;
    let foreign = foreign.key(&foreign.user("eve@example.org").await).await;
    let good = key.expose();
    let mut swapped = good.to_owned().into_bytes();
    swapped.swap(40, 41);
    for (token, denial) in [
        ("sk-local-", Denial::InvalidApiKey),
        ("guess", Denial::InvalidApiKey),
        (&good[..good.len() - 1], Denial::InvalidApiKey),
        (&format!("{good}x"), Denial::InvalidApiKey),
        (&good.to_uppercase(), Denial::InvalidApiKey),
        (&good.replace("sk-local-", "sk-other-"), Denial::InvalidApiKey),
        (foreign.expose(), Denial::InvalidApiKey),
        (&format!("ss-local-{}", &good[28..]), Denial::InvalidSession),
        (&format!("ss-local-{}", "a".repeat(49)), Denial::InvalidSession),
        ("a.b.c", Denial::InvalidToken),
    ] {
        assert_eq!(
            world.auth.authenticate(&bearer(token)).await.unwrap_err(),
            denial,
            "{token}"
        );
    }
    assert_eq!(world.store.lookups(), 0);
}

/// The digest covers the secret end: the rest must be compared, or any public id would do on a hit and none on a miss.
#[tokio::test]
async fn a_cached_secret_under_another_public_id_is_refused() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    let (one, two) = (world.key(&ada).await, world.key(&ada).await);
    world.auth.authenticate(&bearer(one.expose())).await.unwrap();
    let mixed = format!("{}{}", &two.expose()[..28], &one.expose()[28..]);
    assert_eq!(
        world.auth.authenticate(&bearer(&mixed)).await.unwrap_err(),
        Denial::InvalidApiKey
    );
}

#[tokio::test]
async fn a_flood_of_well_formed_unknown_keys_stays_outside() {
    let world = World::with(|b| b.cache_capacity(64)).await;
    let ada = world.user("ada@example.org").await;
    let good = world.key(&ada).await;
    world.auth.authenticate(&bearer(good.expose())).await.unwrap();
    // Keys that this server made and that are gone: as well-formed as can be.
    let mut gone = Vec::new();
    for _ in 0..32 {
        let made = world.auth.create_key(ada.id, NewKey::named("x")).await.unwrap();
        assert!(world.auth.revoke_key(&operator(), made.key.id).await.unwrap());
        gone.push(made.plain);
    }
    world.auth.authenticate(&bearer(good.expose())).await.unwrap();
    let before = world.store.lookups();
    for _ in 0..50 {
        for key in &gone {
            assert!(world.auth.authenticate(&bearer(key.expose())).await.is_err());
        }
        world.auth.authenticate(&bearer(good.expose())).await.unwrap();
    }
    assert_eq!(
        world.store.lookups() - before,
        32,
        "one look-up a key, none for the good one"
    );
}

#[tokio::test]
async fn guessing_the_secret_of_a_known_key_asks_the_store_once() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    let key = world.key(&ada).await;
    // Other keys' secrets with a right checksum under this public id: only whoever can make keys can make these.
    let before = world.store.lookups();
    for n in 0..50_u32 {
        let mut body = key.expose()[..71].to_owned().into_bytes();
        body[30..40].copy_from_slice(format!("{n:010}").as_bytes());
        let check = checksum(&body);
        let forged = format!("{}{check}", String::from_utf8(body).unwrap());
        assert_eq!(
            world.auth.authenticate(&bearer(&forged)).await.unwrap_err(),
            Denial::InvalidApiKey
        );
    }
    assert_eq!(world.store.lookups() - before, 1);
    world.auth.authenticate(&bearer(key.expose())).await.unwrap();
}

fn checksum(body: &[u8]) -> String {
    let mut rest = u64::from(crc32fast::hash(body));
    let alphabet = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut out = [0; 6];
    for place in out.iter_mut().rev() {
        *place = alphabet[usize::try_from(rest % 62).unwrap()];
        rest /= 62;
    }
    String::from_utf8(out.to_vec()).unwrap()
}

#[tokio::test]
async fn known_identities_outlive_an_outage_for_a_while_and_the_unknown_are_no_401() {
    let world = World::with(|b| b.stale_limit(Duration::from_mins(5))).await;
    let ada = world.user("ada@example.org").await;
    let (known, unknown) = (world.key(&ada).await, world.key(&ada).await);
    world.auth.authenticate(&bearer(known.expose())).await.unwrap();
    world.store.set_outage(true);
    assert_eq!(
        world.auth.authenticate(&bearer(unknown.expose())).await.unwrap_err(),
        Denial::StoreUnavailable
    );
    world.pass(Duration::from_mins(5)).await;
    let before = world.store.lookups();
    world.auth.authenticate(&bearer(known.expose())).await.unwrap();
    assert_eq!(world.store.lookups(), before, "the known one waits for no store");
    world.pass(Duration::from_millis(1)).await;
    assert_eq!(
        world.auth.authenticate(&bearer(known.expose())).await.unwrap_err(),
        Denial::StoreUnavailable
    );
    assert_eq!(
        world.auth.authenticate(&bearer("sk-local-x")).await.unwrap_err(),
        Denial::InvalidApiKey
    );
    world.store.set_outage(false);
    world.pass(Duration::from_secs(1)).await;
    world.auth.authenticate(&bearer(known.expose())).await.unwrap();
    world.auth.authenticate(&bearer(unknown.expose())).await.unwrap();
}

#[tokio::test]
async fn a_hundred_at_once_ask_the_store_once() {
    let world = World::new().await;
    let key = world.key(&world.user("ada@example.org").await).await;
    let held = world.store.hold_lookups().await;
    let asking: Vec<_> = (0..100)
        .map(|_| {
            let (auth, headers) = (world.auth.clone(), bearer(key.expose()));
            tokio::spawn(async move { auth.authenticate(&headers).await })
        })
        .collect();
    while world.store.lookups() == 0 {
        tokio::task::yield_now().await;
    }
    drop(held);
    for answer in join_all(asking).await {
        answer.unwrap().unwrap();
    }
    assert_eq!(world.store.lookups(), 1);
}

#[tokio::test]
async fn the_first_asker_going_away_leaves_nobody_waiting() {
    let world = World::new().await;
    let key = world.key(&world.user("ada@example.org").await).await;
    let headers = bearer(key.expose());
    let held = world.store.hold_lookups().await;
    let first = tokio::spawn({
        let (auth, headers) = (world.auth.clone(), headers.clone());
        async move { auth.authenticate(&headers).await }
    });
    while world.store.lookups() == 0 {
        tokio::task::yield_now().await;
    }
    let second = world.auth.authenticate(&headers).into_future();
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    drop(held);
    second.await.unwrap();
    // And with nobody left at all, the next one asks anew.
    let world = World::new().await;
    let key = world.key(&world.user("ada@example.org").await).await;
    let held = world.store.hold_lookups().await;
    drop(world.auth.authenticate(&bearer(key.expose())).into_future());
    drop(held);
    world.auth.authenticate(&bearer(key.expose())).await.unwrap();
}

#[tokio::test]
async fn an_expired_key_is_over_at_the_instant_also_when_cached() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    let end = world.auth.now() + Duration::from_mins(1);
    let key = world
        .auth
        .create_key(ada.id, NewKey::named("short").expiring(end))
        .await
        .unwrap()
        .plain;
    world.auth.authenticate(&bearer(key.expose())).await.unwrap();
    world.pass(Duration::from_millis(59_999)).await;
    world.auth.authenticate(&bearer(key.expose())).await.unwrap();
    world.pass(Duration::from_millis(1)).await;
    assert_eq!(
        world.auth.authenticate(&bearer(key.expose())).await.unwrap_err(),
        Denial::ExpiredApiKey
    );
    let late = world.another().await;
    assert_eq!(
        late.authenticate(&bearer(key.expose())).await.unwrap_err(),
        Denial::ExpiredApiKey
    );
}

#[tokio::test]
async fn every_carrier_takes_keys_but_the_session_cookie_takes_shared_ones_only() {
    let world = World::with(|b| b.shared_key("shared-secret-key")).await;
    let ada = world.user("ada@example.org").await;
    let key = world.key(&ada).await;
    for token in [key.expose(), "shared-secret-key"] {
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("anybody:{token}"));
        for (name, value) in [
            ("authorization", format!("bearer {token}")),
            ("authorization", format!("BASIC {basic}")),
            ("x-api-key", token.to_owned()),
            ("xi-api-key", token.to_owned()),
            ("cookie", format!("theme=dark; token={token}")),
        ] {
            let identity = world.auth.authenticate(&headers(&[(name, &value)])).await.unwrap();
            assert_eq!(identity.is_admin(), token != key.expose(), "{name}");
        }
        // A user's key is no session; a shared key is taken wherever a credential may be.
        let cookie = headers(&[("cookie", &format!("session={token}"))]);
        let by_cookie = world.auth.authenticate(&cookie).await;
        if token == key.expose() {
            assert_eq!(by_cookie.unwrap_err(), Denial::InvalidSession);
        } else {
            assert!(by_cookie.unwrap().is_admin());
        }
    }
    for wrong in ["shared-secret-ke", "shared-secret-keyy", "Shared-secret-key", ""] {
        assert!(
            world
                .auth
                .authenticate(&headers(&[("x-api-key", wrong)]))
                .await
                .is_err(),
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn several_credentials_agree_or_are_refused() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada@example.org").await, world.user("bob@example.org").await);
    let (a, a2, b) = (world.key(&ada).await, world.key(&ada).await, world.key(&bob).await);
    let both = |x: &str, y: &str| headers(&[("authorization", &format!("Bearer {x}")), ("x-api-key", y)]);
    let ask = |h| world.auth.authenticate(&h).into_future();
    assert_eq!(ask(both(a.expose(), a2.expose())).await.unwrap().user_id(), ada.id);
    assert_eq!(
        ask(both(a.expose(), b.expose())).await.unwrap_err(),
        Denial::ConflictingCredentials
    );
    assert_eq!(ask(both("sk-wrong", b.expose())).await.unwrap().user_id(), bob.id);
    assert_eq!(ask(both(a.expose(), "wrong")).await.unwrap().user_id(), ada.id);
    assert_eq!(ask(both("a.b.c", "wrong")).await.unwrap_err(), Denial::InvalidToken);
    assert_eq!(ask(headers(&[])).await.unwrap_err(), Denial::MissingCredentials);
    let many: Vec<_> = (0..9).map(|_| ("x-api-key", "k")).collect();
    assert_eq!(ask(headers(&many)).await.unwrap_err(), Denial::ConflictingCredentials);
    // One of two cannot be checked: it might be somebody else's.
    let c = world.key(&bob).await;
    world.store.set_outage(true);
    assert_eq!(
        ask(both(a.expose(), c.expose())).await.unwrap_err(),
        Denial::StoreUnavailable
    );
}

/// A key made under the old secret works while that one is given, and not after.
#[tokio::test]
async fn the_server_secret_can_be_replaced() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    let key = world.key(&ada).await;
    assert_eq!(world.auth.check_secret().await.unwrap(), Ok(()));
    let fresh = || ServerSecret::new(&[9; 32]).unwrap();
    let stranger = builder(&world.store, &world.clock).secret(fresh()).build().unwrap();
    assert!(stranger.check_secret().await.unwrap().is_err());
    let heir = builder(&world.store, &world.clock)
        .secret(fresh())
        .previous_secret(ServerSecret::new(&[7; 32]).unwrap())
        .build()
        .unwrap();
    assert_eq!(heir.check_secret().await.unwrap(), Ok(()));
    heir.authenticate(&bearer(key.expose())).await.unwrap();
    assert!(stranger.authenticate(&bearer(key.expose())).await.is_err());
    assert_eq!(
        stranger.check_secret().await.unwrap(),
        Ok(()),
        "the data is the new secret's now"
    );
}
