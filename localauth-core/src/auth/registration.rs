//! Users coming in.

use std::fmt;
use std::str::FromStr;

use std::collections::BTreeMap;

use super::attempts::AttemptError;
use super::sign_in::{SessionMaking, SignedIn};
use super::{Auth, Inner};
use crate::audit::{AuditAction, Caller};
use crate::entropy::EntropyError;
use crate::error::{Denial, StoreError};
use crate::id::UserId;
use crate::invite;
use crate::password::{Password, PasswordError, PasswordHash, PasswordRejection};
use crate::store::{Admission, FirstUser, InsertUser, InviteClaim};
use crate::user::{Email, InvalidEmail, NewUser, Provider, Role, Status, UnknownName, User, clean_name};

/// How new users come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RegistrationMode {
    /// Whoever registers may come in at once.
    Open,
    /// An administrator lets each one in.
    Approval,
    /// Only with an invite.
    Invite,
}

impl RegistrationMode {
    /// The name, as set and sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Approval => "approval",
            Self::Invite => "invite",
        }
    }
}

impl FromStr for RegistrationMode {
    type Err = UnknownName;

    fn from_str(s: &str) -> Result<Self, UnknownName> {
        match s {
            "open" => Ok(Self::Open),
            "approval" => Ok(Self::Approval),
            "invite" => Ok(Self::Invite),
            _ => Err(UnknownName {
                expected: "`open`, `approval`, `invite`",
            }),
        }
    }
}

/// An account about to be made.
#[derive(Debug)]
pub struct NewAccount {
    /// The address, as it was given.
    pub email: String,
    /// What to call them; empty takes the part of the address before the `@`.
    pub name: String,
    /// The password.
    pub password: Password,
    /// Whether a weak password was acknowledged.
    pub acknowledge_weak: bool,
    /// An invite's code, or empty.
    pub invite_code: String,
    /// The setup code that the first registration may need, or empty.
    pub setup_code: String,
    /// The role; registration ignores it.
    pub role: Role,
}

impl NewAccount {
    /// An ordinary account with an address and a password.
    pub fn local(email: impl Into<String>, password: Password) -> Self {
        Self {
            email: email.into(),
            name: String::new(),
            password,
            acknowledge_weak: false,
            invite_code: String::new(),
            setup_code: String::new(),
            role: Role::User,
        }
    }
}

/// What became of a registration.
#[derive(Debug)]
#[non_exhaustive]
pub enum Registered {
    /// The user may come in, and is signed in.
    SignedIn(Box<SignedIn>),
    /// The user waits for an administrator.
    Pending,
    /// The address belongs to somebody. Not to be told to whoever asked: they get the answer that
    /// [`would_wait`](Self::EmailTaken::would_wait) says.
    EmailTaken {
        /// Whether a new user would now wait for an administrator.
        would_wait: bool,
    },
}

/// A registration was not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// Sign-in by address and password is off.
    #[error("registration with a password is switched off on this server")]
    LocalAuthDisabled,
    /// An invite is needed.
    #[error("an invite code is required to register")]
    InviteRequired,
    /// There is no such invite, it was used, or it is over.
    #[error("invalid or expired invite code")]
    InviteInvalid,
    /// Nobody has registered yet, and whoever does needs the setup code.
    #[error("the first registration needs the setup code that the server printed when it started")]
    SetupCodeRequired,
    /// Too many attempts.
    #[error(transparent)]
    Attempt(#[from] AttemptError),
    /// Not an address.
    #[error("a valid e-mail address is required")]
    Email(#[from] InvalidEmail),
    /// Not a name.
    #[error("a name has at most 128 characters and no control characters")]
    Name,
    /// Not a password that is accepted.
    #[error(transparent)]
    Password(#[from] PasswordRejection),
    /// The password could not be hashed.
    #[error(transparent)]
    Hash(#[from] PasswordError),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An account was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddUserError {
    /// The address belongs to somebody.
    #[error("there is already a user with this address")]
    EmailTaken,
    /// The caller may not.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// The same reasons as for a registration.
    #[error(transparent)]
    Refused(#[from] RegisterError),
}

/// What the mode of registration asks of somebody new.
pub(super) struct Terms {
    pub(super) status: Status,
    pub(super) admission: Admission,
}

impl Inner {
    /// The terms on which somebody new comes in. `vouched` is whoever needs no setup code.
    ///
    /// Without users nobody could invite: the first one needs no invite. Should two come at once, the store makes one of
    /// them the administrator, and the other waits for approval.
    pub(super) async fn terms(
        &self,
        invite_code: Option<&str>,
        setup_code: Option<&str>,
        vouched: bool,
    ) -> Result<Terms, RegisterError> {
        let may_be_first = vouched
            || self
                .setup_code
                .as_ref()
                .is_none_or(|code| setup_code.is_some_and(|given| code.matches(given)));
        let mut admission = Admission::new(if may_be_first {
            FirstUser::BecomesAdmin
        } else {
            FirstUser::Refused
        });
        let code = invite_code.map(str::trim).filter(|code| !code.is_empty());
        let status = match (self.registration, code) {
            // In open mode an invite is neither needed nor looked at.
            (RegistrationMode::Open, _) => Status::Active,
            (_, Some(code)) => {
                let at = self.clock.now();
                // What is no code of ours claims nothing, which no store has an invite for; but a first user needs none.
                let digests = invite::digests(code, &self.ring).unwrap_or_default();
                admission.invite = Some(InviteClaim { digests, at });
                Status::Active
            }
            (RegistrationMode::Invite, None) if self.stores.users.has_users().await? => {
                return Err(RegisterError::InviteRequired);
            }
            (RegistrationMode::Approval | RegistrationMode::Invite, None) => Status::Pending,
        };
        Ok(Terms { status, admission })
    }
}

impl Auth {
    /// Registers a user by the rules of [`Auth::registration`]. The first user of an empty store is an active
    /// administrator in every mode.
    ///
    /// # Errors
    ///
    /// [`RegisterError`] when the account is not accepted or the store could not answer.
    pub async fn register(&self, account: NewAccount, caller: &Caller) -> Result<Registered, RegisterError> {
        if !self.0.local_auth {
            return Err(RegisterError::LocalAuthDisabled);
        }
        self.attempt_sign_in(caller.address()).await?;
        let email = audited(&account.email);
        let done = self.try_register(account, caller).await;
        match &done {
            Ok(Registered::SignedIn(signed_in)) => {
                let actor = signed_in.user.id.to_string();
                let caller = caller.known_as(signed_in.user.id, &signed_in.user.name);
                self.audit_done(&caller, AuditAction::Register, &actor, &email).await;
            }
            Ok(Registered::Pending) => {
                self.audit_done(&caller.unknown(), AuditAction::Register, &email, "waits for approval")
                    .await;
            }
            Ok(Registered::EmailTaken { .. }) => {
                self.audit_failed(&caller.unknown(), AuditAction::Register, &email, "the address is taken")
                    .await;
            }
            Err(RegisterError::Store(_)) => {}
            Err(error) => {
                self.audit_failed(&caller.unknown(), AuditAction::Register, &email, &error.to_string())
                    .await;
            }
        }
        done
    }

    async fn try_register(&self, account: NewAccount, caller: &Caller) -> Result<Registered, RegisterError> {
        let inner = &self.0;
        let terms = inner
            .terms(Some(&account.invite_code), Some(&account.setup_code), false)
            .await?;
        let status = terms.status;
        let claim = terms.admission.invite.clone();
        let user = self.prepare(account, Role::User, status).await?;
        match inner.stores.users.insert_user(user, terms.admission).await? {
            InsertUser::Inserted(user) => {
                inner.changed(user.id, user.epoch);
                if user.status != Status::Active {
                    return Ok(Registered::Pending);
                }
                let signed_in = self.open_session(user, caller, SessionMaking::default()).await?;
                Ok(Registered::SignedIn(Box::new(signed_in)))
            }
            InsertUser::EmailTaken | InsertUser::ExternalTaken => {
                // Somebody new would be told that the invite is no good: so is whoever tries a taken address with it.
                if let Some(InviteClaim { digests, at }) = claim {
                    let invite = inner.stores.invites.find_invite(&digests).await?;
                    if !invite.is_some_and(|invite| invite.is_open(at)) {
                        return Err(RegisterError::InviteInvalid);
                    }
                }
                Ok(Registered::EmailTaken {
                    would_wait: status != Status::Active,
                })
            }
            InsertUser::InviteInvalid => Err(RegisterError::InviteInvalid),
            InsertUser::NoUsersYet => Err(RegisterError::SetupCodeRequired),
        }
    }

    /// Makes an account as an operator would: active at once, with the role that was asked for.
    ///
    /// # Errors
    ///
    /// [`AddUserError`] when the address is taken, the account is not accepted, or the store could not answer.
    pub async fn add_user(&self, account: NewAccount) -> Result<User, AddUserError> {
        let role = account.role;
        let user = self.prepare(account, role, Status::Active).await?;
        self.insert_as_given(&Caller::operator(), user).await
    }

    /// Makes an account that nobody signs in to: programs use it by its keys.
    ///
    /// # Errors
    ///
    /// [`AddUserError`] when the name is not possible, the caller may not, or the store could not answer.
    pub async fn add_service_account(&self, caller: &Caller, name: &str) -> Result<User, AddUserError> {
        let inner = &self.0;
        caller.require_admin()?;
        if let Some(identity) = caller.identity() {
            identity.require_unbound_minting()?;
        }
        let name = clean_name(name)
            .filter(|name| !name.is_empty())
            .ok_or(RegisterError::Name)?;
        let now = self.now();
        let id = UserId::generate(now, &*inner.entropy).map_err(RegisterError::from)?;
        // `.invalid` is nobody's (RFC 2606, section 2).
        let email: Email = format!("{}@service.invalid", id.as_uuid().simple())
            .parse()
            .map_err(RegisterError::from)?;
        let user = NewUser {
            id,
            email,
            name,
            role: Role::User,
            status: Status::Active,
            provider: Provider::Service,
            password: None,
            avatar_url: String::new(),
            permissions: BTreeMap::new(),
            created_at: now,
        };
        self.insert_as_given(caller, user).await
    }

    async fn insert_as_given(&self, caller: &Caller, user: NewUser) -> Result<User, AddUserError> {
        let stored = self
            .0
            .stores
            .users
            .insert_user(user, Admission::new(FirstUser::AsGiven));
        match stored.await.map_err(RegisterError::from)? {
            InsertUser::Inserted(user) => {
                self.0.changed(user.id, user.epoch);
                let detail = format!("{}, {}", user.email, user.role);
                self.audit_done(caller, AuditAction::UserCreate, &user.id.to_string(), &detail)
                    .await;
                Ok(user)
            }
            InsertUser::EmailTaken | InsertUser::ExternalTaken | InsertUser::InviteInvalid | InsertUser::NoUsersYet => {
                Err(AddUserError::EmailTaken)
            }
        }
    }

    async fn prepare(&self, account: NewAccount, role: Role, status: Status) -> Result<NewUser, RegisterError> {
        let email: Email = account.email.parse()?;
        let mut name = clean_name(&account.name).ok_or(RegisterError::Name)?;
        if name.is_empty() {
            let local = email.as_str().split('@').next().unwrap_or_default();
            name = local.chars().take(crate::MAX_NAME_CHARS).collect();
        }
        let hash = self
            .hash_new(account.password, &email, &name, account.acknowledge_weak)
            .await?;
        let now = self.now();
        Ok(NewUser {
            id: UserId::generate(now, &*self.0.entropy)?,
            email,
            name,
            role,
            status,
            provider: Provider::Local,
            password: Some(hash),
            avatar_url: String::new(),
            permissions: BTreeMap::new(),
            created_at: now,
        })
    }

    pub(super) async fn hash_new(
        &self,
        password: Password,
        email: &Email,
        name: &str,
        acknowledge_weak: bool,
    ) -> Result<PasswordHash, RegisterError> {
        let known = [email.as_str().to_owned(), name.to_owned()];
        let password = self.0.passwords.check_new(password, known, acknowledge_weak).await??;
        Ok(self.0.passwords.hash(password).await?)
    }
}

/// What the audit log says of an address that somebody typed. People type passwords into the wrong field: what is no
/// address is not kept.
pub(super) fn audited(email: &str) -> String {
    email
        .parse::<Email>()
        .map_or_else(|_| "(no address)".to_owned(), |email| email.to_string())
}

impl fmt::Display for RegistrationMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
