//! Signing in through a provider, and linking one to an account.

use super::Auth;
use super::registration::RegisterError;
use super::sessions::signed_in;
use super::sign_in::{SessionMaking, SignedIn};
use super::users::{ManageError, is_avatar};
use crate::audit::{AuditAction, Caller};
use crate::entropy::EntropyError;
use crate::error::{Denial, StoreError};
use crate::external::{ExternalIdentity, ExternalProfile, GroupGrant};
use crate::id::UserId;
use crate::secret::hex;
use crate::store::{ChangeUser, FirstUser, InsertUser, LinkIdentity};
use crate::user::{Email, NewUser, Provider, Role, Status, User, clean_name};

/// What somebody new may have to show besides the provider's word.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExternalCodes<'a> {
    /// An invite's code.
    pub invite: Option<&'a str>,
    /// The setup code of a server without users.
    pub setup: Option<&'a str>,
}

/// A sign-in through a provider failed on our side.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExternalSignInError {
    /// An invite is needed.
    #[error("an invite code is required to register")]
    InviteRequired,
    /// There is no such invite, it was used, or it is over.
    #[error("invalid or expired invite code")]
    InviteInvalid,
    /// Nobody has registered yet, and whoever does needs the setup code.
    #[error("the first registration needs the setup code that the server printed when it started")]
    SetupCodeRequired,
    /// An administrator has not yet let them in.
    #[error("account pending admin approval")]
    Pending,
    /// An administrator shut them out.
    #[error("account is disabled")]
    Disabled,
    /// The address belongs to an account that this identity is not linked to.
    #[error("there is an account with this address: sign in to it, then link this provider")]
    EmailTaken,
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An identity was not linked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// It belongs to somebody else, or the account has another one at this provider.
    #[error("this identity is linked to another account, or the account to another identity")]
    Taken,
    /// The caller may not.
    #[error(transparent)]
    Manage(#[from] ManageError),
}

impl Auth {
    /// Signs in whoever a provider vouches for, or registers them by the rules of [`Auth::registration`]. They are
    /// recognised by their identity there and never by their address.
    ///
    /// # Errors
    ///
    /// [`ExternalSignInError`] when they may not come in, or the store could not answer.
    pub async fn sign_in_external(
        &self,
        profile: ExternalProfile,
        codes: ExternalCodes<'_>,
        caller: &Caller,
    ) -> Result<SignedIn, ExternalSignInError> {
        let provider = profile.identity.provider.as_str();
        let target = profile
            .email
            .clone()
            .unwrap_or_else(|| profile.identity.subject.clone());
        let done = self.try_sign_in_external(profile, codes, caller).await;
        match &done {
            Ok(signed_in) => {
                let id = signed_in.user.id.to_string();
                let caller = caller.known_as(signed_in.user.id, &signed_in.user.name);
                self.audit_done(&caller, AuditAction::SignIn, &id, provider).await;
            }
            Err(ExternalSignInError::Store(_)) => {}
            Err(error) => {
                let detail = format!("{provider}: {error}");
                self.audit_failed(&caller.unknown(), AuditAction::SignIn, &target, &detail)
                    .await;
            }
        }
        done
    }

    async fn try_sign_in_external(
        &self,
        profile: ExternalProfile,
        codes: ExternalCodes<'_>,
        caller: &Caller,
    ) -> Result<SignedIn, ExternalSignInError> {
        let users = &self.0.stores.users;
        let vouched_admin = self.is_vouched_admin(&profile);
        let known = users.find_user_by_identity(&profile.identity).await?;
        let user = match known {
            Some(user) => user,
            None => match self.register_external(&profile, codes, vouched_admin, caller).await? {
                Some(user) => user,
                // Twice at once: the other one was quicker.
                None => users
                    .find_user_by_identity(&profile.identity)
                    .await?
                    .ok_or_else(|| StoreError::inconsistent("an identity is taken and has no user"))?,
            },
        };
        let user = self.grant(user, &profile, vouched_admin, caller).await?;
        match user.status {
            Status::Active => {}
            Status::Pending => return Err(ExternalSignInError::Pending),
            Status::Disabled => return Err(ExternalSignInError::Disabled),
        }
        Ok(self.open_session(user, caller, SessionMaking::default()).await?)
    }

    fn is_vouched_admin(&self, profile: &ExternalProfile) -> bool {
        let email = profile.email.as_deref().and_then(|email| email.parse::<Email>().ok());
        profile.email_verified && email.is_some() && email == self.0.admin_email
    }

    /// Makes an account; `None` when the identity was taken meanwhile.
    async fn register_external(
        &self,
        profile: &ExternalProfile,
        codes: ExternalCodes<'_>,
        vouched_admin: bool,
        caller: &Caller,
    ) -> Result<Option<User>, ExternalSignInError> {
        let inner = &self.0;
        let terms = inner.terms(codes.invite, codes.setup, vouched_admin).await;
        let mut terms = match terms {
            Ok(terms) => terms,
            // The one who becomes the administrator lets others in.
            Err(RegisterError::InviteRequired) if vouched_admin => super::registration::Terms {
                status: Status::Active,
                admission: crate::store::Admission::new(FirstUser::BecomesAdmin),
            },
            Err(RegisterError::InviteRequired) => return Err(ExternalSignInError::InviteRequired),
            Err(RegisterError::Store(error)) => return Err(error.into()),
            Err(RegisterError::Entropy(error)) => return Err(error.into()),
            Err(_) => return Err(ExternalSignInError::InviteInvalid),
        };
        if vouched_admin {
            terms.admission.invite = None;
        }
        terms.admission.external = Some(profile.identity.clone());
        let now = self.now();
        let email = match profile.email.as_deref().map(str::parse::<Email>) {
            Some(Ok(email)) => email,
            _ => self.stand_in(&profile.identity)?,
        };
        let mut name = clean_name(&profile.name).unwrap_or_default();
        if name.is_empty() {
            name = email
                .as_str()
                .split('@')
                .next()
                .unwrap_or_default()
                .chars()
                .take(crate::MAX_NAME_CHARS)
                .collect();
        }
        let user = NewUser {
            id: UserId::generate(now, &*inner.entropy)?,
            email,
            name,
            role: if vouched_admin { Role::Admin } else { Role::User },
            status: if vouched_admin { Status::Active } else { terms.status },
            provider: profile.identity.provider,
            password: None,
            avatar_url: Some(profile.avatar_url.as_str())
                .filter(|url| is_avatar(url))
                .unwrap_or_default()
                .to_owned(),
            permissions: std::collections::BTreeMap::new(),
            created_at: now,
        };
        let mut inserted = inner
            .stores
            .users
            .insert_user(user.clone(), terms.admission.clone())
            .await?;
        if inserted == InsertUser::EmailTaken
            && profile.email_verified
            && self.displace_squatter(&user.email, caller).await?
        {
            inserted = inner.stores.users.insert_user(user, terms.admission).await?;
        }
        if !matches!(inserted, InsertUser::Inserted(_)) {
            // Twice at once: the other one took address and invite along with the identity.
            let known = inner.stores.users.find_user_by_identity(&profile.identity).await?;
            if known.is_some() {
                return Ok(None);
            }
        }
        match inserted {
            InsertUser::Inserted(user) => {
                inner.changed(user.id, user.epoch);
                let detail = format!("{}, {}", user.email, profile.identity.provider);
                self.audit_done(caller, AuditAction::Register, &user.id.to_string(), &detail)
                    .await;
                Ok(Some(user))
            }
            InsertUser::ExternalTaken => Ok(None),
            InsertUser::EmailTaken => Err(ExternalSignInError::EmailTaken),
            InsertUser::InviteInvalid => Err(ExternalSignInError::InviteInvalid),
            InsertUser::NoUsersYet => Err(ExternalSignInError::SetupCodeRequired),
        }
    }

    /// Whoever registered an address that nobody verified and was never let in makes room for whom the address belongs
    /// to. Else anybody could keep anybody out.
    async fn displace_squatter(&self, email: &Email, caller: &Caller) -> Result<bool, StoreError> {
        let users = &self.0.stores.users;
        let squatter = users.find_user_by_email(email).await?;
        let Some(squatter) = squatter.filter(|u| u.status == Status::Pending && u.provider == Provider::Local) else {
            return Ok(false);
        };
        let ChangeUser::Changed(epoch) = users.delete_user(squatter.id, self.now()).await? else {
            return Ok(false);
        };
        self.0.changed(squatter.id, epoch);
        let detail = format!("{email}: never let in, and a provider vouches for somebody else");
        self.audit_done(caller, AuditAction::UserDelete, &squatter.id.to_string(), &detail)
            .await;
        Ok(true)
    }

    /// An address for somebody whose provider gives none: nobody's (RFC 2606, section 2), and always the same.
    fn stand_in(&self, identity: &ExternalIdentity) -> Result<Email, StoreError> {
        let name = format!("{} {}", identity.provider, identity.subject);
        let digest = self.0.ring.digest(name.as_bytes());
        let hex = hex(&digest.as_bytes()[..12]);
        format!("{hex}@{}.invalid", identity.provider)
            .parse()
            .map_err(StoreError::inconsistent)
    }

    /// Brings what somebody may do up to what the provider says of them.
    async fn grant(
        &self,
        user: User,
        profile: &ExternalProfile,
        vouched_admin: bool,
        caller: &Caller,
    ) -> Result<User, StoreError> {
        let users = &self.0.stores.users;
        let id = user.id;
        let target = id.to_string();
        let grant = profile.grant.clone().unwrap_or_default();
        let mut changed = false;
        let role = match grant.admin {
            _ if vouched_admin => Some(Role::Admin),
            Some(true) => Some(Role::Admin),
            Some(false) => Some(Role::User),
            None => None,
        };
        if let Some(role) = role.filter(|role| *role != user.role) {
            match users.set_role(id, role).await? {
                ChangeUser::Changed(epoch) => {
                    self.0.changed(id, epoch);
                    changed = true;
                    let detail = format!("{role}, by {}", profile.identity.provider);
                    self.audit_done(caller, AuditAction::RoleChange, &target, &detail).await;
                }
                ChangeUser::LastAdmin => {
                    self.audit_failed(
                        caller,
                        AuditAction::RoleChange,
                        &target,
                        "the last active administrator",
                    )
                    .await;
                }
                ChangeUser::NotFound => {}
            }
        }
        if vouched_admin
            && user.status == Status::Pending
            && let ChangeUser::Changed(epoch) = users.set_status(id, Status::Active).await?
        {
            self.0.changed(id, epoch);
            changed = true;
            self.audit_done(caller, AuditAction::StatusChange, &target, "active")
                .await;
        }
        changed |= self.grant_features(&user, &grant, caller).await?;
        if !changed {
            return Ok(user);
        }
        users
            .find_user(id)
            .await?
            .ok_or_else(|| StoreError::inconsistent("a user was deleted while they signed in"))
    }

    async fn grant_features(&self, user: &User, grant: &GroupGrant, caller: &Caller) -> Result<bool, StoreError> {
        let mut permissions = user.permissions.clone();
        for (feature, on) in &grant.features {
            if self.features().get(feature).is_some() {
                permissions.insert(feature.clone(), *on);
            }
        }
        if permissions == user.permissions {
            return Ok(false);
        }
        if let Some(epoch) = self.0.stores.users.set_permissions(user.id, &permissions).await? {
            self.0.changed(user.id, epoch);
            self.audit_done(
                caller,
                AuditAction::PermissionsChange,
                &user.id.to_string(),
                "by groups",
            )
            .await;
        }
        Ok(true)
    }

    /// Links an identity at a provider to the caller's account: they can sign in with it from then on.
    ///
    /// # Errors
    ///
    /// [`LinkError`] when it is taken, the credential may not, or the store could not answer.
    pub async fn link_external(&self, caller: &Caller, profile: &ExternalProfile) -> Result<(), LinkError> {
        let identity = signed_in(caller)?;
        identity.require_unbound_minting().map_err(ManageError::from)?;
        let id = identity.user_id();
        let external = profile.identity.clone();
        let provider = external.provider.as_str();
        let linked = self.0.stores.users.link_identity(id, external, self.now()).await;
        match linked.map_err(ManageError::from)? {
            LinkIdentity::Linked => {
                self.audit_done(caller, AuditAction::IdentityLink, &id.to_string(), provider)
                    .await;
                Ok(())
            }
            LinkIdentity::AlreadyTheirs => Ok(()),
            LinkIdentity::Taken => {
                let error = LinkError::Taken;
                self.audit_failed(caller, AuditAction::IdentityLink, &id.to_string(), &error.to_string())
                    .await;
                Err(error)
            }
            LinkIdentity::NotFound => Err(ManageError::from(Denial::InvalidSession).into()),
        }
    }

    /// Takes an identity from the caller's account, unless they could then not sign in any more. `false` when nothing
    /// was taken.
    ///
    /// # Errors
    ///
    /// [`ManageError`] when the credential may not, or the store could not answer.
    pub async fn unlink_external(&self, caller: &Caller, identity: &ExternalIdentity) -> Result<bool, ManageError> {
        let who = signed_in(caller)?;
        who.require_unbound_minting()?;
        let id = who.user_id();
        // A password is no way in where nobody signs in with one.
        if !self.0.local_auth && self.0.stores.users.identities(id).await?.len() < 2 {
            return Ok(false);
        }
        let done = self.0.stores.users.unlink_identity(id, identity).await?;
        if done {
            // Whoever came in with it must not stay.
            self.end_other_sessions(caller).await?;
            let provider = identity.provider.as_str();
            self.audit_done(caller, AuditAction::IdentityUnlink, &id.to_string(), provider)
                .await;
        }
        Ok(done)
    }
}
