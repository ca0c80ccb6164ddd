//! What the tests of `Auth` share.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "each test file uses a part of it"
)]

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use localauth_core::{
    Auth, AuthBuilder, ManualClock, MemoryStore, NewAccount, NewKey, Password, PasswordCost, PlainKey,
    RegistrationMode, Role, ServerSecret, Timestamp, User,
};

pub const PASSWORD: &str = "correct-horse-battery-staple";

/// An `Auth` over a memory store, with a clock that stands still.
pub struct World {
    pub auth: Auth,
    pub store: MemoryStore,
    pub clock: Arc<ManualClock>,
}

pub fn builder(store: &MemoryStore, clock: &Arc<ManualClock>) -> AuthBuilder {
    Auth::builder(store.clone())
        .secret(ServerSecret::new(&[7; 32]).unwrap())
        .clock(Arc::clone(clock))
        .password_cost(PasswordCost::INSECURE)
        .registration(RegistrationMode::Open)
        .background(false)
}

impl World {
    pub async fn new() -> Self {
        Self::with(|b| b).await
    }

    pub async fn with(configure: impl FnOnce(AuthBuilder) -> AuthBuilder) -> Self {
        let store = MemoryStore::new();
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_800_000_000_000)));
        let auth = configure(builder(&store, &clock)).build().unwrap();
        auth.follow_changes().await.unwrap();
        Self { auth, store, clock }
    }

    /// A second process on the same store.
    pub async fn another(&self) -> Auth {
        let auth = builder(&self.store, &self.clock).build().unwrap();
        auth.follow_changes().await.unwrap();
        auth
    }

    pub async fn user(&self, email: &str) -> User {
        self.auth
            .add_user(NewAccount::local(email, Password::new(PASSWORD)))
            .await
            .unwrap()
    }

    pub async fn admin(&self, email: &str) -> User {
        let account = NewAccount {
            role: Role::Admin,
            ..NewAccount::local(email, Password::new(PASSWORD))
        };
        self.auth.add_user(account).await.unwrap()
    }

    pub async fn key(&self, user: &User) -> PlainKey {
        self.auth
            .create_key(user.id, NewKey::named("test"))
            .await
            .unwrap()
            .plain
    }

    /// Time passes, and the store is looked at as often as in life.
    pub async fn pass(&self, by: Duration) {
        self.clock.advance(by);
        self.auth.follow_changes().await.ok();
    }
}

pub fn bearer(token: &str) -> HeaderMap {
    headers(&[("authorization", &format!("Bearer {token}"))])
}

pub fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in all {
        map.append(*name, value.parse().unwrap());
    }
    map
}
