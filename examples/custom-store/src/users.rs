//! [`UserStore`].

use std::collections::BTreeMap;

use async_trait::async_trait;
use localauth_core::{
    Admission, ChangeUser, Email, Epoch, ExternalIdentity, FirstUser, InsertUser, LinkIdentity, LinkedIdentity,
    ModelAllowList, NewUser, PasswordHash, Role, Status, StoreError, Timestamp, User, UserId, UserQuery, UserStore,
};

use crate::store::FileStore;
use crate::tables::Identity;

#[async_trait]
impl UserStore for FileStore {
    /// Looked up, consumed and stored in one change: of many who want this address or have this invite at once, one gets
    /// it. With a database the unique indexes decide, and what they say becomes this answer; the invite is marked by an
    /// `UPDATE .. WHERE used_at IS NULL`, which must change one row.
    async fn insert_user(&self, mut new: NewUser, admission: Admission) -> Result<InsertUser, StoreError> {
        self.change(move |tables| {
            let is_first = tables.users.is_empty();
            if is_first && admission.first == FirstUser::Refused {
                return Ok(InsertUser::NoUsersYet);
            }
            if tables.users.iter().any(|user| user.email == new.email) {
                return Ok(InsertUser::EmailTaken);
            }
            if tables.user(new.id).is_some() {
                return Err(StoreError::inconsistent("the id of a new user is in use"));
            }
            // `None` is nobody's identity.
            let taken = |row: &Identity| Some(&row.external) == admission.external.as_ref();
            if tables.identities.iter().any(taken) {
                return Ok(InsertUser::ExternalTaken);
            }
            if is_first && admission.first == FirstUser::BecomesAdmin {
                new.role = Role::Admin;
                new.status = Status::Active;
            } else if let Some(claim) = admission.invite {
                let mut invites = tables.invites.iter_mut();
                let good = invites.find(|i| claim.digests.contains(&i.digest) && i.is_open(claim.at));
                let Some(invite) = good else {
                    return Ok(InsertUser::InviteInvalid);
                };
                invite.used_at = Some(claim.at);
                invite.used_by = Some(new.id);
            }
            // From here on nothing is refused any more.
            tables.identities.extend(admission.external.map(|external| Identity {
                user_id: new.id,
                external,
                linked_at: new.created_at,
            }));
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

    async fn find_user_by_identity(&self, identity: &ExternalIdentity) -> Result<Option<User>, StoreError> {
        let tables = self.read();
        let row = tables.identities.iter().find(|row| row.external == *identity);
        Ok(row.and_then(|row| tables.user(row.user_id)).cloned())
    }

    async fn has_users(&self) -> Result<bool, StoreError> {
        Ok(!self.read().users.is_empty())
    }

    /// With a database: compare `(created_at, id)` as a pair, and mind that `LIKE` has characters of its own and often
    /// knows no case beyond ASCII.
    async fn list_users(&self, query: &UserQuery) -> Result<Vec<User>, StoreError> {
        let search = query.search.as_deref().unwrap_or_default().to_lowercase();
        let wanted = |user: &&User| {
            (user.email.as_str().contains(&search) || user.name.to_lowercase().contains(&search))
                && query.status.is_none_or(|status| user.status == status)
                && query.role.is_none_or(|role| user.role == role)
                && query.after.is_none_or(|after| (user.created_at, user.id) > after)
        };
        let mut users: Vec<User> = self.read().users.iter().filter(wanted).cloned().collect();
        users.sort_unstable_by_key(|user| (user.created_at, user.id));
        users.truncate(query.limit.unwrap_or(usize::MAX));
        Ok(users)
    }

    async fn names_of(&self, ids: &[UserId]) -> Result<BTreeMap<UserId, String>, StoreError> {
        let tables = self.read();
        let users = ids.iter().filter_map(|&id| tables.user(id));
        Ok(users.map(|user| (user.id, user.name.clone())).collect())
    }

    async fn set_password(
        &self,
        id: UserId,
        old: Option<&PasswordHash>,
        hash: &PasswordHash,
    ) -> Result<Option<Epoch>, StoreError> {
        let (old, hash) = (old.cloned(), hash.clone());
        self.change(move |tables| {
            // Compared and replaced in one change: of two changes at once, one finds another password.
            let present = tables
                .users
                .iter()
                .find(|user| user.id == id)
                .and_then(|user| user.password.clone());
            if old.is_some() && old != present {
                return Ok(None);
            }
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
            let epoch = tables.change_user(id, |user, epoch| {
                if user.role != role {
                    user.sign_in_epoch = epoch;
                }
                user.role = role;
            });
            Ok(epoch.map_or(ChangeUser::NotFound, ChangeUser::Changed))
        })
        .await
    }

    async fn set_status(&self, id: UserId, status: Status) -> Result<ChangeUser, StoreError> {
        self.change(move |tables| {
            if status != Status::Active && tables.is_last_admin(id) {
                return Ok(ChangeUser::LastAdmin);
            }
            let epoch = tables.change_user(id, |user, epoch| {
                if user.status == Status::Active && status != Status::Active {
                    user.sign_in_epoch = epoch;
                }
                user.status = status;
            });
            Ok(epoch.map_or(ChangeUser::NotFound, ChangeUser::Changed))
        })
        .await
    }

    async fn set_profile(&self, id: UserId, name: &str, avatar_url: &str) -> Result<Option<Epoch>, StoreError> {
        let (name, avatar_url) = (name.to_owned(), avatar_url.to_owned());
        self.change(move |tables| {
            Ok(tables.change_user(id, |user, _| {
                user.name = name;
                user.avatar_url = avatar_url;
            }))
        })
        .await
    }

    async fn set_permissions(
        &self,
        id: UserId,
        permissions: &BTreeMap<String, bool>,
    ) -> Result<Option<Epoch>, StoreError> {
        let permissions = permissions.clone();
        self.change(move |tables| Ok(tables.change_user(id, |user, _| user.permissions = permissions)))
            .await
    }

    async fn set_models(&self, id: UserId, models: &ModelAllowList) -> Result<Option<Epoch>, StoreError> {
        let models = models.clone();
        self.change(move |tables| Ok(tables.change_user(id, |user, _| user.models = models)))
            .await
    }

    async fn delete_user(&self, id: UserId, at: Timestamp) -> Result<ChangeUser, StoreError> {
        self.change(move |tables| {
            if tables.is_last_admin(id) {
                return Ok(ChangeUser::LastAdmin);
            }
            let epoch = tables.delete_user(id, at);
            Ok(epoch.map_or(ChangeUser::NotFound, ChangeUser::Changed))
        })
        .await
    }

    /// Who somebody is elsewhere changes nothing of what they may do here: no epoch.
    async fn link_identity(
        &self,
        id: UserId,
        identity: ExternalIdentity,
        at: Timestamp,
    ) -> Result<LinkIdentity, StoreError> {
        self.change(move |tables| {
            if tables.user(id).is_none() {
                return Ok(LinkIdentity::NotFound);
            }
            let clashes = |row: &&Identity| {
                row.external == identity || (row.user_id == id && row.external.provider == identity.provider)
            };
            match tables.identities.iter().find(clashes) {
                Some(row) if row.user_id == id && row.external == identity => Ok(LinkIdentity::AlreadyTheirs),
                Some(_) => Ok(LinkIdentity::Taken),
                None => {
                    tables.identities.push(Identity {
                        user_id: id,
                        external: identity,
                        linked_at: at,
                    });
                    Ok(LinkIdentity::Linked)
                }
            }
        })
        .await
    }

    async fn identities(&self, id: UserId) -> Result<Vec<LinkedIdentity>, StoreError> {
        let tables = self.read();
        let theirs = tables.identities.iter().filter(|row| row.user_id == id);
        let mut linked: Vec<_> = theirs
            .map(|row| LinkedIdentity {
                identity: row.external.clone(),
                linked_at: row.linked_at,
            })
            .collect();
        linked.sort_unstable_by(|a, b| a.identity.cmp(&b.identity));
        Ok(linked)
    }

    async fn unlink_identity(&self, id: UserId, identity: &ExternalIdentity) -> Result<bool, StoreError> {
        let identity = identity.clone();
        self.change(move |tables| {
            let (theirs, others): (Vec<_>, Vec<_>) = tables
                .identities
                .iter()
                .filter(|row| row.user_id == id)
                .partition(|row| row.external == identity);
            let has_password = tables.user(id).is_some_and(|user| user.password.is_some());
            // The last way to sign in stays.
            if theirs.is_empty() || (others.is_empty() && !has_password) {
                return Ok(false);
            }
            tables.identities.retain(|row| row.external != identity);
            Ok(true)
        })
        .await
    }

    /// Asked twice a second by each server, with the last epoch it has seen. With a database: one indexed statement.
    async fn changes_since(&self, after: Epoch) -> Result<Vec<(UserId, Epoch)>, StoreError> {
        let mut changes: Vec<_> = self.read().epochs().filter(|&(_, epoch)| epoch > after).collect();
        changes.sort_unstable_by_key(|&(_, epoch)| epoch);
        Ok(changes)
    }

    async fn latest_epoch(&self) -> Result<Epoch, StoreError> {
        Ok(self.read().epoch)
    }
}
