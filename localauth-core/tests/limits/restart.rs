//! What a limit begins with after a restart: what was used before, and nothing else.

use super::*;

/// The server after a restart: it has the store, and no memory.
async fn restarted(world: &World) -> World {
    world.auth.flush().await.unwrap();
    World {
        auth: world.another().await,
        store: world.store.clone(),
        clock: world.clock.clone(),
    }
}

#[tokio::test]
async fn a_restart_refills_nothing() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    for (model, window) in [("", "1m"), ("demo", "30d")] {
        let rule = per(window).requests(3).of_model(model);
        world.auth.set_user_limit(&operator(), ada.id, rule).await.unwrap();
    }
    let key = world.key(&ada).await;
    let me = world.ask(key.expose()).await.unwrap();
    for _ in 0..2 {
        answered(&world, &me).await.unwrap();
    }
    world.auth.flush().await.unwrap();
    let second = World {
        auth: world.another().await,
        store: world.store.clone(),
        clock: world.clock.clone(),
    };
    let me = second.ask(key.expose()).await.unwrap();
    answered(&second, &me).await.unwrap();
    answered(&second, &me).await.unwrap_err();
    second.pass(Duration::from_hours(1)).await;
    let refusal = answered(&second, &me).await.unwrap_err();
    assert!(refusal.retry_after.unwrap() > Duration::from_hours(29 * 24));
}

#[tokio::test]
async fn children_share_the_allowance_of_their_maker_also_after_a_restart() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    let limit = world.auth.new_limit(per("1d").requests(3)).unwrap();
    let tier_limit = world.auth.new_limit(per("1d").requests(100)).unwrap();
    house(&world, |rules| {
        let tier = Tier {
            limits: vec![tier_limit],
            ..Tier::default()
        };
        rules.tiers.insert(free(), tier);
    })
    .await;
    let scope = KeyScope {
        can_mint: true,
        limits: vec![KeyLimit { holder: None, limit }],
        tier: Some(KeyTier {
            name: free(),
            holder: None,
        }),
        ..KeyScope::default()
    };
    let maker = world.key_with(&ada, scope).await.plain;
    let caller = world.by(maker.expose()).await;
    let child = |name: &str| localauth_core::NewKey::named(name);
    let one = world.auth.create_own_key(&caller, child("one")).await.unwrap();
    let two = world.auth.create_own_key(&caller, child("two")).await.unwrap();
    for key in [&maker, &one.plain, &two.plain] {
        let me = world.ask(key.expose()).await.unwrap();
        assert_eq!(me.claims().len(), 2);
        answered(&world, &me).await.unwrap();
    }
    world.auth.flush().await.unwrap();
    let again = world.another().await;
    for auth in [&world.auth, &again] {
        for key in [&maker, &one.plain, &two.plain] {
            let me = auth.authenticate(&support::bearer(key.expose())).await.unwrap();
            assert_eq!(reserve(auth, &me).await.unwrap_err().denial, Denial::RateLimited);
        }
    }
    // The maker may still give its own key a new secret.
    let maker_id = world.ask(maker.expose()).await.unwrap();
    let localauth_core::Source::ApiKey { id, .. } = maker_id.source() else {
        panic!("it is a key");
    };
    world.auth.rotate_key(&caller, *id, Duration::ZERO).await.unwrap();
}

#[tokio::test]
async fn a_session_made_from_a_key_uses_up_the_keys_limit_for_good() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    let limit = world.auth.new_limit(per("1d").requests(3)).unwrap();
    let scope = KeyScope {
        limits: vec![KeyLimit { holder: None, limit }],
        ..KeyScope::default()
    };
    let key = world.key_with(&ada, scope).await.plain;
    let session = world.token_session(key.expose()).await;
    let me = world.ask(&session).await.unwrap();
    for _ in 0..3 {
        answered(&world, &me).await.unwrap();
    }
    answered(&world, &me).await.unwrap_err();
    let again = restarted(&world).await;
    for token in [key.expose(), &session] {
        let me = again.ask(token).await.unwrap();
        answered(&again, &me).await.unwrap_err();
    }
}

#[tokio::test]
async fn a_child_that_was_revoked_has_used_what_it_used() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    let limit = world.auth.new_limit(per("1d").requests(5)).unwrap();
    let scope = KeyScope {
        can_mint: true,
        limits: vec![KeyLimit { holder: None, limit }],
        ..KeyScope::default()
    };
    let maker = world.key_with(&ada, scope).await.plain;
    let caller = world.by(maker.expose()).await;
    let new = localauth_core::NewKey::named("child");
    let child = world.auth.create_own_key(&caller, new).await.unwrap();
    let me = world.ask(child.plain.expose()).await.unwrap();
    for _ in 0..5 {
        answered(&world, &me).await.unwrap();
    }
    assert!(world.auth.revoke_key(&operator(), child.key.id).await.unwrap());
    let again = restarted(&world).await;
    let me = again.ask(maker.expose()).await.unwrap();
    answered(&again, &me).await.unwrap_err();
}

#[tokio::test]
async fn what_administrators_use_is_none_of_everyones() {
    let world = World::new().await;
    let root = world.admin("root@example.org").await;
    let ada = world.user("ada@example.org").await;
    let everyone = world.auth.new_limit(per("1d").requests(5)).unwrap();
    house(&world, |rules| rules.everyone.push(everyone)).await;
    let (root_key, ada_key) = (world.key(&root).await, world.key(&ada).await);
    let (admin, me) = (
        world.ask(root_key.expose()).await.unwrap(),
        world.ask(ada_key.expose()).await.unwrap(),
    );
    for _ in 0..10 {
        answered(&world, &admin).await.unwrap();
    }
    answered(&world, &me).await.unwrap();
    let again = restarted(&world).await;
    let me = again.ask(ada_key.expose()).await.unwrap();
    for _ in 0..4 {
        answered(&again, &me).await.unwrap();
    }
    answered(&again, &me).await.unwrap_err();
}
