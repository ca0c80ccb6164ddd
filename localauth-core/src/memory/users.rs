//! [`UserStore`] in memory.

use std::collections::BTreeMap;
use std::ops::Bound;

use async_trait::async_trait;

use super::MemoryStore;
use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::external::{ExternalIdentity, LinkedIdentity};
use crate::id::{Epoch, UserId};
use crate::model::ModelAllowList;
use crate::password::PasswordHash;
use crate::store::{Admission, ChangeUser, FirstUser, InsertUser, LinkIdentity, UserQuery, UserStore};
use crate::user::{Email, NewUser, Role, Status, User};

#[async_trait]
impl UserStore for MemoryStore {
    async fn insert_user(&self, mut user: NewUser, admission: Admission) -> Result<InsertUser, StoreError> {
        let mut tables = self.open()?;
        let is_first = tables.users.is_empty();
        if is_first && admission.first == FirstUser::Refused {
            return Ok(InsertUser::NoUsersYet);
        }
        if tables.user_by_email.contains_key(&user.email) {
            return Ok(InsertUser::EmailTaken);
        }
        if tables.users.contains_key(&user.id) {
            return Err(StoreError::inconsistent("the id of a new user is in use"));
        }
        if let Some(external) = &admission.external
            && tables.identities.contains_key(external)
        {
            return Ok(InsertUser::ExternalTaken);
        }
        if is_first && admission.first == FirstUser::BecomesAdmin {
            user.role = Role::Admin;
            user.status = Status::Active;
        } else if let Some(claim) = &admission.invite {
            let open = tables
                .invites
                .values_mut()
                .find(|invite| claim.digests.contains(&invite.digest) && invite.is_open(claim.at));
            let Some(invite) = open else {
                return Ok(InsertUser::InviteInvalid);
            };
            invite.used_at = Some(claim.at);
            invite.used_by = Some(user.id);
        }
        if let Some(external) = admission.external {
            tables.identities.insert(external, (user.id, user.created_at));
        }
        let user = User::from_new(user, tables.next_epoch());
        tables.user_by_email.insert(user.email.clone(), user.id);
        tables.user_by_epoch.insert(user.epoch, user.id);
        tables.users.insert(user.id, user.clone());
        Ok(InsertUser::Inserted(user))
    }

    async fn find_user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.open_for_lookup().await?.users.get(&id).cloned())
    }

    async fn find_user_by_email(&self, email: &Email) -> Result<Option<User>, StoreError> {
        let tables = self.open()?;
        Ok(tables
            .user_by_email
            .get(email)
            .and_then(|id| tables.users.get(id))
            .cloned())
    }

    async fn find_user_by_identity(&self, identity: &ExternalIdentity) -> Result<Option<User>, StoreError> {
        let tables = self.open()?;
        let owner = tables.identities.get(identity);
        Ok(owner.and_then(|(id, _)| tables.users.get(id)).cloned())
    }

    async fn has_users(&self) -> Result<bool, StoreError> {
        Ok(!self.open()?.users.is_empty())
    }

    async fn list_users(&self, query: &UserQuery) -> Result<Vec<User>, StoreError> {
        let search = query.search.as_deref().map(str::to_lowercase);
        let wanted = |user: &&User| {
            query.status.is_none_or(|status| status == user.status)
                && query.role.is_none_or(|role| role == user.role)
                && query.after.is_none_or(|after| (user.created_at, user.id) > after)
                && search
                    .as_deref()
                    .is_none_or(|text| user.email.as_str().contains(text) || user.name.to_lowercase().contains(text))
        };
        let mut users: Vec<User> = self.open()?.users.values().filter(wanted).cloned().collect();
        users.sort_unstable_by_key(|u| (u.created_at, u.id));
        users.truncate(query.limit.unwrap_or(usize::MAX));
        Ok(users)
    }

    async fn names_of(&self, ids: &[UserId]) -> Result<BTreeMap<UserId, String>, StoreError> {
        let tables = self.open()?;
        let name = |id: &UserId| Some((*id, tables.users.get(id)?.name.clone()));
        Ok(ids.iter().filter_map(name).collect())
    }

    async fn set_password(
        &self,
        id: UserId,
        old: Option<&PasswordHash>,
        hash: &PasswordHash,
    ) -> Result<Option<Epoch>, StoreError> {
        let mut tables = self.open()?;
        if old.is_some() && tables.users.get(&id).is_none_or(|user| user.password.as_ref() != old) {
            return Ok(None);
        }
        Ok(tables.change_user(id, |user, epoch| {
            user.password = Some(hash.clone());
            user.sign_in_epoch = epoch;
        }))
    }

    async fn rehash_password(&self, id: UserId, old: &PasswordHash, new: &PasswordHash) -> Result<bool, StoreError> {
        let mut tables = self.open()?;
        let Some(user) = tables.users.get_mut(&id).filter(|u| u.password.as_ref() == Some(old)) else {
            return Ok(false);
        };
        user.password = Some(new.clone());
        Ok(true)
    }

    async fn set_role(&self, id: UserId, role: Role) -> Result<ChangeUser, StoreError> {
        let mut tables = self.open()?;
        if role != Role::Admin && tables.is_last_admin(id) {
            return Ok(ChangeUser::LastAdmin);
        }
        Ok(tables
            .change_user(id, |user, epoch| {
                if user.role != role {
                    user.sign_in_epoch = epoch;
                }
                user.role = role;
            })
            .map_or(ChangeUser::NotFound, ChangeUser::Changed))
    }

    async fn set_status(&self, id: UserId, status: Status) -> Result<ChangeUser, StoreError> {
        let mut tables = self.open()?;
        if status != Status::Active && tables.is_last_admin(id) {
            return Ok(ChangeUser::LastAdmin);
        }
        Ok(tables
            .change_user(id, |user, epoch| {
                if user.status == Status::Active && status != Status::Active {
                    user.sign_in_epoch = epoch;
                }
                user.status = status;
            })
            .map_or(ChangeUser::NotFound, ChangeUser::Changed))
    }

    async fn set_profile(&self, id: UserId, name: &str, avatar_url: &str) -> Result<Option<Epoch>, StoreError> {
        Ok(self.open()?.change_user(id, |user, _| {
            name.clone_into(&mut user.name);
            avatar_url.clone_into(&mut user.avatar_url);
        }))
    }

    async fn set_permissions(
        &self,
        id: UserId,
        permissions: &BTreeMap<String, bool>,
    ) -> Result<Option<Epoch>, StoreError> {
        Ok(self
            .open()?
            .change_user(id, |user, _| user.permissions.clone_from(permissions)))
    }

    async fn set_models(&self, id: UserId, models: &ModelAllowList) -> Result<Option<Epoch>, StoreError> {
        Ok(self.open()?.change_user(id, |user, _| user.models.clone_from(models)))
    }

    async fn delete_user(&self, id: UserId, _: Timestamp) -> Result<ChangeUser, StoreError> {
        let mut tables = self.open()?;
        if tables.is_last_admin(id) {
            return Ok(ChangeUser::LastAdmin);
        }
        Ok(tables.delete_user(id).map_or(ChangeUser::NotFound, ChangeUser::Changed))
    }

    async fn link_identity(
        &self,
        id: UserId,
        identity: ExternalIdentity,
        at: Timestamp,
    ) -> Result<LinkIdentity, StoreError> {
        let mut tables = self.open()?;
        if !tables.users.contains_key(&id) {
            return Ok(LinkIdentity::NotFound);
        }
        match tables.identities.get(&identity) {
            Some((owner, _)) if *owner == id => return Ok(LinkIdentity::AlreadyTheirs),
            Some(_) => return Ok(LinkIdentity::Taken),
            None => {}
        }
        let has_another = |(other, (owner, _)): (&ExternalIdentity, &(UserId, _))| {
            *owner == id && other.provider == identity.provider
        };
        if tables.identities.iter().any(has_another) {
            return Ok(LinkIdentity::Taken);
        }
        tables.identities.insert(identity, (id, at));
        Ok(LinkIdentity::Linked)
    }

    async fn identities(&self, id: UserId) -> Result<Vec<LinkedIdentity>, StoreError> {
        let tables = self.open()?;
        let theirs = tables.identities.iter().filter(|(_, (owner, _))| *owner == id);
        Ok(theirs
            .map(|(identity, (_, linked_at))| LinkedIdentity {
                identity: identity.clone(),
                linked_at: *linked_at,
            })
            .collect())
    }

    async fn unlink_identity(&self, id: UserId, identity: &ExternalIdentity) -> Result<bool, StoreError> {
        let mut tables = self.open()?;
        let has_password = tables.users.get(&id).is_some_and(|u| u.password.is_some());
        let others = tables
            .identities
            .iter()
            .filter(|(other, (owner, _))| *owner == id && *other != identity);
        if !has_password && others.count() == 0 {
            return Ok(false);
        }
        if tables.identities.get(identity).is_none_or(|(owner, _)| *owner != id) {
            return Ok(false);
        }
        tables.identities.remove(identity);
        Ok(true)
    }

    async fn changes_since(&self, after: Epoch) -> Result<Vec<(UserId, Epoch)>, StoreError> {
        let tables = self.open()?;
        let later = (Bound::Excluded(after), Bound::Unbounded);
        Ok(tables
            .user_by_epoch
            .range(later)
            .map(|(&epoch, &id)| (id, epoch))
            .collect())
    }

    async fn latest_epoch(&self) -> Result<Epoch, StoreError> {
        Ok(self.open()?.epoch)
    }
}
