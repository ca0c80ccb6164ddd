//! API keys: what they are narrowed to, and what may be made with them.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use http::Method;
use localauth_core::{
    Denial, ExternalIdentity, KeyError, KeyScope, ModelAllowList, NewKey, Password, Provider, Role, SessionId,
};
use support::{PASSWORD, World, operator};

const DAY: Duration = Duration::from_hours(24);

fn names(all: &[&str]) -> BTreeSet<String> {
    all.iter().map(|&name| name.to_owned()).collect()
}

fn minting() -> KeyScope {
    KeyScope {
        can_mint: true,
        ..KeyScope::default()
    }
}

#[tokio::test]
async fn a_scope_only_takes_away_and_follows_its_owner() {
    let world = World::new().await;
    world.admin("root@example.org").await;
    let ada = world.user("ada@example.org").await;
    let scope = KeyScope {
        models: Some(names(&["a", "b"])),
        features: Some(names(&["chat", "agents"])),
        ..KeyScope::default()
    };
    let key = world.key_with(&ada, scope).await.plain;
    let ask = || async { world.ask(key.expose()).await.unwrap() };
    let me = ask().await;
    assert!(me.may("chat") && me.may_use_model("a"));
    assert!(!me.may("agents"), "off for its owner");
    assert!(
        !me.may("images") && !me.may_use_model("c"),
        "on for its owner, but not named"
    );

    world.auth.set_role(&operator(), ada.id, Role::Admin).await.unwrap();
    let me = ask().await;
    assert!(me.is_admin() && me.may("agents") && me.may("chat"), "up with its owner");
    assert!(!me.may("images") && !me.may_use_model("c"), "and not beyond itself");

    world.auth.set_role(&operator(), ada.id, Role::User).await.unwrap();
    let off = BTreeMap::from([("chat".to_owned(), false)]);
    world.auth.set_permissions(&operator(), ada.id, &off).await.unwrap();
    let models = ModelAllowList {
        enabled: true,
        models: names(&["b", "c"]),
    };
    world.auth.set_models(&operator(), ada.id, models).await.unwrap();
    let me = ask().await;
    assert!(!me.is_admin() && !me.may("agents") && !me.may("chat"), "and down again");
    assert!(me.may_use_model("b") && !me.may_use_model("a") && !me.may_use_model("c"));
}

#[tokio::test]
async fn an_empty_list_allows_nothing_and_addresses_and_routes_count_for_each_request() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    let nothing = KeyScope {
        models: Some(names(&[])),
        features: Some(names(&[])),
        routes: Some(Vec::new()),
        ips: Some(Vec::new()),
        ..KeyScope::default()
    };
    let nothing = world.key_with(&ada, nothing).await.plain;
    let me = world.ask(nothing.expose()).await.unwrap();
    assert!(!me.may("chat") && !me.may_use_model("a"));
    let from = "10.0.0.1".parse().ok();
    assert_eq!(me.admit_request(&Method::GET, "/", from), Err(Denial::KeyScope));

    let office = KeyScope {
        routes: Some(vec!["POST /v1/chat/*".parse().unwrap()]),
        ips: Some(vec!["10.0.0.0/8".parse().unwrap()]),
        ..KeyScope::default()
    };
    let office = world.key_with(&ada, office).await.plain;
    for token in [
        office.expose(),
        &world.token_session(world.key(&ada).await.expose()).await,
    ] {
        world.ask(token).await.unwrap();
    }
    let me = world.ask(office.expose()).await.unwrap();
    let admit = |method: Method, path: &str, ip: &str| me.admit_request(&method, path, ip.parse().ok());
    assert_eq!(admit(Method::POST, "/v1/chat/completions", "10.1.2.3"), Ok(()));
    assert_eq!(admit(Method::POST, "/v1/chat/completions", "::ffff:10.1.2.3"), Ok(()));
    for (method, path, ip) in [
        (Method::GET, "/v1/chat/completions", "10.1.2.3"),
        (Method::POST, "/v1/chat/../admin", "10.1.2.3"),
        (Method::POST, "/api/auth/api-keys", "10.1.2.3"),
        (Method::POST, "/v1/chat/completions", "192.0.2.1"),
        (Method::POST, "/v1/chat/completions", "unknown"),
    ] {
        assert_eq!(admit(method, path, ip), Err(Denial::KeyScope), "{path} {ip}");
    }
    // Nor can the address be left behind by making a session elsewhere.
    let elsewhere = world
        .auth
        .sign_in_with_token(Password::new(office.expose()), &support::nobody())
        .await;
    assert!(elsewhere.is_err());
}

/// Everything that hands out or takes away credentials of the caller's account, tried with one that may not.
async fn changes_nothing(world: &World, token: &str, why: Denial) {
    let by = world.by(token).await;
    let me = by.identity().unwrap().clone();
    let keys = world.auth.list_keys(me.user_id()).await.unwrap();
    let sessions = world.auth.list_sessions(me.user_id()).await.unwrap();
    let other = world
        .auth
        .find_user_by_email(&"bob@example.org".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    let is_key = |error: KeyError| assert!(matches!(error, KeyError::Denied(d) if d == why), "{error}");
    is_key(world.auth.create_own_key(&by, NewKey::named("x")).await.unwrap_err());
    is_key(
        world
            .auth
            .create_key_for(&by, me.user_id(), NewKey::named("x"))
            .await
            .unwrap_err(),
    );
    is_key(
        world
            .auth
            .create_key_for(&by, other.id, NewKey::named("x"))
            .await
            .unwrap_err(),
    );
    for key in &keys {
        is_key(world.auth.rotate_key(&by, key.id, DAY).await.unwrap_err());
        is_key(world.auth.revoke_own_key(&by, key.id).await.unwrap_err());
        is_key(world.auth.revoke_key(&by, key.id).await.unwrap_err());
    }
    let text = why.to_string();
    let own = |s: &SessionId| matches!(me.source(), localauth_core::Source::Session { id } if id == s);
    for session in sessions.iter().filter(|s| !own(&s.id)) {
        assert_eq!(
            world.auth.end_session(&by, session.id).await.unwrap_err().to_string(),
            text
        );
    }
    assert_eq!(world.auth.end_other_sessions(&by).await.unwrap_err().to_string(), text);
    assert_eq!(
        world.auth.set_profile(&by, "Eve", None).await.unwrap_err().to_string(),
        text
    );
    let on_oneself = world.auth.set_permissions(&by, me.user_id(), &BTreeMap::new()).await;
    assert_eq!(on_oneself.unwrap_err().to_string(), text);
    let on_oneself = world
        .auth
        .set_models(&by, me.user_id(), ModelAllowList::default())
        .await;
    assert_eq!(on_oneself.unwrap_err().to_string(), text);
    unbound_is_refused(world, token, why).await;
    assert_eq!(world.auth.list_keys(me.user_id()).await.unwrap(), keys);
    assert_eq!(
        world.auth.list_sessions(me.user_id()).await.unwrap().len(),
        sessions.len()
    );
}

/// What would not be bound by the key's own scope and end.
async fn unbound_is_refused(world: &World, token: &str, why: Denial) {
    let by = world.by(token).await;
    let other = world
        .auth
        .find_user_by_email(&"bob@example.org".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    let text = why.to_string();
    let password = || Password::new(PASSWORD);
    let changed = world
        .auth
        .change_password(&by, password(), Password::new("another-horse-battery"), true)
        .await;
    assert_eq!(changed.unwrap_err().to_string(), text);
    let reset = world.auth.reset_password(&by, other.id, password()).await;
    assert_eq!(reset.unwrap_err().to_string(), text);
    assert_eq!(
        world.auth.impersonate(&by, other.id).await.unwrap_err().to_string(),
        text
    );
    let shared = world
        .auth
        .replace_shared_keys(&by, &["0123456789abcdef".to_owned()])
        .await;
    assert_eq!(shared.unwrap_err().to_string(), text);
    let identity = ExternalIdentity {
        provider: Provider::Github,
        subject: "17".to_owned(),
    };
    assert_eq!(
        world
            .auth
            .unlink_external(&by, &identity)
            .await
            .unwrap_err()
            .to_string(),
        text
    );
}

#[tokio::test]
async fn a_key_that_may_not_mint_changes_nothing_about_its_owner() {
    let world = World::new().await;
    let root = world.admin("root@example.org").await;
    world.user("bob@example.org").await;
    world.session("root@example.org").await;
    let key = world.key(&root).await;
    changes_nothing(&world, key.expose(), Denial::KeyScope).await;
    let session = world.token_session(key.expose()).await;
    changes_nothing(&world, &session, Denial::KeyScope).await;
    world.auth.sign_out(&world.by(&session).await).await.unwrap();
    assert!(world.ask(&session).await.is_err(), "but it may end itself");
}

#[tokio::test]
async fn a_key_that_is_narrowed_or_ends_hands_out_nothing_unbound() {
    let world = World::new().await;
    let root = world.admin("root@example.org").await;
    world.user("bob@example.org").await;
    let narrow = KeyScope {
        models: Some(names(&["a"])),
        ..minting()
    };
    let narrow = world.key_with(&root, narrow).await.plain;
    let ending = NewKey::named("ending")
        .scoped(minting())
        .expiring(world.auth.now() + DAY);
    let ending = world.auth.create_key(root.id, ending).await.unwrap().plain;
    for key in [narrow, ending] {
        unbound_is_refused(&world, key.expose(), Denial::KeyScope).await;
        unbound_is_refused(&world, &world.token_session(key.expose()).await, Denial::KeyScope).await;
    }
}

#[tokio::test]
async fn a_child_is_narrowed_as_its_maker_and_cannot_ask_for_more() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    let end = world.auth.now() + DAY;
    let scope = KeyScope {
        models: Some(names(&["a", "b"])),
        ..minting()
    };
    let maker = NewKey::named("maker").scoped(scope).expiring(end);
    let maker = world.auth.create_key(ada.id, maker).await.unwrap();
    let by = world.by(maker.plain.expose()).await;
    let child = world
        .auth
        .create_own_key(&by, NewKey::named("child"))
        .await
        .unwrap()
        .key;
    assert_eq!(
        (child.scope.models, child.expires_at),
        (Some(names(&["a", "b"])), Some(end))
    );
    assert_eq!((child.parent_id, child.scope.can_mint), (Some(maker.key.id), false));
    let wider = NewKey::named("x").scoped(KeyScope {
        models: Some(names(&["a", "c"])),
        ..KeyScope::default()
    });
    let longer = NewKey::named("x").expiring(end + Duration::from_millis(1));
    for more in [wider, longer] {
        let refused = world.auth.create_own_key(&by, more).await;
        assert!(matches!(refused, Err(KeyError::Exceeds(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_a_key_is_refused() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    let by = world.by(&world.session("ada@example.org").await).await;
    let make = |new: NewKey| world.auth.create_own_key(&by, new);
    assert!(matches!(make(NewKey::named(" ")).await, Err(KeyError::Name)));
    let past = NewKey::named("x").expiring(world.auth.now());
    assert!(matches!(make(past).await, Err(KeyError::Expired)));
    let unknown = NewKey::named("x").scoped(KeyScope {
        features: Some(names(&["nonsense"])),
        ..KeyScope::default()
    });
    assert!(matches!(make(unknown).await, Err(KeyError::UnknownFeature(_))));
    let long = NewKey::named("x").scoped(KeyScope {
        models: Some((0..201).map(|n| n.to_string()).collect()),
        ..KeyScope::default()
    });
    assert!(matches!(make(long).await, Err(KeyError::Scope)));
    let for_another = world.auth.create_key_for(&by, ada.id, NewKey::named("x")).await;
    assert!(matches!(for_another, Err(KeyError::Denied(Denial::AdminRequired))));
}
