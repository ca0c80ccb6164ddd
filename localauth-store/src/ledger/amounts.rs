//! Amounts as columns. What is beyond a column's range is its greatest number.

use localauth_core::limit::Amounts;
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait as _, IntoIden};
use sea_orm::{DbErr, QueryResult};

/// A count as a column has it.
pub(super) fn column(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Five columns of a row, from this one on.
pub(super) fn read(row: &QueryResult, first: usize) -> Result<Amounts, DbErr> {
    let count = |index: usize| {
        let value: i64 = row.try_get_by_index(first + index)?;
        Ok::<_, DbErr>(u64::try_from(value).unwrap_or(0))
    };
    Ok(Amounts {
        requests: count(0)?,
        prompt_tokens: count(1)?,
        completion_tokens: count(2)?,
        cost_micros: count(3)?,
        places: count(4)?,
    })
}

/// `stored` and `more` together. PostgreSQL refuses to add beyond what a column holds, SQLite goes over to floating
/// point.
pub(super) fn sum(stored: Expr, more: Expr) -> CaseStatement {
    CaseStatement::new()
        .case(stored.clone().gt(Expr::val(i64::MAX).sub(more.clone())), i64::MAX)
        .finally(stored.add(more))
}

/// `stored` without `less`; never below zero.
pub(super) fn rest(stored: Expr, less: Expr) -> CaseStatement {
    CaseStatement::new()
        .case(stored.clone().gt(less.clone()), stored.sub(less))
        .finally(0_i64)
}

/// A column of the row that could not be inserted.
pub(super) fn excluded(column: impl IntoIden) -> Expr {
    Expr::col(("excluded", column))
}
