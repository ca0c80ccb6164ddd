//! The audit log: what is in it, and what never is.

mod support;

use std::sync::Arc;
use std::time::Duration;

use localauth_core::{
    AuditAction, AuditEvent, AuditOutcome, AuditQuery, Auth, Caller, ExternalCodes, ExternalIdentity, ExternalProfile,
    KeyScope, LimitRule, MemoryStore, ModelAllowList, NewAccount, NewKey, Password, Provider, RegistrationMode, Role,
    SeededEntropy, ServerSecret, SetupCode, Status, Stores,
};
use support::{PASSWORD, World, account, nobody, operator};

const NEW_PASSWORD: &str = "another-horse-battery-staple";
const SHARED: &str = "a-key-of-the-run-time";

async fn all(auth: &Auth) -> Vec<AuditEvent> {
    auth.audit_events(&AuditQuery::default()).await.unwrap()
}

fn minting() -> KeyScope {
    KeyScope {
        can_mint: true,
        ..KeyScope::default()
    }
}

fn profile() -> ExternalProfile {
    ExternalProfile {
        identity: ExternalIdentity {
            provider: Provider::Github,
            subject: "17".to_owned(),
        },
        email: Some("carol@example.org".to_owned()),
        email_verified: true,
        name: "Carol".to_owned(),
        avatar_url: String::new(),
        grant: None,
    }
}

/// Does everything there is to do, well and badly. Returns all secrets that took part in it.
#[expect(clippy::too_many_lines, reason = "one thing after the other")]
async fn everything(world: &World, setup: &str) -> Vec<String> {
    let auth = &world.auth;
    let mut secrets = vec![
        PASSWORD.to_owned(),
        NEW_PASSWORD.to_owned(),
        SHARED.to_owned(),
        setup.to_owned(),
    ];
    let first = NewAccount {
        setup_code: setup.to_owned(),
        ..account("root@example.org")
    };
    auth.register(account("eve@example.org"), &nobody()).await.unwrap_err();
    auth.register(first, &nobody()).await.unwrap();
    let root = world.session("root@example.org").await;
    let by = world.by(&root).await;
    // People type the password into the wrong field, and paste keys where a password belongs.
    auth.sign_in(PASSWORD, Password::new(""), &nobody()).await.unwrap_err();
    auth.sign_in(&root, Password::new(""), &nobody()).await.unwrap_err();
    auth.register(NewAccount::local(PASSWORD, Password::new(PASSWORD)), &nobody())
        .await
        .unwrap_err();
    auth.sign_in("root@example.org", Password::new(NEW_PASSWORD), &nobody())
        .await
        .unwrap_err();
    auth.sign_in_with_token(Password::new(NEW_PASSWORD), &nobody())
        .await
        .unwrap_err();
    auth.sign_in_with_token(Password::new(&root), &nobody())
        .await
        .unwrap_err();

    let invite = auth.create_invite(&by, None).await.unwrap();
    let revoked = auth.create_invite(&by, None).await.unwrap();
    auth.revoke_invite(&by, revoked.invite.id).await.unwrap();
    for code in [&invite.code, &revoked.code] {
        let invited = NewAccount {
            invite_code: code.expose().to_owned(),
            ..account("ada@example.org")
        };
        drop(auth.register(invited, &nobody()).await);
        secrets.push(code.expose().to_owned());
    }
    let ada = auth
        .find_user_by_email(&"ada@example.org".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    let session = world.session("ada@example.org").await;
    let by_ada = world.by(&session).await;
    auth.set_profile(&by_ada, "Ada", None).await.unwrap();
    auth.change_password(&by_ada, Password::new(NEW_PASSWORD), Password::new(PASSWORD), false)
        .await
        .unwrap_err();
    auth.change_password(&by_ada, Password::new(PASSWORD), Password::new("short"), false)
        .await
        .unwrap_err();
    let changed = auth
        .change_password(&by_ada, Password::new(PASSWORD), Password::new(NEW_PASSWORD), false)
        .await;
    let fresh = changed.unwrap().unwrap().token.expose().to_owned();
    let by_ada = world.by(&fresh).await;

    let made = auth
        .create_own_key(&by_ada, NewKey::named("laptop").scoped(minting()))
        .await
        .unwrap();
    let rotated = auth
        .rotate_key(&by_ada, made.key.id, Duration::from_hours(1))
        .await
        .unwrap();
    let by_key = auth
        .sign_in_with_token(Password::new(rotated.plain.expose()), &nobody())
        .await
        .unwrap();
    let other = auth.create_key_for(&by, ada.id, NewKey::named("other")).await.unwrap();
    auth.revoke_own_key(&by_ada, other.key.id).await.unwrap();
    secrets.extend([&made.plain, &rotated.plain, &other.plain].map(|key| key.expose().to_owned()));
    secrets.extend([root, session, fresh, by_key.token.expose().to_owned()]);
    auth.link_external(&by_ada, &profile()).await.unwrap();
    auth.unlink_external(&by_ada, &profile().identity).await.unwrap();
    auth.sign_in_external(profile(), ExternalCodes::default(), &nobody())
        .await
        .unwrap_err();
    auth.end_other_sessions(&by_ada).await.unwrap();

    auth.replace_shared_keys(&by, &[SHARED.to_owned()]).await.unwrap();
    let shared = auth
        .sign_in_with_token(Password::new(SHARED), &nobody())
        .await
        .unwrap()
        .token;
    secrets.push(shared.expose().to_owned());
    auth.set_permissions(&by, ada.id, &[("agents".to_owned(), true)].into())
        .await
        .unwrap();
    auth.set_models(&by, ada.id, ModelAllowList::default()).await.unwrap();
    let rule = LimitRule::per("1h".parse().unwrap()).requests(1);
    auth.set_user_limit(&by, ada.id, rule).await.unwrap();
    auth.set_user_tier(&by, ada.id, None).await.unwrap();
    let (rules, since) = auth.house_rules().await.unwrap();
    auth.replace_house_rules(&by, &rules, since).await.unwrap();
    let acting = auth.impersonate(&by, ada.id).await.unwrap().signed_in.token;
    auth.sign_out(&world.by(acting.expose()).await).await.unwrap();
    secrets.push(acting.expose().to_owned());
    auth.reset_password(&by, ada.id, Password::new(PASSWORD)).await.unwrap();
    auth.set_role(&by, ada.id, Role::Admin).await.unwrap();
    auth.set_status(&by, ada.id, Status::Disabled).await.unwrap();
    auth.sign_in("ada@example.org", Password::new(PASSWORD), &nobody())
        .await
        .unwrap_err();
    auth.set_password("root@example.org", Password::new(NEW_PASSWORD), false)
        .await
        .unwrap();
    auth.add_user(account("bob@example.org")).await.unwrap();
    auth.delete_user(&operator(), ada.id).await.unwrap();
    let root = auth
        .find_user_by_email(&"root@example.org".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    auth.set_role(&operator(), root.id, Role::User).await.unwrap_err();
    secrets.extend(root.password.map(|hash| hash.expose().to_owned()));
    secrets
}

#[tokio::test]
async fn everything_is_told_and_no_secret_is() {
    let setup = SetupCode::generate(&SeededEntropy::insecure(1)).unwrap();
    let code = setup.expose().to_owned();
    let world = World::with(|b| b.registration(RegistrationMode::Invite).setup_code(setup)).await;
    let secrets = everything(&world, &code).await;
    let events = all(&world.auth).await;
    for action in AuditAction::ALL {
        // Ended one by one: another test's.
        assert!(
            events.iter().any(|event| event.action == *action),
            "{action} is missing"
        );
    }
    let shown = format!("{events:?}");
    for secret in secrets {
        assert!(!shown.contains(&secret), "{secret}");
        // What is secret of a key is its end.
        let end = &secret[secret.len() - 12.min(secret.len())..];
        assert!(!shown.contains(end), "{end}");
    }
    assert!(
        events
            .iter()
            .any(|e| e.action == AuditAction::SignIn && e.outcome == AuditOutcome::Failure)
    );
    assert!(events.windows(2).all(|two| two[0].id > two[1].id), "newest first");
}

#[tokio::test]
async fn who_acts_as_somebody_is_named_with_them_and_from_where() {
    let world = World::new().await;
    let (root, ada) = (
        world.admin("root@example.org").await,
        world.user("ada@example.org").await,
    );
    let key = world.key_with(&ada, KeyScope::default()).await.key.id;
    let by = world.by(&world.session("root@example.org").await).await;
    let by = by.at("2001:db8::1".parse().ok()).with_user_agent("Fire\nfox");
    let acting = world.auth.impersonate(&by, ada.id).await.unwrap();
    let acting = world
        .by(acting.signed_in.token.expose())
        .await
        .at("::ffff:192.0.2.1".parse().ok());
    world.auth.set_profile(&acting, "Somebody", None).await.unwrap();
    let acting = world
        .auth
        .authenticate(&support::bearer("x"))
        .await
        .map_or(acting, Caller::from_identity);
    world.auth.revoke_own_key(&acting, key).await.unwrap();
    let asked = AuditQuery {
        actor: Some(root.id),
        ..AuditQuery::default()
    };
    let events = world.auth.audit_events(&asked).await.unwrap();
    let seen: Vec<_> = events
        .iter()
        .map(|e| {
            (
                e.action,
                e.actor.as_ref().unwrap().id,
                e.impersonator.as_ref().map(|by| by.name.as_str()),
            )
        })
        .collect();
    assert_eq!(
        seen[..3],
        [
            (AuditAction::KeyRevoke, ada.id, Some("root")),
            (AuditAction::ProfileChange, ada.id, Some("root")),
            (AuditAction::Impersonate, root.id, None),
        ]
    );
    assert_eq!((&*events[0].address, &*events[2].address), ("192.0.2.1", "2001:db8::1"));
    assert_eq!(events[2].user_agent, "Firefox");
    assert_eq!(events[2].target, ada.id.to_string());
}

#[tokio::test]
async fn a_log_that_cannot_be_written_stops_nothing() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    let log = MemoryStore::new();
    let mut stores = Stores::from_one(world.store.clone());
    stores.audit = Arc::new(log.clone());
    let auth = Auth::builder_with(stores)
        .secret(ServerSecret::new(&[7; 32]).unwrap())
        .clock(Arc::clone(&world.clock))
        .password_cost(localauth_core::PasswordCost::INSECURE)
        .attempt_limits(false)
        .background(false)
        .build()
        .unwrap();
    log.set_outage(true);
    let session = auth
        .sign_in("ada@example.org", Password::new(PASSWORD), &nobody())
        .await
        .unwrap();
    let caller = auth
        .authenticate(&support::bearer(session.token.expose()))
        .await
        .unwrap();
    let caller = Caller::from_identity(caller);
    auth.create_own_key(&caller, NewKey::named("x")).await.unwrap();
    auth.set_status(&operator(), ada.id, Status::Disabled).await.unwrap();
    auth.delete_user(&operator(), ada.id).await.unwrap();
    assert!(auth.find_user(ada.id).await.unwrap().is_none());
    assert!(
        auth.audit_events(&AuditQuery::default()).await.is_err(),
        "but reading it is no empty list"
    );
    log.set_outage(false);
    assert_eq!(all(&auth).await, []);
}

#[tokio::test]
async fn an_outage_of_the_whole_store_is_no_failed_sign_in() {
    let world = World::new().await;
    world.user("ada@example.org").await;
    let before = all(&world.auth).await.len();
    world.store.set_outage(true);
    world
        .auth
        .sign_in("ada@example.org", Password::new(PASSWORD), &nobody())
        .await
        .unwrap_err();
    world.store.set_outage(false);
    assert_eq!(all(&world.auth).await.len(), before);
}

#[tokio::test]
async fn one_too_many_is_limited_and_not_written_down() {
    let world = World::with(|b| b.attempt_limits(true)).await;
    for _ in 0..50 {
        world
            .auth
            .sign_in("ada@example.org", Password::new("x"), &nobody())
            .await
            .unwrap_err();
    }
    assert_eq!(all(&world.auth).await.len(), 5, "a flood does not fill the log");
}

#[tokio::test]
async fn the_log_is_read_in_pieces() {
    let world = World::new().await;
    for n in 0..25 {
        world.user(&format!("u{n}@example.org")).await;
        world.pass(Duration::from_secs(1)).await;
    }
    let mut read = Vec::new();
    let mut before = None;
    loop {
        let query = AuditQuery {
            limit: Some(10),
            before,
            ..AuditQuery::default()
        };
        let page = world.auth.audit_events(&query).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        read.extend(page);
    }
    assert_eq!(read, all(&world.auth).await);
    let since = AuditQuery {
        since: Some(read[4].at),
        action: Some(AuditAction::UserCreate),
        ..AuditQuery::default()
    };
    assert_eq!(world.auth.audit_events(&since).await.unwrap().len(), 5);
    let none = AuditQuery {
        action: Some(AuditAction::KeyCreate),
        ..AuditQuery::default()
    };
    assert!(world.auth.audit_events(&none).await.unwrap().is_empty());
}
