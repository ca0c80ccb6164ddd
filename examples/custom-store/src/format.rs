//! The file: rows as JSON.
//!
//! localauth's types know nothing of any format, so that each store may have its own. Here serde is told what each of
//! them looks like (`remote`); should one get another field, this file does not compile until it has it too. With a
//! database this is where a row becomes a type and back.

mod columns;

use std::collections::{BTreeMap, BTreeSet};

use localauth_core::{
    ApiKey, Email, Epoch, KeyId, ModelAllowList, PasswordHash, Provider, PublicId, Role, Session, SessionId, Status,
    StoredDigest, Timestamp, User, UserId,
};
use serde::{Deserialize, Serialize};

use crate::tables::Tables;

/// The tables as they are written: for people to read as well.
pub(crate) fn to_json(tables: &Tables) -> serde_json::Result<Vec<u8>> {
    let mut json = serde_json::to_vec_pretty(&File {
        format: Format::One,
        epoch: tables.epoch.0,
        users: tables.users.iter().cloned().map(UserRow).collect(),
        keys: tables.keys.iter().cloned().map(KeyRow).collect(),
        sessions: tables.sessions.iter().cloned().map(SessionRow).collect(),
    })?;
    json.push(b'\n');
    Ok(json)
}

/// The tables that were written. Strict: what is not understood would be lost at the next change.
pub(crate) fn from_json(json: &[u8]) -> serde_json::Result<Tables> {
    let file: File = serde_json::from_slice(json)?;
    Ok(Tables {
        epoch: Epoch(file.epoch),
        users: file.users.into_iter().map(|UserRow(user)| user).collect(),
        keys: file.keys.into_iter().map(|KeyRow(key)| key).collect(),
        sessions: file.sessions.into_iter().map(|SessionRow(session)| session).collect(),
    })
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: Format,
    epoch: u64,
    users: Vec<UserRow>,
    keys: Vec<KeyRow>,
    sessions: Vec<SessionRow>,
}

/// Tells this file from others, and from those of versions to come.
#[derive(Serialize, Deserialize)]
enum Format {
    #[serde(rename = "localauth custom-store 1")]
    One,
}

#[derive(Serialize, Deserialize)]
struct UserRow(#[serde(with = "UserFields")] User);

#[derive(Serialize, Deserialize)]
struct KeyRow(#[serde(with = "KeyFields")] ApiKey);

#[derive(Serialize, Deserialize)]
struct SessionRow(#[serde(with = "SessionFields")] Session);

#[derive(Serialize, Deserialize)]
#[serde(remote = "User", deny_unknown_fields)]
struct UserFields {
    #[serde(with = "columns::text")]
    id: UserId,
    #[serde(with = "columns::text")]
    email: Email,
    name: String,
    avatar_url: String,
    #[serde(with = "columns::text")]
    role: Role,
    #[serde(with = "columns::text")]
    status: Status,
    #[serde(with = "columns::text")]
    provider: Provider,
    #[serde(with = "columns::password")]
    password: Option<PasswordHash>,
    permissions: BTreeMap<String, bool>,
    #[serde(with = "ModelsFields")]
    models: ModelAllowList,
    created_at: Timestamp,
    #[serde(with = "EpochNumber")]
    epoch: Epoch,
    #[serde(with = "EpochNumber")]
    sign_in_epoch: Epoch,
}

/// Whole numbers up to 2^64, which JavaScript's are not: do not hand them to a browser like this.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Epoch")]
struct EpochNumber(u64);

#[derive(Serialize, Deserialize)]
#[serde(remote = "ModelAllowList", deny_unknown_fields)]
struct ModelsFields {
    enabled: bool,
    models: BTreeSet<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "ApiKey", deny_unknown_fields)]
struct KeyFields {
    #[serde(with = "columns::text")]
    id: KeyId,
    #[serde(with = "columns::text")]
    public_id: PublicId,
    #[serde(with = "columns::text")]
    user_id: UserId,
    name: String,
    #[serde(with = "columns::digest")]
    digest: StoredDigest,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Session", deny_unknown_fields)]
struct SessionFields {
    #[serde(with = "columns::text")]
    id: SessionId,
    #[serde(with = "columns::text")]
    user_id: UserId,
    #[serde(with = "columns::digest")]
    digest: StoredDigest,
    #[serde(with = "EpochNumber")]
    sign_in_epoch: Epoch,
    created_at: Timestamp,
    expires_at: Timestamp,
    ip: String,
    user_agent: String,
}

#[cfg(test)]
mod tests {
    use localauth_core::{FirstUser, InsertUser, NewUser, OsEntropy, UserStore as _};

    use super::*;
    use crate::FileStore;

    /// What no method of the store sets yet comes back too, and the extremes of every number.
    #[tokio::test]
    async fn every_column_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::open(folder.path().join("users.json")).unwrap();
        let at = Timestamp::from_millis(-1);
        let new = NewUser {
            id: UserId::generate(at, &OsEntropy).unwrap(),
            email: "zoë@example.org".parse().unwrap(),
            name: "\u{0}\u{10ffff}\"".to_owned(),
            role: Role::User,
            status: Status::Pending,
            provider: Provider::Oidc,
            password: None,
            created_at: Timestamp::MAX,
        };
        let InsertUser::Inserted(user) = store.insert_user(new, FirstUser::AsGiven).await.unwrap() else {
            panic!("taken");
        };
        let mut tables = Tables::clone(&store.read());
        tables.epoch = Epoch(u64::MAX);
        tables.users = vec![User {
            avatar_url: "https://example.org/zoë.png".to_owned(),
            permissions: [("chat".to_owned(), false), ("images".to_owned(), true)].into(),
            models: ModelAllowList {
                enabled: true,
                models: ["llama".to_owned()].into(),
            },
            epoch: Epoch(u64::MAX - 1),
            ..user
        }];
        assert!(from_json(&to_json(&tables).unwrap()).unwrap() == tables);
    }
}
