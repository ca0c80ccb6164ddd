//! Coming in, leaving, and one's own account.

mod account;
mod faults;
mod invites;
mod language;
mod leave;
mod limits;
#[cfg(feature = "oauth")]
mod providers;
mod register;
mod sign_in;
mod strength;

use http::{HeaderMap, HeaderValue};
use localauth_core::{Caller, User};

use crate::support::World;

/// `user` as whoever signed in, for the use cases.
async fn caller(world: &World, user: &User) -> Caller {
    let browser = world.signed_in(user).await;
    let cookie = format!("session={}", browser.cookie("session").unwrap());
    let headers = HeaderMap::from_iter([(http::header::COOKIE, HeaderValue::try_from(cookie).unwrap())]);
    Caller::from_identity(world.auth.authenticate(&headers).await.unwrap())
}

/// An administrator, and the code of an invite of theirs.
async fn invite(world: &World) -> String {
    let root = world.user("Root", localauth_core::Role::Admin).await;
    let invite = world
        .auth
        .create_invite(&caller(world, &root).await, None)
        .await
        .unwrap();
    invite.code.expose().to_owned()
}
