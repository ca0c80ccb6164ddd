//! [`UserStore`] in memory.

use std::ops::Bound;

use async_trait::async_trait;

use super::MemoryStore;
use crate::error::StoreError;
use crate::id::{Epoch, UserId};
use crate::password::PasswordHash;
use crate::store::{ChangeUser, FirstUser, InsertUser, UserStore};
use crate::user::{Email, NewUser, Role, Status, User};

#[async_trait]
impl UserStore for MemoryStore {
    async fn insert_user(&self, mut user: NewUser, first: FirstUser) -> Result<InsertUser, StoreError> {
        let mut tables = self.open()?;
        if tables.user_by_email.contains_key(&user.email) {
            return Ok(InsertUser::EmailTaken);
        }
        if tables.users.contains_key(&user.id) {
            return Err(StoreError::inconsistent("the id of a new user is in use"));
        }
        if first == FirstUser::BecomesAdmin && tables.users.is_empty() {
            user.role = Role::Admin;
            user.status = Status::Active;
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

    async fn has_users(&self) -> Result<bool, StoreError> {
        Ok(!self.open()?.users.is_empty())
    }

    async fn list_users(&self) -> Result<Vec<User>, StoreError> {
        let mut users: Vec<User> = self.open()?.users.values().cloned().collect();
        users.sort_unstable_by_key(|u| (u.created_at, u.id));
        Ok(users)
    }

    async fn set_password(&self, id: UserId, hash: &PasswordHash) -> Result<Option<Epoch>, StoreError> {
        Ok(self.open()?.change_user(id, |user, epoch| {
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
            .change_user(id, |user, _| user.role = role)
            .map_or(ChangeUser::NotFound, ChangeUser::Changed))
    }

    async fn set_status(&self, id: UserId, status: Status) -> Result<ChangeUser, StoreError> {
        let mut tables = self.open()?;
        if status != Status::Active && tables.is_last_admin(id) {
            return Ok(ChangeUser::LastAdmin);
        }
        Ok(tables
            .change_user(id, |user, _| user.status = status)
            .map_or(ChangeUser::NotFound, ChangeUser::Changed))
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
