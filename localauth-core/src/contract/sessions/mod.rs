//! Rules of [`SessionStore`], with the users and keys of the same store.

mod begun;
mod ended;
mod renewed;
mod shared;
mod swept;

pub use self::begun::*;
pub use self::ended::*;
pub use self::renewed::*;
pub use self::shared::*;
pub use self::swept::*;
use super::fixture::{at, digest};
use crate::id::{SessionId, UserId};
use crate::session::{FoundSession, Session};
use crate::store::{KeyStore, SessionStore, UserStore};
use crate::user::User;

group!(__contract_sessions: UserStore, KeyStore, SessionStore);

async fn find<S: SessionStore + ?Sized>(store: &S, n: usize) -> Option<FoundSession> {
    store.find_session(&[digest(n)]).await.expect("the store answers")
}

async fn insert<S: SessionStore + ?Sized>(store: &S, session: Session) {
    store
        .insert_session(session)
        .await
        .expect("all that it depends on is there");
}

/// A session that depends on its user alone.
fn of(session: Session, user: &User) -> FoundSession {
    FoundSession {
        session,
        user: Some(user.clone()),
        key: None,
        impersonator: None,
    }
}

/// Which sessions the user has at the beginning, when none is over by itself.
async fn ids<S: SessionStore + ?Sized>(store: &S, user_id: UserId) -> Vec<SessionId> {
    let sessions = store.list_sessions(user_id, at(0)).await;
    sessions.expect("the store answers").into_iter().map(|s| s.id).collect()
}
