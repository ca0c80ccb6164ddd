//! [`UserStore`].

use async_trait::async_trait;
use localauth_core::{
    ChangeUser, Email, Epoch, FirstUser, InsertUser, NewUser, PasswordHash, Role, Status, StoreError, User, UserId,
    UserStore,
};

use crate::store::FileStore;

#[async_trait]
impl UserStore for FileStore {
    async fn insert_user(&self, mut new: NewUser, first: FirstUser) -> Result<InsertUser, StoreError> {
        self.change(move |tables| {
            // Looked up and stored in one change: of many who want this address at once, one gets it. With a database
            // the unique index decides, and what it says becomes this answer.
            if tables.users.iter().any(|user| user.email == new.email) {
                return Ok(InsertUser::EmailTaken);
            }
            if tables.user(new.id).is_some() {
                return Err(StoreError::inconsistent("the id of a new user is in use"));
            }
            if first == FirstUser::BecomesAdmin && tables.users.is_empty() {
                new.role = Role::Admin;
                new.status = Status::Active;
            }
            let user = User::from_new(new, tables.next_epoch());
            tables.users.push(user.clone());
            Ok(InsertUser::Inserted(user))
        })
        .await
    }

    async fn find_user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.read().user(id).cloned())
    }

    async fn find_user_by_email(&self, email: &Email) -> Result<Option<User>, StoreError> {
        // An `Email` is in its one normal form already: compare it to the letter.
        Ok(self.read().users.iter().find(|user| user.email == *email).cloned())
    }

    async fn has_users(&self) -> Result<bool, StoreError> {
        Ok(!self.read().users.is_empty())
    }

    async fn list_users(&self) -> Result<Vec<User>, StoreError> {
        let mut users = self.read().users.clone();
        users.sort_unstable_by_key(|user| (user.created_at, user.id));
        Ok(users)
    }

    async fn set_password(&self, id: UserId, hash: &PasswordHash) -> Result<Option<Epoch>, StoreError> {
        let hash = hash.clone();
        self.change(move |tables| {
            Ok(tables.change_user(id, |user, epoch| {
                user.password = Some(hash);
                // This is what ends all their sessions: each remembers the value it was made under.
                user.sign_in_epoch = epoch;
            }))
        })
        .await
    }

    async fn rehash_password(&self, id: UserId, old: &PasswordHash, new: &PasswordHash) -> Result<bool, StoreError> {
        let (old, new) = (old.clone(), new.clone());
        self.change(move |tables| {
            // Compared and replaced in one change: a password that was set meanwhile stays. The same password with
            // another hash lets nobody do anything new, so no epoch moves.
            let is_it = |user: &&mut User| user.id == id && user.password.as_ref() == Some(&old);
            let Some(user) = tables.users.iter_mut().find(is_it) else {
                return Ok(false);
            };
            user.password = Some(new);
            Ok(true)
        })
        .await
    }

    async fn set_role(&self, id: UserId, role: Role) -> Result<ChangeUser, StoreError> {
        self.change(move |tables| {
            if role != Role::Admin && tables.is_last_admin(id) {
                return Ok(ChangeUser::LastAdmin);
            }
            let epoch = tables.change_user(id, |user, _| user.role = role);
            Ok(epoch.map_or(ChangeUser::NotFound, ChangeUser::Changed))
        })
        .await
    }

    async fn set_status(&self, id: UserId, status: Status) -> Result<ChangeUser, StoreError> {
        self.change(move |tables| {
            if status != Status::Active && tables.is_last_admin(id) {
                return Ok(ChangeUser::LastAdmin);
            }
            let epoch = tables.change_user(id, |user, _| user.status = status);
            Ok(epoch.map_or(ChangeUser::NotFound, ChangeUser::Changed))
        })
        .await
    }

    /// Asked twice a second by each server, with the last epoch it has seen. With a database: one indexed statement.
    async fn changes_since(&self, after: Epoch) -> Result<Vec<(UserId, Epoch)>, StoreError> {
        let tables = self.read();
        let later = tables.users.iter().filter(|user| user.epoch > after);
        let mut changes: Vec<_> = later.map(|user| (user.id, user.epoch)).collect();
        changes.sort_unstable_by_key(|&(_, epoch)| epoch);
        Ok(changes)
    }

    async fn latest_epoch(&self) -> Result<Epoch, StoreError> {
        Ok(self.read().epoch)
    }
}
