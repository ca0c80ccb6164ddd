//! What is asked for: those who ask at the same time are decided on in one transaction.
//!
//! That is quicker than one for each, which would wait for each other's locks anyway where they share a counter; and a
//! crowd takes one connection, and not all there are.

use std::collections::BTreeMap;
use std::sync::Arc;

use localauth_core::limit::{Amounts, Ask, Claim, Reserved, decide};
use localauth_core::{RequestId, StoreError, Timestamp};
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, LockType, OnConflict};
use sea_orm::{DatabaseTransaction, EntityTrait as _};
use tokio::sync::{mpsc, oneshot};

use super::amounts::{column, excluded, sum};
use super::counters::{self, Read, place_of};
use super::node::{LEFT, Node};
use super::posting::{Posting, Postings};
use crate::entity::limit_counter::Place;
use crate::entity::limit_hold::{ActiveModel, Column, Entity};
use crate::error::Failure;
use crate::portion::portions;
use crate::sql_store::SqlStore;

/// The most who are decided on at once.
const MOST: usize = 256;

/// One call of `reserve`.
pub(super) struct Asked {
    pub(super) hold: RequestId,
    pub(super) claims: Arc<[Claim]>,
    pub(super) ask: Ask,
    pub(super) now: Timestamp,
}

/// One call of `reserve`, and where its answer goes.
pub(super) struct Request {
    pub(super) asked: Asked,
    pub(super) answer: oneshot::Sender<Result<Answer, StoreError>>,
}

/// An answer on its way. When nobody takes it, what is held is let go: whoever asked has hung up, and does not know.
pub(super) struct Answer {
    reserved: Option<Reserved>,
    undo: Option<(Postings, Posting)>,
}

impl Answer {
    pub(super) fn take(mut self) -> Option<Reserved> {
        self.undo = None;
        self.reserved.take()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some((postings, undo)) = self.undo.take() {
            postings.post(undo);
        }
    }
}

/// What was decided on one.
struct Decision {
    asked: Asked,
    reserved: Reserved,
    /// Whether nothing was held in this name before.
    is_first: bool,
}

impl Decision {
    /// What lets go of what is held by it.
    fn undo(&self) -> Option<Posting> {
        let Reserved::Granted { held, .. } = &self.reserved else {
            return None;
        };
        Some(Posting {
            hold: self.asked.hold,
            claims: Arc::clone(&self.asked.claims),
            release: *held,
            used: Amounts::ZERO,
            last: self.is_first,
            now: self.asked.now,
        })
    }
}

/// Decides on what is asked, until nobody can ask any more.
pub(super) async fn answer(
    store: SqlStore,
    node: Arc<Node>,
    postings: Postings,
    mut requests: mpsc::UnboundedReceiver<Request>,
) {
    let mut received = Vec::new();
    while requests.recv_many(&mut received, MOST).await > 0 {
        // Whoever does not wait any more asks for nothing.
        let mut group: Vec<Request> = received.drain(..).filter(|one| !one.answer.is_closed()).collect();
        // Counters do not go back in time.
        group.sort_by_key(|one| one.asked.now);
        let (asked, answers): (Vec<Asked>, Vec<_>) = group.into_iter().map(|one| (one.asked, one.answer)).unzip();
        let (node, postings) = (Arc::clone(&node), postings.clone());
        let decided = store
            .change(async move |transaction| reserve(transaction, asked, &node, &postings).await)
            .await;
        match decided {
            Ok(decided) => {
                for (to, answer) in answers.into_iter().zip(decided) {
                    to.send(Ok(answer)).ok();
                }
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                for to in answers {
                    let error = StoreError::new(error.kind(), cause.clone().unwrap_or_default());
                    to.send(Err(error)).ok();
                }
            }
        }
    }
}

/// Decides on all of `asked`, which are in the order of their times, and writes what they hold.
async fn reserve(
    transaction: DatabaseTransaction,
    asked: Vec<Asked>,
    node: &Node,
    postings: &Postings,
) -> Result<Vec<Answer>, Failure> {
    let (Some(earliest), Some(latest)) = (asked.first().map(|one| one.now), asked.last().map(|one| one.now)) else {
        return Ok(Vec::new());
    };
    // What is held counts as long as this process is taken to be alive.
    let alive_until = node.renew(&transaction, latest, LEFT).await?;
    let places = counters::places(asked.iter().flat_map(|one| &*one.claims))?;
    let found = counters::find(&transaction, &places, Some(LockType::NoKeyUpdate)).await?;
    let mut read = counters::read(&transaction, &found, node.id, earliest).await?;
    let mut decisions = Vec::with_capacity(asked.len());
    let mut rows: BTreeMap<(Uuid, i64), Amounts> = BTreeMap::new();
    for one in asked {
        let is_first = !read.holds.contains(&one.hold.as_uuid());
        let reserved = decide_on(&one, &found, &mut read, &mut rows)?;
        decisions.push(Decision {
            asked: one,
            reserved,
            is_first,
        });
    }
    insert(&transaction, rows, node.id).await?;
    if let Err(error) = transaction.commit().await {
        // Nobody knows whether it is done. What was held before is let go by who holds it; what is new, by nobody else.
        let undo = decisions.iter().filter(|one| one.is_first).filter_map(Decision::undo);
        undo.for_each(|undo| postings.post(undo));
        return Err(error.into());
    }
    node.note(alive_until);
    let answer = |decision: Decision| Answer {
        undo: decision.undo().map(|undo| (postings.clone(), undo)),
        reserved: Some(decision.reserved),
    };
    Ok(decisions.into_iter().map(answer).collect())
}

/// Decides on one, and adds what it holds to `rows`.
fn decide_on(
    asked: &Asked,
    found: &BTreeMap<Place, i64>,
    read: &mut Read,
    rows: &mut BTreeMap<(Uuid, i64), Amounts>,
) -> Result<Reserved, Failure> {
    let (mut counters, mut unknown) = (Vec::with_capacity(asked.claims.len()), Vec::new());
    for (index, claim) in asked.claims.iter().enumerate() {
        let id = found.get(&place_of(&claim.counter)?);
        // Taken out while it is decided on.
        match id.and_then(|id| Some((*id, read.counters.remove(id)?))) {
            Some(counter) => counters.push(counter),
            None => unknown.push(index),
        }
    }
    let reserved = if unknown.is_empty() {
        decide(
            &asked.claims,
            &mut counters,
            |(_, counter)| counter,
            &asked.ask,
            asked.now,
        )
    } else {
        Reserved::Unknown(unknown)
    };
    if let Reserved::Granted { held, .. } = &reserved {
        let hold = asked.hold.as_uuid();
        read.holds.insert(hold);
        for (id, _) in &counters {
            let sum = rows.entry((hold, *id)).or_default();
            *sum = sum.plus(*held);
        }
    }
    read.counters.extend(counters);
    Ok(reserved)
}

async fn insert(
    transaction: &DatabaseTransaction,
    rows: BTreeMap<(Uuid, i64), Amounts>,
    node: i64,
) -> Result<(), Failure> {
    let rows: Vec<ActiveModel> = rows
        .into_iter()
        .map(|((hold, counter_id), amounts)| ActiveModel {
            hold: Set(hold),
            counter_id: Set(counter_id),
            node_id: Set(node),
            requests: Set(column(amounts.requests)),
            prompt_tokens: Set(column(amounts.prompt_tokens)),
            completion_tokens: Set(column(amounts.completion_tokens)),
            cost_micros: Set(column(amounts.cost_micros)),
            places: Set(column(amounts.places)),
        })
        .collect();
    let mut conflict = OnConflict::columns([Column::Hold, Column::CounterId]);
    for count in [
        Column::Requests,
        Column::PromptTokens,
        Column::CompletionTokens,
        Column::CostMicros,
        Column::Places,
    ] {
        conflict.value(count, sum(Expr::col((Entity, count)), excluded(count)));
    }
    for portion in portions(&rows) {
        Entity::insert_many(portion.to_vec())
            .on_conflict(conflict.clone())
            .exec_without_returning(transaction)
            .await?;
    }
    Ok(())
}
