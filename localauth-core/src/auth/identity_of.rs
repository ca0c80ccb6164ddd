//! Who somebody would be, for administrators who ask what they may do.

use std::sync::Arc;

use super::Auth;
use super::question::terms_of;
use super::users::ManageError;
use crate::audit::Caller;
use crate::clock::Timestamp;
use crate::id::{SessionId, UserId};
use crate::identity::{Identity, Proof, Source};
use crate::key::PublicId;
use crate::user::User;

impl Auth {
    /// Who this user would be if they were signed in now: to judge by, as in "why was this refused". Nothing is used, and
    /// no session begins.
    ///
    /// It is no credential: like an administrator who acts as the user, it hands out none.
    ///
    /// ```
    /// # use localauth_core::{Auth, Caller, Denial, MemoryStore, NewAccount, Password};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let auth = Auth::builder(MemoryStore::new()).build()?;
    /// let ada = auth.add_user(NewAccount::local("ada@example.org", Password::new("correct-horse-battery"))).await?;
    /// let them = auth.identity_of(&Caller::operator(), ada.id).await?;
    /// assert_eq!(them.require_feature("agents"), Err(Denial::FeatureDisabled));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ManageError`] when there is no such user, the caller is no administrator, or the store could not answer.
    pub async fn identity_of(&self, caller: &Caller, id: UserId) -> Result<Arc<Identity>, ManageError> {
        caller.require_admin()?;
        let user = self.find_user(id).await?.ok_or(ManageError::NotFound)?;
        let nowhere = SessionId::from_uuid(uuid::Uuid::nil());
        self.judged(
            caller,
            user,
            Proof::new(Source::Session { id: nowhere }, Timestamp::MAX),
        )
        .await
    }

    /// The same for whoever would come with the key of this public id, narrowed as the key is.
    ///
    /// # Errors
    ///
    /// [`ManageError`] when there is no such key or it is revoked, the caller is no administrator, or the store could not
    /// answer.
    pub async fn identity_of_key(&self, caller: &Caller, key: &PublicId) -> Result<Arc<Identity>, ManageError> {
        caller.require_admin()?;
        let found = self.0.stores.keys.find_key(key).await?;
        let (key, owner) = found
            .filter(|(key, _)| key.revoked_at.is_none())
            .ok_or(ManageError::NotFound)?;
        let end = key.expires_at.unwrap_or(Timestamp::MAX);
        self.judged(caller, owner, Proof::of_key(&key, end)).await
    }

    async fn judged(&self, caller: &Caller, user: User, mut proof: Proof) -> Result<Arc<Identity>, ManageError> {
        let inner = &self.0;
        let terms = terms_of(inner, user.id).await?;
        let cell = inner.epochs.observe(user.id, user.epoch, inner.clock.now());
        proof.impersonator = caller.actor();
        let identity = Identity::of_user(proof, user, &inner.features, cell, &terms.borrow(inner)?);
        Ok(Arc::new(identity))
    }
}
