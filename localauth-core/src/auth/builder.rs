//! Configuring an [`Auth`].

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Handle;

use super::{Auth, Inner, RegistrationMode, SetupCode, shared, sync, writer};
use crate::cache::{BoundedMap, Epochs};
use crate::clock::{Clock, SystemClock};
use crate::entropy::{Entropy, OsEntropy};
use crate::feature::FeatureRegistry;
use crate::limit::{Ledger, MemoryLedger};
use crate::memory::MemorySpool;
use crate::password::{PasswordCost, PasswordError, Passwords};
use crate::secret::{SecretRing, ServerSecret};
use crate::shared_key::mask;
use crate::store::{Stores, UsageSpool};
use crate::user::Email;

/// Configures an [`Auth`]. Every method has a default that is safe to keep.
#[must_use]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct AuthBuilder {
    stores: Stores,
    spool: Option<Arc<dyn UsageSpool>>,
    secret: Option<ServerSecret>,
    previous_secrets: Vec<ServerSecret>,
    clock: Option<Arc<dyn Clock>>,
    entropy: Option<Arc<dyn Entropy>>,
    features: Option<FeatureRegistry>,
    registration: RegistrationMode,
    local_auth: bool,
    shared_keys: Vec<zeroize::Zeroizing<String>>,
    password_cost: PasswordCost,
    default_key_expiry: Option<Duration>,
    stale_limit: Duration,
    cache_capacity: usize,
    background: bool,
    setup_code: Option<SetupCode>,
    admin_email: Option<Email>,
    attempt_limits: bool,
    audit_retention: Duration,
    limit_admins: bool,
    ledger: Option<Arc<dyn Ledger>>,
    usage_retention: Duration,
}

impl fmt::Debug for AuthBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthBuilder")
            .field("registration", &self.registration)
            .finish_non_exhaustive()
    }
}

/// An [`Auth`] could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// No secret was given and the store offers none.
    #[error("no server secret: give one with `AuthBuilder::secret`, at least 32 random bytes that stay the same")]
    MissingSecret,
    /// There is no async runtime to do the background work on.
    #[error("no tokio runtime: build `Auth` inside `#[tokio::main]` or a `Runtime::enter` guard")]
    NoRuntime,
    /// The password parameters are impossible.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// There is no randomness.
    #[error(transparent)]
    Entropy(#[from] crate::entropy::EntropyError),
    /// A shared key is empty, very long, or no header can carry it.
    #[error("a shared key needs 1 to 512 printable ASCII characters without spaces")]
    SharedKey,
}

impl AuthBuilder {
    pub(super) const fn new(stores: Stores) -> Self {
        Self {
            stores,
            spool: None,
            secret: None,
            previous_secrets: Vec::new(),
            clock: None,
            entropy: None,
            features: None,
            registration: RegistrationMode::Approval,
            local_auth: true,
            shared_keys: Vec::new(),
            password_cost: PasswordCost::OWASP,
            default_key_expiry: None,
            stale_limit: Duration::from_mins(5),
            cache_capacity: 100_000,
            background: true,
            setup_code: None,
            admin_email: None,
            attempt_limits: true,
            audit_retention: Duration::from_hours(90 * 24),
            limit_admins: false,
            ledger: None,
            usage_retention: Duration::from_hours(30 * 24),
        }
    }

    /// The secret that keys the digests of keys and sessions. Without it the store's own is used, when it keeps one
    /// (a SQLite file has it beside the file, a memory store for its life).
    pub fn secret(mut self, secret: ServerSecret) -> Self {
        self.secret = Some(secret);
        self
    }

    /// A secret used earlier: what was made with it stays good.
    pub fn previous_secret(mut self, secret: ServerSecret) -> Self {
        self.previous_secrets.push(secret);
        self
    }

    /// Where usage waits until the store has it. By default in memory, 65,536 events at most, which does not outlive the
    /// process; `localauth_store::FileSpool` keeps it in files.
    pub fn spool(mut self, spool: impl UsageSpool + 'static) -> Self {
        self.spool = Some(Arc::new(spool));
        self
    }

    /// Another clock than the machine's.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Another source of randomness than the operating system's.
    pub fn entropy(mut self, entropy: impl Entropy + 'static) -> Self {
        self.entropy = Some(Arc::new(entropy));
        self
    }

    /// Other features than the preset.
    pub fn features(mut self, features: FeatureRegistry) -> Self {
        self.features = Some(features);
        self
    }

    /// How new users come in. By default an administrator approves each.
    pub const fn registration(mut self, mode: RegistrationMode) -> Self {
        self.registration = mode;
        self
    }

    /// Whether registration and sign-in by address and password are on. They are by default.
    pub const fn local_auth(mut self, on: bool) -> Self {
        self.local_auth = on;
        self
    }

    /// A key that everybody shares: whoever has it is an administrator.
    pub fn shared_key(mut self, key: impl Into<String>) -> Self {
        self.shared_keys.push(zeroize::Zeroizing::new(key.into()));
        self
    }

    /// How much work a password hash costs. OWASP's parameters by default.
    pub const fn password_cost(mut self, cost: PasswordCost) -> Self {
        self.password_cost = cost;
        self
    }

    /// How long keys made without an expiry last. For ever by default.
    pub const fn default_key_expiry(mut self, life: Option<Duration>) -> Self {
        self.default_key_expiry = life;
        self
    }

    /// How long known identities outlive an outage of the store. 5 minutes by default.
    pub const fn stale_limit(mut self, limit: Duration) -> Self {
        self.stale_limit = limit;
        self
    }

    /// How many credentials are remembered. 100,000 by default, at about 500 bytes each.
    pub const fn cache_capacity(mut self, entries: usize) -> Self {
        self.cache_capacity = entries;
        self
    }

    /// A code that whoever registers first has to show. For a server that strangers can reach before its owner has
    /// registered. None by default.
    pub fn setup_code(mut self, code: SetupCode) -> Self {
        self.setup_code = Some(code);
        self
    }

    /// Whoever signs in through a provider that vouches for this address becomes an administrator. Does nothing for a
    /// registration by password, whose address nobody verified.
    pub fn admin_email(mut self, email: Email) -> Self {
        self.admin_email = Some(email);
        self
    }

    /// How long lines of the audit log are kept. 90 days by default.
    pub const fn audit_retention(mut self, time: Duration) -> Self {
        self.audit_retention = time;
        self
    }

    /// Whether limits bind administrators too. By default only those of their keys do.
    pub const fn limit_admins(mut self, on: bool) -> Self {
        self.limit_admins = on;
        self
    }

    /// What counts against limits. By default a [`MemoryLedger`], which is right for one process.
    pub fn ledger(mut self, ledger: impl Ledger + 'static) -> Self {
        self.ledger = Some(Arc::new(ledger));
        self
    }

    /// How long single requests are kept: 30 days by default, a day at least. Their sums by hour and day stay for ever,
    /// and these are what reports show.
    pub const fn usage_retention(mut self, time: Duration) -> Self {
        self.usage_retention = time;
        self
    }

    /// Whether attempts to sign in are limited. Only a test that signs in more often than people do switches it off.
    pub const fn attempt_limits(mut self, on: bool) -> Self {
        self.attempt_limits = on;
        self
    }

    /// Whether to follow the store's changes and write usage in the background. Switched off, a test calls
    /// [`Auth::follow_changes`] itself, and [`Auth::flush`] writes.
    pub const fn background(mut self, on: bool) -> Self {
        self.background = on;
        self
    }

    /// Builds the `Auth` and starts its background work.
    ///
    /// # Errors
    ///
    /// [`BuildError`] when the secret is missing, there is no runtime, or a setting is impossible.
    pub fn build(self) -> Result<Auth, BuildError> {
        let handle = Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
        let secret = match self.secret {
            Some(secret) => secret,
            None => self.stores.settings.own_secret().ok_or(BuildError::MissingSecret)?,
        };
        let ring = SecretRing::new(&secret, &self.previous_secrets);
        let entropy = self.entropy.unwrap_or_else(|| Arc::new(OsEntropy));
        let features = self.features.unwrap_or_default();
        let mut configured = Vec::new();
        for key in &self.shared_keys {
            let plain = !key.is_empty() && key.len() <= 512 && key.bytes().all(|b| b.is_ascii_graphic());
            if !plain {
                return Err(BuildError::SharedKey);
            }
            configured.push((ring.stored_digest(key.as_bytes()), mask(key)));
        }
        let at_once = std::thread::available_parallelism().map_or(2, usize::from);
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock));
        let mut random = [0_u8; 10];
        entropy.fill(&mut random)?;
        let [a, b, counter @ ..] = random;
        let spool = self.spool.unwrap_or_else(|| Arc::new(MemorySpool::new()));
        let (writer, work) = writer::Writer::new(spool);
        let queue = Arc::clone(&writer.queue);
        let inner = Arc::new(Inner {
            passwords: Passwords::new(self.password_cost, at_once, Arc::clone(&entropy))?,
            sync: sync::Sync::new(),
            stores: self.stores,
            clock,
            entropy,
            ring,
            features,
            registration: self.registration,
            local_auth: self.local_auth,
            default_key_expiry: self.default_key_expiry,
            stale_limit: self.stale_limit,
            store_timeout: Duration::from_secs(10),
            identities: BoundedMap::new(self.cache_capacity),
            public_ids: BoundedMap::new(self.cache_capacity.clamp(1, 10_000)),
            refused: BoundedMap::new(self.cache_capacity.clamp(1, 10_000)),
            epochs: Epochs::default(),
            loading: Mutex::default(),
            shared: shared::SharedKeys::new(configured),
            setup_code: self.setup_code,
            admin_email: self.admin_email,
            attempt_limits: self.attempt_limits,
            audit_retention: self.audit_retention,
            house: super::house::House::default(),
            limit_admins: self.limit_admins,
            ledger: self.ledger.unwrap_or_else(|| Arc::new(MemoryLedger::new())),
            seeding: std::array::from_fn(|_| tokio::sync::Mutex::default()),
            usage_retention: self.usage_retention,
            writer,
            counters: super::vitals::Counters::new(),
            process: u16::from_be_bytes([a, b]),
            models: super::models::Models::default(),
            request_ids: AtomicU64::new(u64::from_be_bytes(counter)),
        });
        inner.shared.set(None, &inner.features, &inner.watch_shared());
        let (stores, ledger) = (inner.stores.clone(), Arc::clone(&inner.ledger));
        handle.spawn(writer::run(work, queue, stores, ledger));
        if self.background {
            handle.spawn(sync::run(Arc::downgrade(&inner)));
        }
        Ok(Auth(inner))
    }
}
