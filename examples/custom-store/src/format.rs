//! The file: rows as JSON.
//!
//! localauth's types know nothing of any format, so that each store may have its own. Here serde is told what each of
//! them looks like (`remote`); should one get another field, this file does not compile until it has it too. With a
//! database this is where a row becomes a type and back.

mod columns;
mod rows;

use localauth_core::{Epoch, HouseRules};
use serde::{Deserialize, Serialize};

use self::rows::{DeletedRow, IdentityRow, InviteRow, KeyRow, LimitsRow, SessionRow, SharedKeyRow, UserRow};
use crate::tables::Tables;

/// The tables as they are written: for people to read as well.
pub(crate) fn to_json(tables: &Tables) -> serde_json::Result<Vec<u8>> {
    let mut json = serde_json::to_vec_pretty(&File {
        format: Format::Three,
        epoch: tables.epoch.0,
        shared_epoch: tables.shared_epoch.0,
        users: written(&tables.users),
        deleted: written(&tables.deleted),
        identities: written(&tables.identities),
        keys: written(&tables.keys),
        sessions: written(&tables.sessions),
        invites: written(&tables.invites),
        shared_keys: written(&tables.shared_keys),
        limits: written(&tables.limits),
        house: tables.house.clone(),
        house_epoch: tables.house_epoch.0,
    })?;
    json.push(b'\n');
    Ok(json)
}

/// The tables that were written. Strict: what is not understood would be lost at the next change.
pub(crate) fn from_json(json: &[u8]) -> serde_json::Result<Tables> {
    let file: File = serde_json::from_slice(json)?;
    Ok(Tables {
        epoch: Epoch(file.epoch),
        shared_epoch: Epoch(file.shared_epoch),
        users: read(file.users),
        deleted: read(file.deleted),
        identities: read(file.identities),
        keys: read(file.keys),
        sessions: read(file.sessions),
        invites: read(file.invites),
        shared_keys: read(file.shared_keys),
        limits: read(file.limits),
        house: file.house,
        house_epoch: Epoch(file.house_epoch),
    })
}

fn written<T: Clone, R: From<T>>(all: &[T]) -> Vec<R> {
    all.iter().cloned().map(R::from).collect()
}

fn read<R: Into<T>, T>(rows: Vec<R>) -> Vec<T> {
    rows.into_iter().map(R::into).collect()
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: Format,
    epoch: u64,
    shared_epoch: u64,
    users: Vec<UserRow>,
    deleted: Vec<DeletedRow>,
    identities: Vec<IdentityRow>,
    keys: Vec<KeyRow>,
    sessions: Vec<SessionRow>,
    invites: Vec<InviteRow>,
    shared_keys: Vec<SharedKeyRow>,
    limits: Vec<LimitsRow>,
    /// Has a form of its own, because it is sent as well.
    house: HouseRules,
    house_epoch: u64,
}

/// Tells this file from others, and from those of other versions: of these none is read.
#[derive(Serialize, Deserialize)]
enum Format {
    #[serde(rename = "localauth custom-store 3")]
    Three,
}

#[cfg(test)]
mod tests {
    use localauth_core::{
        ApiKey, AuditActor, Digest, ExternalIdentity, Invite, InviteId, KeyId, KeyLimit, KeyScope, KeyTier, Limit,
        LimitId, LimitRule, ModelAllowList, NewUser, OsEntropy, PreviousSecret, PreviousToken, Provider, Role,
        SecretVersion, Session, SessionId, SharedKey, SharedKeyId, Status, StoredDigest, Tier, Timestamp, User, UserId,
        UserLimits,
    };

    use super::*;
    use crate::tables::{Deleted, Identity, LimitsOf};

    const AT: Timestamp = Timestamp::from_millis(-1);

    fn digest(n: u8) -> StoredDigest {
        StoredDigest {
            version: SecretVersion(u32::MAX),
            digest: Digest::from_bytes([n; 32]),
        }
    }

    fn limit() -> Limit {
        Limit {
            id: LimitId::generate(AT, &OsEntropy).unwrap(),
            rule: LimitRule::per("month".parse().unwrap())
                .requests(u64::MAX)
                .of_model("Ωmega"),
        }
    }

    fn user() -> User {
        let new = NewUser {
            id: UserId::generate(AT, &OsEntropy).unwrap(),
            email: "zoë@example.org".parse().unwrap(),
            name: "\u{0}\u{10ffff}\"".to_owned(),
            role: Role::User,
            status: Status::Pending,
            provider: Provider::Service,
            password: None,
            avatar_url: "https://example.org/zoë.png".to_owned(),
            permissions: [("chat".to_owned(), false), ("images".to_owned(), true)].into(),
            created_at: Timestamp::MAX,
        };
        User {
            models: ModelAllowList {
                enabled: true,
                models: ["llama".to_owned()].into(),
            },
            ..User::from_new(new, Epoch(u64::MAX - 1))
        }
    }

    fn key(user_id: UserId) -> ApiKey {
        ApiKey {
            id: KeyId::generate(AT, &OsEntropy).unwrap(),
            public_id: "abcdefghijklmnopqr".parse().unwrap(),
            user_id,
            name: String::new(),
            digest: digest(1),
            created_at: AT,
            expires_at: Some(AT),
            revoked_at: Some(AT),
            last_used_at: Some(AT),
            last_used_ip: "::1".to_owned(),
            scope: KeyScope {
                models: Some(["llama".to_owned()].into()),
                features: Some([].into()),
                routes: Some(vec!["POST /v1/*".parse().unwrap()]),
                ips: Some(vec!["10.0.0.0/8".parse().unwrap()]),
                can_mint: true,
                limits: vec![KeyLimit {
                    holder: Some(KeyId::generate(AT, &OsEntropy).unwrap()),
                    limit: limit(),
                }],
                tier: Some(KeyTier {
                    name: "free".parse().unwrap(),
                    holder: None,
                }),
            },
            parent_id: Some(KeyId::generate(AT, &OsEntropy).unwrap()),
            previous: Some(PreviousSecret {
                digest: digest(2),
                until: AT,
                last_used_at: Some(AT),
                last_used_ip: "::2".to_owned(),
            }),
        }
    }

    fn session(user_id: UserId, key: &ApiKey) -> Session {
        Session {
            id: SessionId::generate(AT, &OsEntropy).unwrap(),
            user_id,
            digest: digest(3),
            previous: Some(PreviousToken {
                digest: digest(4),
                until: AT,
            }),
            renewed_at: AT,
            sign_in_epoch: Epoch(7),
            created_at: AT,
            expires_at: Timestamp::MAX,
            last_seen_at: AT,
            ip: "::1".to_owned(),
            user_agent: "a browser".to_owned(),
            impersonator_epoch: Epoch(3),
            key_id: Some(key.id),
            shared_key: Some(digest(5)),
            impersonator: Some(AuditActor {
                id: UserId::SHARED,
                name: "an administrator".to_owned(),
            }),
        }
    }

    #[test]
    fn every_column_comes_back() {
        let ada = user();
        let (id, key) = (ada.id, key(ada.id));
        // With all that may be missing, and without.
        let plain_key = ApiKey {
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
            scope: KeyScope::default(),
            parent_id: None,
            previous: None,
            ..key.clone()
        };
        let session = session(id, &key);
        let plain_session = Session {
            previous: None,
            key_id: None,
            shared_key: None,
            impersonator: None,
            impersonator_epoch: Epoch::default(),
            ..session.clone()
        };
        let open = Invite {
            id: InviteId::generate(AT, &OsEntropy).unwrap(),
            digest: digest(6),
            code_prefix: "abc".to_owned(),
            created_by: UserId::SHARED,
            created_at: AT,
            expires_at: Timestamp::MAX,
            used_at: None,
            used_by: None,
        };
        let used = Invite {
            used_at: Some(AT),
            used_by: Some(id),
            ..open.clone()
        };
        let tables = Tables {
            epoch: Epoch(u64::MAX),
            shared_epoch: Epoch(8),
            users: vec![ada],
            deleted: vec![Deleted {
                id: UserId::generate(AT, &OsEntropy).unwrap(),
                epoch: Epoch(9),
                at: AT,
            }],
            identities: vec![Identity {
                user_id: id,
                external: ExternalIdentity {
                    provider: Provider::Github,
                    subject: "17".to_owned(),
                },
                linked_at: AT,
            }],
            keys: vec![key, plain_key],
            sessions: vec![session, plain_session],
            invites: vec![open, used],
            shared_keys: vec![SharedKey {
                id: SharedKeyId::generate(AT, &OsEntropy).unwrap(),
                digest: digest(7),
                masked: "sk-…cdef".to_owned(),
                created_at: AT,
            }],
            limits: vec![LimitsOf {
                user_id: id,
                limits: UserLimits {
                    tier: Some("free".parse().unwrap()),
                    limits: vec![limit()],
                },
            }],
            house: HouseRules {
                everyone: vec![limit()],
                tiers: [("free".parse().unwrap(), Tier::default())].into(),
                ..HouseRules::default()
            },
            house_epoch: Epoch(11),
        };
        assert!(from_json(&to_json(&tables).unwrap()).unwrap() == tables);
    }
}
