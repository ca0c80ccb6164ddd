//! Users, and how they come in.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::external::{ExternalIdentity, LinkedIdentity};
use crate::id::{Epoch, UserId};
use crate::model::ModelAllowList;
use crate::password::PasswordHash;
use crate::secret::StoredDigest;
use crate::user::{Email, NewUser, Role, Status, User};

/// What becomes of a new user in a store that has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstUser {
    /// The first user is an active administrator, whatever was asked for, and needs no invite. Among many at once,
    /// exactly one.
    BecomesAdmin,
    /// Stored as given.
    AsGiven,
    /// Nobody is stored: whoever comes first has to show more.
    Refused,
}

/// An invite that a new user comes in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteClaim {
    /// The code's digests, of which one is the invite's.
    pub digests: Vec<StoredDigest>,
    /// The present time: the invite must not be over, and is used from then on.
    pub at: Timestamp,
}

/// How a new user comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// What becomes of them when there is nobody yet.
    pub first: FirstUser,
    /// An invite to consume with it; not needed, and not consumed, by a first user who becomes the administrator.
    pub invite: Option<InviteClaim>,
    /// What they are recognised by at a provider.
    pub external: Option<ExternalIdentity>,
}

impl Admission {
    /// Without invite or provider.
    pub const fn new(first: FirstUser) -> Self {
        Self {
            first,
            invite: None,
            external: None,
        }
    }
}

/// What [`UserStore::insert_user`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InsertUser {
    /// The user as stored.
    Inserted(User),
    /// The address belongs to somebody already. Nothing was written.
    EmailTaken,
    /// The identity at the provider belongs to somebody already. Nothing was written.
    ExternalTaken,
    /// There is no such invite, it was used, or it is over. Nothing was written.
    InviteInvalid,
    /// There is no user yet, and [`FirstUser::Refused`] was asked for. Nothing was written.
    NoUsersYet,
}

/// What a change to a user that may concern the last administrator did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChangeUser {
    /// Done, at this epoch.
    Changed(Epoch),
    /// There is no such user.
    NotFound,
    /// It would have left no active administrator. Nothing was written.
    LastAdmin,
}

/// What [`UserStore::link_identity`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkIdentity {
    /// Linked now.
    Linked,
    /// It was linked to this user already.
    AlreadyTheirs,
    /// It belongs to somebody else, or the user has another one at this provider. Nothing was written.
    Taken,
    /// There is no such user.
    NotFound,
}

/// Which users are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserQuery {
    /// Only those whose address or name holds this text, without regard to case.
    pub search: Option<String>,
    /// Only those of this status.
    pub status: Option<Status>,
    /// Only those of this role.
    pub role: Option<Role>,
    /// At most so many; `None` is all.
    pub limit: Option<usize>,
    /// Only those after this one, by when they came and by id.
    pub after: Option<(Timestamp, UserId)>,
}

/// Users.
#[async_trait]
pub trait UserStore: Send + Sync {
    /// Stores a new user at the store's next epoch. Addresses and identities at providers are unique. An invite is
    /// consumed in the same transaction: of many at once, one wins.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn insert_user(&self, user: NewUser, admission: Admission) -> Result<InsertUser, StoreError>;

    /// The user with this id.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn find_user(&self, id: UserId) -> Result<Option<User>, StoreError>;

    /// The user with this address.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn find_user_by_email(&self, email: &Email) -> Result<Option<User>, StoreError>;

    /// The user with this identity at a provider.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn find_user_by_identity(&self, identity: &ExternalIdentity) -> Result<Option<User>, StoreError>;

    /// Whether there is any user.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn has_users(&self) -> Result<bool, StoreError>;

    /// The users that `query` asks for, oldest first, then by id.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn list_users(&self, query: &UserQuery) -> Result<Vec<User>, StoreError>;

    /// The names of those of `ids` that exist.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn names_of(&self, ids: &[UserId]) -> Result<BTreeMap<UserId, String>, StoreError>;

    /// Gives the user a new password, and moves [`User::epoch`] and [`User::sign_in_epoch`] to the store's next epoch,
    /// which ends all their sessions. With `old`, only while that is their present hash. `None` when nothing was changed.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn set_password(
        &self,
        id: UserId,
        old: Option<&PasswordHash>,
        hash: &PasswordHash,
    ) -> Result<Option<Epoch>, StoreError>;

    /// Replaces the hash `old` by `new` for the same password, if it still is `old`. Changes no epoch.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn rehash_password(&self, id: UserId, old: &PasswordHash, new: &PasswordHash) -> Result<bool, StoreError>;

    /// Gives the user a role. The last active administrator stays one. A role that differs from the one before moves
    /// [`User::sign_in_epoch`] too, which ends all sessions.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn set_role(&self, id: UserId, role: Role) -> Result<ChangeUser, StoreError>;

    /// Lets the user in, or shuts them out. The last active administrator stays active. To shut somebody out who was
    /// in moves [`User::sign_in_epoch`] too, which ends all sessions.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn set_status(&self, id: UserId, status: Status) -> Result<ChangeUser, StoreError>;

    /// Gives the user a name and a picture. `None` when there is no such user.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn set_profile(&self, id: UserId, name: &str, avatar_url: &str) -> Result<Option<Epoch>, StoreError>;

    /// Replaces which features are switched on or off for the user. `None` when there is no such user.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn set_permissions(
        &self,
        id: UserId,
        permissions: &BTreeMap<String, bool>,
    ) -> Result<Option<Epoch>, StoreError>;

    /// Replaces which models the user may use. `None` when there is no such user.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn set_models(&self, id: UserId, models: &ModelAllowList) -> Result<Option<Epoch>, StoreError>;

    /// Deletes the user with their keys, sessions, identities at providers, the invites they made, and the sessions in
    /// which they act as others. The last active administrator stays. [`changes_since`](Self::changes_since) tells of
    /// it like of any other change, for at least a day; so it does for the users in whose name they acted.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn delete_user(&self, id: UserId, at: Timestamp) -> Result<ChangeUser, StoreError>;

    /// Links an identity at a provider to the user. An identity belongs to one user; a user has one at each provider.
    /// Moves no epoch.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn link_identity(
        &self,
        id: UserId,
        identity: ExternalIdentity,
        at: Timestamp,
    ) -> Result<LinkIdentity, StoreError>;

    /// The user's identities at providers, by provider.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn identities(&self, id: UserId) -> Result<Vec<LinkedIdentity>, StoreError>;

    /// Takes an identity from the user, unless they could then not sign in any more: no password, and no other
    /// identity. `false` when nothing was taken. Moves no epoch.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn unlink_identity(&self, id: UserId, identity: &ExternalIdentity) -> Result<bool, StoreError>;

    /// The users whose epoch is greater than `after`, each with it, in the order of epochs. Deleted ones are among them,
    /// and [`UserId::SHARED`] when the shared keys changed or a session made from one ended.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn changes_since(&self, after: Epoch) -> Result<Vec<(UserId, Epoch)>, StoreError>;

    /// The greatest epoch given out; [`Epoch::default`] for a fresh store.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn latest_epoch(&self) -> Result<Epoch, StoreError>;
}
