//! What auth means: users, API keys, sessions, roles, features and usage. No HTTP framework, no database, no clock of its
//! own.
//!
//! This crate is the middle of [localauth](https://github.com/localauth/localauth). Most programs take it together with
//! `localauth-tower` (the layers) and `localauth-store` (SQLite and PostgreSQL); alone it serves whoever writes a store or
//! a layer of their own.
//!
//! ```text
//!               Authorization, cookie, x-api-key
//!                              │
//!                        Credentials                  taken from the headers, pure
//!                              │
//!     Auth ── digest ── cache ─┤ hit: no lock, no store, no future
//!                              │ miss: one look-up for however many ask
//!                              ▼
//!        UserStore   KeyStore   SessionStore          yours, or localauth-store's
//!                              │
//!                        Arc<Identity>                role, features, models, epoch
//!                              │
//!                     RouteTable::decide              which door is for whom
//! ```
//!
//! # Ten lines
//!
//! ```
//! use localauth_core::{Auth, MemoryStore, NewAccount, NewKey, Password};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let auth = Auth::builder(MemoryStore::new()).build()?;
//! let ada = auth.add_user(NewAccount::local("ada@example.org", Password::new("correct-horse-battery"))).await?;
//! let key = auth.create_key(ada.id, NewKey::named("laptop")).await?;
//!
//! let mut headers = http::HeaderMap::new();
//! headers.insert("x-api-key", key.plain.expose().parse()?);
//! let identity = auth.authenticate(&headers).await?;
//! assert_eq!(identity.name(), "ada");
//! assert!(identity.may("chat") && !identity.is_admin());
//! # Ok(())
//! # }
//! ```
//!
//! # Where to look
//!
//! | you want to | start at |
//! |---|---|
//! | resolve a request, register, sign in, make a key | [`Auth`] |
//! | know what an identity may do | [`Identity`] |
//! | say which route is for whom | [`policy::RouteTable`] |
//! | write a store over your own database | [`store`], and `contract` to test it |
//! | test without a database, a clock or luck | [`MemoryStore`], [`ManualClock`], [`SeededEntropy`] |
//!
//! # What holds everywhere
//!
//! - **Absence is not failure.** A wrong key is a 401, a store that cannot answer a 503; they never meet.
//! - **One truth, one epoch.** Whatever changes what a user may do moves their [`Epoch`]; everything remembered under an
//!   older one is over, for the very next request in this process and within a second in others.
//! - **Secrets** are types without content in `Debug`, wiped when dropped, stored as keyed digests ([`SecretRing`]).
//! - **Deny is the default**: a route, a feature, a rule that nobody declared is closed, to administrators too.
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `contract` | `contract`: the suite that a store has to pass |
#![deny(missing_docs)]

mod attempt;
mod audit;
mod auth;
mod cache;
mod clock;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod credential;
mod entropy;
mod error;
mod external;
mod feature;
mod id;
mod identity;
mod invite;
mod key;
pub mod limit;
pub mod memory;
mod model;
mod owned;
mod password;
pub mod policy;
mod scope;
mod secret;
mod session;
mod shared_key;
pub mod store;
mod tally;
mod usage;
mod user;

pub use attempt::{Attempt, AttemptLimit};
pub use audit::{AuditAction, AuditActor, AuditEvent, AuditOutcome, AuditQuery, Caller};
pub use auth::{
    AddUserError, Allowance, AttemptError, Auth, AuthBuilder, Authentication, BuildError, ChangePasswordError,
    CreateInviteError, CreatedInvite, CreatedKey, Decision, ExternalCodes, ExternalSignInError, ImpersonateError,
    Impersonation, InviteInfo, KeyError, KeyUsage, LimitError, LimitRefusal, LimitStatus, LinkError, Lookup,
    ManageError, NewAccount, NewKey, ParseExpiryError, RegisterError, Registered, RegistrationMode, RotatedKey,
    SecretMismatch, SetupCode, SharedKeyInfo, SharedKeysError, SignInError, SignedIn, SourceBucket, TokenAsk,
    TokenSignedIn, UsageFilter, UsageQueue, UsageReport, UsageReportRow, UsageSources, UserSourceUsage, Vitals,
    parse_duration,
};
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use credential::{Carrier, Credential, Credentials};
pub use entropy::{Entropy, EntropyError, OsEntropy, SeededEntropy};
pub use error::{Denial, StoreError, StoreErrorKind};
pub use external::{ExternalIdentity, ExternalProfile, GroupGrant, LinkedIdentity};
pub use feature::{Feature, FeatureGroup, FeatureRegistry, FeatureSet};
pub use id::{AuditId, Epoch, InviteId, KeyId, LimitId, ParseIdError, RequestId, SessionId, SharedKeyId, UserId};
pub use identity::{Identity, SHARED_NAME, Source};
pub use invite::{DEFAULT_INVITE_HOURS, Invite, InviteCode, MAX_INVITE_HOURS};
pub use key::{
    ApiKey, DEFAULT_ROTATION_GRACE, KEEP_ENDED_KEYS, KEY_PREFIX, KeyUse, MalformedKey, PlainKey, PreviousSecret,
    PublicId,
};
pub use limit::{
    Entering, FairQueue, HouseRules, InvalidLimit, InvalidTierName, InvalidWindow, KeyLimit, Ledger, Limit, LimitRule,
    MemoryLedger, NoPlace, NoPlaceReason, OnOutage, Place, Price, Tier, TierName, Window,
};
pub use memory::{MemorySpool, MemoryStore};
pub use model::{ModelAllowList, ResolveModel};
pub use owned::{NotTaken, OwnedBy, Owners};
pub use password::{
    MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS, Password, PasswordCost, PasswordError, PasswordHash, PasswordRejection,
    Passwords, Verified, check_new as check_new_password, strength as password_strength,
};
pub use scope::{InvalidRoutePattern, KeyScope, KeyTier, RoutePattern, ScopeExceeded};
pub use secret::{Digest, MIN_SECRET_BYTES, SecretError, SecretRing, SecretVersion, ServerSecret, StoredDigest};
pub use session::{
    FoundSession, IMPERSONATION_LIFETIME, PreviousToken, RENEW_AFTER, RENEWAL_OVERLAP, SESSION_LIFETIME,
    SESSION_PREFIX, Session, SessionToken,
};
pub use shared_key::SharedKey;
pub use store::{
    Admission, AttemptStore, AuditLog, ChangeUser, FirstUser, InsertKey, InsertSharedKey, InsertUser, InviteClaim,
    InviteStore, KeyStore, LimitStore, LinkIdentity, PutLimit, ReplaceHouseRules, RevokeInvite, SessionStore,
    SettingStore, SharedKeyStore, SpoolBatch, SpoolDepth, SpoolError, SpoolPosition, Store, Stores, UsageReader,
    UsageSink, UsageSpool, UserLimits, UserQuery, UserStore,
};
pub use tally::Tally;
pub use usage::{
    Bucket, Grain, HOUR_MILLIS, Period, UsageEvent, UsageHistory, UsageQuery, UsageRow, UsageSource, UsageSourceRow,
    UsageTotals,
};
pub use user::{
    Email, InvalidEmail, MAX_EMAIL_BYTES, MAX_NAME_CHARS, NewUser, Provider, Role, Status, UnknownName, User,
};
