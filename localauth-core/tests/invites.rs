//! Who comes in, and with what: invites, the first user, the setup code, an address that is taken.

mod support;

use std::time::Duration;

use futures_util::future::join_all;
use localauth_core::{
    CreateInviteError, Denial, ManageError, NewAccount, Password, RegisterError, Registered, RegistrationMode,
    RevokeInvite, Role, SeededEntropy, SetupCode, Status, UserQuery,
};
use support::{World, account, nobody, operator};

const MODES: [RegistrationMode; 3] = [
    RegistrationMode::Open,
    RegistrationMode::Approval,
    RegistrationMode::Invite,
];

fn with_code(email: &str, code: &str) -> NewAccount {
    NewAccount {
        invite_code: code.to_owned(),
        ..account(email)
    }
}

async fn world(mode: RegistrationMode) -> World {
    let world = World::with(|b| b.registration(mode)).await;
    world.admin("root@example.org").await;
    world
}

/// A fresh invite, by the administrator.
async fn invite(world: &World, hours: Option<i64>) -> String {
    let by = world.by(&world.session("root@example.org").await).await;
    let made = world.auth.create_invite(&by, hours).await.unwrap();
    made.code.expose().to_owned()
}

async fn register(world: &World, account: NewAccount) -> Result<Registered, RegisterError> {
    world.auth.register(account, &nobody()).await
}

#[tokio::test]
async fn an_invite_lets_one_in_at_once() {
    for mode in [RegistrationMode::Approval, RegistrationMode::Invite] {
        let world = world(mode).await;
        let code = invite(&world, None).await;
        assert!(world.auth.is_invite_open(&code).await.unwrap());
        let pasted = format!("  {code}\n");
        let Registered::SignedIn(ada) = register(&world, with_code("ada@example.org", &pasted)).await.unwrap() else {
            panic!("{mode}: the invite counts")
        };
        assert_eq!((ada.user.status, ada.user.role), (Status::Active, Role::User));
        world.ask(ada.token.expose()).await.unwrap();
        assert!(!world.auth.is_invite_open(&code).await.unwrap());
        let again = register(&world, with_code("eve@example.org", &code)).await;
        assert!(matches!(again, Err(RegisterError::InviteInvalid)), "{mode}: once");
        let used = &world.auth.list_invites().await.unwrap()[0];
        assert_eq!(used.used_by.as_ref().unwrap().id, ada.user.id);
        assert_eq!(used.created_by.as_ref().unwrap().name, "root");
    }
}

#[tokio::test]
async fn a_bad_code_is_refused_and_never_falls_back_to_waiting() {
    for mode in [RegistrationMode::Approval, RegistrationMode::Invite] {
        let world = world(mode).await;
        let over = invite(&world, Some(1)).await;
        world.pass(Duration::from_hours(1)).await;
        let revoked = invite(&world, None).await;
        let id = world.auth.list_invites().await.unwrap()[0].invite.id;
        let done = world.auth.revoke_invite(&operator(), id).await.unwrap();
        assert_eq!(done, RevokeInvite::Revoked);
        let good = invite(&world, None).await;
        let mistyped = format!("{}x", &good[..good.len() - 1]);
        for code in [&over, &revoked, &mistyped, &good.to_lowercase(), "guess"] {
            assert!(!world.auth.is_invite_open(code).await.unwrap());
            let refused = register(&world, with_code("ada@example.org", code)).await;
            assert!(
                matches!(refused, Err(RegisterError::InviteInvalid)),
                "{mode} {code}: {refused:?}"
            );
        }
        assert_eq!(world.auth.list_users(&UserQuery::default()).await.unwrap().len(), 1);
        register(&world, with_code("ada@example.org", &good)).await.unwrap();
    }
}

#[tokio::test]
async fn without_a_code_the_mode_decides() {
    for mode in MODES {
        let world = world(mode).await;
        match (mode, register(&world, with_code("ada@example.org", " ")).await) {
            (RegistrationMode::Open, Ok(Registered::SignedIn(_)))
            | (RegistrationMode::Approval, Ok(Registered::Pending))
            | (RegistrationMode::Invite, Err(RegisterError::InviteRequired)) => {}
            (_, other) => panic!("{mode}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn open_mode_neither_looks_at_invites_nor_uses_them_up() {
    let world = world(RegistrationMode::Open).await;
    let code = invite(&world, None).await;
    for (email, code) in [("ada@example.org", code.as_str()), ("bob@example.org", "nonsense")] {
        let done = register(&world, with_code(email, code)).await.unwrap();
        assert!(matches!(done, Registered::SignedIn(_)));
    }
    assert!(world.auth.is_invite_open(&code).await.unwrap());
}

#[tokio::test]
async fn the_first_user_needs_no_invite_and_uses_none_up() {
    for mode in MODES {
        for code in ["", "nonsense"] {
            let world = World::with(|b| b.registration(mode)).await;
            let done = register(&world, with_code("root@example.org", code)).await.unwrap();
            let Registered::SignedIn(root) = done else {
                panic!("{mode}: {done:?}")
            };
            assert_eq!(root.user.role, Role::Admin);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_with_one_invite_one_comes_in() {
    let world = world(RegistrationMode::Invite).await;
    let code = invite(&world, None).await;
    let all = (0..20).map(|n| {
        let (auth, account) = (world.auth.clone(), with_code(&format!("u{n}@example.org"), &code));
        tokio::spawn(async move { auth.register(account, &nobody()).await.is_ok() })
    });
    let came_in = join_all(all)
        .await
        .into_iter()
        .filter(|done| *done.as_ref().unwrap())
        .count();
    assert_eq!(came_in, 1);
    assert_eq!(world.auth.list_users(&UserQuery::default()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_fails_leaves_the_invite_open() {
    let world = world(RegistrationMode::Invite).await;
    let code = invite(&world, None).await;
    let weak = NewAccount {
        password: Password::new("short"),
        ..with_code("ada@example.org", &code)
    };
    assert!(matches!(register(&world, weak).await, Err(RegisterError::Password(_))));
    let taken = register(&world, with_code("root@example.org", &code)).await.unwrap();
    assert!(matches!(taken, Registered::EmailTaken { would_wait: false }));
    assert!(world.auth.is_invite_open(&code).await.unwrap());
    world.store.set_outage(true);
    let away = register(&world, with_code("ada@example.org", &code)).await;
    assert!(matches!(away, Err(RegisterError::Store(_))), "{away:?}");
    assert!(
        world.auth.is_invite_open(&code).await.is_err(),
        "and is not said to be none"
    );
    world.store.set_outage(false);
    register(&world, with_code("ada@example.org", &code)).await.unwrap();
}

/// Whoever tries an address learns from no answer whether somebody has it.
#[tokio::test]
async fn a_taken_address_is_answered_as_a_new_one_would_be() {
    for mode in [RegistrationMode::Approval, RegistrationMode::Invite] {
        for code in ["", "nonsense", "used"] {
            let world = world(mode).await;
            let used = invite(&world, None).await;
            register(&world, with_code("first@example.org", &used)).await.unwrap();
            let code = if code == "used" { &used } else { code };
            let seen = |done: Result<Registered, RegisterError>| match done {
                Ok(Registered::Pending | Registered::EmailTaken { would_wait: true }) => "waits".to_owned(),
                Ok(other) => panic!("{other:?}"),
                Err(error) => error.to_string(),
            };
            let taken = seen(register(&world, with_code("root@example.org", code)).await);
            let new = seen(register(&world, with_code("new@example.org", code)).await);
            assert_eq!(taken, new, "{mode} {code}");
            let weak = |email| NewAccount {
                password: Password::new("x"),
                ..with_code(email, code)
            };
            let taken = seen(register(&world, weak("root@example.org")).await);
            assert_eq!(
                taken,
                seen(register(&world, weak("other@example.org")).await),
                "{mode} {code}"
            );
        }
    }
}

#[tokio::test]
async fn an_invite_lasts_as_long_as_was_asked_for() {
    let world = world(RegistrationMode::Invite).await;
    let by = world.by(&world.session("root@example.org").await).await;
    for (asked, hours) in [
        (None, 168),
        (Some(0), 168),
        (Some(-5), 168),
        (Some(i64::MIN), 168),
        (Some(1), 1),
        (Some(8_760), 8_760),
    ] {
        let made = world.auth.create_invite(&by, asked).await.unwrap().invite;
        assert_eq!(
            made.expires_at,
            world.auth.now() + Duration::from_hours(hours),
            "{asked:?}"
        );
    }
    for asked in [8_761, i64::MAX] {
        let refused = world.auth.create_invite(&by, Some(asked)).await;
        assert!(matches!(refused, Err(CreateInviteError::TooLong)));
    }
    let code = invite(&world, Some(2)).await;
    world
        .pass(Duration::from_hours(2).saturating_sub(Duration::from_millis(1)))
        .await;
    assert!(world.auth.is_invite_open(&code).await.unwrap());
    world.pass(Duration::from_millis(1)).await;
    assert!(!world.auth.is_invite_open(&code).await.unwrap(), "at the very instant");
}

#[tokio::test]
async fn invites_go_with_who_made_them_and_used_ones_stay() {
    let world = world(RegistrationMode::Invite).await;
    let second = world.admin("second@example.org").await;
    let by = world.by(&world.session("second@example.org").await).await;
    let open = world.auth.create_invite(&by, None).await.unwrap();
    let used = invite(&world, None).await;
    register(&world, with_code("ada@example.org", &used)).await.unwrap();
    let list = world.auth.list_invites().await.unwrap();
    assert_eq!(list.len(), 2);
    let used = list.iter().find(|one| one.used_by.is_some()).unwrap();
    let kept = world.auth.revoke_invite(&operator(), used.invite.id).await.unwrap();
    assert_eq!(kept, RevokeInvite::Used);
    let stranger = world.by(&world.session("ada@example.org").await).await;
    for caller in [stranger, nobody()] {
        let refused = world.auth.revoke_invite(&caller, open.invite.id).await;
        assert!(matches!(refused, Err(ManageError::Denied(_))));
    }
    world.auth.delete_user(&operator(), second.id).await.unwrap();
    assert!(!world.auth.is_invite_open(open.code.expose()).await.unwrap());
    let gone = world.auth.revoke_invite(&operator(), open.invite.id).await.unwrap();
    assert_eq!(gone, RevokeInvite::NotFound);
}

#[tokio::test]
async fn the_shared_administrator_may_invite_and_nobody_who_acts_as_somebody_else() {
    let world = World::with(|b| b.registration(RegistrationMode::Invite).shared_key("a-shared-key")).await;
    world.admin("root@example.org").await;
    let second = world.admin("second@example.org").await;
    let shared = world.by("a-shared-key").await;
    let code = world.auth.create_invite(&shared, None).await.unwrap().code;
    register(&world, with_code("ada@example.org", code.expose()))
        .await
        .unwrap();
    let by = world.by(&world.session("root@example.org").await).await;
    let acting = world.auth.impersonate(&by, second.id).await.unwrap();
    let acting = world.by(acting.signed_in.token.expose()).await;
    let refused = world.auth.create_invite(&acting, None).await;
    assert!(
        matches!(
            refused,
            Err(CreateInviteError::Manage(ManageError::Denied(Denial::Impersonating)))
        ),
        "{refused:?}"
    );
    let list = world.auth.list_invites().await.unwrap();
    assert_eq!(list.len(), 1);
    assert_eq!(list[0].created_by.as_ref().unwrap().name, "API Key User");
}

#[tokio::test]
async fn the_setup_code_is_asked_of_the_first_alone() {
    for mode in MODES {
        let setup = SetupCode::generate(&SeededEntropy::insecure(1)).unwrap();
        let code = setup.expose().to_owned();
        let world = World::with(|b| b.registration(mode).setup_code(setup)).await;
        let with_setup = |email: &str, code: &str| NewAccount {
            setup_code: code.to_owned(),
            ..account(email)
        };
        for wrong in ["", "nonsense", &code[1..], &code.to_lowercase()] {
            let refused = register(&world, with_setup("eve@example.org", wrong)).await;
            assert!(
                matches!(refused, Err(RegisterError::SetupCodeRequired)),
                "{mode}: {refused:?}"
            );
        }
        // An invite is no setup code.
        let refused = register(&world, with_code("eve@example.org", &code)).await;
        assert!(
            matches!(refused, Err(RegisterError::SetupCodeRequired)),
            "{mode}: {refused:?}"
        );
        assert!(!world.auth.has_users().await.unwrap());
        let root = register(&world, with_setup("root@example.org", &format!(" {code} ")))
            .await
            .unwrap();
        let Registered::SignedIn(root) = root else {
            panic!("{mode}: {root:?}")
        };
        assert_eq!(root.user.role, Role::Admin);
        match (mode, register(&world, with_setup("ada@example.org", &code)).await) {
            (RegistrationMode::Open, Ok(Registered::SignedIn(ada))) => assert_eq!(ada.user.role, Role::User),
            (RegistrationMode::Approval, Ok(Registered::Pending))
            | (RegistrationMode::Invite, Err(RegisterError::InviteRequired)) => {}
            (_, other) => panic!("{mode}: of no use any more: {other:?}"),
        }
    }
}

#[tokio::test]
async fn the_administrators_address_does_nothing_for_a_local_registration() {
    let admin = "boss@example.org";
    let world = World::with(|b| b.admin_email(admin.parse().unwrap())).await;
    world.admin("root@example.org").await;
    let Registered::SignedIn(user) = register(&world, account(admin)).await.unwrap() else {
        panic!("open mode")
    };
    assert_eq!(user.user.role, Role::User);
}
