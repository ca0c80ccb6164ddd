//! On SQLite.
//!
//! The driver passes every row and every value from a thread of its own, at a microsecond or so each: many rows are
//! written in one statement, and read packed into one text.

mod read;
mod write;

use sea_orm::prelude::Uuid;
use sea_orm::sqlx::{SqlitePool, query, query_as};

use super::database::Numbered;
use super::numbers::Unknown;
use crate::error::Failure;

pub(super) struct Sqlite {
    pub(super) read: SqlitePool,
    pub(super) write: SqlitePool,
}

fn json(values: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string(values).map_err(|_| Failure::Broken("a text of usage cannot be written as JSON"))
}

fn hex(ids: &[Uuid]) -> Vec<String> {
    ids.iter().map(|id| id.simple().to_string()).collect()
}

impl Sqlite {
    pub(super) async fn number(&self, unknown: &Unknown) -> Result<Numbered, Failure> {
        let (labels, parties) = (json(&unknown.labels)?, json(&hex(&unknown.parties))?);
        let mut transaction = self.write.begin_with("BEGIN IMMEDIATE").await?;
        query(
            "INSERT INTO localauth_usage_label (text) SELECT value FROM json_each(?) WHERE true ON CONFLICT DO NOTHING",
        )
        .bind(&labels)
        .execute(&mut *transaction)
        .await?;
        query(
            "INSERT INTO localauth_usage_party (id) SELECT unhex(value) FROM json_each(?) WHERE true \
             ON CONFLICT DO NOTHING",
        )
        .bind(&parties)
        .execute(&mut *transaction)
        .await?;
        let labels =
            query_as("SELECT id, text FROM localauth_usage_label WHERE text IN (SELECT value FROM json_each(?))")
                .bind(labels)
                .fetch_all(&mut *transaction)
                .await?;
        let parties =
            query_as("SELECT no, id FROM localauth_usage_party WHERE id IN (SELECT unhex(value) FROM json_each(?))")
                .bind(parties)
                .fetch_all(&mut *transaction)
                .await?;
        transaction.commit().await?;
        Ok((labels, parties))
    }

    pub(super) async fn numbered(&self, labels: &[i32], parties: &[i32]) -> Result<Numbered, Failure> {
        let texts = query_as("SELECT id, text FROM localauth_usage_label WHERE id IN (SELECT value FROM json_each(?))")
            .bind(json(&labels)?)
            .fetch_all(&self.read)
            .await?;
        let ids = query_as("SELECT no, id FROM localauth_usage_party WHERE no IN (SELECT value FROM json_each(?))")
            .bind(json(&parties)?)
            .fetch_all(&self.read)
            .await?;
        Ok((texts, ids))
    }

    pub(super) async fn known_parties(&self, ids: &[Uuid]) -> Result<Vec<(i32, Uuid)>, Failure> {
        let statement = "SELECT no, id FROM localauth_usage_party WHERE id IN (SELECT unhex(value) FROM json_each(?))";
        Ok(query_as(statement).bind(json(&hex(ids))?).fetch_all(&self.read).await?)
    }

    pub(super) async fn known_label(&self, text: &str) -> Result<Vec<(i32, String)>, Failure> {
        Ok(query_as("SELECT id, text FROM localauth_usage_label WHERE text = ?")
            .bind(text)
            .fetch_all(&self.read)
            .await?)
    }
}
