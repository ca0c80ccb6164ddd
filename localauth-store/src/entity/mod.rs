//! The tables as sea-orm entities. Rows never leave this crate: each file says how its rows become what the rest of
//! localauth knows.
//!
//! All names begin with `localauth_`, so that the tables fit into the database of the program around them. Ids are UUIDs
//! of 16 bytes, times are milliseconds, both databases alike.

pub(crate) mod attempt;
pub(crate) mod audit;
pub(crate) mod departed;
pub(crate) mod epoch;
pub(crate) mod house;
pub(crate) mod identity;
pub(crate) mod invite;
pub(crate) mod key;
pub(crate) mod limit_counter;
pub(crate) mod limit_hold;
pub(crate) mod limit_node;
pub(crate) mod limit_slot;
mod redacted;
pub(crate) mod session;
pub(crate) mod setting;
pub(crate) mod shared_key;
pub(crate) mod user;
#[expect(clippy::struct_field_names, reason = "a model of ours is also called one by sea-orm")]
pub(crate) mod user_limit;

pub(crate) use redacted::{DigestBytes, PasswordText, digest_columns, stored_digest, stored_digest_or_none};
