//! What each row looks like.

use std::collections::{BTreeMap, BTreeSet};

use localauth_core::{
    ApiKey, AuditActor, Email, Epoch, ExternalIdentity, Invite, InviteId, KeyId, KeyScope, Limit, ModelAllowList,
    PasswordHash, PreviousSecret, PreviousToken, Provider, PublicId, Role, Session, SessionId, SharedKey, SharedKeyId,
    Status, StoredDigest, TierName, Timestamp, User, UserId, UserLimits,
};
use serde::{Deserialize, Serialize};

use super::columns::{self, Optional};
use crate::tables::{Deleted, Identity, LimitsOf};

/// A type of its own for each kind of row, because serde describes foreign types only as fields of our own.
macro_rules! rows {
    ($($row:ident($type:ident) as $fields:literal;)+) => {
        $(
            #[derive(Serialize, Deserialize)]
            pub(super) struct $row(#[serde(with = $fields)] $type);

            impl From<$type> for $row {
                fn from(value: $type) -> Self {
                    Self(value)
                }
            }

            impl From<$row> for $type {
                fn from(row: $row) -> Self {
                    row.0
                }
            }
        )+
    };
}

rows! {
    UserRow(User) as "UserFields";
    DeletedRow(Deleted) as "DeletedFields";
    IdentityRow(Identity) as "IdentityFields";
    KeyRow(ApiKey) as "KeyFields";
    PreviousSecretRow(PreviousSecret) as "PreviousSecretFields";
    SessionRow(Session) as "SessionFields";
    PreviousTokenRow(PreviousToken) as "PreviousTokenFields";
    ActorRow(AuditActor) as "ActorFields";
    InviteRow(Invite) as "InviteFields";
    SharedKeyRow(SharedKey) as "SharedKeyFields";
    LimitsRow(LimitsOf) as "LimitsOfFields";
    DigestRow(StoredDigest) as "columns::digest";
    KeyIdRow(KeyId) as "columns::text";
    UserIdRow(UserId) as "columns::text";
}

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
#[serde(remote = "Deleted", deny_unknown_fields)]
struct DeletedFields {
    #[serde(with = "columns::text")]
    id: UserId,
    #[serde(with = "EpochNumber")]
    epoch: Epoch,
    at: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Identity", deny_unknown_fields)]
struct IdentityFields {
    #[serde(with = "columns::text")]
    user_id: UserId,
    #[serde(with = "ExternalFields")]
    external: ExternalIdentity,
    linked_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "ExternalIdentity", deny_unknown_fields)]
struct ExternalFields {
    #[serde(with = "columns::text")]
    provider: Provider,
    subject: String,
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
    last_used_ip: String,
    /// The one type that has a form of its own, because it is sent as well.
    scope: KeyScope,
    #[serde(with = "Optional::<KeyIdRow>")]
    parent_id: Option<KeyId>,
    #[serde(with = "Optional::<PreviousSecretRow>")]
    previous: Option<PreviousSecret>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "PreviousSecret", deny_unknown_fields)]
struct PreviousSecretFields {
    #[serde(with = "columns::digest")]
    digest: StoredDigest,
    until: Timestamp,
    last_used_at: Option<Timestamp>,
    last_used_ip: String,
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
    #[serde(with = "Optional::<PreviousTokenRow>")]
    previous: Option<PreviousToken>,
    renewed_at: Timestamp,
    #[serde(with = "EpochNumber")]
    sign_in_epoch: Epoch,
    created_at: Timestamp,
    expires_at: Timestamp,
    last_seen_at: Timestamp,
    ip: String,
    user_agent: String,
    #[serde(with = "Optional::<KeyIdRow>")]
    key_id: Option<KeyId>,
    #[serde(with = "Optional::<DigestRow>")]
    shared_key: Option<StoredDigest>,
    #[serde(with = "Optional::<ActorRow>")]
    impersonator: Option<AuditActor>,
    #[serde(with = "EpochNumber")]
    impersonator_epoch: Epoch,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "PreviousToken", deny_unknown_fields)]
struct PreviousTokenFields {
    #[serde(with = "columns::digest")]
    digest: StoredDigest,
    until: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "AuditActor", deny_unknown_fields)]
struct ActorFields {
    #[serde(with = "columns::text")]
    id: UserId,
    name: String,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Invite", deny_unknown_fields)]
struct InviteFields {
    #[serde(with = "columns::text")]
    id: InviteId,
    #[serde(with = "columns::digest")]
    digest: StoredDigest,
    code_prefix: String,
    #[serde(with = "columns::text")]
    created_by: UserId,
    created_at: Timestamp,
    expires_at: Timestamp,
    used_at: Option<Timestamp>,
    #[serde(with = "Optional::<UserIdRow>")]
    used_by: Option<UserId>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "SharedKey", deny_unknown_fields)]
struct SharedKeyFields {
    #[serde(with = "columns::text")]
    id: SharedKeyId,
    #[serde(with = "columns::digest")]
    digest: StoredDigest,
    masked: String,
    created_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "LimitsOf", deny_unknown_fields)]
struct LimitsOfFields {
    #[serde(with = "columns::text")]
    user_id: UserId,
    #[serde(with = "UserLimitsFields")]
    limits: UserLimits,
}

/// Tiers and limits have forms of their own, because they are sent as well.
#[derive(Serialize, Deserialize)]
#[serde(remote = "UserLimits", deny_unknown_fields)]
struct UserLimitsFields {
    tier: Option<TierName>,
    limits: Vec<Limit>,
}
