//! How often something may be tried: before anything is looked up.

mod support;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use localauth_core::{
    AttemptError, Auth, Caller, ChangePasswordError, MemoryStore, Password, RegisterError, ServerSecret, SignInError,
    Stores,
};
use support::{PASSWORD, World, account};

const MINUTE: Duration = Duration::from_mins(1);
const MILLI: Duration = Duration::from_millis(1);

async fn world() -> World {
    World::with(|b| b.attempt_limits(true)).await
}

fn from(address: &str) -> Caller {
    Caller::anonymous().at(address.parse().ok())
}

async fn sign_in(world: &World, email: &str, password: &str, address: &str) -> Result<(), SignInError> {
    world
        .auth
        .sign_in(email, Password::new(password), &from(address))
        .await
        .map(drop)
}

fn is_limited<T>(done: &Result<T, SignInError>) -> bool {
    matches!(done, Err(SignInError::Attempt(AttemptError::Limited { .. })))
}

#[tokio::test]
async fn five_a_minute_and_not_one_more_whatever_is_tried() {
    let world = world().await;
    let ada = world.user("ada@example.org").await;
    let key = world.key(&ada).await;
    let me = world.auth.authenticate(&support::bearer(key.expose())).await.unwrap();
    let here = from("192.0.2.1");
    // All of them count together, and successes too.
    sign_in(&world, "ada@example.org", PASSWORD, "192.0.2.1").await.unwrap();
    sign_in(&world, "ada@example.org", "wrong", "192.0.2.1")
        .await
        .unwrap_err();
    world.auth.register(account("bob@example.org"), &here).await.unwrap();
    world
        .auth
        .sign_in_with_token(Password::new(key.expose()), &here)
        .await
        .unwrap();
    let scope = localauth_core::KeyScope {
        can_mint: true,
        ..localauth_core::KeyScope::default()
    };
    let minting = world.key_with(&ada, scope).await.plain;
    let minting = world
        .auth
        .authenticate(&support::bearer(minting.expose()))
        .await
        .unwrap();
    let signed_in = Caller::from_identity(minting).at("192.0.2.1".parse().ok());
    let wrong = world
        .auth
        .change_password(&signed_in, Password::new("x"), Password::new(PASSWORD), false)
        .await;
    assert!(matches!(wrong, Err(ChangePasswordError::WrongPassword)));

    let retry_after = match sign_in(&world, "ada@example.org", PASSWORD, "192.0.2.1").await {
        Err(SignInError::Attempt(AttemptError::Limited { retry_after })) => retry_after,
        other => panic!("{other:?}"),
    };
    assert_eq!(retry_after, MINUTE);
    let registered = world.auth.register(account("c@example.org"), &here).await;
    assert!(matches!(
        registered,
        Err(RegisterError::Attempt(AttemptError::Limited { .. }))
    ));
    assert!(is_limited(
        &world.auth.sign_in_with_token(Password::new(key.expose()), &here).await
    ));
    let changed = world
        .auth
        .change_password(&signed_in, Password::new(PASSWORD), Password::new("x"), true)
        .await;
    assert!(matches!(
        changed,
        Err(ChangePasswordError::Attempt(AttemptError::Limited { .. }))
    ));
    sign_in(&world, "ada@example.org", PASSWORD, "192.0.2.2").await.unwrap();
    drop(me);

    world.pass(MINUTE.saturating_sub(MILLI)).await;
    assert!(is_limited(
        &sign_in(&world, "ada@example.org", PASSWORD, "192.0.2.1").await
    ));
    world.pass(MILLI).await;
    sign_in(&world, "ada@example.org", PASSWORD, "192.0.2.1").await.unwrap();
}

#[tokio::test]
async fn waiting_for_less_than_a_minute_buys_nothing() {
    let world = world().await;
    world.user("ada@example.org").await;
    let mut times = Vec::new();
    for second in 0..240 {
        let done = sign_in(&world, &format!("u{second}@example.org"), "x", "192.0.2.1").await;
        if !is_limited(&done) {
            times.push(second);
        }
        world.pass(Duration::from_secs(1)).await;
    }
    assert_eq!(times.len(), 20);
    assert!(times.windows(6).all(|w| w[5] - w[0] >= 60), "{times:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_at_once_five_are_tried() {
    let world = world().await;
    world.user("ada@example.org").await;
    let all = (0..100).map(|n| {
        let auth = world.auth.clone();
        tokio::spawn(async move {
            let email = format!("u{n}@example.org");
            auth.sign_in(&email, Password::new("x"), &from("192.0.2.1"))
                .await
                .map(drop)
        })
    });
    let tried = join_all(all)
        .await
        .into_iter()
        .filter(|done| matches!(done, Ok(Err(SignInError::WrongCredentials))));
    assert_eq!(tried.count(), 5);
}

#[tokio::test]
async fn one_holder_of_addresses_is_one() {
    let world = world().await;
    for n in 0..5 {
        let address = format!("2001:db8:0:1::{n:x}");
        assert!(!is_limited(
            &sign_in(&world, &format!("u{n}@example.org"), "x", &address).await
        ));
    }
    assert!(
        is_limited(&sign_in(&world, "x@example.org", "x", "2001:db8:0:1:ffff::9").await),
        "the same /64"
    );
    assert!(!is_limited(
        &sign_in(&world, "x@example.org", "x", "2001:db8:0:2::1").await
    ));
    for n in 0..5 {
        let address = if n % 2 == 0 { "192.0.2.1" } else { "::ffff:192.0.2.1" };
        assert!(!is_limited(
            &sign_in(&world, &format!("v{n}@example.org"), "x", address).await
        ));
    }
    assert!(is_limited(
        &sign_in(&world, "x@example.org", "x", "::ffff:192.0.2.1").await
    ));
    for n in 0..5 {
        assert!(!is_limited(
            &sign_in(&world, &format!("w{n}@example.org"), "x", "unknown").await
        ));
    }
    assert!(
        is_limited(&sign_in(&world, "x@example.org", "x", "unknown").await),
        "unknown ones are one"
    );
}

/// A guess from each of many addresses, at one account, in every spelling that leads to it.
#[tokio::test]
async fn an_account_has_a_limit_across_addresses_and_spellings() {
    let world = world().await;
    world.user("ada@exämple.org").await;
    let spellings = [
        "ada@exämple.org",
        " ADA@EXÄMPLE.org ",
        "ada@xn--exmple-cua.org",
        "ada@exämple。org",
        "ada@ｅxämple.org",
    ];
    for n in 0..600_u16 {
        let [high, low] = n.to_be_bytes();
        let address = IpAddr::from([198, 51, high, low]).to_string();
        let done = sign_in(&world, spellings[usize::from(n) % spellings.len()], "x", &address).await;
        assert!(matches!(done, Err(SignInError::WrongCredentials)), "{n}: {done:?}");
    }
    for spelling in spellings {
        let right = sign_in(&world, spelling, PASSWORD, "203.0.113.1").await;
        assert!(
            is_limited(&right),
            "{spelling}: a right guess is not told from a wrong one"
        );
    }
    // Whether there is such an account makes no difference, and one address alone cannot use it up.
    for n in 0..60 {
        assert!(!is_limited(
            &sign_in(&world, "nobody@example.org", "x", "203.0.113.2").await
        ));
        if n % 5 == 4 {
            world.pass(Duration::from_mins(1)).await;
        }
    }
    assert!(is_limited(
        &sign_in(&world, "nobody@example.org", "x", "203.0.113.2").await
    ));
    assert!(!is_limited(
        &sign_in(&world, "nobody@example.org", "x", "203.0.113.3").await
    ));
    world.pass(Duration::from_hours(1)).await;
    sign_in(&world, "ada@exämple.org", PASSWORD, "203.0.113.1")
        .await
        .unwrap();
}

/// The limiter and the users in stores of their own, so that each can be away alone.
fn apart(world: &World) -> (Auth, MemoryStore) {
    let attempts = MemoryStore::new();
    let mut stores = Stores::from_one(world.store.clone());
    stores.attempts = Arc::new(attempts.clone());
    let auth = Auth::builder_with(stores)
        .secret(ServerSecret::new(&[7; 32]).unwrap())
        .clock(Arc::clone(&world.clock))
        .password_cost(localauth_core::PasswordCost::INSECURE)
        .background(false)
        .build();
    (auth.unwrap(), attempts)
}

#[tokio::test]
async fn nothing_is_looked_up_for_one_too_many() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    let key = world.key(&ada).await;
    let (auth, _) = apart(&world);
    let here = from("192.0.2.1");
    for _ in 0..5 {
        auth.attempt_sign_in(here.address()).await.unwrap();
    }
    // With the users away, whoever asked them would see an outage.
    world.store.set_outage(true);
    let before = world.store.lookups();
    for email in ["ada@example.org", "nobody@example.org", "nonsense"] {
        assert!(is_limited(&auth.sign_in(email, Password::new(PASSWORD), &here).await));
    }
    assert!(is_limited(
        &auth.sign_in_with_token(Password::new(key.expose()), &here).await
    ));
    let registered = auth.register(account("new@example.org"), &here).await;
    assert!(matches!(
        registered,
        Err(RegisterError::Attempt(AttemptError::Limited { .. }))
    ));
    assert_eq!(world.store.lookups(), before);
    let elsewhere = auth
        .sign_in("ada@example.org", Password::new(PASSWORD), &from("192.0.2.2"))
        .await;
    assert!(matches!(elsewhere, Err(SignInError::Store(_))));
}

#[tokio::test]
async fn a_limiter_that_cannot_answer_lets_nobody_through() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    let key = world.key(&ada).await;
    let (auth, attempts) = apart(&world);
    attempts.set_outage(true);
    let here = from("192.0.2.1");
    let signed_in = auth.sign_in("ada@example.org", Password::new(PASSWORD), &here).await;
    assert!(matches!(signed_in, Err(SignInError::Attempt(AttemptError::Store(_)))));
    let by_token = auth.sign_in_with_token(Password::new(key.expose()), &here).await;
    assert!(matches!(by_token, Err(SignInError::Attempt(AttemptError::Store(_)))));
    let registered = auth.register(account("new@example.org"), &here).await;
    assert!(matches!(
        registered,
        Err(RegisterError::Attempt(AttemptError::Store(_)))
    ));
    for done in [
        auth.attempt_callback(here.address()).await,
        auth.attempt_invite_check(here.address()).await,
    ] {
        assert!(matches!(done, Err(AttemptError::Store(_))));
    }
    attempts.set_outage(false);
    auth.sign_in("ada@example.org", Password::new(PASSWORD), &here)
        .await
        .unwrap();
}

#[tokio::test]
async fn nodes_that_share_a_store_share_the_limit_and_kinds_are_apart() {
    let world = world().await;
    world.user("ada@example.org").await;
    let other = support::builder(&world.store, &world.clock)
        .attempt_limits(true)
        .build()
        .unwrap();
    let here = from("192.0.2.1");
    for n in 0..5 {
        let auth = if n % 2 == 0 { &world.auth } else { &other };
        auth.attempt_sign_in(here.address()).await.unwrap();
    }
    for auth in [&world.auth, &other] {
        assert!(is_limited(
            &auth.sign_in("ada@example.org", Password::new(PASSWORD), &here).await
        ));
    }
    for _ in 0..60 {
        other.attempt_callback(here.address()).await.unwrap();
    }
    assert!(world.auth.attempt_callback(here.address()).await.is_err());
    for _ in 0..30 {
        other.attempt_invite_check(here.address()).await.unwrap();
    }
    assert!(world.auth.attempt_invite_check(here.address()).await.is_err());
}
