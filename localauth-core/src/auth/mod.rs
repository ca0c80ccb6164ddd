//! [`Auth`]: the one handle.

mod allowance;
mod attempts;
mod audit;
mod builder;
mod external;
mod house;
mod identity_of;
mod invites;
mod keys;
mod limit_status;
mod limits;
mod mint;
mod models;
mod passwords;
mod question;
mod queue;
mod recheck;
mod registration;
mod reports;
mod resolve;
mod sessions;
mod setup;
mod shared;
mod sign_in;
mod sources;
mod sync;
mod users;
mod vitals;
mod writer;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::cache::{BoundedMap, DigestKey, Epochs};
use crate::clock::{Clock, Timestamp};
use crate::entropy::Entropy;
use crate::feature::FeatureRegistry;
use crate::id::RequestId;
use crate::identity::Identity;
use crate::key::PublicId;
use crate::limit::Ledger;
use crate::password::Passwords;
use crate::secret::SecretRing;
use crate::store::Stores;
use crate::usage::UsageEvent;

pub use allowance::{Allowance, Decision, LimitRefusal, TokenAsk};
pub use attempts::AttemptError;
pub use builder::{AuthBuilder, BuildError};
pub use external::{ExternalCodes, ExternalSignInError, LinkError};
pub use invites::{CreateInviteError, CreatedInvite, InviteInfo};
pub use keys::{CreatedKey, KeyError, RotatedKey};
pub use limit_status::LimitStatus;
pub use limits::LimitError;
pub use mint::{NewKey, ParseExpiryError, parse_duration};
pub use passwords::ChangePasswordError;
pub use queue::UsageQueue;
pub use registration::{AddUserError, NewAccount, RegisterError, Registered, RegistrationMode};
pub use reports::{UsageFilter, UsageReport, UsageReportRow};
pub use resolve::{Authentication, Lookup};
pub use sessions::{ImpersonateError, Impersonation};
pub use setup::SetupCode;
pub use shared::{SharedKeyInfo, SharedKeysError};
pub use sign_in::{SignInError, SignedIn, TokenSignedIn};
pub use sources::{KeyUsage, SourceBucket, UsageSources, UserSourceUsage};
pub use sync::SecretMismatch;
pub use users::ManageError;
pub use vitals::Vitals;

/// The one handle on everything: resolves what a request carries to an [`Identity`], and offers the use cases that the
/// REST API, the console and the command line share.
///
/// Cheap to clone; all clones are one. When the last one goes, its background work ends; [`Auth::shutdown`] writes what
/// is still queued first.
///
/// ```
/// use localauth_core::{Auth, Authentication, Denial, MemoryStore, NewAccount, NewKey, Password};
/// use http::{HeaderMap, header::AUTHORIZATION};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let auth = Auth::builder(MemoryStore::new()).build()?;
/// let ada = auth.add_user(NewAccount::local("ada@example.org", Password::new("correct-horse-battery"))).await?;
/// let key = auth.create_key(ada.id, NewKey::named("laptop")).await?;
///
/// // Accepted:
/// let mut headers = HeaderMap::new();
/// headers.insert(AUTHORIZATION, format!("Bearer {}", key.plain.expose()).parse()?);
/// assert_eq!(auth.authenticate(&headers).await?.user_id(), ada.id);
///
/// // Refused:
/// headers.insert(AUTHORIZATION, "Bearer sk-local-guessed".parse()?);
/// assert_eq!(auth.authenticate(&headers).await.unwrap_err(), Denial::InvalidApiKey);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Auth(Arc<Inner>);

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").finish_non_exhaustive()
    }
}

/// What a credential was good for when the store was asked.
#[derive(Clone)]
struct Cached {
    /// The token without its secret end. A credential is a hit only when this is the same to the letter.
    head: Box<[u8]>,
    identity: Arc<Identity>,
    /// Whether it is a key's secret from before its last rotation.
    is_previous: bool,
    touched: Arc<std::sync::atomic::AtomicI64>,
}

struct Inner {
    stores: Stores,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    ring: SecretRing,
    passwords: Passwords,
    features: FeatureRegistry,
    registration: RegistrationMode,
    local_auth: bool,
    setup_code: Option<SetupCode>,
    admin_email: Option<crate::user::Email>,
    attempt_limits: bool,
    audit_retention: Duration,
    usage_retention: Duration,
    default_key_expiry: Option<Duration>,
    stale_limit: Duration,
    store_timeout: Duration,
    /// Good credentials, by the digest of their secret end.
    identities: BoundedMap<DigestKey, Cached>,
    /// What is known of public ids that came with a wrong secret, or that nobody has.
    public_ids: BoundedMap<PublicId, question::KnownId, std::hash::RandomState>,
    /// Credentials that were found to be no good, by digest.
    refused: BoundedMap<DigestKey, question::Refused>,
    epochs: Epochs,
    loading: Mutex<HashMap<[u8; 32], resolve::WeakLoad>>,
    shared: shared::SharedKeys,
    house: house::House,
    models: models::Models,
    /// Whether limits bind administrators too.
    limit_admins: bool,
    ledger: Arc<dyn Ledger>,
    /// Held while a counter is made known, a few for all counters.
    seeding: [tokio::sync::Mutex<()>; 64],
    sync: sync::Sync,
    writer: writer::Writer,
    counters: vitals::Counters,
    /// Tells this process's request ids from those of others.
    process: u16,
    request_ids: std::sync::atomic::AtomicU64,
}

impl Auth {
    /// Starts to configure an `Auth` over `store`, which serves for everything.
    pub fn builder<S: crate::store::Store + 'static>(store: S) -> AuthBuilder {
        AuthBuilder::new(Stores::from_one(store))
    }

    /// Starts to configure an `Auth` over several stores.
    pub const fn builder_with(stores: Stores) -> AuthBuilder {
        AuthBuilder::new(stores)
    }

    /// The present time, by the injected clock.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// All features there are.
    pub fn features(&self) -> &FeatureRegistry {
        &self.0.features
    }

    /// How new users come in.
    pub fn registration(&self) -> RegistrationMode {
        self.0.registration
    }

    /// Whether sign-in by address and password is on.
    pub fn local_auth(&self) -> bool {
        self.0.local_auth
    }

    /// Whether the first registration needs the setup code. Once there is a user nobody does.
    pub fn has_setup_code(&self) -> bool {
        self.0.setup_code.is_some()
    }

    /// A key of its own for `label`, derived from the server's secret: for cookies that only this server can read, say.
    /// The same on every node with that secret.
    pub fn derive_key(&self, label: &[u8]) -> zeroize::Zeroizing<[u8; 32]> {
        self.0.ring.derive_key(label)
    }

    /// A fresh name for a request: the time, and a random number of this process counted upwards. Not a secret, so the
    /// system is not asked for each.
    pub fn new_request_id(&self) -> RequestId {
        let next = self.0.request_ids.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        RequestId::from_parts(self.now(), self.0.process, next)
    }

    /// Notes what an answered request used. Never waits: the event goes into the [spool](AuthBuilder::spool), which has
    /// it when this returns, and from there into the store in batches. When the spool is full the event is lost, counted
    /// in [`Auth::unrecorded`] and logged.
    #[expect(clippy::needless_pass_by_value, reason = "an event is told once")]
    pub fn record_usage(&self, event: UsageEvent) {
        self.0.writer.queue.record(&event);
    }

    /// How many usage events were lost, because the spool was full or the store refuses them. Must read 0.
    pub fn unrecorded(&self) -> u64 {
        self.0.writer.queue.unrecorded()
    }

    /// How much usage waits to be written, and how much was lost: for health pages.
    ///
    /// ```
    /// # use localauth_core::{Auth, MemoryStore};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let auth = Auth::builder(MemoryStore::new()).build()?;
    /// let queue = auth.usage_queue();
    /// assert_eq!((queue.waiting, queue.unrecorded, queue.broken), (0, 0, 0));
    /// # Ok(())
    /// # }
    /// ```
    pub fn usage_queue(&self) -> UsageQueue {
        self.0.writer.queue.state()
    }

    /// Waits until all usage recorded so far, and what an earlier process left in the spool, is in the store, or the
    /// store cannot be reached.
    ///
    /// # Errors
    ///
    /// [`StoreError`](crate::StoreError) when the store did not take it in time. Nothing is lost: it stays queued.
    pub async fn flush(&self) -> Result<(), crate::StoreError> {
        // Nobody waits for what is known to be away.
        if self.0.sync.is_failing() {
            return Err(crate::StoreError::unavailable("the store did not answer lately"));
        }
        self.0.writer.flush(self.0.store_timeout).await
    }

    /// Writes what is queued. To be called before the process ends, when nothing is answered any more; the background
    /// work itself ends with the last clone.
    ///
    /// What the store does not take is no error when the [spool](AuthBuilder::spool) outlives the process: it is made to
    /// outlive a power cut too, the log says how much there is, and the next `Auth` over that spool writes it.
    ///
    /// # Errors
    ///
    /// [`StoreError`](crate::StoreError) when queued usage could not be written and would be lost.
    pub async fn shutdown(&self) -> Result<(), crate::StoreError> {
        let inner = &self.0;
        let store_is_away = inner.sync.is_failing();
        let counted = tokio::time::timeout(inner.store_timeout, inner.ledger.flush().wait());
        if !store_is_away && !matches!(counted.await, Ok(Ok(()))) {
            tracing::warn!("what was used of limits could not all be written");
        }
        inner.writer.shutdown(inner.store_timeout, store_is_away).await
    }
}
