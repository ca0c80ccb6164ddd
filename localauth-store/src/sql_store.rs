//! [`SqlStore`]: how questions are asked and changes made.

use std::fmt;
use std::time::Duration;

use localauth_core::{Epoch, StoreError};
use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DatabaseTransaction, EntityTrait as _, QuerySelect as _,
    SqliteTransactionMode, TransactionOptions, TransactionTrait as _,
};

use crate::entity::epoch;
use crate::error::Failure;

/// Every store of localauth in one SQLite or PostgreSQL database. Clones are handles on the same connections.
///
/// Made by [`connect`](crate::connect). What holds on both databases, beyond what [`localauth_core::store`] promises:
///
/// - **What was answered with `Ok` is kept**, also through a `kill -9` or a power cut: SQLite writes with
///   `synchronous = FULL`, PostgreSQL by its own default.
/// - **A change that has begun is carried through** even if its caller walks away.
/// - **Nobody waits for ever**: without a connection or an answer in time it is
///   [`StoreErrorKind::Unavailable`](localauth_core::StoreErrorKind::Unavailable).
#[derive(Clone)]
pub struct SqlStore {
    /// For questions.
    read: DatabaseConnection,
    /// For changes. On SQLite, which has one writer at a time, this is one connection, and those who wait for it are
    /// served in turn, which SQLite's own locks do not do.
    write: DatabaseConnection,
    answer_timeout: Duration,
    usage_memory: crate::usage::Memory,
    /// The server's secret beside the file, on SQLite.
    #[cfg(feature = "sqlite")]
    own_secret: Option<crate::own_secret::OwnSecret>,
}

impl SqlStore {
    pub(crate) fn new(read: DatabaseConnection, write: DatabaseConnection, answer_timeout: Duration) -> Self {
        Self {
            read,
            write,
            answer_timeout,
            usage_memory: crate::usage::Memory::default(),
            #[cfg(feature = "sqlite")]
            own_secret: None,
        }
    }

    /// With a secret beside the database.
    #[cfg(feature = "sqlite")]
    pub(crate) fn with_own_secret(mut self, own_secret: crate::own_secret::OwnSecret) -> Self {
        self.own_secret = Some(own_secret);
        self
    }

    /// The secret that this database keeps beside it.
    #[cfg(feature = "sqlite")]
    pub(crate) fn secret_beside(&self) -> Option<localauth_core::ServerSecret> {
        self.own_secret.as_ref()?.get()
    }

    /// Closes all connections, after what is under way. Later calls answer that the store is not available.
    ///
    /// Dropping the store does so too, in the background; a program that ends waits here instead, so that SQLite can
    /// tidy up its write-ahead log.
    pub async fn close(self) {
        for pool in [self.write, self.read] {
            if let Err(error) = pool.close().await {
                tracing::debug!(%error, "a connection was not closed in order");
            }
        }
    }

    /// What is remembered of usage.
    pub(crate) const fn usage_memory(&self) -> &crate::usage::Memory {
        &self.usage_memory
    }

    #[cfg(feature = "sqlite")]
    pub(crate) const fn writer(&self) -> &DatabaseConnection {
        &self.write
    }

    pub(crate) const fn reader(&self) -> &DatabaseConnection {
        &self.read
    }

    /// Waits for the answer to a question, but not for ever.
    pub(crate) async fn ask<T>(
        &self,
        question: impl Future<Output = Result<T, Failure>> + Send,
    ) -> Result<T, StoreError> {
        let answer = tokio::time::timeout(self.answer_timeout, question).await;
        Ok(answer.unwrap_or(Err(Failure::TooLate(self.answer_timeout)))?)
    }

    /// Runs `work` in a transaction that may write. `work` commits it; otherwise it is rolled back.
    ///
    /// On SQLite the transaction has the write lock from the beginning: one that reads first and takes the lock later
    /// fails when somebody else has written in between. On PostgreSQL it has the default isolation, and what must not
    /// change between check and act is locked by [`next_epoch`].
    ///
    /// It runs on a task of its own: a caller who hangs up does not stop it halfway. (A `BEGIN` given up before its
    /// answer would also leave the driver's connection in a transaction that nobody ends.)
    pub(crate) async fn change<T, Fut>(
        &self,
        work: impl FnOnce(DatabaseTransaction) -> Fut + Send + 'static,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        Fut: Future<Output = Result<T, Failure>> + Send,
    {
        let write = self.write.clone();
        let task = tokio::spawn(async move {
            let transaction = write.begin_with_options(IMMEDIATE).await?;
            work(transaction).await
        });
        self.ask(async { task.await.unwrap_or(Err(Failure::Interrupted)) })
            .await
    }
}

/// SQLite takes the write lock at once. PostgreSQL passes this over.
pub(crate) const IMMEDIATE: TransactionOptions = TransactionOptions {
    isolation_level: None,
    access_mode: None,
    sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
};

/// Takes the store's next epoch, and with it, until the transaction ends, the lock that every change to what somebody
/// may do goes through.
///
/// Two things follow. Epochs become visible in their order, as the next one is only given out after the commit of this
/// one. And what is read after this call (whether there is a user, who is an active administrator) stays so until the
/// commit, as nobody else can be changing it; PostgreSQL takes a new snapshot for each statement.
pub(crate) async fn next_epoch(transaction: &DatabaseTransaction) -> Result<Epoch, Failure> {
    let bump = Query::update()
        .table(epoch::Entity)
        .value(epoch::Column::Value, Expr::col(epoch::Column::Value).add(1))
        .and_where(Expr::col(epoch::Column::Id).eq(epoch::ONLY))
        .returning_col(epoch::Column::Value)
        .to_owned();
    let row = transaction
        .query_one(&bump)
        .await?
        .ok_or(Failure::Broken("the epoch's counter is gone"))?;
    Ok(epoch::from_column(row.try_get_by_index(0)?)?)
}

/// Holds the lock of [`next_epoch`] until the transaction ends, without taking an epoch: for what changes nobody's
/// rights, but must not happen beside something that does.
pub(crate) async fn hold_epoch(transaction: &DatabaseTransaction) -> Result<(), Failure> {
    // SQLite passes the lock over: a transaction that may write is alone there anyway.
    epoch::Entity::find_by_id(epoch::ONLY)
        .lock_exclusive()
        .one(transaction)
        .await?
        .map(|_| ())
        .ok_or(Failure::Broken("the epoch's counter is gone"))
}

impl fmt::Debug for SqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlStore")
            .field("backend", &self.read.get_database_backend())
            .finish_non_exhaustive()
    }
}
