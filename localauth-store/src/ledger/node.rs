//! This process among those that share the ledger.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use localauth_core::{Clock, StoreError, Timestamp};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{CaseStatement, Expr};
use sea_orm::{ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _};
use tokio::time::MissedTickBehavior;

use super::Shared;
use crate::entity::limit_node::{ActiveModel, Column, Entity};
use crate::error::Failure;
use crate::sql_store::SqlStore;

/// For how long a process is taken to be alive after it was last heard of.
pub(super) const LEASE: Duration = Duration::from_secs(15);

/// How often it lets others hear of it. Twice in vain is not the end.
const BEAT: Duration = Duration::from_secs(5);

/// How much of the lease must be left for something to be held under it.
pub(super) const LEFT: Duration = Duration::from_millis(7_500);

pub(super) struct Node {
    pub(super) id: i64,
    /// As it is stored at least.
    alive_until: AtomicI64,
    /// The number of the last batch of postings that is known to be written.
    applied: AtomicI64,
}

impl Node {
    /// A new one, alive from now on.
    pub(super) async fn register(store: &SqlStore, now: Timestamp) -> Result<Self, StoreError> {
        let alive_until = (now + LEASE).as_millis();
        let row = ActiveModel {
            id: NotSet,
            alive_until: Set(alive_until),
            applied: Set(0),
        };
        let id = store
            .change(async move |transaction| {
                let node = Entity::insert(row).exec(&transaction).await?;
                transaction.commit().await?;
                Ok(node.last_insert_id)
            })
            .await?;
        Ok(Self {
            id,
            alive_until: AtomicI64::new(alive_until),
            applied: AtomicI64::new(0),
        })
    }

    /// Sees to it that others take this process to be alive for a while from `now` on. Returns until when, if something
    /// had to be written for it; to be [noted](Self::note) after the commit.
    pub(super) async fn renew(
        &self,
        transaction: &DatabaseTransaction,
        now: Timestamp,
        left: Duration,
    ) -> Result<Option<i64>, Failure> {
        if self.alive_until.load(Ordering::Acquire) >= (now + left).as_millis() {
            return Ok(None);
        }
        let until = (now + LEASE).as_millis();
        let renewed = Entity::update_many()
            .col_expr(Column::AliveUntil, later(until))
            .filter(Column::Id.eq(self.id))
            .exec(transaction)
            .await?;
        if renewed.rows_affected == 0 {
            self.come_back(transaction, until, self.applied.load(Ordering::Acquire))
                .await?;
        }
        Ok(Some(until))
    }

    pub(super) fn note(&self, alive_until: Option<i64>) {
        if let Some(until) = alive_until {
            self.alive_until.fetch_max(until, Ordering::AcqRel);
        }
    }

    /// Marks this batch of postings as written. `false` when it is so already: its answer was lost, and it was tried
    /// again.
    pub(super) async fn apply(&self, transaction: &DatabaseTransaction, number: i64) -> Result<bool, Failure> {
        let marked = Entity::update_many()
            .col_expr(Column::Applied, Expr::val(number))
            .filter(Column::Id.eq(self.id))
            .filter(Column::Applied.lt(number))
            .exec(transaction)
            .await?;
        if marked.rows_affected == 1 {
            return Ok(true);
        }
        if Entity::find_by_id(self.id).one(transaction).await?.is_some() {
            return Ok(false);
        }
        // Swept as long dead.
        self.come_back(transaction, self.alive_until.load(Ordering::Acquire), number)
            .await?;
        Ok(true)
    }

    pub(super) fn note_applied(&self, number: i64) {
        self.applied.fetch_max(number, Ordering::AcqRel);
    }

    async fn come_back(
        &self,
        transaction: &DatabaseTransaction,
        alive_until: i64,
        applied: i64,
    ) -> Result<(), Failure> {
        let row = ActiveModel {
            id: Set(self.id),
            alive_until: Set(alive_until),
            applied: Set(applied),
        };
        Entity::insert(row).exec_without_returning(transaction).await?;
        Ok(())
    }
}

/// What is stored or this, whichever is later.
fn later(until: i64) -> Expr {
    CaseStatement::new()
        .case(Column::AliveUntil.gt(until), Column::AliveUntil.into_expr())
        .finally(until)
        .into()
}

/// Lets others hear of this process until nobody holds it any more.
pub(super) async fn beat(ledger: Weak<Shared>, clock: Arc<dyn Clock>) {
    let mut ticks = tokio::time::interval(BEAT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(ledger) = ledger
            .upgrade()
            .filter(|ledger| !ledger.is_closed.load(Ordering::Acquire))
        else {
            return;
        };
        let (node, now) = (Arc::clone(&ledger.node), clock.now());
        let renewed = ledger
            .store
            .change(async move |transaction| {
                let until = node.renew(&transaction, now, LEASE).await?;
                transaction.commit().await?;
                node.note(until);
                Ok(())
            })
            .await;
        if let Err(error) = renewed {
            let error = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(error, "the ledger's lease could not be renewed: it is tried again");
        }
    }
}
