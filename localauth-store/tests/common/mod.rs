//! What the tests on both databases share: things to store, and the tests that are the same on each.

use std::any::Any;
use std::ops::Deref;

use localauth_core::{
    Admission, ApiKey, AuditActor, Digest, Epoch, FirstUser, InsertKey, InsertUser, Invite, InviteId, KeyId, KeyScope,
    KeyStore as _, NewUser, OsEntropy, PasswordHash, Provider, RequestId, Role, SecretVersion, Session, SessionId,
    SessionStore as _, Status, StoreErrorKind, StoredDigest, Timestamp, UsageEvent, UsageSource, User, UserId,
    UserQuery, UserStore as _,
};
use localauth_store::SqlStore;

pub(crate) mod accounts;
pub(crate) mod belongings;
pub(crate) mod crowd;
pub(crate) mod ledger;
pub(crate) mod shared;
pub(crate) mod upgrade;

/// The tests that need nothing but a fresh store, each as one of its own.
macro_rules! store_tests {
    ($fresh:ident: $($module:ident::$name:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $name() {
                let store = $fresh().await;
                crate::common::$module::$name(&store).await;
            }
        )+
    };
    ($fresh:ident) => {
        crate::common::store_tests! { $fresh:
            accounts::a_search_means_what_it_says,
            accounts::pages_follow_each_other_without_a_gap,
            accounts::odd_texts_are_found_or_refused,
            accounts::names_of_many_are_found,
            accounts::sessions_are_found_with_all_they_depend_on,
            accounts::the_audit_log_is_asked_in_every_way,
            accounts::usage_is_told_apart_by_source_and_key,
            belongings::whoever_is_deleted_leaves_nothing,
            belongings::who_was_acted_as_is_told_of,
            belongings::the_departed_are_told_of_for_a_day,
            belongings::sessions_go_with_their_key,
            crowd::one_invite_lets_one_in,
            crowd::one_address_is_one_account,
            crowd::one_identity_is_one_account,
            crowd::an_invite_is_used_or_revoked,
            crowd::two_administrators_cannot_remove_each_other,
            crowd::of_many_attempts_the_limit_is_allowed,
            crowd::of_many_renewals_one_wins,
            crowd::rotations_follow_each_other,
            crowd::the_last_way_in_stays,
            crowd::nobody_gets_in_the_way_of_a_deletion,
            ledger::what_was_posted_is_written_after_a_drop,
        }
    };
}
pub(crate) use store_tests;

/// A store, and what has to be cleaned up after it.
pub(crate) struct Temporary {
    store: SqlStore,
    _guard: Box<dyn Any + Send + Sync>,
}

impl Temporary {
    pub(crate) fn new(store: SqlStore, guard: impl Any + Send + Sync) -> Self {
        Self {
            store,
            _guard: Box::new(guard),
        }
    }
}

impl Deref for Temporary {
    type Target = SqlStore;

    fn deref(&self) -> &SqlStore {
        &self.store
    }
}

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// So many milliseconds after the beginning.
pub(crate) const fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() + millis)
}

pub(crate) fn new_user(name: &str) -> NewUser {
    NewUser {
        id: UserId::generate(NOW, &OsEntropy).unwrap(),
        email: format!("{name}@example.org").parse().unwrap(),
        name: name.to_owned(),
        role: Role::User,
        status: Status::Active,
        provider: Provider::Local,
        password: Some(PasswordHash::from_stored("$argon2id$SECRET-HASH")),
        avatar_url: String::new(),
        permissions: std::collections::BTreeMap::new(),
        created_at: NOW,
    }
}

/// Stores a user; the first one becomes an administrator.
pub(crate) async fn add(store: &SqlStore, name: &str) -> User {
    add_as(store, new_user(name)).await
}

pub(crate) async fn add_as(store: &SqlStore, new: NewUser) -> User {
    let admission = Admission::new(FirstUser::BecomesAdmin);
    match store.insert_user(new, admission).await.unwrap() {
        InsertUser::Inserted(user) => user,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn all_users(store: &SqlStore) -> Vec<User> {
    store.list_users(&UserQuery::default()).await.unwrap()
}

pub(crate) fn digest(fill: u8) -> StoredDigest {
    StoredDigest {
        version: SecretVersion(7),
        digest: Digest::from_bytes([fill; 32]),
    }
}

pub(crate) async fn add_key(store: &SqlStore, owner: UserId, n: u8) -> ApiKey {
    let key = ApiKey {
        id: KeyId::generate(NOW, &OsEntropy).unwrap(),
        public_id: format!("Pub{n:015}").parse().unwrap(),
        user_id: owner,
        name: "laptop".to_owned(),
        digest: digest(n),
        created_at: NOW,
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
        last_used_ip: String::new(),
        scope: KeyScope::default(),
        parent_id: None,
        previous: None,
    };
    assert_eq!(store.insert_key(key.clone()).await.unwrap(), InsertKey::Inserted);
    key
}

pub(crate) fn new_session(owner: UserId, n: u8) -> Session {
    Session {
        id: SessionId::generate(NOW, &OsEntropy).unwrap(),
        user_id: owner,
        digest: digest(n),
        previous: None,
        renewed_at: NOW,
        sign_in_epoch: Epoch(1),
        created_at: NOW,
        expires_at: Timestamp::MAX,
        last_seen_at: NOW,
        ip: "::1".to_owned(),
        user_agent: "test".to_owned(),
        key_id: None,
        shared_key: None,
        impersonator: None,
        impersonator_epoch: Epoch::default(),
    }
}

pub(crate) async fn add_session(store: &SqlStore, session: Session) -> Session {
    store.insert_session(session.clone()).await.unwrap();
    session
}

/// Somebody, as sessions and the audit log name them.
pub(crate) fn actor(user: &User) -> AuditActor {
    AuditActor {
        id: user.id,
        name: user.name.clone(),
    }
}

pub(crate) fn invite(by: UserId, n: u8) -> Invite {
    Invite {
        id: InviteId::generate(NOW, &OsEntropy).unwrap(),
        digest: digest(n),
        code_prefix: "abcdefgh".to_owned(),
        created_by: by,
        created_at: NOW,
        expires_at: at(1_000),
        used_at: None,
        used_by: None,
    }
}

pub(crate) fn event(user: &User) -> UsageEvent {
    UsageEvent {
        request_id: RequestId::generate(NOW, &OsEntropy).unwrap(),
        at: NOW,
        user_id: user.id,
        user_name: user.name.clone(),
        key: None,
        source: UsageSource::Web,
        model: "llama".to_owned(),
        endpoint: "/v1/chat/completions".to_owned(),
        prompt_tokens: 3,
        cached_tokens: 2,
        completion_tokens: 4,
        cost_micros: 7,
        estimated: false,
    }
}

/// The kind of the failure that `result` must be.
pub(crate) fn failure<T: std::fmt::Debug>(result: Result<T, localauth_core::StoreError>) -> StoreErrorKind {
    result.unwrap_err().kind()
}
