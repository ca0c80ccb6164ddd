//! Writing to PostgreSQL: a statement for each table, however many rows.

use std::collections::{BTreeSet, HashSet};

use sea_orm::prelude::Uuid;
use sea_orm::sqlx::error::DatabaseError;
use sea_orm::sqlx::{self, PgConnection, query, query_scalar};

use super::Postgres;
use crate::error::Failure;
use crate::usage::batch;
use crate::usage::row::{Event, PageId, Rollup, count};

macro_rules! sum {
    ($column:literal) => {
        // At most what the column holds: PostgreSQL refuses to add beyond, and one absurd count from a model server must
        // not stop the accounting.
        concat!(
            $column, " = CASE WHEN r.", $column, " > 9223372036854775807 - excluded.", $column,
            " THEN 9223372036854775807 ELSE r.", $column, " + excluded.", $column, " END, "
        )
    };
}

impl Postgres {
    pub(in crate::usage) async fn write(&self, events: &[Event]) -> Result<(), Failure> {
        let mut transaction = self.pool.begin().await?;
        let rows = match insert_events(&mut transaction, events).await? {
            None => batch::add_up(events),
            Some(fresh) => {
                let fresh: Vec<Event> = events
                    .iter()
                    .filter(|e| fresh.contains(&e.request_id))
                    .copied()
                    .collect();
                batch::add_up(&fresh)
            }
        };
        if !rows.is_empty() {
            let pages = batch::pages(&rows);
            let versions = next_versions(&mut transaction, &pages).await?;
            let rows: Vec<_> = batch::versioned(&rows, &pages, &versions).collect();
            add_to_rollups(&mut transaction, &rows).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    pub(in crate::usage) async fn delete_events(&self, before: Uuid, most: i64) -> Result<u64, Failure> {
        // Two that sweep at once take different rows, and do not wait for each other.
        let deleted = query(
            "DELETE FROM localauth_usage_event WHERE request_id = ANY(ARRAY( \
             SELECT request_id FROM localauth_usage_event WHERE request_id < $1 \
             ORDER BY request_id LIMIT $2 FOR UPDATE SKIP LOCKED))",
        )
        .bind(before)
        .bind(most)
        .execute(&self.pool)
        .await?;
        Ok(deleted.rows_affected())
    }
}

fn column<T>(events: &[Event], value: impl Fn(&Event) -> T) -> Vec<T> {
    events.iter().map(value).collect()
}

/// Stores the events, and returns the requests that were not known; `None` when none was, as nearly always.
///
/// By `COPY` first, which fills blocks and not rows, but refuses all of them when one is known.
async fn insert_events(connection: &mut PgConnection, events: &[Event]) -> Result<Option<HashSet<Uuid>>, Failure> {
    query("SAVEPOINT events").execute(&mut *connection).await?;
    match copy_events(connection, events).await {
        Ok(()) => return Ok(None),
        Err(error)
            if error
                .as_database_error()
                .is_some_and(DatabaseError::is_unique_violation) => {}
        Err(error) => return Err(error.into()),
    }
    query("ROLLBACK TO SAVEPOINT events").execute(&mut *connection).await?;
    let fresh: Vec<Uuid> = query_scalar(
        "INSERT INTO localauth_usage_event (request_id, at, user_no, key_no, model_id, endpoint_id, \
         source, prompt_tokens, cached_tokens, completion_tokens, cost_micros, estimated) \
         SELECT * FROM UNNEST($1::uuid[], $2::bigint[], $3::integer[], $4::integer[], $5::integer[], $6::integer[], \
         $7::smallint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::boolean[]) \
         ON CONFLICT DO NOTHING RETURNING request_id",
    )
    .bind(column(events, |e| e.request_id))
    .bind(column(events, |e| e.at))
    .bind(column(events, |e| e.user))
    .bind(column(events, |e| e.key))
    .bind(column(events, |e| e.model))
    .bind(column(events, |e| e.endpoint))
    .bind(column(events, |e| e.source))
    .bind(column(events, |e| e.prompt_tokens))
    .bind(column(events, |e| e.cached_tokens))
    .bind(column(events, |e| e.completion_tokens))
    .bind(column(events, |e| e.cost_micros))
    .bind(column(events, |e| e.estimated))
    .fetch_all(connection)
    .await?;
    Ok(Some(fresh.into_iter().collect()))
}

/// Fails when a request is known.
async fn copy_events(connection: &mut PgConnection, events: &[Event]) -> Result<(), sqlx::Error> {
    let mut copy = connection
        .copy_in_raw(
            "COPY localauth_usage_event (request_id, at, prompt_tokens, cached_tokens, completion_tokens, cost_micros, \
             user_no, key_no, model_id, endpoint_id, source, estimated) FROM STDIN (FORMAT binary)",
        )
        .await?;
    copy.send(binary(events)).await?;
    copy.finish().await?;
    Ok(())
}

/// The events as `COPY` reads them: <https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format".
fn binary(events: &[Event]) -> Vec<u8> {
    const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
    const END: i16 = -1;
    const COLUMNS: i16 = 12;
    const ROW: usize = 2 + 12 * 4 + 16 + 5 * 8 + 4 * 4 + 2 + 1;
    fn field<const N: usize>(out: &mut Vec<u8>, value: [u8; N]) {
        out.extend_from_slice(&u32::try_from(N).unwrap_or(0).to_be_bytes());
        out.extend_from_slice(&value);
    }
    let mut out = Vec::with_capacity(HEADER.len() + events.len() * ROW + 2);
    out.extend_from_slice(HEADER);
    for event in events {
        out.extend_from_slice(&COLUMNS.to_be_bytes());
        field(&mut out, event.request_id.into_bytes());
        for number in [
            event.at,
            event.prompt_tokens,
            event.cached_tokens,
            event.completion_tokens,
            event.cost_micros,
        ] {
            field(&mut out, number.to_be_bytes());
        }
        for number in [event.user, event.key, event.model, event.endpoint] {
            field(&mut out, number.to_be_bytes());
        }
        field(&mut out, event.source.to_be_bytes());
        field(&mut out, [u8::from(event.estimated)]);
    }
    out.extend_from_slice(&END.to_be_bytes());
    out
}

/// Takes the next version of each page, and with it the lock that all who add to the page go through.
///
/// Versions become visible in their order, as the next one is only given out after the commit of this one.
async fn next_versions(connection: &mut PgConnection, pages: &BTreeSet<PageId>) -> Result<Vec<i64>, Failure> {
    let (grains, times): (Vec<i16>, Vec<i64>) = pages.iter().copied().unzip();
    Ok(query_scalar(
        "WITH next AS (INSERT INTO localauth_usage_page AS p (grain, at, version) \
         SELECT grain, at, 1 FROM UNNEST($1::smallint[], $2::bigint[]) AS new (grain, at) ORDER BY grain, at \
         ON CONFLICT (grain, at) DO UPDATE SET version = p.version + 1 RETURNING grain, at, version) \
         SELECT version FROM next ORDER BY grain, at",
    )
    .bind(grains)
    .bind(times)
    .fetch_all(connection)
    .await?)
}

async fn add_to_rollups(connection: &mut PgConnection, rows: &[(&Rollup, i64)]) -> Result<(), Failure> {
    fn column<T>(rows: &[(&Rollup, i64)], value: impl Fn(&Rollup) -> T) -> Vec<T> {
        rows.iter().map(|(row, _)| value(row)).collect()
    }
    query(concat!(
        "INSERT INTO localauth_usage_rollup AS r (grain, at, user_no, model_id, key_no, source, user_label, key_label, \
         prompt_tokens, cached_tokens, completion_tokens, cost_micros, requests, estimated_requests, last_at, version) \
         SELECT * FROM UNNEST($1::smallint[], $2::bigint[], $3::integer[], $4::integer[], $5::integer[], \
         $6::smallint[], $7::integer[], $8::integer[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], \
         $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[]) \
         ON CONFLICT (grain, at, user_no, model_id, key_no, source) DO UPDATE SET ",
        sum!("prompt_tokens"),
        sum!("cached_tokens"),
        sum!("completion_tokens"),
        sum!("cost_micros"),
        sum!("requests"),
        sum!("estimated_requests"),
        "user_label = CASE WHEN excluded.last_at > r.last_at THEN excluded.user_label ELSE r.user_label END, \
         key_label = CASE WHEN excluded.last_at > r.last_at THEN excluded.key_label ELSE r.key_label END, \
         last_at = GREATEST(excluded.last_at, r.last_at), version = excluded.version"
    ))
    .bind(column(rows, |r| r.place.grain))
    .bind(column(rows, |r| r.place.at))
    .bind(column(rows, |r| r.place.user))
    .bind(column(rows, |r| r.place.model))
    .bind(column(rows, |r| r.place.key))
    .bind(column(rows, |r| r.place.source))
    .bind(column(rows, |r| r.user_label))
    .bind(column(rows, |r| r.key_label))
    .bind(column(rows, |r| count(r.totals.prompt_tokens)))
    .bind(column(rows, |r| count(r.totals.cached_tokens)))
    .bind(column(rows, |r| count(r.totals.completion_tokens)))
    .bind(column(rows, |r| count(r.totals.cost_micros)))
    .bind(column(rows, |r| count(r.totals.requests)))
    .bind(column(rows, |r| count(r.totals.estimated_requests)))
    .bind(column(rows, |r| r.last_at))
    .bind(rows.iter().map(|(_, version)| *version).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}
