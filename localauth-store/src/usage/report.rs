//! [`UsageReader`].

use async_trait::async_trait;
use localauth_core::{Grain, StoreError, Timestamp, UsageQuery, UsageReader, UsageRow, UsageTotals, UserId};
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Cond, Expr, ExprTrait as _, Query, SelectStatement};
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
                for row in self.reader().query_all(&select(&part, query.user_id)).await? {
                    rows.push(read(&row, part.at)?);
                }
            }
            // Not left to the database: the order of texts is a matter of its locale.
            rows.sort_unstable_by(|a, b| (a.at, a.user_id, &a.model).cmp(&(b.at, b.user_id, &b.model)));
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

fn select(part: &Part, user_id: Option<UserId>) -> SelectStatement {
    use usage_rollup::{Column, Entity};
    let rollup = |column: Column| Expr::col((Entity, column));
    let mut select = Query::select();
    select
        .column((Entity, Column::UserId))
        .column((usage_label::Entity, usage_label::Column::Text))
        .column((usage_name::Entity, usage_name::Column::Name))
        .from(Entity)
        .inner_join(
            usage_label::Entity,
            rollup(Column::ModelId).equals((usage_label::Entity, usage_label::Column::Id)),
        )
        .left_join(
            usage_name::Entity,
            Cond::all()
                .add(Expr::col((usage_name::Entity, usage_name::Column::Kind)).eq(usage_name::USER))
                .add(rollup(Column::UserId).equals((usage_name::Entity, usage_name::Column::Id))),
        )
        .and_where(rollup(Column::Grain).eq(usage_rollup::grain_to_column(part.grain)))
        .and_where_option(part.since.map(|since| rollup(Column::At).gte(since)))
        .and_where_option(part.before.map(|before| rollup(Column::At).lt(before)))
        .and_where_option(user_id.map(|id| rollup(Column::UserId).eq(id.as_uuid())))
        .group_by_col((Entity, Column::UserId))
        .group_by_col((usage_label::Entity, usage_label::Column::Text))
        .group_by_col((usage_name::Entity, usage_name::Column::Name));
    for sum in SUMS {
        let [high, low] = halves(&rollup(sum));
        select.expr(high).expr(low);
    }
    if part.at.is_none() {
        select.column((Entity, Column::At)).group_by_col((Entity, Column::At));
    }
    select
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

fn read(row: &QueryResult, at: Option<i64>) -> Result<UsageRow, Failure> {
    let user_id: Uuid = row.try_get_by_index(0)?;
    let name: Option<String> = row.try_get_by_index(2)?;
    Ok(UsageRow {
        at: Timestamp::from_millis(at.map_or_else(|| row.try_get_by_index(11), Ok)?),
        user_id: UserId::from_uuid(user_id),
        user_name: name.unwrap_or_default(),
        model: row.try_get_by_index(1)?,
        totals: UsageTotals {
            prompt_tokens: whole(row, 3)?,
            completion_tokens: whole(row, 5)?,
            requests: whole(row, 7)?,
            estimated_requests: whole(row, 9)?,
        },
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
