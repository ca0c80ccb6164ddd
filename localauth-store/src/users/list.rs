//! Users by the page, and their names.

use std::collections::BTreeMap;

use localauth_core::{User, UserId, UserQuery};
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, ExprTrait as _, LikeExpr};
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use crate::entity::user::{self, Column, Entity};
use crate::error::Failure;
use crate::portion::{limit, portions};

/// The longest text that is looked for, in bytes. No address or name that [`Auth`](localauth_core::Auth) takes is as
/// long, and SQLite refuses patterns beyond 50,000.
const MAX_SEARCH: usize = 16_384;

/// What a search stands for: `None` for one that nobody can match.
fn pattern(search: &str) -> Option<LikeExpr> {
    let search = user::folded(search);
    // PostgreSQL refuses even to look for a null character.
    if search.len() > MAX_SEARCH || search.contains('\0') {
        return None;
    }
    let mut pattern = String::with_capacity(search.len() + 2);
    pattern.push('%');
    for c in search.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    Some(LikeExpr::new(pattern).escape('\\'))
}

pub(super) async fn list(database: &impl ConnectionTrait, query: &UserQuery) -> Result<Vec<User>, Failure> {
    let mut wanted = Condition::all()
        .add_option(query.status.map(|status| Column::Status.eq(status.as_str())))
        .add_option(query.role.map(|role| Column::Role.eq(role.as_str())))
        .add_option(query.after.map(|(created_at, id)| {
            // Both at once, as the index has them.
            Expr::tuple([Expr::col(Column::CreatedAt), Expr::col(Column::Id)]).gt(Expr::tuple([
                Expr::val(created_at.as_millis()),
                Expr::val(id.as_uuid()),
            ]))
        }));
    if let Some(search) = query.search.as_deref() {
        let Some(pattern) = pattern(search) else {
            return Ok(Vec::new());
        };
        wanted = wanted.add(Expr::col(Column::Search).like(pattern));
    }
    let rows = Entity::find()
        .filter(wanted)
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Id)
        .limit(query.limit.map(limit))
        .all(database)
        .await?;
    Ok(rows.into_iter().map(User::try_from).collect::<Result<_, _>>()?)
}

pub(super) async fn names(
    database: &impl ConnectionTrait,
    ids: &[UserId],
) -> Result<BTreeMap<UserId, String>, Failure> {
    let mut names = BTreeMap::new();
    let Some(last) = ids.last() else { return Ok(names) };
    // The last one again and again, up to a power of two: one question instead of one for each portion of a report.
    let mut padded = ids.to_vec();
    padded.resize(ids.len().next_power_of_two(), *last);
    for portion in portions(&padded) {
        let rows: Vec<(Uuid, String)> = Entity::find()
            .select_only()
            .columns([Column::Id, Column::Name])
            .filter(Column::Id.is_in(portion.iter().map(UserId::as_uuid)))
            .into_tuple()
            .all(database)
            .await?;
        names.extend(rows.into_iter().map(|(id, name)| (UserId::from_uuid(id), name)));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_special_in_a_pattern_is_meant_as_it_is() {
        let expected = LikeExpr::new(r"%50\%\_\\ädä%").escape('\\');
        assert_eq!(format!("{:?}", pattern(r"50%_\ÄDÄ")), format!("{:?}", Some(expected)));
        assert!(pattern("a\0b").is_none());
        assert!(pattern(&"x".repeat(MAX_SEARCH + 1)).is_none());
    }
}
