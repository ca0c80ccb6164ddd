//! Reading from PostgreSQL: each column of many rows in one array.

use localauth_core::UsageTotals;
use sea_orm::prelude::Uuid;
use sea_orm::sqlx::postgres::PgRow;
use sea_orm::sqlx::{Decode, Postgres as Driver, Row as _, Type, query, query_as, query_scalar};

use super::Postgres;
use crate::error::{BadRow, Failure};
use crate::usage::database::Stretch;
use crate::usage::history::Asked;
use crate::usage::row::{Moment, Place, Rollup, counted};

/// Roll-ups, all but their grain, which is known.
macro_rules! columns {
    () => {
        "array_agg(r.prompt_tokens), array_agg(r.cached_tokens), array_agg(r.completion_tokens), \
         array_agg(r.cost_micros), array_agg(r.requests), array_agg(r.estimated_requests), array_agg(r.last_at), \
         array_agg(r.at), array_agg(r.user_no), array_agg(r.model_id), array_agg(r.key_no), array_agg(r.source), \
         array_agg(r.user_label), array_agg(r.key_label)"
    };
}

impl Postgres {
    pub(in crate::usage) async fn versions(&self, stretch: Stretch) -> Result<Vec<(i64, i64)>, Failure> {
        Ok(query_as(
            "SELECT at, version FROM localauth_usage_page WHERE grain = $1 AND at >= $2 AND at < $3 ORDER BY at",
        )
        .bind(stretch.grain)
        .bind(stretch.since)
        .bind(stretch.before)
        .fetch_all(&self.pool)
        .await?)
    }

    pub(in crate::usage) async fn page(&self, grain: i16, at: i64, after: i64) -> Result<Vec<Rollup>, Failure> {
        let row = query(concat!(
            "SELECT ",
            columns!(),
            " FROM localauth_usage_rollup AS r WHERE r.grain = $1 AND r.at = $2 AND r.version > $3"
        ))
        .bind(grain)
        .bind(at)
        .bind(after)
        .fetch_one(&self.pool)
        .await?;
        rollups(grain, &row)
    }

    /// Page by page, as the rows of one user are next to each other in each. `OFFSET 0` keeps the planner from joining
    /// in another order.
    pub(in crate::usage) async fn of_user(&self, stretch: Stretch, user: i32) -> Result<Vec<Rollup>, Failure> {
        let row = query(concat!(
            "SELECT ",
            columns!(),
            " FROM localauth_usage_page AS p CROSS JOIN LATERAL (SELECT * FROM localauth_usage_rollup AS u \
             WHERE u.grain = p.grain AND u.at = p.at AND u.user_no = $4 OFFSET 0) AS r \
             WHERE p.grain = $1 AND p.at >= $2 AND p.at < $3"
        ))
        .bind(stretch.grain)
        .bind(stretch.since)
        .bind(stretch.before)
        .bind(user)
        .fetch_one(&self.pool)
        .await?;
        rollups(stretch.grain, &row)
    }

    pub(in crate::usage) async fn latest_hour(&self) -> Result<Option<i64>, Failure> {
        Ok(query_scalar("SELECT MAX(at) FROM localauth_usage_page WHERE grain = 1")
            .fetch_one(&self.pool)
            .await?)
    }

    pub(in crate::usage) async fn moments(
        &self,
        asked: &Asked,
        first: Uuid,
        since: i64,
    ) -> Result<Vec<Moment>, Failure> {
        let row = query(
            "SELECT array_agg(prompt_tokens), array_agg(cached_tokens), array_agg(completion_tokens), \
             array_agg(cost_micros), array_agg(1::bigint), array_agg(estimated::integer::bigint), array_agg(at) \
             FROM localauth_usage_event \
             WHERE request_id >= $1 AND at >= $2 AND ($3::integer IS NULL OR user_no = $3) \
             AND ($4::integer IS NULL OR model_id = $4) AND ($5::integer[] = '{}' OR key_no = ANY($5)) \
             AND user_no <> ALL($6)",
        )
        .bind(first)
        .bind(since)
        .bind(asked.user)
        .bind(asked.model)
        .bind(&asked.keys)
        .bind(&asked.without)
        .fetch_one(&self.pool)
        .await?;
        moments(&row)
    }

    pub(in crate::usage) async fn hours(&self, asked: &Asked, since: i64) -> Result<Vec<Moment>, Failure> {
        // A user's rows are next to each other in each page; without one, the whole pages are read.
        let rows = match asked.user {
            Some(_) => {
                "localauth_usage_page AS p CROSS JOIN LATERAL (SELECT * FROM localauth_usage_rollup AS u \
                 WHERE u.grain = 1 AND u.at = p.at AND u.user_no = $2 OFFSET 0) AS r WHERE p.grain = 1 AND p.at >= $1"
            }
            None => "localauth_usage_rollup AS r WHERE r.grain = 1 AND r.at >= $1 AND $2::integer IS NULL",
        };
        let statement = format!(
            "SELECT array_agg(r.prompt_tokens), array_agg(r.cached_tokens), array_agg(r.completion_tokens), \
             array_agg(r.cost_micros), array_agg(r.requests), array_agg(r.estimated_requests), array_agg(r.last_at) \
             FROM {rows} AND ($3::integer IS NULL OR r.model_id = $3) AND ($4::integer[] = '{{}}' OR r.key_no = ANY($4)) \
             AND r.user_no <> ALL($5)"
        );
        let row = query(sea_orm::sqlx::AssertSqlSafe(statement))
            .bind(since)
            .bind(asked.user)
            .bind(asked.model)
            .bind(&asked.keys)
            .bind(&asked.without)
            .fetch_one(&self.pool)
            .await?;
        moments(&row)
    }
}

/// A column's array; of no rows at all there is none.
fn array<'r, T>(row: &'r PgRow, index: usize) -> Result<std::vec::IntoIter<T>, Failure>
where
    Vec<T>: Decode<'r, Driver> + Type<Driver>,
{
    let values: Option<Vec<T>> = row.try_get(index)?;
    Ok(values.unwrap_or_default().into_iter())
}

/// The arrays that everything begins with.
struct Sums([std::vec::IntoIter<i64>; 6]);

impl Sums {
    fn of(row: &PgRow) -> Result<Self, Failure> {
        Ok(Self([
            array(row, 0)?,
            array(row, 1)?,
            array(row, 2)?,
            array(row, 3)?,
            array(row, 4)?,
            array(row, 5)?,
        ]))
    }

    fn next(&mut self) -> Result<UsageTotals, BadRow> {
        let [prompt, cached, completion, cost, requests, estimated] = &mut self.0;
        let next = |column: &mut std::vec::IntoIter<i64>| counted(one(column)?);
        Ok(UsageTotals {
            prompt_tokens: next(prompt)?,
            cached_tokens: next(cached)?,
            completion_tokens: next(completion)?,
            cost_micros: next(cost)?,
            requests: next(requests)?,
            estimated_requests: next(estimated)?,
        })
    }
}

fn one<T>(column: &mut std::vec::IntoIter<T>) -> Result<T, BadRow> {
    column.next().ok_or(BadRow("usage"))
}

fn rollups(grain: i16, row: &PgRow) -> Result<Vec<Rollup>, Failure> {
    let (mut sums, last_at) = (Sums::of(row)?, array::<i64>(row, 6)?);
    let mut at = array::<i64>(row, 7)?;
    let (mut user, mut model, mut key) = (array(row, 8)?, array(row, 9)?, array(row, 10)?);
    let mut source = array(row, 11)?;
    let (mut user_label, mut key_label) = (array(row, 12)?, array(row, 13)?);
    last_at
        .map(|last_at| {
            Ok(Rollup {
                place: Place {
                    grain,
                    at: one(&mut at)?,
                    user: one(&mut user)?,
                    model: one(&mut model)?,
                    key: one(&mut key)?,
                    source: one(&mut source)?,
                },
                user_label: one(&mut user_label)?,
                key_label: one(&mut key_label)?,
                totals: sums.next()?,
                last_at,
            })
        })
        .collect()
}

fn moments(row: &PgRow) -> Result<Vec<Moment>, Failure> {
    let (mut sums, at) = (Sums::of(row)?, array::<i64>(row, 6)?);
    at.map(|at| {
        Ok(Moment {
            at,
            totals: sums.next()?,
        })
    })
    .collect()
}
