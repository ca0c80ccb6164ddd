//! The store contract: what [`crate::store`] promises, as tests for a store of one's own.
//!
//! Each rule is a public async function that takes a fresh, empty store and panics when the store breaks the rule. Most
//! rules call the store from many tasks at once and try to get between a check and its act, so run them on a
//! multi-threaded runtime. They come in groups, so that a program with nothing but its own users and keys can test just
//! those:
//!
//! | group | needs |
//! |---|---|
//! | [`users`] | [`UserStore`] |
//! | [`keys`] | [`UserStore`], [`KeyStore`] |
//! | [`sessions`] | [`UserStore`], [`KeyStore`], [`SessionStore`] |
//! | [`invites`] | [`UserStore`], [`InviteStore`] |
//! | [`shared_keys`] | [`UserStore`], [`SharedKeyStore`] |
//! | [`limits`] | [`UserStore`], [`LimitStore`] |
//! | [`audit`] | [`AuditLog`] |
//! | [`attempts`] | [`AttemptStore`] |
//! | [`usage`] | [`UsageSink`], [`UsageReader`] |
//! | [`settings`] | [`SettingStore`] |
//!
//! A [`Ledger`](crate::Ledger) is no store, and has a contract by itself: [`ledger`], or
//! [`ledger_contract!`](crate::ledger_contract).
//!
//! What makes a store returns something that derefs to one: an `Arc`, a `Box`, or a guard that cleans up when dropped.
//!
//! As one test for each rule, in a crate that has `tokio` with the features `macros` and `rt-multi-thread`:
//!
//! ```
//! use std::sync::Arc;
//! use localauth_core::memory::MemoryStore;
//!
//! async fn fresh() -> Arc<MemoryStore> {
//!     Arc::new(MemoryStore::new())
//! }
//!
//! mod contract {
//!     use super::fresh;
//!     localauth_core::store_contract!(fresh);
//! }
//! mod only_two_groups {
//!     use super::fresh;
//!     localauth_core::store_contract!(users, keys: fresh);
//! }
//! # fn main() {}
//! ```
//!
//! Or all at once, from any test:
//!
//! ```
//! # use std::sync::Arc;
//! # use localauth_core::memory::MemoryStore;
//! # tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?.block_on(async {
//! localauth_core::contract::settings::run(|| async { Arc::new(MemoryStore::new()) }).await;
//! # });
//! # Ok::<(), std::io::Error>(())
//! ```

#![expect(clippy::missing_panics_doc, reason = "to panic is how a rule says that it is broken")]

#[macro_use]
mod rules;
mod crowd;
mod fixture;
mod lists;

pub mod attempts;
pub mod audit;
pub mod invites;
pub mod keys;
pub mod ledger;
pub mod limits;
pub mod sessions;
pub mod settings;
pub mod shared_keys;
pub mod usage;
pub mod users;

use std::ops::Deref;

use crate::store::Store;
#[cfg(doc)]
use crate::store::{
    AttemptStore, AuditLog, InviteStore, KeyStore, LimitStore, SessionStore, SettingStore, SharedKeyStore, UsageReader,
    UsageSink, UserStore,
};

/// Checks every rule, each on a store made by `make`. Panics with the names of the rules that are broken.
pub async fn run<D, Fut>(make: impl Fn() -> Fut)
where
    D: Deref<Target: Store> + Send + Sync + 'static,
    Fut: Future<Output = D>,
{
    let mut report = rules::Report::default();
    crate::__contract_users!(__contract_check report make);
    crate::__contract_keys!(__contract_check report make);
    crate::__contract_sessions!(__contract_check report make);
    crate::__contract_invites!(__contract_check report make);
    crate::__contract_shared_keys!(__contract_check report make);
    crate::__contract_limits!(__contract_check report make);
    crate::__contract_audit!(__contract_check report make);
    crate::__contract_attempts!(__contract_check report make);
    crate::__contract_usage!(__contract_check report make);
    crate::__contract_settings!(__contract_check report make);
    report.finish();
}
