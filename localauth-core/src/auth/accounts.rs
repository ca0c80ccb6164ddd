//! Users coming in and going out.

use std::fmt;
use std::str::FromStr;

use super::Auth;
use crate::entropy::EntropyError;
use crate::error::StoreError;
use crate::id::{SessionId, UserId};
use crate::identity::{Identity, Source};
use crate::password::{Password, PasswordError, PasswordHash, PasswordRejection, Verified};
use crate::session::{SESSION_LIFETIME, Session, SessionToken};
use crate::store::{FirstUser, InsertUser};
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
            role: Role::User,
        }
    }
}

/// Where a session is made from, for the list of devices.
#[derive(Debug, Clone, Default)]
pub(crate) struct Device {
    pub(crate) ip: String,
    pub(crate) user_agent: String,
}

/// What became of a registration.
#[derive(Debug)]
#[non_exhaustive]
pub enum Registered {
    /// The user may come in, and is signed in.
    SignedIn(Box<SignedIn>),
    /// The user waits for an administrator.
    Pending,
    /// The address belongs to somebody. Not to be told to whoever asked.
    EmailTaken,
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
    /// The same reasons as for a registration.
    #[error(transparent)]
    Refused(#[from] RegisterError),
}

/// A user, and the session they were given.
#[derive(Debug)]
#[non_exhaustive]
pub struct SignedIn {
    /// Who.
    pub user: User,
    /// The token for the cookie.
    pub token: SessionToken,
    /// How long it lasts.
    pub lifetime: std::time::Duration,
}

/// A sign-in failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// Sign-in by address and password is off.
    #[error("sign-in with a password is switched off on this server")]
    LocalAuthDisabled,
    /// Unknown address or wrong password: not told apart, and taking the same time.
    #[error("invalid email or password")]
    WrongCredentials,
    /// The password is right; an administrator has not yet let them in.
    #[error("account pending admin approval")]
    Pending,
    /// The password is right; an administrator shut them out.
    #[error("account is disabled")]
    Disabled,
    /// The password could not be checked.
    #[error(transparent)]
    Hash(#[from] PasswordError),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Auth {
    /// Registers a user by the rules of [`Auth::registration`]. The first user of an empty store is an active
    /// administrator in every mode.
    ///
    /// # Errors
    ///
    /// [`RegisterError`] when the account is not accepted or the store could not answer.
    pub async fn register(&self, account: NewAccount, ip: &str, user_agent: &str) -> Result<Registered, RegisterError> {
        let inner = &self.0;
        if !inner.local_auth {
            return Err(RegisterError::LocalAuthDisabled);
        }
        let (status, role) = match inner.registration {
            RegistrationMode::Open => (Status::Active, Role::User),
            // Without users nobody could invite: the first one needs no invite. Should two come at once, the store makes
            // one of them the administrator, and the other waits for approval.
            RegistrationMode::Invite if inner.stores.users.has_users().await? => {
                return Err(RegisterError::InviteRequired);
            }
            RegistrationMode::Approval | RegistrationMode::Invite => (Status::Pending, Role::User),
        };
        let user = self.prepare(account, role, status).await?;
        match inner.stores.users.insert_user(user, FirstUser::BecomesAdmin).await? {
            InsertUser::EmailTaken => Ok(Registered::EmailTaken),
            InsertUser::Inserted(user) => {
                inner.changed(user.id, user.epoch);
                if user.status != Status::Active {
                    return Ok(Registered::Pending);
                }
                let device = Device {
                    ip: ip.to_owned(),
                    user_agent: user_agent.to_owned(),
                };
                match self.open_session(user, device).await {
                    Ok(signed_in) => Ok(Registered::SignedIn(Box::new(signed_in))),
                    Err(SignInError::Entropy(error)) => Err(error.into()),
                    Err(SignInError::Store(error)) => Err(error.into()),
                    Err(SignInError::Hash(error)) => Err(error.into()),
                    Err(
                        SignInError::LocalAuthDisabled
                        | SignInError::WrongCredentials
                        | SignInError::Pending
                        | SignInError::Disabled,
                    ) => Ok(Registered::Pending),
                }
            }
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
        match self
            .0
            .stores
            .users
            .insert_user(user, FirstUser::AsGiven)
            .await
            .map_err(RegisterError::from)?
        {
            InsertUser::Inserted(user) => {
                self.0.changed(user.id, user.epoch);
                Ok(user)
            }
            InsertUser::EmailTaken => Err(AddUserError::EmailTaken),
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
            created_at: now,
        })
    }

    async fn hash_new(
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

    /// Signs a user in with address and password. Takes the same time whether the address is known or not.
    ///
    /// # Errors
    ///
    /// [`SignInError`] when the credentials are wrong, the user may not come in, or the store could not answer.
    pub async fn sign_in(
        &self,
        email: &str,
        password: Password,
        ip: &str,
        user_agent: &str,
    ) -> Result<SignedIn, SignInError> {
        let inner = &self.0;
        if !inner.local_auth {
            return Err(SignInError::LocalAuthDisabled);
        }
        let user = match email.parse::<Email>() {
            Ok(email) => inner.stores.users.find_user_by_email(&email).await?,
            Err(_) => None,
        };
        let stored = user.as_ref().and_then(|u| u.password.as_ref());
        let verified = inner.passwords.verify(password, stored).await?;
        let Some(user) = user else {
            return Err(SignInError::WrongCredentials);
        };
        let outdated = match verified {
            Verified::Wrong => return Err(SignInError::WrongCredentials),
            Verified::Right => None,
            Verified::RightButOutdated(password) => Some(password),
        };
        match user.status {
            Status::Active => {}
            Status::Pending => return Err(SignInError::Pending),
            Status::Disabled => return Err(SignInError::Disabled),
        }
        if let (Some(password), Some(old)) = (outdated, &user.password) {
            let new = inner.passwords.hash(password).await?;
            inner.stores.users.rehash_password(user.id, old, &new).await?;
        }
        let device = Device {
            ip: ip.to_owned(),
            user_agent: user_agent.to_owned(),
        };
        self.open_session(user, device).await
    }

    async fn open_session(&self, user: User, device: Device) -> Result<SignedIn, SignInError> {
        let inner = &self.0;
        let now = self.now();
        let token = SessionToken::generate(&inner.ring, &*inner.entropy)?;
        let session = Session {
            id: SessionId::generate(now, &*inner.entropy)?,
            user_id: user.id,
            digest: inner.ring.stored_digest(token.tail()),
            sign_in_epoch: user.sign_in_epoch,
            created_at: now,
            expires_at: now + SESSION_LIFETIME,
            ip: bounded(&device.ip, 64),
            user_agent: bounded(&device.user_agent, 256),
        };
        inner.stores.sessions.insert_session(session).await?;
        Ok(SignedIn {
            user,
            token,
            lifetime: SESSION_LIFETIME,
        })
    }

    /// Ends the session an identity came with. Nothing happens to one that came with a key.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    pub async fn sign_out(&self, identity: &Identity) -> Result<(), StoreError> {
        if let Source::Session { id } = identity.source()
            && let Some((user, epoch)) = self.0.stores.sessions.end_session(*id).await?
        {
            self.0.changed(user, epoch);
        }
        Ok(())
    }

    /// Gives the user with this address a new password, and ends all their sessions. Returns the user, or `None` when
    /// there is none.
    ///
    /// # Errors
    ///
    /// [`RegisterError`] when the password is not accepted or the store could not answer.
    pub async fn set_password(
        &self,
        email: &str,
        password: Password,
        acknowledge_weak: bool,
    ) -> Result<Option<User>, RegisterError> {
        let email: Email = email.parse()?;
        let Some(user) = self.0.stores.users.find_user_by_email(&email).await? else {
            return Ok(None);
        };
        let hash = self.hash_new(password, &email, &user.name, acknowledge_weak).await?;
        match self.0.stores.users.set_password(user.id, &hash).await? {
            Some(epoch) => {
                self.0.changed(user.id, epoch);
                Ok(Some(user))
            }
            None => Ok(None),
        }
    }

    /// All users, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    pub async fn list_users(&self) -> Result<Vec<User>, StoreError> {
        self.0.stores.users.list_users().await
    }

    /// The user with this id.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    pub async fn find_user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.0.stores.users.find_user(id).await
    }

    /// The user with this address.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    pub async fn find_user_by_email(&self, email: &Email) -> Result<Option<User>, StoreError> {
        self.0.stores.users.find_user_by_email(email).await
    }

    /// Whether anybody registered yet.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    pub async fn has_users(&self) -> Result<bool, StoreError> {
        self.0.stores.users.has_users().await
    }

    /// Gives a user a role. In force for their next request.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    pub async fn set_role(&self, id: UserId, role: Role) -> Result<crate::ChangeUser, StoreError> {
        let change = self.0.stores.users.set_role(id, role).await?;
        self.follow_change(id, change);
        Ok(change)
    }

    /// Lets a user in, or shuts them out. In force for their next request.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    pub async fn set_status(&self, id: UserId, status: Status) -> Result<crate::ChangeUser, StoreError> {
        let change = self.0.stores.users.set_status(id, status).await?;
        self.follow_change(id, change);
        Ok(change)
    }

    fn follow_change(&self, id: UserId, change: crate::ChangeUser) {
        if let crate::ChangeUser::Changed(epoch) = change {
            self.0.changed(id, epoch);
        }
    }
}

fn bounded(text: &str, chars: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(chars).collect()
}

impl fmt::Display for RegistrationMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
