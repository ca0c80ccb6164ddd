//! Coming in and going out.

mod support;

use futures_util::future::join_all;
use localauth_core::{
    AddUserError, Denial, NewAccount, Password, PasswordCost, PasswordRejection, RegisterError, Registered,
    RegistrationMode, Role, SignInError, Status, UserQuery, UserStore as _,
};
use support::{PASSWORD, World, account, bearer, builder, headers, nobody};

#[tokio::test]
async fn the_first_is_admin_in_every_mode_and_the_second_is_not() {
    for mode in [
        RegistrationMode::Open,
        RegistrationMode::Approval,
        RegistrationMode::Invite,
    ] {
        let world = World::with(|b| b.registration(mode)).await;
        let first = account("root@example.org");
        let Registered::SignedIn(first) = world.auth.register(first, &nobody()).await.unwrap() else {
            panic!("the first may come in")
        };
        assert_eq!((first.user.role, first.user.status), (Role::Admin, Status::Active));
        world.auth.authenticate(&bearer(first.token.expose())).await.unwrap();
        let second = world
            .auth
            .register(
                NewAccount {
                    role: Role::Admin,
                    ..account("eve@example.org")
                },
                &nobody(),
            )
            .await;
        match (mode, second) {
            (RegistrationMode::Open, Ok(Registered::SignedIn(second))) => assert_eq!(second.user.role, Role::User),
            (RegistrationMode::Approval, Ok(Registered::Pending))
            | (RegistrationMode::Invite, Err(RegisterError::InviteRequired)) => {}
            (_, other) => panic!("{mode}: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_first_registrations_one_is_admin() {
    for mode in [
        RegistrationMode::Open,
        RegistrationMode::Approval,
        RegistrationMode::Invite,
    ] {
        let world = World::with(|b| b.registration(mode)).await;
        let all = (0..50).map(|n| {
            let auth = world.auth.clone();
            tokio::spawn(async move { auth.register(account(&format!("u{n}@example.org")), &nobody()).await })
        });
        join_all(all).await;
        let users = world.auth.list_users(&UserQuery::default()).await.unwrap();
        assert_eq!(users.iter().filter(|u| u.role == Role::Admin).count(), 1, "{mode}");
        if mode != RegistrationMode::Open {
            assert_eq!(users.iter().filter(|u| u.status == Status::Active).count(), 1, "{mode}");
        }
    }
}

#[tokio::test]
async fn an_address_is_one_user_however_it_is_spelled() {
    let world = World::new().await;
    world.user("ada@example.org").await;
    let again = world
        .auth
        .register(account("  ADA@Example.org "), &nobody())
        .await
        .unwrap();
    assert!(matches!(again, Registered::EmailTaken { would_wait: false }));
    assert!(matches!(
        world.auth.add_user(account("Ada@EXAMPLE.org")).await,
        Err(AddUserError::EmailTaken)
    ));
    world
        .auth
        .sign_in(" ADA@example.ORG", Password::new(PASSWORD), &nobody())
        .await
        .unwrap();
}

#[tokio::test]
async fn what_is_not_an_account_is_refused_with_a_reason() {
    let world = World::new().await;
    let weak = NewAccount::local("a@example.org", Password::new("short"));
    assert!(matches!(
        world.auth.register(weak, &nobody()).await,
        Err(RegisterError::Password(PasswordRejection::TooShort))
    ));
    let told = NewAccount {
        acknowledge_weak: true,
        ..NewAccount::local("a@example.org", Password::new("short"))
    };
    world.auth.register(told, &nobody()).await.unwrap();
    assert!(matches!(
        world.auth.register(account("nobody"), &nobody()).await,
        Err(RegisterError::Email(_))
    ));
    let named = NewAccount {
        name: "a\u{7}b".into(),
        ..account("b@example.org")
    };
    assert!(matches!(
        world.auth.register(named, &nobody()).await,
        Err(RegisterError::Name)
    ));
    let off = World::with(|b| b.local_auth(false)).await;
    assert!(matches!(
        off.auth.register(account("c@example.org"), &nobody()).await,
        Err(RegisterError::LocalAuthDisabled)
    ));
    let closed = off
        .auth
        .sign_in("c@example.org", Password::new(PASSWORD), &nobody())
        .await;
    assert!(matches!(closed, Err(SignInError::LocalAuthDisabled)));
}

#[tokio::test]
async fn sign_in_tells_the_status_only_after_the_right_password() {
    let world = World::new().await;
    world.admin("root@example.org").await;
    let ada = world.user("ada@example.org").await;
    let try_with = |email: &'static str, password: &'static str| {
        let auth = world.auth.clone();
        async move { auth.sign_in(email, Password::new(password), &nobody()).await.map(drop) }
    };
    for status in [Status::Active, Status::Pending, Status::Disabled] {
        world.store.set_status(ada.id, status).await.unwrap();
        for (email, password) in [
            ("ada@example.org", "wrong"),
            ("nobody@example.org", PASSWORD),
            ("nonsense", "x"),
        ] {
            let wrong = try_with(email, password).await;
            assert!(matches!(wrong, Err(SignInError::WrongCredentials)), "{email} {status}");
        }
        let right = try_with("ada@example.org", PASSWORD).await;
        match status {
            Status::Active => right.unwrap(),
            Status::Pending => assert!(matches!(right, Err(SignInError::Pending))),
            _ => assert!(matches!(right, Err(SignInError::Disabled))),
        }
    }
}

#[tokio::test]
async fn signing_out_ends_that_session_and_no_other() {
    let world = World::new().await;
    world.user("ada@example.org").await;
    let one = world.session("ada@example.org").await;
    let two = world.session("ada@example.org").await;
    assert_ne!(one, two);
    let by_cookie = |token: &str| headers(&[("cookie", &format!("session={token}"))]);
    let caller = world.by(&one).await;
    world.auth.sign_out(&caller).await.unwrap();
    assert_eq!(
        world.auth.authenticate(&by_cookie(&one)).await.unwrap_err(),
        Denial::InvalidSession
    );
    world.auth.authenticate(&by_cookie(&two)).await.unwrap();
}

#[tokio::test]
async fn a_new_password_ends_all_sessions_and_keeps_keys() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    let key = world.key(&ada).await;
    let session = world
        .auth
        .sign_in("ada@example.org", Password::new(PASSWORD), &nobody())
        .await
        .unwrap();
    world.auth.authenticate(&bearer(session.token.expose())).await.unwrap();
    let new = "another-horse-battery-staple";
    world
        .auth
        .set_password("ada@example.org", Password::new(new), false)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        world
            .auth
            .authenticate(&bearer(session.token.expose()))
            .await
            .unwrap_err(),
        Denial::InvalidSession
    );
    world.auth.authenticate(&bearer(key.expose())).await.unwrap();
    assert!(
        world
            .auth
            .sign_in("ada@example.org", Password::new(PASSWORD), &nobody())
            .await
            .is_err()
    );
    world
        .auth
        .sign_in("ada@example.org", Password::new(new), &nobody())
        .await
        .unwrap();
    assert!(
        world
            .auth
            .set_password("nobody@example.org", Password::new(new), false)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn a_session_ends_after_thirty_days() {
    let world = World::new().await;
    world.user("ada@example.org").await;
    let session = world
        .auth
        .sign_in("ada@example.org", Password::new(PASSWORD), &nobody())
        .await
        .unwrap();
    world
        .pass(localauth_core::SESSION_LIFETIME.saturating_sub(std::time::Duration::from_millis(1)))
        .await;
    world.auth.authenticate(&bearer(session.token.expose())).await.unwrap();
    world.pass(std::time::Duration::from_millis(1)).await;
    assert_eq!(
        world
            .auth
            .authenticate(&bearer(session.token.expose()))
            .await
            .unwrap_err(),
        Denial::InvalidSession
    );
}

#[tokio::test]
async fn a_hash_with_old_parameters_is_replaced_at_sign_in() {
    let world = World::new().await;
    let before = world.user("ada@example.org").await.password.unwrap();
    let dearer = PasswordCost {
        iterations: 2,
        ..PasswordCost::INSECURE
    };
    let auth = builder(&world.store, &world.clock)
        .password_cost(dearer)
        .build()
        .unwrap();
    let nobody = nobody();
    let sign_in = |password| auth.sign_in("ada@example.org", Password::new(password), &nobody);
    let stored = || async {
        world.auth.list_users(&UserQuery::default()).await.unwrap()[0]
            .password
            .clone()
            .unwrap()
    };
    assert!(sign_in("wrong").await.is_err());
    assert_eq!(stored().await, before);
    sign_in(PASSWORD).await.unwrap();
    let after = stored().await;
    assert!(after.expose().contains("t=2"), "{}", after.expose());
    sign_in(PASSWORD).await.unwrap();
    assert_eq!(stored().await, after);
}
