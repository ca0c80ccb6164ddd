//! On PostgreSQL: rows go there and back in arrays, one for each column.

mod read;
mod write;

use sea_orm::prelude::Uuid;
use sea_orm::sqlx::{PgPool, query, query_as};

use super::database::Numbered;
use super::numbers::Unknown;
use crate::error::Failure;

pub(super) struct Postgres {
    pub(super) pool: PgPool,
}

impl Postgres {
    pub(super) async fn number(&self, unknown: &Unknown) -> Result<Numbered, Failure> {
        let mut transaction = self.pool.begin().await?;
        // A row that is there already would use up a number each time. Two that add the same at once wait for each other,
        // in the order of the rows.
        query(
            "INSERT INTO localauth_usage_label (text) SELECT new.text FROM UNNEST($1::text[]) AS new (text) \
             WHERE NOT EXISTS (SELECT FROM localauth_usage_label AS known WHERE known.text = new.text) \
             ORDER BY new.text ON CONFLICT DO NOTHING",
        )
        .bind(&unknown.labels)
        .execute(&mut *transaction)
        .await?;
        query(
            "INSERT INTO localauth_usage_party (id) SELECT new.id FROM UNNEST($1::uuid[]) AS new (id) \
             WHERE NOT EXISTS (SELECT FROM localauth_usage_party AS known WHERE known.id = new.id) \
             ORDER BY new.id ON CONFLICT DO NOTHING",
        )
        .bind(&unknown.parties)
        .execute(&mut *transaction)
        .await?;
        let labels = query_as("SELECT id, text FROM localauth_usage_label WHERE text = ANY($1)")
            .bind(&unknown.labels)
            .fetch_all(&mut *transaction)
            .await?;
        let parties = query_as("SELECT no, id FROM localauth_usage_party WHERE id = ANY($1)")
            .bind(&unknown.parties)
            .fetch_all(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok((labels, parties))
    }

    pub(super) async fn numbered(&self, labels: &[i32], parties: &[i32]) -> Result<Numbered, Failure> {
        let texts = query_as("SELECT id, text FROM localauth_usage_label WHERE id = ANY($1)")
            .bind(labels)
            .fetch_all(&self.pool)
            .await?;
        let ids = query_as("SELECT no, id FROM localauth_usage_party WHERE no = ANY($1)")
            .bind(parties)
            .fetch_all(&self.pool)
            .await?;
        Ok((texts, ids))
    }

    pub(super) async fn known_parties(&self, ids: &[Uuid]) -> Result<Vec<(i32, Uuid)>, Failure> {
        Ok(query_as("SELECT no, id FROM localauth_usage_party WHERE id = ANY($1)")
            .bind(ids)
            .fetch_all(&self.pool)
            .await?)
    }

    pub(super) async fn known_label(&self, text: &str) -> Result<Vec<(i32, String)>, Failure> {
        Ok(query_as("SELECT id, text FROM localauth_usage_label WHERE text = $1")
            .bind(text)
            .fetch_all(&self.pool)
            .await?)
    }
}
