//! Usage: [written](record) in batches together with its roll-ups, and [read](report) from those alone.
//!
//! | table | a row |
//! |---|---|
//! | `usage_label` | a text and its number: models, endpoints, names of users and keys |
//! | `usage_party` | a user or key and its number |
//! | `usage_event` | a request: what makes it count once, and what the roll-ups could be made from again |
//! | `usage_rollup` | sums of an hour or a day, by user, model, key and source; and what user and key were called at the last of it |
//! | `usage_page` | an hour or a day, and how often its roll-ups changed |
//!
//! Rows are many and texts and ids are long: they are stored once, for ever, and every process remembers the numbers it
//! has met ([`numbers`]). No foreign key: usage outlives users and keys.
//!
//! The roll-ups of an hour or day are a *page*. Whoever adds to it takes its next version first, which is a lock until
//! the commit, and writes that version into each row it changes. So a page in memory ([`pages`]) is up to date when its
//! version is that of the table, and otherwise lacks just the rows with greater ones.
//!
//! Everything here is written in SQL by hand and not through sea-orm: arrays on PostgreSQL, statements of a thousand
//! rows on SQLite, and many rows packed into one value are what makes it fast enough, and the two databases have nothing
//! in common there. [`postgres`] and [`sqlite`] have all of it.

mod batch;
mod database;
mod history;
mod names;
mod numbers;
mod pages;
#[cfg(feature = "postgres")]
mod postgres;
mod record;
mod report;
mod row;
#[cfg(feature = "sqlite")]
mod sqlite;
mod sweep;

pub(crate) use self::database::Memory;
