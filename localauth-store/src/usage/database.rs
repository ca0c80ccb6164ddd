//! The database behind, as far as usage is concerned: what both can do, each in its own SQL.

use localauth_core::StoreError;
use sea_orm::prelude::Uuid;

use super::history::Asked;
use super::numbers::{Numbers, Unknown};
use super::pages::Pages;
#[cfg(feature = "postgres")]
use super::postgres::Postgres;
use super::row::{Event, Moment, Rollup};
#[cfg(feature = "sqlite")]
use super::sqlite::Sqlite;
use crate::error::Failure;
use crate::sql_store::SqlStore;

/// The roll-ups of a grain within a stretch of time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    pub(super) grain: i16,
    /// From when on.
    pub(super) since: i64,
    /// Until before when.
    pub(super) before: i64,
}

/// Numbers and what has them: texts, then ids.
pub(super) type Numbered = (Vec<(i32, String)>, Vec<(i32, Uuid)>);

/// One of the two databases.
pub(super) enum Database {
    #[cfg(feature = "sqlite")]
    Sqlite(Sqlite),
    #[cfg(feature = "postgres")]
    Postgres(Postgres),
}

macro_rules! each {
    ($($(#[$doc:meta])* fn $name:ident(&self $(, $argument:ident: $type:ty)*) -> $result:ty;)+) => {
        impl Database {
            $(
                $(#[$doc])*
                pub(super) async fn $name(&self $(, $argument: $type)*) -> Result<$result, Failure> {
                    match *self {
                        #[cfg(feature = "sqlite")]
                        Self::Sqlite(ref sqlite) => Ok(sqlite.$name($($argument),*).await?),
                        #[cfg(feature = "postgres")]
                        Self::Postgres(ref postgres) => Ok(postgres.$name($($argument),*).await?),
                    }
                }
            )+
        }
    };
}

each! {
    /// Gives numbers to texts and ids, those that have none yet, and tells all.
    fn number(&self, unknown: &Unknown) -> Numbered;
    /// What the numbers stand for.
    fn numbered(&self, labels: &[i32], parties: &[i32]) -> Numbered;
    /// Those of the ids that have a number.
    fn known_parties(&self, ids: &[Uuid]) -> Vec<(i32, Uuid)>;
    /// The text and its number, if it has one.
    fn known_label(&self, text: &str) -> Vec<(i32, String)>;
    /// Writes the events that are not known yet, and adds them to the roll-ups.
    fn write(&self, events: &[Event]) -> ();
    /// Deletes the first so many events whose ids are less, and tells how many.
    fn delete_events(&self, before: Uuid, most: i64) -> u64;
    /// When the pages begin that there are, and their versions, oldest first.
    fn versions(&self, stretch: Stretch) -> Vec<(i64, i64)>;
    /// The roll-ups of a page with greater versions.
    fn page(&self, grain: i16, at: i64, after: i64) -> Vec<Rollup>;
    /// The roll-ups of one user.
    fn of_user(&self, stretch: Stretch, user: i32) -> Vec<Rollup>;
    /// When the latest hour begins that has usage.
    fn latest_hour(&self) -> Option<i64>;
    /// Single requests with an id from `first` on, of a time from `since` on.
    fn moments(&self, asked: &Asked, first: Uuid, since: i64) -> Vec<Moment>;
    /// The roll-ups of hours from `since` on.
    fn hours(&self, asked: &Asked, since: i64) -> Vec<Moment>;
}

impl SqlStore {
    /// The database to ask about usage.
    pub(super) fn usage(&self) -> Database {
        match self.reader().get_database_backend() {
            #[cfg(feature = "sqlite")]
            sea_orm::DbBackend::Sqlite => Database::Sqlite(Sqlite {
                read: self.reader().get_sqlite_connection_pool().clone(),
                write: self.writer().get_sqlite_connection_pool().clone(),
            }),
            #[cfg(feature = "postgres")]
            sea_orm::DbBackend::Postgres => Database::Postgres(Postgres {
                pool: self.reader().get_postgres_connection_pool().clone(),
            }),
            _ => unreachable!("`connect` makes stores on the databases above only"),
        }
    }

    /// Waits for `work`, which goes on when the caller does not wait.
    pub(super) async fn carry_through<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Failure>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let task = tokio::spawn(work);
        self.ask(async { task.await.unwrap_or(Err(Failure::Interrupted)) })
            .await
    }
}

/// What a store remembers of usage, shared by all its clones.
#[derive(Default, Clone)]
pub(crate) struct Memory {
    pub(super) numbers: Numbers,
    pub(super) pages: Pages,
}
