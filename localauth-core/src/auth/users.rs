//! Users that are there: finding and changing them.

use std::collections::{BTreeMap, BTreeSet};

use super::Auth;
use super::sessions::signed_in;
use crate::audit::{AuditAction, Caller};
use crate::error::{Denial, StoreError};
use crate::external::LinkedIdentity;
use crate::id::UserId;
use crate::model::ModelAllowList;
use crate::password::PasswordRejection;
use crate::store::{ChangeUser, UserQuery};
use crate::user::{Email, Role, Status, User, clean_name};

/// The longest address of a picture, in bytes.
const MAX_AVATAR_BYTES: usize = 512;
/// The most models in an allow-list, and the longest name of one in bytes.
const MAX_MODELS: usize = 1_000;
const MAX_MODEL_BYTES: usize = 256;

/// A user was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManageError {
    /// There is no such user.
    #[error("user not found")]
    NotFound,
    /// Nobody changes their own standing.
    #[error("you cannot do this to your own account: ask another administrator")]
    OnOneself,
    /// It would leave no active administrator.
    #[error("this is the last active administrator: make somebody else one first")]
    LastAdmin,
    /// Not a status to set.
    #[error("status must be `active` or `disabled`")]
    Status,
    /// The account signs in through a provider, or not at all.
    #[error("this account has no password here")]
    NotLocal,
    /// The user may not come in.
    #[error("this account is not active")]
    NotActive,
    /// There is no such feature.
    #[error("unknown feature `{0}`: `GET /api/auth/admin/features` lists those there are")]
    UnknownFeature(String),
    /// Not names of models.
    #[error("a list of at most 1000 models, each named by 1 to 256 bytes without control characters, is needed")]
    Models,
    /// Not a name.
    #[error("name is required, with at most 128 characters and no control characters")]
    Name,
    /// Not an address of a picture.
    #[error("avatar_url must be an http or https URL of at most 512 bytes")]
    Avatar,
    /// The password is not possible.
    #[error(transparent)]
    Password(#[from] PasswordRejection),
    /// The credential may not.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something that should not happen.
    #[error("{0}")]
    Internal(String),
}

impl Auth {
    /// The users that `query` asks for, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    pub async fn list_users(&self, query: &UserQuery) -> Result<Vec<User>, StoreError> {
        self.0.stores.users.list_users(query).await
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

    /// Gives a user a role. In force for their next request; their sessions end.
    ///
    /// # Errors
    ///
    /// [`ManageError`] when it is the caller, the last administrator or nobody, or the store could not answer.
    pub async fn set_role(&self, caller: &Caller, id: UserId, role: Role) -> Result<(), ManageError> {
        Self::may_manage_other(caller, id)?;
        // Somebody made administrator is bound to nothing that binds this credential.
        if let (Role::Admin, Some(identity)) = (role, caller.identity()) {
            identity.require_unbound_minting()?;
        }
        let change = self.0.stores.users.set_role(id, role).await?;
        self.finish(caller, AuditAction::RoleChange, id, role.as_str(), change)
            .await
    }

    /// Lets a user in, or shuts them out. In force for their next request.
    ///
    /// # Errors
    ///
    /// [`ManageError`] when it is the caller, the last administrator or nobody, or the store could not answer.
    pub async fn set_status(&self, caller: &Caller, id: UserId, status: Status) -> Result<(), ManageError> {
        Self::may_manage_other(caller, id)?;
        if status == Status::Pending {
            return Err(ManageError::Status);
        }
        let change = self.0.stores.users.set_status(id, status).await?;
        self.finish(caller, AuditAction::StatusChange, id, status.as_str(), change)
            .await
    }

    /// Deletes a user with everything that is theirs. What they used stays in the reports, by name.
    ///
    /// # Errors
    ///
    /// [`ManageError`] when it is the caller, the last administrator or nobody, or the store could not answer.
    pub async fn delete_user(&self, caller: &Caller, id: UserId) -> Result<(), ManageError> {
        Self::may_manage_other(caller, id)?;
        let user = self.0.stores.users.find_user(id).await?.ok_or(ManageError::NotFound)?;
        let change = self.0.stores.users.delete_user(id, self.now()).await?;
        self.finish(caller, AuditAction::UserDelete, id, user.email.as_str(), change)
            .await
    }

    async fn finish(
        &self,
        caller: &Caller,
        action: AuditAction,
        id: UserId,
        detail: &str,
        change: ChangeUser,
    ) -> Result<(), ManageError> {
        let target = id.to_string();
        match change {
            ChangeUser::Changed(epoch) => {
                self.0.changed(id, epoch);
                self.audit_done(caller, action, &target, detail).await;
                Ok(())
            }
            ChangeUser::NotFound => Err(ManageError::NotFound),
            ChangeUser::LastAdmin => {
                let error = ManageError::LastAdmin;
                self.audit_failed(caller, action, &target, &error.to_string()).await;
                Err(error)
            }
        }
    }

    /// Administrators and the operator do, but nobody changes their own standing, whoever they act as.
    pub(super) fn may_manage_other(caller: &Caller, id: UserId) -> Result<(), ManageError> {
        caller.require_admin()?;
        let Some(identity) = caller.identity() else {
            return Ok(());
        };
        let is_self = identity.user_id() == id || identity.impersonator().is_some_and(|by| by.id == id);
        if is_self { Err(ManageError::OnOneself) } else { Ok(()) }
    }

    /// Administrators and the operator may set what somebody may use; their own only with what may change its owner.
    fn may_equip(caller: &Caller, id: UserId) -> Result<(), ManageError> {
        caller.require_admin()?;
        match caller.identity() {
            Some(identity) if identity.user_id() == id => Ok(identity.require_minting()?),
            _ => Ok(()),
        }
    }

    /// Replaces which features are switched on or off for a user; what is left out falls to its default.
    ///
    /// # Errors
    ///
    /// [`ManageError`] when a feature or the user is unknown, or the store could not answer.
    pub async fn set_permissions(
        &self,
        caller: &Caller,
        id: UserId,
        permissions: &BTreeMap<String, bool>,
    ) -> Result<(), ManageError> {
        Self::may_equip(caller, id)?;
        if let Some(unknown) = permissions.keys().find(|key| self.features().get(key).is_none()) {
            return Err(ManageError::UnknownFeature(unknown.chars().take(64).collect()));
        }
        let epoch = self.0.stores.users.set_permissions(id, permissions).await?;
        self.0.changed(id, epoch.ok_or(ManageError::NotFound)?);
        let detail: Vec<String> = permissions.iter().map(|(key, on)| format!("{key}={on}")).collect();
        self.audit_done(
            caller,
            AuditAction::PermissionsChange,
            &id.to_string(),
            &detail.join(" "),
        )
        .await;
        Ok(())
    }

    /// Replaces which models a user may use.
    ///
    /// # Errors
    ///
    /// [`ManageError`] when a name is impossible, the user unknown, or the store could not answer.
    pub async fn set_models(&self, caller: &Caller, id: UserId, models: ModelAllowList) -> Result<(), ManageError> {
        Self::may_equip(caller, id)?;
        let good =
            |name: &String| !name.is_empty() && name.len() <= MAX_MODEL_BYTES && !name.chars().any(char::is_control);
        if models.models.len() > MAX_MODELS || !models.models.iter().all(good) {
            return Err(ManageError::Models);
        }
        let models = ModelAllowList {
            models: self.all_exactly(&models.models),
            ..models
        };
        let epoch = self.0.stores.users.set_models(id, &models).await?;
        self.0.changed(id, epoch.ok_or(ManageError::NotFound)?);
        let names: Vec<&str> = models.models.iter().map(String::as_str).collect();
        let detail = if models.enabled {
            names.join(" ")
        } else {
            "all".to_owned()
        };
        self.audit_done(caller, AuditAction::ModelsChange, &id.to_string(), &detail)
            .await;
        Ok(())
    }

    /// Changes the caller's own name and picture; without a picture the present one stays. Returns both as stored.
    ///
    /// # Errors
    ///
    /// [`ManageError`] when one is impossible, the credential may not, or the store could not answer.
    pub async fn set_profile(
        &self,
        caller: &Caller,
        name: &str,
        avatar_url: Option<&str>,
    ) -> Result<(String, String), ManageError> {
        let identity = signed_in(caller)?;
        // A name and a picture are no credentials, so an administrator who acts as the user may.
        if identity.impersonator().is_none() {
            identity.require_minting()?;
        }
        let name = clean_name(name)
            .filter(|name| !name.is_empty())
            .ok_or(ManageError::Name)?;
        let id = identity.user_id();
        let avatar_url = match avatar_url.map(str::trim) {
            Some(url) if is_avatar(url) => url.to_owned(),
            Some(_) => return Err(ManageError::Avatar),
            None => {
                let user = self.0.stores.users.find_user(id).await?;
                user.ok_or(ManageError::NotFound)?.avatar_url
            }
        };
        let epoch = self.0.stores.users.set_profile(id, &name, &avatar_url).await?;
        self.0.changed(id, epoch.ok_or(ManageError::NotFound)?);
        self.audit_done(caller, AuditAction::ProfileChange, &id.to_string(), "")
            .await;
        Ok((name, avatar_url))
    }

    /// The caller's identities at providers.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    pub async fn identities(&self, id: UserId) -> Result<Vec<LinkedIdentity>, StoreError> {
        self.0.stores.users.identities(id).await
    }

    /// The names of those of `ids` that are users, the synthetic administrator among them.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    pub async fn names_of(&self, ids: &BTreeSet<UserId>) -> Result<BTreeMap<UserId, String>, StoreError> {
        let asked: Vec<UserId> = ids.iter().copied().filter(|id| *id != UserId::SHARED).collect();
        let mut names = if asked.is_empty() {
            BTreeMap::new()
        } else {
            self.0.stores.users.names_of(&asked).await?
        };
        if ids.contains(&UserId::SHARED) {
            names.insert(UserId::SHARED, crate::SHARED_NAME.to_owned());
        }
        Ok(names)
    }
}

/// Empty, or an address on the web: what browsers load pictures from without running anything.
pub(super) fn is_avatar(url: &str) -> bool {
    if url.is_empty() {
        return true;
    }
    let is_web = url.parse::<http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    });
    is_web && url.len() <= MAX_AVATAR_BYTES && url.bytes().all(|b| b.is_ascii_graphic() && !b"\"'<>\\`".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_come_from_the_web() {
        for good in [
            "",
            "https://example.org/a.png?x=1",
            "http://[::1]/x",
            "https://example.org",
        ] {
            assert!(is_avatar(good), "{good}");
        }
        let long = format!("https://example.org/{}", "a".repeat(MAX_AVATAR_BYTES));
        for bad in [
            "javascript:alert(1)",
            "data:image/png;base64,AA",
            "//example.org/x",
            "/x",
            "ftp://x/y",
            "https://a/\"x",
            &long,
        ] {
            assert!(!is_avatar(bad), "{bad}");
        }
    }
}
