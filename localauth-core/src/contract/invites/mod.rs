//! Rules of [`InviteStore`], with the users of the same store, who consume invites.

mod consumed;
mod kept;

pub use self::consumed::*;
pub use self::kept::*;
use super::fixture::digest;
use crate::invite::Invite;
use crate::store::{InviteStore, UserStore};

group!(__contract_invites: UserStore, InviteStore);

/// The invite with this number, which must be there.
async fn found<S: InviteStore + ?Sized>(store: &S, n: usize) -> Invite {
    store
        .find_invite(&[digest(n)])
        .await
        .expect("the store answers")
        .expect("the invite is there")
}

async fn insert<S: InviteStore + ?Sized>(store: &S, invite: Invite) {
    store.insert_invite(invite).await.expect("a new invite is stored");
}
