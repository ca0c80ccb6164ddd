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
    Auth, AuthBuilder, Caller, CreatedKey, Denial, Identity, KeyScope, ManualClock, MemoryStore, NewAccount, NewKey,
    Password, PasswordCost, PlainKey, RegistrationMode, Role, SeededEntropy, ServerSecret, Timestamp, User,
};

pub const PASSWORD: &str = "correct-horse-battery-staple";

/// An `Auth` over a memory store, with a clock that stands still.
pub struct World {
    pub auth: Auth,
    pub store: MemoryStore,
    pub clock: Arc<ManualClock>,
}

/// The same bytes in each run of a test, and others for each `Auth` in it.
fn fresh_entropy() -> SeededEntropy {
    thread_local!(static NEXT: std::cell::Cell<u64> = const { std::cell::Cell::new(0) });
    SeededEntropy::insecure(NEXT.replace(NEXT.get() + 1))
}

pub fn builder(store: &MemoryStore, clock: &Arc<ManualClock>) -> AuthBuilder {
    Auth::builder(store.clone())
        .secret(ServerSecret::new(&[7; 32]).unwrap())
        .clock(Arc::clone(clock))
        .entropy(fresh_entropy())
        .password_cost(PasswordCost::INSECURE)
        .registration(RegistrationMode::Open)
        .attempt_limits(false)
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

    pub async fn key_with(&self, user: &User, scope: KeyScope) -> CreatedKey {
        let new = NewKey::named("scoped").scoped(scope);
        self.auth.create_key(user.id, new).await.unwrap()
    }

    /// Signs in with the password that everybody has here.
    pub async fn session(&self, email: &str) -> String {
        let signed_in = self.auth.sign_in(email, Password::new(PASSWORD), &nobody()).await;
        signed_in.unwrap().token.expose().to_owned()
    }

    /// A session made from a key or shared key.
    pub async fn token_session(&self, key: &str) -> String {
        let signed_in = self.auth.sign_in_with_token(Password::new(key), &nobody()).await;
        signed_in.unwrap().token.expose().to_owned()
    }

    pub async fn ask(&self, token: &str) -> Result<Arc<Identity>, Denial> {
        self.auth.authenticate(&bearer(token)).await
    }

    /// Whoever has this token, as the caller of a use case.
    pub async fn by(&self, token: &str) -> Caller {
        Caller::from_identity(self.ask(token).await.unwrap())
    }

    /// Time passes, and the store is looked at as often as in life.
    pub async fn pass(&self, by: Duration) {
        self.clock.advance(by);
        self.auth.follow_changes().await.ok();
    }
}

pub fn nobody() -> Caller {
    Caller::anonymous()
}

pub fn operator() -> Caller {
    Caller::operator()
}

pub fn account(email: &str) -> NewAccount {
    NewAccount::local(email, Password::new(PASSWORD))
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
