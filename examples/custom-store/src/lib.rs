//! A store of one's own: users and all that depends on them in one JSON file.
//!
//! To write a store over your own database, read in this order:
//!
//! | file | what is in it | what it is with a database |
//! |---|---|---|
//! | `store.rs` | [`FileStore`]: what a read and a change are | the connection pool; `begin` … `commit` |
//! | `tables.rs` | the rows, the one counter of epochs, what must hold | the schema: tables, unique indexes, foreign keys |
//! | `users.rs`, `keys.rs`, `sessions.rs`, `invites.rs`, `shared_keys.rs`, `limits.rs` | the traits | the statements |
//! | `format.rs` | a row as JSON | a row as columns |
//! | `file.rs` | replacing a file so that no crash leaves half of it | what the database does for you |
//! | `wiring.rs` | from stores to an `Auth` | the same |
//!
//! `tests/contract.rs` is the file to copy first: it tries on the store every promise that localauth relies on.
//!
//! Which traits to write? [`UserStore`], [`KeyStore`], [`SessionStore`] and [`InviteStore`] speak of the same users (a
//! key and a session are found together with their owner, ending either moves the owner's epoch, an invite is consumed
//! with the registration), so whoever keeps the users keeps these four; and [`SharedKeyStore`] and [`LimitStore`], whose
//! epochs the users' log of changes tells of. The audit log, attempts, usage and settings stand alone, and here stay in a [`MemoryStore`].
//!
//! The file says which format it has. One of an earlier format (`localauth custom-store 2`) is refused and left as it is:
//! an example has no migrations.
//!
//! [`UserStore`]: localauth_core::UserStore
//! [`KeyStore`]: localauth_core::KeyStore
//! [`SessionStore`]: localauth_core::SessionStore
//! [`InviteStore`]: localauth_core::InviteStore
//! [`SharedKeyStore`]: localauth_core::SharedKeyStore
//! [`LimitStore`]: localauth_core::LimitStore
//! [`MemoryStore`]: localauth_core::MemoryStore

mod error;
mod file;
mod format;
mod invites;
mod keys;
mod limits;
mod secret;
mod sessions;
mod shared_keys;
mod store;
mod tables;
mod users;
mod wiring;

use axum::Router;
use axum::routing::get;
use localauth_core::Auth;
use localauth_tower::{CurrentUser, RequireAuth};

pub use error::OpenError;
pub use store::FileStore;
pub use wiring::{builder, stores};

/// The whole application: nothing in it knows which store is behind `auth`.
pub fn app(auth: &Auth) -> Router {
    Router::new().route("/hello", get(hello)).layer(RequireAuth::new(auth))
}

async fn hello(user: CurrentUser) -> String {
    format!("Hello {}, you are {}.\n", user.name(), user.role())
}
