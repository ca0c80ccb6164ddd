//! A session and everything it depends on, in one statement and so one snapshot, on either database.

use localauth_core::{FoundSession, Session, StoredDigest, User};
use sea_orm::sea_query::{Cond, Expr, ExprTrait as _, JoinType, Query, SelectStatement};
use sea_orm::{
    ConnectionTrait, EntityTrait, FromQueryResult, IdenStatic as _, Iterable as _, QueryResult, TryGetError,
};

use crate::entity::{DigestBytes, key, session, user};
use crate::error::{BadRow, Failure};

/// The tables by other names, as that of users is in it twice. Their columns begin with these names.
const SESSION: &str = "s";
const USER: &str = "u";
const KEY: &str = "k";
const IMPERSONATOR: &str = "i";

pub(super) async fn find(
    database: &impl ConnectionTrait,
    digests: &[StoredDigest],
) -> Result<Option<FoundSession>, Failure> {
    for row in database.query_all(&select(digests)).await? {
        let found = read(&row)?;
        let session = &found.session;
        let previous = session.previous.as_ref().map(|previous| &previous.digest);
        // Bytes alone are found by the index; they are the digest only under the secret that made them.
        if digests.contains(&session.digest) || previous.is_some_and(|digest| digests.contains(digest)) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn select(digests: &[StoredDigest]) -> SelectStatement {
    let bytes = || digests.iter().map(|d| DigestBytes::from(&d.digest));
    let session = |column: session::Column| Expr::col((SESSION, column));
    let mut select = Query::select();
    columns::<session::Entity>(&mut select, SESSION);
    columns::<user::Entity>(&mut select, USER);
    columns::<key::Entity>(&mut select, KEY);
    columns::<user::Entity>(&mut select, IMPERSONATOR);
    select
        .from_as(session::Entity, SESSION)
        .join_as(
            JoinType::LeftJoin,
            user::Entity,
            USER,
            session(session::Column::UserId).equals((USER, user::Column::Id)),
        )
        .join_as(
            JoinType::LeftJoin,
            key::Entity,
            KEY,
            session(session::Column::KeyId).equals((KEY, key::Column::Id)),
        )
        .join_as(
            JoinType::LeftJoin,
            user::Entity,
            IMPERSONATOR,
            session(session::Column::ImpersonatorId).equals((IMPERSONATOR, user::Column::Id)),
        )
        .cond_where(
            Cond::any()
                .add(session(session::Column::Digest).is_in(bytes()))
                .add(session(session::Column::PreviousDigest).is_in(bytes())),
        );
    select
}

fn columns<E: EntityTrait>(select: &mut SelectStatement, table: &'static str) {
    for column in E::Column::iter() {
        select.expr_as(Expr::col((table, column)), format!("{table}{}", column.as_str()));
    }
}

fn read(row: &QueryResult) -> Result<FoundSession, Failure> {
    let stored = session::Model::from_query_result(row, SESSION)?;
    let user = joined::<user::Model>(row, USER, stored.user_id.is_some())?;
    let key = joined::<key::Model>(row, KEY, stored.key_id.is_some())?;
    let impersonator = joined::<user::Model>(row, IMPERSONATOR, stored.impersonator_id.is_some())?;
    Ok(FoundSession {
        session: Session::try_from(stored)?,
        user: user.map(User::try_from).transpose()?,
        key: key.map(TryInto::try_into).transpose()?,
        impersonator: impersonator.map(User::try_from).transpose()?,
    })
}

/// What was joined. What the session names must be there: a session whose key is missing is not one without a key.
fn joined<M: FromQueryResult>(row: &QueryResult, table: &str, expected: bool) -> Result<Option<M>, Failure> {
    if !expected {
        return Ok(None);
    }
    match M::from_query_result_nullable(row, table) {
        Ok(model) => Ok(Some(model)),
        Err(TryGetError::Null(_)) => Err(BadRow("user_id, key_id or impersonator_id").into()),
        Err(TryGetError::DbErr(error)) => Err(error.into()),
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use localauth_core::{Digest, SecretVersion};
    use sea_orm::{DbBackend, Statement};

    use super::*;

    /// Every request with a session that is not remembered asks this: both digests are found by an index.
    #[tokio::test]
    async fn a_look_up_reads_no_table_from_end_to_end() {
        let store = crate::connect("sqlite::memory:").await.unwrap();
        let digest = |fill| StoredDigest {
            version: SecretVersion(1),
            digest: Digest::from_bytes([fill; 32]),
        };
        let asked = store
            .reader()
            .get_database_backend()
            .build(&select(&[digest(1), digest(2)]));
        let plan = Statement {
            sql: format!("EXPLAIN QUERY PLAN {}", asked.sql),
            values: asked.values,
            db_backend: DbBackend::Sqlite,
        };
        let steps: Vec<String> = store
            .reader()
            .query_all_raw(plan)
            .await
            .unwrap()
            .iter()
            .map(|row| row.try_get("", "detail").unwrap())
            .collect();
        let using = |index: &str| steps.iter().filter(|s| s.contains(index)).count();
        assert!(!steps.iter().any(|step| step.starts_with("SCAN")), "{steps:?}");
        assert_eq!(using("(digest=?)") + using("(previous_digest=?)"), 2, "{steps:?}");
    }
}
