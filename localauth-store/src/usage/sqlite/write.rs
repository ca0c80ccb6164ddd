//! Writing to SQLite, in statements of many rows.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use sea_orm::prelude::Uuid;
use sea_orm::sqlx::error::DatabaseError;
use sea_orm::sqlx::sqlite::SqliteArguments;
use sea_orm::sqlx::{Arguments as _, query::Query};
use sea_orm::sqlx::{AssertSqlSafe, Row as _, Sqlite as Driver, SqliteConnection, query, query_scalar, query_with};

use super::Sqlite;
use crate::error::Failure;
use crate::portion::portions;
use crate::usage::batch;
use crate::usage::row::{Event, PageId, Rollup, count};

/// A statement for each number of rows that a portion can have, a power of two.
///
/// The driver keeps prepared statements by their text.
struct Statements {
    before: &'static str,
    columns: usize,
    after: &'static str,
    texts: [OnceLock<Arc<str>>; 11],
}

impl Statements {
    const fn new(before: &'static str, columns: usize, after: &'static str) -> Self {
        Self {
            before,
            columns,
            after,
            texts: [const { OnceLock::new() }; 11],
        }
    }

    fn for_rows(&self, rows: usize, arguments: SqliteArguments) -> Query<'_, Driver, SqliteArguments> {
        let text = self.texts[rows.ilog2() as usize].get_or_init(|| {
            let row = format!("({})", vec!["?"; self.columns].join(","));
            let rows = vec![row; rows].join(",");
            format!("{} VALUES {rows} {}", self.before, self.after).into()
        });
        query_with(AssertSqlSafe(Arc::clone(text)), arguments)
    }
}

macro_rules! event_columns {
    () => {
        "INSERT INTO localauth_usage_event (request_id, at, user_no, key_no, model_id, endpoint_id, source, \
         prompt_tokens, cached_tokens, completion_tokens, cost_micros, estimated)"
    };
}
/// Refuses all rows when the request of one is known: nearly always none is.
static FRESH_EVENTS: Statements = Statements::new(event_columns!(), 12, "");
static EVENTS: Statements = Statements::new(event_columns!(), 12, "ON CONFLICT DO NOTHING RETURNING request_id");

macro_rules! sum {
    ($column:literal) => {
        // At most what the column holds. SQLite would go over to floating point: one absurd count from a model server
        // must neither stop nor blur the accounting.
        concat!(
            $column,
            " = CASE WHEN r.",
            $column,
            " > 9223372036854775807 - excluded.",
            $column,
            " THEN 9223372036854775807 ELSE r.",
            $column,
            " + excluded.",
            $column,
            " END, "
        )
    };
}
static ROLLUPS: Statements = Statements::new(
    "INSERT INTO localauth_usage_rollup AS r (grain, at, user_no, model_id, key_no, source, user_label, key_label, \
     prompt_tokens, cached_tokens, completion_tokens, cost_micros, requests, estimated_requests, last_at, version)",
    16,
    concat!(
        "ON CONFLICT (grain, at, user_no, model_id, key_no, source) DO UPDATE SET ",
        sum!("prompt_tokens"),
        sum!("cached_tokens"),
        sum!("completion_tokens"),
        sum!("cost_micros"),
        sum!("requests"),
        sum!("estimated_requests"),
        "user_label = iif(excluded.last_at > r.last_at, excluded.user_label, r.user_label), \
         key_label = iif(excluded.last_at > r.last_at, excluded.key_label, r.key_label), \
         last_at = max(excluded.last_at, r.last_at), version = excluded.version"
    ),
);

impl Sqlite {
    pub(in crate::usage) async fn write(&self, events: &[Event]) -> Result<(), Failure> {
        let mut transaction = self.write.begin_with("BEGIN IMMEDIATE").await?;
        let known = insert_events(&mut transaction, events).await?;
        let rows = if known.is_empty() {
            batch::add_up(events)
        } else {
            let fresh: Vec<Event> = events
                .iter()
                .filter(|e| !known.contains(&e.request_id))
                .copied()
                .collect();
            batch::add_up(&fresh)
        };
        let pages = batch::pages(&rows);
        let mut versions = Vec::with_capacity(pages.len());
        for page in &pages {
            versions.push(next_version(&mut transaction, *page).await?);
        }
        let rows: Vec<_> = batch::versioned(&rows, &pages, &versions).collect();
        for portion in portions(&rows) {
            let arguments = rollup_arguments(portion)?;
            ROLLUPS
                .for_rows(portion.len(), arguments)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    pub(in crate::usage) async fn delete_events(&self, before: Uuid, most: i64) -> Result<u64, Failure> {
        let mut transaction = self.write.begin_with("BEGIN IMMEDIATE").await?;
        let deleted = query(
            "DELETE FROM localauth_usage_event WHERE request_id IN \
             (SELECT request_id FROM localauth_usage_event WHERE request_id < ? ORDER BY request_id LIMIT ?)",
        )
        .bind(before)
        .bind(most)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(deleted.rows_affected())
    }
}

/// Stores the events, and returns the requests that were known already.
async fn insert_events(connection: &mut SqliteConnection, events: &[Event]) -> Result<HashSet<Uuid>, Failure> {
    let mut known = HashSet::new();
    for portion in portions(events) {
        let fresh = FRESH_EVENTS
            .for_rows(portion.len(), event_arguments(portion)?)
            .execute(&mut *connection)
            .await;
        match fresh {
            Ok(_) => {}
            Err(error)
                if error
                    .as_database_error()
                    .is_some_and(DatabaseError::is_unique_violation) =>
            {
                let inserted = EVENTS
                    .for_rows(portion.len(), event_arguments(portion)?)
                    .fetch_all(&mut *connection)
                    .await?;
                known.extend(portion.iter().map(|e| e.request_id));
                for row in inserted {
                    known.remove(&row.try_get::<Uuid, _>(0)?);
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(known)
}

async fn next_version(connection: &mut SqliteConnection, (grain, at): PageId) -> Result<i64, Failure> {
    Ok(query_scalar(
        "INSERT INTO localauth_usage_page AS p (grain, at, version) VALUES (?, ?, 1) \
         ON CONFLICT DO UPDATE SET version = p.version + 1 RETURNING version",
    )
    .bind(grain)
    .bind(at)
    .fetch_one(connection)
    .await?)
}

fn add<'q, T>(arguments: &mut SqliteArguments, value: T) -> Result<(), Failure>
where
    T: sea_orm::sqlx::Encode<'q, Driver> + sea_orm::sqlx::Type<Driver>,
{
    arguments
        .add(value)
        .map_err(|_| Failure::Broken("a number of usage cannot be passed on"))
}

fn event_arguments(events: &[Event]) -> Result<SqliteArguments, Failure> {
    let mut all = SqliteArguments::default();
    all.reserve(events.len() * EVENTS.columns, 0);
    for event in events {
        add(&mut all, event.request_id)?;
        add(&mut all, event.at)?;
        for number in [event.user, event.key, event.model, event.endpoint] {
            add(&mut all, number)?;
        }
        add(&mut all, event.source)?;
        for count in [
            event.prompt_tokens,
            event.cached_tokens,
            event.completion_tokens,
            event.cost_micros,
        ] {
            add(&mut all, count)?;
        }
        add(&mut all, event.estimated)?;
    }
    Ok(all)
}

fn rollup_arguments(rows: &[(&Rollup, i64)]) -> Result<SqliteArguments, Failure> {
    let mut all = SqliteArguments::default();
    all.reserve(rows.len() * ROLLUPS.columns, 0);
    for (row, version) in rows {
        let (place, totals) = (&row.place, &row.totals);
        add(&mut all, place.grain)?;
        add(&mut all, place.at)?;
        for number in [place.user, place.model, place.key] {
            add(&mut all, number)?;
        }
        add(&mut all, place.source)?;
        add(&mut all, row.user_label)?;
        add(&mut all, row.key_label)?;
        for number in [
            totals.prompt_tokens,
            totals.cached_tokens,
            totals.completion_tokens,
            totals.cost_micros,
            totals.requests,
            totals.estimated_requests,
        ] {
            add(&mut all, count(number))?;
        }
        add(&mut all, row.last_at)?;
        add(&mut all, *version)?;
    }
    Ok(all)
}
