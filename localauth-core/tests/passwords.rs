//! Changing one's own password.

mod support;

use localauth_core::{Caller, ChangePasswordError, Denial, KeyScope, Password, SignedIn};
use support::{PASSWORD, World, nobody, operator};

const NEW_PASSWORD: &str = "another-horse-battery-staple";

fn minting() -> KeyScope {
    KeyScope {
        can_mint: true,
        ..KeyScope::default()
    }
}

async fn change(world: &World, by: &Caller, old: &str, new: &str) -> Result<Option<SignedIn>, ChangePasswordError> {
    world
        .auth
        .change_password(by, Password::new(old), Password::new(new), false)
        .await
}

#[tokio::test]
async fn a_password_changed_by_a_session_of_a_key_leaves_a_session_of_that_key() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    let key = world.key_with(&ada, minting()).await;
    let other = world.session("ada@example.org").await;
    let session = world.token_session(key.plain.expose()).await;
    let by = world.by(&session).await;
    let changed = world
        .auth
        .change_password(&by, Password::new(PASSWORD), Password::new(NEW_PASSWORD), false)
        .await;
    let fresh = changed.unwrap().unwrap().token.expose().to_owned();
    for ended in [&other, &session] {
        assert_eq!(world.ask(ended).await.unwrap_err(), Denial::InvalidSession);
    }
    world.ask(&fresh).await.unwrap();
    world.auth.revoke_key(&operator(), key.key.id).await.unwrap();
    assert_eq!(
        world.ask(&fresh).await.unwrap_err(),
        Denial::InvalidSession,
        "still bound to the key"
    );
}

#[tokio::test]
async fn a_new_password_ends_all_other_sessions() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    let (mine, other) = (
        world.session("ada@example.org").await,
        world.session("ada@example.org").await,
    );
    let by = world.by(&mine).await;
    assert!(matches!(
        change(&world, &by, "wrong", NEW_PASSWORD).await,
        Err(ChangePasswordError::WrongPassword)
    ));
    assert!(matches!(
        change(&world, &by, PASSWORD, "short").await,
        Err(ChangePasswordError::Rejected(_))
    ));
    assert!(matches!(
        change(&world, &nobody(), PASSWORD, NEW_PASSWORD).await,
        Err(ChangePasswordError::Denied(_))
    ));
    world.ask(&other).await.unwrap();
    let fresh = change(&world, &by, PASSWORD, NEW_PASSWORD).await.unwrap().unwrap();
    for ended in [&mine, &other] {
        assert_eq!(world.ask(ended).await.unwrap_err(), Denial::InvalidSession);
    }
    world.ask(fresh.token.expose()).await.unwrap();
    // With a key there is no session to go on with.
    let by_key = world.by(world.key_with(&ada, minting()).await.plain.expose()).await;
    assert!(change(&world, &by_key, NEW_PASSWORD, PASSWORD).await.unwrap().is_none());
    assert_eq!(
        world.ask(fresh.token.expose()).await.unwrap_err(),
        Denial::InvalidSession
    );
    let service = world
        .auth
        .add_service_account(&Caller::operator(), "robot")
        .await
        .unwrap();
    let robot = world.by(world.key_with(&service, minting()).await.plain.expose()).await;
    assert!(matches!(
        change(&world, &robot, "", NEW_PASSWORD).await,
        Err(ChangePasswordError::NotLocal)
    ));
}
