//! Users, keys, sessions and events to store: each from a number, the same for the same number.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::audit::AuditActor;
use crate::clock::Timestamp;
use crate::external::ExternalIdentity;
use crate::id::{AuditId, Epoch, InviteId, KeyId, RequestId, SessionId, SharedKeyId, UserId};
use crate::invite::Invite;
use crate::key::{ApiKey, PublicId};
use crate::password::PasswordHash;
use crate::scope::KeyScope;
use crate::secret::{Digest, SecretVersion, StoredDigest};
use crate::session::Session;
use crate::store::{Admission, ChangeUser, FirstUser, InsertUser, InviteClaim, UserQuery, UserStore};
use crate::usage::{UsageEvent, UsageSource};
use crate::user::{NewUser, Provider, Role, Status, User};

/// Texts that stores have stumbled over.
pub(super) const ODD_TEXTS: [&str; 10] = [
    "",
    " ",
    "'; DROP TABLE users; --",
    "100 % \\ \" ` $1 ?1 :a {} \r\n\t",
    "Zoë, 李小龍, Ωmega, ı İ ß ﬃ",
    "👩‍👩‍👧‍👦 🏳️‍🌈",
    "e\u{301} is not \u{e9}",
    "\u{202e}right to left\u{200b}\u{feff}",
    "\u{ffff}\u{10ffff}\u{1}\u{7f}",
    "a null \u{0} inside",
];

/// A text of a megabyte.
pub(super) fn huge_text() -> String {
    "ä".repeat(1 << 19)
}

pub(super) const fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + millis)
}

fn uuid(kind: u8, n: usize) -> Uuid {
    let mut random = [0; 10];
    random[0] = kind;
    random[2..].copy_from_slice(&(n as u64).to_be_bytes());
    uuid::Builder::from_unix_timestamp_millis(1_700_000_000_000, &random).into_uuid()
}

pub(super) fn user_id(n: usize) -> UserId {
    UserId::from_uuid(uuid(1, n))
}

pub(super) fn key_id(n: usize) -> KeyId {
    KeyId::from_uuid(uuid(2, n))
}

pub(super) fn session_id(n: usize) -> SessionId {
    SessionId::from_uuid(uuid(3, n))
}

pub(super) fn request_id(n: usize) -> RequestId {
    RequestId::from_uuid(uuid(4, n))
}

pub(super) fn invite_id(n: usize) -> InviteId {
    InviteId::from_uuid(uuid(5, n))
}

pub(super) fn audit_id(n: usize) -> AuditId {
    AuditId::from_uuid(uuid(6, n))
}

pub(super) fn shared_key_id(n: usize) -> SharedKeyId {
    SharedKeyId::from_uuid(uuid(7, n))
}

pub(super) fn public_id(n: usize) -> PublicId {
    format!("Pub{n:015}").parse().expect("18 letters and digits")
}

pub(super) fn hash(n: usize) -> PasswordHash {
    PasswordHash::from_stored(format!("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ${n:043}"))
}

pub(super) fn digest(n: usize) -> StoredDigest {
    let mut bytes = [0xA5; 32];
    bytes[8..16].copy_from_slice(&(n as u64).to_be_bytes());
    // The greatest version there is: a column that is too narrow shows.
    StoredDigest {
        version: SecretVersion(u32::MAX),
        digest: Digest::from_bytes(bytes),
    }
}

/// User number `n`: active, with a password, made `n` milliseconds after the beginning.
pub(super) fn new_user(n: usize) -> NewUser {
    NewUser {
        id: user_id(n),
        email: format!("user{n}@example.org").parse().expect("an address"),
        name: format!("User {n}"),
        role: Role::User,
        status: Status::Active,
        provider: Provider::Local,
        password: Some(hash(n)),
        avatar_url: String::new(),
        permissions: BTreeMap::new(),
        created_at: at_number(n),
    }
}

/// `n` milliseconds after the beginning.
pub(super) fn at_number(n: usize) -> Timestamp {
    at(i64::try_from(n).expect("a small number"))
}

/// Administrator number `n`.
pub(super) fn new_admin(n: usize) -> NewUser {
    NewUser {
        role: Role::Admin,
        ..new_user(n)
    }
}

pub(super) fn key(n: usize, owner: UserId) -> ApiKey {
    ApiKey {
        id: key_id(n),
        public_id: public_id(n),
        user_id: owner,
        name: format!("key {n}"),
        digest: digest(n),
        created_at: at_number(n),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
        last_used_ip: String::new(),
        scope: KeyScope::default(),
        parent_id: None,
        previous: None,
    }
}

pub(super) fn session(n: usize, user: &User) -> Session {
    Session {
        id: session_id(n),
        user_id: user.id,
        digest: digest(n),
        previous: None,
        renewed_at: at(1),
        sign_in_epoch: user.sign_in_epoch,
        created_at: at(1),
        expires_at: at(1_000),
        last_seen_at: at(1),
        ip: "2001:db8::1".to_owned(),
        user_agent: "Mozilla/5.0 (contract)".to_owned(),
        key_id: None,
        shared_key: None,
        impersonator: None,
        impersonator_epoch: Epoch::default(),
    }
}

/// A session of the synthetic administrator.
pub(super) fn shared_session(n: usize) -> Session {
    Session {
        id: session_id(n),
        user_id: UserId::SHARED,
        digest: digest(n),
        previous: None,
        renewed_at: at(1),
        sign_in_epoch: Epoch::default(),
        created_at: at(1),
        expires_at: at(1_000),
        last_seen_at: at(1),
        ip: String::new(),
        user_agent: String::new(),
        key_id: None,
        shared_key: Some(digest(9_999)),
        impersonator: None,
        impersonator_epoch: Epoch::default(),
    }
}

pub(super) fn actor(user: &User) -> AuditActor {
    AuditActor {
        id: user.id,
        name: user.name.clone(),
    }
}

/// Invite number `n`, good for a second from the beginning.
pub(super) fn invite(n: usize, maker: UserId) -> Invite {
    Invite {
        id: invite_id(n),
        digest: digest(n),
        code_prefix: format!("code{n:04}"),
        created_by: maker,
        created_at: at_number(n),
        expires_at: at(1_000),
        used_at: None,
        used_by: None,
    }
}

/// To come in with invite number `n`, at a moment when it is good.
pub(super) fn with_invite(n: usize) -> Admission {
    Admission {
        invite: Some(InviteClaim {
            digests: vec![digest(n)],
            at: at(500),
        }),
        ..AS_GIVEN
    }
}

/// Who person number `n` is at a provider.
pub(super) fn external(provider: Provider, n: usize) -> ExternalIdentity {
    ExternalIdentity {
        provider,
        subject: format!("https://id.example.org subject-{n}"),
    }
}

pub(super) const AS_GIVEN: Admission = Admission::new(FirstUser::AsGiven);
pub(super) const BECOMES_ADMIN: Admission = Admission::new(FirstUser::BecomesAdmin);

/// Request number `n` of user 0, in the first hour: one token read, two written.
pub(super) fn event(n: usize) -> UsageEvent {
    UsageEvent {
        request_id: request_id(n),
        at: at(0),
        user_id: user_id(0),
        user_name: "User 0".to_owned(),
        key: None,
        source: UsageSource::ApiKey,
        model: "llama".to_owned(),
        endpoint: "/v1/chat/completions".to_owned(),
        prompt_tokens: 1,
        cached_tokens: 0,
        cost_micros: 0,
        completion_tokens: 2,
        estimated: false,
    }
}

/// Stores a user as given.
pub(super) async fn add<S: UserStore + ?Sized>(store: &S, new: NewUser) -> User {
    add_by(store, new, AS_GIVEN).await
}

/// Stores a user who comes in like this.
pub(super) async fn add_by<S: UserStore + ?Sized>(store: &S, new: NewUser, admission: Admission) -> User {
    match store.insert_user(new, admission).await.expect("the store answers") {
        InsertUser::Inserted(user) => user,
        other => panic!("a user who may come in is refused: {other:?}"),
    }
}

/// All users.
pub(super) async fn everybody<S: UserStore + ?Sized>(store: &S) -> Vec<User> {
    store
        .list_users(&UserQuery::default())
        .await
        .expect("the store answers")
}

/// The user with this id, who must be there.
pub(super) async fn get<S: UserStore + ?Sized>(store: &S, id: UserId) -> User {
    store
        .find_user(id)
        .await
        .expect("the store answers")
        .expect("the user is there")
}

/// Whether the user may come in and do everything.
pub(super) fn is_active_admin(user: &User) -> bool {
    user.role == Role::Admin && user.status == Status::Active
}

/// How many of `changes` were done.
pub(super) fn done(changes: &[ChangeUser]) -> usize {
    changes.iter().filter(|c| matches!(c, ChangeUser::Changed(_))).count()
}

/// Every user's epoch, as the log of changes has it.
pub(super) async fn changes<S: UserStore + ?Sized>(store: &S) -> Vec<(UserId, Epoch)> {
    store.changes_since(Epoch::default()).await.expect("the store answers")
}
