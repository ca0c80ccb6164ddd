//! [`UsageReader`].

use async_trait::async_trait;
use localauth_core::{
    Grain, KeyId, StoreError, Timestamp, UsageQuery, UsageReader, UsageRow, UsageSource, UsageSourceRow, UsageTotals,
    UserId,
};
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Cond, Expr, ExprTrait as _, IntoIden as _, Query, SelectStatement};
use sea_orm::{ConnectionTrait as _, QueryResult};

use crate::entity::{usage_label, usage_name, usage_rollup};
use crate::error::{BadRow, Failure};
use crate::sql_store::SqlStore;

#[async_trait]
impl UsageReader for SqlStore {
    async fn usage(&self, query: UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        self.ask(async {
            let mut rows = Vec::new();
            for part in parts(&query) {
                for row in self.reader().query_all(&by_model(&part, &query)).await? {
                    rows.push(read_by_model(&row, &part)?);
                }
            }
            // Not left to the database: the order of texts is a matter of its locale.
            rows.sort_unstable_by(|a, b| (a.at, a.user_id, &a.model).cmp(&(b.at, b.user_id, &b.model)));
            Ok(rows)
        })
        .await
    }

    async fn usage_by_source(&self, query: UsageQuery) -> Result<Vec<UsageSourceRow>, StoreError> {
        self.ask(async {
            let mut rows = Vec::new();
            for part in parts(&query) {
                for row in self.reader().query_all(&by_source(&part, &query)).await? {
                    rows.push(read_by_source(&row, &part)?);
                }
            }
            // Nor this one: sources come in an order of their own.
            rows.sort_unstable_by_key(|row| (row.at, row.user_id, row.source, row.key.as_ref().map(|(id, _)| *id)));
            Ok(rows)
        })
        .await
    }
}

/// Roll-ups of one grain within a stretch of time.
struct Part {
    grain: Grain,
    since: Option<i64>,
    before: Option<i64>,
    /// What all of them are reported under, if it is not their own time.
    at: Option<i64>,
}

/// What a report is added up from: the roll-ups of its grain; and where it begins within a day, the hours that are left
/// of that day.
fn parts(query: &UsageQuery) -> Vec<Part> {
    let whole = |since| Part {
        grain: query.grain,
        since,
        before: None,
        at: None,
    };
    let Some(since) = query.since.map(Timestamp::as_millis) else {
        return vec![whole(None)];
    };
    let day = Grain::Day.millis();
    if query.grain == Grain::Hour || since.rem_euclid(day) == 0 {
        return vec![whole(Some(since))];
    }
    let midnight = since.div_euclid(day).saturating_mul(day);
    let next = midnight.saturating_add(day);
    vec![
        Part {
            grain: Grain::Hour,
            since: Some(since),
            before: Some(next),
            at: Some(midnight),
        },
        whole(Some(next)),
    ]
}

const SUMS: [usage_rollup::Column; 4] = [
    usage_rollup::Column::PromptTokens,
    usage_rollup::Column::CompletionTokens,
    usage_rollup::Column::Requests,
    usage_rollup::Column::EstimatedRequests,
];
/// User, name, and each sum in two halves: what every report begins with. Its own columns follow.
const OWN: usize = 2 + 2 * SUMS.len();

/// The table of names twice: of users, and of keys.
const USER_NAME: &str = "user_name";
const KEY_NAME: &str = "key_name";

fn rollup(column: usage_rollup::Column) -> Expr {
    Expr::col((usage_rollup::Entity, column))
}

/// The name that a user or key has.
fn join_name(select: &mut SelectStatement, alias: &'static str, kind: i16, id: usage_rollup::Column) {
    let named = Cond::all()
        .add(Expr::col((alias, usage_name::Column::Kind)).eq(kind))
        .add(rollup(id).equals((alias, usage_name::Column::Id)));
    select
        .join_as(
            sea_orm::sea_query::JoinType::LeftJoin,
            usage_name::Entity,
            alias.into_iden(),
            named,
        )
        .group_by_col((alias, usage_name::Column::Name));
}

/// Sums for each user, in the stretch of time.
fn sums(part: &Part, query: &UsageQuery) -> SelectStatement {
    use usage_rollup::{Column, Entity};
    let mut select = Query::select();
    select
        .column((Entity, Column::UserId))
        .column((USER_NAME, usage_name::Column::Name))
        .from(Entity)
        .and_where(rollup(Column::Grain).eq(usage_rollup::grain_to_column(part.grain)))
        .and_where_option(part.since.map(|since| rollup(Column::At).gte(since)))
        .and_where_option(part.before.map(|before| rollup(Column::At).lt(before)))
        .and_where_option(query.user_id.map(|id| rollup(Column::UserId).eq(id.as_uuid())))
        .and_where_option(query.key_id.map(|id| rollup(Column::KeyId).eq(id.as_uuid())))
        .group_by_col((Entity, Column::UserId));
    join_name(&mut select, USER_NAME, usage_name::USER, Column::UserId);
    for sum in SUMS {
        let [high, low] = halves(&rollup(sum));
        select.expr(high).expr(low);
    }
    select
}

/// Tells apart by time, too, in the last column.
fn by_time(mut select: SelectStatement, part: &Part) -> SelectStatement {
    let at = (usage_rollup::Entity, usage_rollup::Column::At);
    if part.at.is_none() {
        select.column(at).group_by_col(at);
    }
    select
}

fn by_model(part: &Part, query: &UsageQuery) -> SelectStatement {
    let label = (usage_label::Entity, usage_label::Column::Text);
    let mut select = sums(part, query);
    select
        .column(label)
        .inner_join(
            usage_label::Entity,
            rollup(usage_rollup::Column::ModelId).equals((usage_label::Entity, usage_label::Column::Id)),
        )
        .group_by_col(label);
    by_time(select, part)
}

fn by_source(part: &Part, query: &UsageQuery) -> SelectStatement {
    use usage_rollup::{Column, Entity};
    let mut select = sums(part, query);
    select
        .column((Entity, Column::Source))
        .column((Entity, Column::KeyId))
        .column((KEY_NAME, usage_name::Column::Name))
        .expr(rollup(Column::LastAt).max())
        .group_by_col((Entity, Column::Source))
        .group_by_col((Entity, Column::KeyId));
    join_name(&mut select, KEY_NAME, usage_name::KEY, Column::KeyId);
    by_time(select, part)
}

/// The sums of a column's high and low 32 bits. A plain sum of large numbers would be an error on SQLite, and another
/// type on PostgreSQL.
fn halves(column: &Expr) -> [Expr; 2] {
    let high = column.clone().right_shift(32_i32);
    let low = column.clone().bit_and(LOW);
    [high, low].map(|half| half.sum().cast_as("BIGINT"))
}

const LOW: i64 = 0xffff_ffff;

/// One sum out of its two halves, which begin at the column `index`.
fn whole(row: &QueryResult, index: usize) -> Result<u64, Failure> {
    let (high, low): (i64, i64) = (row.try_get_by_index(index)?, row.try_get_by_index(index + 1)?);
    let sum = (i128::from(high) << 32) + i128::from(low);
    Ok(u64::try_from(sum.min(i128::from(u64::MAX))).map_err(|_| BadRow("usage"))?)
}

fn read_user(row: &QueryResult) -> Result<(UserId, String), Failure> {
    let (id, name): (Uuid, Option<String>) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
    Ok((UserId::from_uuid(id), name.unwrap_or_default()))
}

fn read_totals(row: &QueryResult) -> Result<UsageTotals, Failure> {
    Ok(UsageTotals {
        prompt_tokens: whole(row, 2)?,
        completion_tokens: whole(row, 4)?,
        requests: whole(row, 6)?,
        estimated_requests: whole(row, 8)?,
    })
}

fn read_at(row: &QueryResult, part: &Part, index: usize) -> Result<Timestamp, Failure> {
    let millis = part.at.map_or_else(|| row.try_get_by_index(index), Ok)?;
    Ok(Timestamp::from_millis(millis))
}

fn read_by_model(row: &QueryResult, part: &Part) -> Result<UsageRow, Failure> {
    let (user_id, user_name) = read_user(row)?;
    Ok(UsageRow {
        at: read_at(row, part, OWN + 1)?,
        user_id,
        user_name,
        model: row.try_get_by_index(OWN)?,
        totals: read_totals(row)?,
    })
}

fn read_by_source(row: &QueryResult, part: &Part) -> Result<UsageSourceRow, Failure> {
    let (user_id, user_name) = read_user(row)?;
    let source: String = row.try_get_by_index(OWN)?;
    let key_id: Uuid = row.try_get_by_index(OWN + 1)?;
    let key_name: Option<String> = row.try_get_by_index(OWN + 2)?;
    Ok(UsageSourceRow {
        at: read_at(row, part, OWN + 4)?,
        user_id,
        user_name,
        source: source.parse::<UsageSource>().map_err(|_| BadRow("source"))?,
        key: (!key_id.is_nil()).then(|| (KeyId::from_uuid(key_id), key_name.unwrap_or_default())),
        totals: read_totals(row)?,
        last_at: Timestamp::from_millis(row.try_get_by_index(OWN + 3)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_by_day_reads_hours_only_of_a_day_cut_short() {
        let day = Grain::Day.millis();
        let query = |since: i64, grain| UsageQuery {
            since: Some(Timestamp::from_millis(since)),
            user_id: None,
            key_id: None,
            grain,
        };
        let grains = |query| {
            parts(&query)
                .iter()
                .map(|p| (p.grain, p.since, p.before))
                .collect::<Vec<_>>()
        };
        assert_eq!(grains(query(5 * day, Grain::Day)), [(Grain::Day, Some(5 * day), None)]);
        assert_eq!(
            grains(query(5 * day + 1, Grain::Hour)),
            [(Grain::Hour, Some(5 * day + 1), None)]
        );
        assert_eq!(
            grains(query(5 * day + 1, Grain::Day)),
            [
                (Grain::Hour, Some(5 * day + 1), Some(6 * day)),
                (Grain::Day, Some(6 * day), None)
            ]
        );
    }
}
