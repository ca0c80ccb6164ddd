//! What auth means: users, API keys, sessions, roles, features and usage.
#![deny(missing_docs)]

mod auth;
mod cache;
mod clock;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod credential;
mod entropy;
mod error;
mod feature;
mod id;
mod identity;
mod key;
pub mod memory;
mod model;
mod password;
pub mod policy;
mod secret;
mod session;
pub mod store;
mod usage;
mod user;

pub use auth::{
    AddUserError, Auth, AuthBuilder, Authentication, BuildError, CreateKeyError, CreatedKey, Lookup, NewAccount,
    NewKey, ParseExpiryError, RegisterError, Registered, RegistrationMode, SecretMismatch, SignInError, SignedIn,
    UsageReport, UsageReportRow, parse_duration,
};
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use credential::{Carrier, Credential, Credentials};
pub use entropy::{Entropy, EntropyError, OsEntropy, SeededEntropy};
pub use error::{Denial, StoreError, StoreErrorKind};
pub use feature::{Feature, FeatureGroup, FeatureRegistry, FeatureSet};
pub use id::{Epoch, KeyId, ParseIdError, RequestId, SessionId, UserId};
pub use identity::{Identity, Source};
pub use key::{ApiKey, KEY_PREFIX, MalformedKey, PlainKey, PublicId};
pub use memory::MemoryStore;
pub use model::ModelAllowList;
pub use password::{
    MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS, Password, PasswordCost, PasswordError, PasswordHash, PasswordRejection,
    Passwords, Verified, check_new as check_new_password,
};
pub use secret::{Digest, MIN_SECRET_BYTES, SecretError, SecretRing, SecretVersion, ServerSecret, StoredDigest};
pub use session::{SESSION_LIFETIME, SESSION_PREFIX, Session, SessionToken};
pub use store::{
    ChangeUser, FirstUser, InsertKey, InsertUser, KeyStore, SessionStore, SettingStore, Store, Stores, UsageReader,
    UsageSink, UserStore,
};
pub use usage::{Bucket, Grain, HOUR_MILLIS, Period, UsageEvent, UsageQuery, UsageRow, UsageSource, UsageTotals};
pub use user::{
    Email, InvalidEmail, MAX_EMAIL_BYTES, MAX_NAME_CHARS, NewUser, Provider, Role, Status, UnknownName, User,
};
