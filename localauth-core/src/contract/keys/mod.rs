//! Rules of [`KeyStore`], with the users of the same store.

mod ended;
mod revoked;
mod rotated;
mod stored;
mod uses;

pub use self::ended::*;
pub use self::revoked::*;
pub use self::rotated::*;
pub use self::stored::*;
pub use self::uses::*;
use super::fixture::public_id;
use crate::id::UserId;
use crate::key::ApiKey;
use crate::store::{InsertKey, KeyStore, UserStore};
use crate::user::User;

group!(__contract_keys: UserStore, KeyStore);

/// The key with this number, which must be there.
async fn found<S: KeyStore + ?Sized>(store: &S, n: usize) -> (ApiKey, User) {
    store
        .find_key(&public_id(n))
        .await
        .expect("the store answers")
        .expect("the key is there")
}

async fn insert<S: KeyStore + ?Sized>(store: &S, key: ApiKey) {
    assert_eq!(
        store.insert_key(key).await.expect("the store answers"),
        InsertKey::Inserted
    );
}

/// One user's keys.
async fn list<S: KeyStore + ?Sized>(store: &S, owner: UserId) -> Vec<ApiKey> {
    store.list_keys(Some(owner)).await.expect("the store answers")
}
