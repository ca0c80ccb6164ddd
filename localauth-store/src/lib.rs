#![doc = include_str!("../README.md")]
#![deny(missing_docs)]
#![cfg_attr(
    not(any(feature = "sqlite", feature = "postgres")),
    expect(
        dead_code,
        unused_mut,
        unused_variables,
        reason = "without a driver nothing is ever connected"
    )
)]

mod attempts;
mod audit;
mod connect;
mod entity;
mod error;
mod holder;
mod invites;
mod keys;
mod ledger;
mod limits;
mod lock;
mod migration;
#[cfg(feature = "sqlite")]
mod own_secret;
mod portion;
mod sessions;
mod settings;
mod shared_keys;
mod spool;
mod sql_store;
mod text;
mod usage;
mod users;

pub use connect::{ConnectError, ConnectErrorKind, ConnectOptions, connect};
pub use ledger::SqlLedger;
pub use spool::{FileSpool, FileSpoolOptions, OpenSpoolError};
pub use sql_store::SqlStore;
