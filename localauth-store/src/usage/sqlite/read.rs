//! Reading from SQLite: many rows in one text, a line each.

use localauth_core::UsageTotals;
use sea_orm::prelude::Uuid;
use sea_orm::sqlx::{query_as, query_scalar};

use super::{Sqlite, json};
use crate::error::{BadRow, Failure};
use crate::usage::database::Stretch;
use crate::usage::history::Asked;
use crate::usage::row::{Moment, Place, Rollup, counted};

/// A roll-up as a line. Without its grain, which is known.
macro_rules! line {
    () => {
        "group_concat(r.at || ' ' || r.user_no || ' ' || r.model_id || ' ' || r.key_no || ' ' || r.source || ' ' || \
         r.user_label || ' ' || r.key_label || ' ' || r.last_at || ' ' || r.prompt_tokens || ' ' || r.cached_tokens \
         || ' ' || r.completion_tokens || ' ' || r.cost_micros || ' ' || r.requests || ' ' || r.estimated_requests, \
         char(10))"
    };
}

impl Sqlite {
    pub(in crate::usage) async fn versions(&self, stretch: Stretch) -> Result<Vec<(i64, i64)>, Failure> {
        Ok(
            query_as("SELECT at, version FROM localauth_usage_page WHERE grain = ? AND at >= ? AND at < ? ORDER BY at")
                .bind(stretch.grain)
                .bind(stretch.since)
                .bind(stretch.before)
                .fetch_all(&self.read)
                .await?,
        )
    }

    pub(in crate::usage) async fn page(&self, grain: i16, at: i64, after: i64) -> Result<Vec<Rollup>, Failure> {
        let lines: Option<String> = query_scalar(concat!(
            "SELECT ",
            line!(),
            " FROM localauth_usage_rollup AS r WHERE r.grain = ? AND r.at = ? AND r.version > ?"
        ))
        .bind(grain)
        .bind(at)
        .bind(after)
        .fetch_one(&self.read)
        .await?;
        Ok(rollups(grain, lines.as_deref())?)
    }

    /// Page by page, as the rows of one user are next to each other in each: what `CROSS JOIN` says to SQLite.
    pub(in crate::usage) async fn of_user(&self, stretch: Stretch, user: i32) -> Result<Vec<Rollup>, Failure> {
        let lines: Option<String> = query_scalar(concat!(
            "SELECT ",
            line!(),
            " FROM localauth_usage_page AS p CROSS JOIN localauth_usage_rollup AS r \
             WHERE p.grain = ? AND p.at >= ? AND p.at < ? AND r.grain = p.grain AND r.at = p.at AND r.user_no = ?"
        ))
        .bind(stretch.grain)
        .bind(stretch.since)
        .bind(stretch.before)
        .bind(user)
        .fetch_one(&self.read)
        .await?;
        Ok(rollups(stretch.grain, lines.as_deref())?)
    }

    pub(in crate::usage) async fn latest_hour(&self) -> Result<Option<i64>, Failure> {
        Ok(query_scalar("SELECT max(at) FROM localauth_usage_page WHERE grain = 1")
            .fetch_one(&self.read)
            .await?)
    }

    pub(in crate::usage) async fn moments(
        &self,
        asked: &Asked,
        first: Uuid,
        since: i64,
    ) -> Result<Vec<Moment>, Failure> {
        let lines: Option<String> = query_scalar(
            "SELECT group_concat(at || ' ' || prompt_tokens || ' ' || cached_tokens || ' ' || completion_tokens \
             || ' ' || cost_micros || ' 1 ' || estimated, char(10)) FROM localauth_usage_event \
             WHERE request_id >= ?1 AND at >= ?2 AND (?3 IS NULL OR user_no = ?3) AND (?4 IS NULL OR model_id = ?4) \
             AND (?5 IS NULL OR key_no IN (SELECT value FROM json_each(?5))) \
             AND user_no NOT IN (SELECT value FROM json_each(?6))",
        )
        .bind(first)
        .bind(since)
        .bind(asked.user)
        .bind(asked.model)
        .bind(keys(asked)?)
        .bind(json(&asked.without)?)
        .fetch_one(&self.read)
        .await?;
        Ok(moments(lines.as_deref())?)
    }

    pub(in crate::usage) async fn hours(&self, asked: &Asked, since: i64) -> Result<Vec<Moment>, Failure> {
        // A user's rows are next to each other in each page; without one, the whole pages are read.
        let of_user = match asked.user {
            Some(_) => "r.user_no = ?2",
            None => "?2 IS NULL",
        };
        let statement = format!(
            "SELECT group_concat(r.last_at || ' ' || r.prompt_tokens || ' ' || r.cached_tokens || ' ' || \
             r.completion_tokens || ' ' || r.cost_micros || ' ' || r.requests || ' ' || r.estimated_requests, char(10)) \
             FROM localauth_usage_page AS p CROSS JOIN localauth_usage_rollup AS r \
             WHERE p.grain = 1 AND p.at >= ?1 AND r.grain = 1 AND r.at = p.at AND {of_user} \
             AND (?3 IS NULL OR r.model_id = ?3) AND (?4 IS NULL OR r.key_no IN (SELECT value FROM json_each(?4))) \
             AND r.user_no NOT IN (SELECT value FROM json_each(?5))"
        );
        let lines: Option<String> = query_scalar(sea_orm::sqlx::AssertSqlSafe(statement))
            .bind(since)
            .bind(asked.user)
            .bind(asked.model)
            .bind(keys(asked)?)
            .bind(json(&asked.without)?)
            .fetch_one(&self.read)
            .await?;
        Ok(moments(lines.as_deref())?)
    }
}

fn keys(asked: &Asked) -> Result<Option<String>, Failure> {
    (!asked.keys.is_empty()).then(|| json(&asked.keys)).transpose()
}

/// The numbers of a line, one after the other.
struct Numbers<'a>(std::str::Split<'a, char>);

impl Numbers<'_> {
    fn next<T: std::str::FromStr>(&mut self) -> Result<T, BadRow> {
        self.0.next().and_then(|text| text.parse().ok()).ok_or(BadRow("usage"))
    }

    fn count(&mut self) -> Result<u64, BadRow> {
        counted(self.next()?)
    }

    fn totals(&mut self) -> Result<UsageTotals, BadRow> {
        Ok(UsageTotals {
            prompt_tokens: self.count()?,
            cached_tokens: self.count()?,
            completion_tokens: self.count()?,
            cost_micros: self.count()?,
            requests: self.count()?,
            estimated_requests: self.count()?,
        })
    }
}

/// What the lines say; no line at all is NULL.
fn read<T>(lines: Option<&str>, line: impl Fn(&mut Numbers<'_>) -> Result<T, BadRow>) -> Result<Vec<T>, BadRow> {
    let lines = lines.into_iter().flat_map(|lines| lines.split('\n'));
    lines.map(|text| line(&mut Numbers(text.split(' ')))).collect()
}

fn rollups(grain: i16, lines: Option<&str>) -> Result<Vec<Rollup>, BadRow> {
    read(lines, |numbers| {
        Ok(Rollup {
            place: Place {
                grain,
                at: numbers.next()?,
                user: numbers.next()?,
                model: numbers.next()?,
                key: numbers.next()?,
                source: numbers.next()?,
            },
            user_label: numbers.next()?,
            key_label: numbers.next()?,
            last_at: numbers.next()?,
            totals: numbers.totals()?,
        })
    })
}

fn moments(lines: Option<&str>) -> Result<Vec<Moment>, BadRow> {
    read(lines, |numbers| {
        Ok(Moment {
            at: numbers.next()?,
            totals: numbers.totals()?,
        })
    })
}
