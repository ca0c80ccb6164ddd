//! What the tests on both databases share: things to store, and the tests that are the same on each.

use std::any::Any;
use std::ops::Deref;

use localauth_core::{
    ApiKey, Digest, Epoch, FirstUser, InsertKey, InsertUser, KeyId, KeyStore as _, NewUser, OsEntropy, PasswordHash,
    Provider, RequestId, Role, SecretVersion, Session, SessionId, SessionStore as _, Status, StoreErrorKind,
    StoredDigest, Timestamp, UsageEvent, UsageSource, User, UserId, UserStore as _,
};
use localauth_store::SqlStore;

pub(crate) mod shared;

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

pub(crate) fn new_user(name: &str) -> NewUser {
    NewUser {
        id: UserId::generate(NOW, &OsEntropy).unwrap(),
        email: format!("{name}@example.org").parse().unwrap(),
        name: name.to_owned(),
        role: Role::User,
        status: Status::Active,
        provider: Provider::Local,
        password: Some(PasswordHash::from_stored("$argon2id$SECRET-HASH")),
        created_at: NOW,
    }
}

pub(crate) async fn add(store: &SqlStore, name: &str) -> User {
    match store
        .insert_user(new_user(name), FirstUser::BecomesAdmin)
        .await
        .unwrap()
    {
        InsertUser::Inserted(user) => user,
        other => panic!("{other:?}"),
    }
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
    };
    assert_eq!(store.insert_key(key.clone()).await.unwrap(), InsertKey::Inserted);
    key
}

pub(crate) async fn add_session(store: &SqlStore, owner: UserId, n: u8) -> Session {
    let session = Session {
        id: SessionId::generate(NOW, &OsEntropy).unwrap(),
        user_id: owner,
        digest: digest(n),
        sign_in_epoch: Epoch(1),
        created_at: NOW,
        expires_at: Timestamp::MAX,
        ip: "::1".to_owned(),
        user_agent: "test".to_owned(),
    };
    store.insert_session(session.clone()).await.unwrap();
    session
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
        completion_tokens: 4,
        estimated: false,
    }
}

/// The kind of the failure that `result` must be.
pub(crate) fn failure<T: std::fmt::Debug>(result: Result<T, localauth_core::StoreError>) -> StoreErrorKind {
    result.unwrap_err().kind()
}
