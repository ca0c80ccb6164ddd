//! The tables as sea-orm entities. Rows never leave this crate: each file says how its rows become what the rest of
//! localauth knows.
//!
//! All names begin with `localauth_`, so that the tables fit into the database of the program around them. Ids are UUIDs
//! of 16 bytes, times are milliseconds, both databases alike.

pub(crate) mod attempt;
pub(crate) mod audit;
pub(crate) mod departed;
pub(crate) mod epoch;
pub(crate) mod identity;
pub(crate) mod invite;
pub(crate) mod key;
mod redacted;
pub(crate) mod session;
pub(crate) mod setting;
pub(crate) mod shared_key;
#[expect(clippy::struct_field_names, reason = "a model of ours is also called one by sea-orm")]
pub(crate) mod usage_event;
pub(crate) mod usage_label;
pub(crate) mod usage_name;
#[expect(clippy::struct_field_names, reason = "a model of ours is also called one by sea-orm")]
pub(crate) mod usage_rollup;
pub(crate) mod user;

pub(crate) use redacted::{DigestBytes, PasswordText, digest_columns, stored_digest, stored_digest_or_none};
