//! What a user makes is the user's.

mod owners;

pub use owners::{NotTaken, Owners};

use crate::id::UserId;
use crate::identity::Identity;

/// Something that a user made: theirs to read and to change, and for administrators to read.
///
/// For everybody else it does not exist: answer [`Denial::NotFound`](crate::Denial::NotFound), as for what was never
/// there.
///
/// ```
/// use localauth_core::{Auth, MemoryStore, NewAccount, NewKey, OwnedBy, Password};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let auth = Auth::builder(MemoryStore::new()).build()?;
/// # let ada = somebody(&auth, "ada@example.org").await?;
/// # let bob = somebody(&auth, "bob@example.org").await?;
/// let upload = OwnedBy::new(ada.user_id(), "notes.txt");
/// assert!(upload.may_read(&ada) && upload.may_change(&ada));
/// assert!(!upload.may_read(&bob) && !upload.may_change(&bob));
/// # Ok(())
/// # }
/// # async fn somebody(auth: &Auth, email: &str) -> Result<std::sync::Arc<localauth_core::Identity>, Box<dyn std::error::Error>> {
/// #     let user = auth.add_user(NewAccount::local(email, Password::new("correct-horse-battery"))).await?;
/// #     let key = auth.create_key(user.id, NewKey::named("laptop")).await?;
/// #     let mut headers = http::HeaderMap::new();
/// #     headers.insert("x-api-key", key.plain.expose().parse()?);
/// #     Ok(auth.authenticate(&headers).await?)
/// # }
/// ```
///
/// Something made [with a model](Self::made_with) tells what went into that model and came out of it: a key that is
/// narrowed to other models does not see it, though its user does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedBy<T> {
    owner: UserId,
    model: Option<Box<str>>,
    value: T,
}

impl<T> OwnedBy<T> {
    /// `value`, made by `owner`.
    pub const fn new(owner: UserId, value: T) -> Self {
        Self {
            owner,
            model: None,
            value,
        }
    }

    /// Made with this model.
    #[must_use]
    pub fn made_with(mut self, model: impl Into<Box<str>>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Who made it.
    pub const fn owner(&self) -> UserId {
        self.owner
    }

    /// What was made.
    pub const fn value(&self) -> &T {
        &self.value
    }

    /// What was made, to keep.
    pub fn into_value(self) -> T {
        self.value
    }

    /// Whether `identity` may read it: its owner, or an administrator.
    ///
    /// An administrator's key that is narrowed in models or features is for using models, and reads its own only.
    pub fn may_read(&self, identity: &Identity) -> bool {
        self.may_change(identity) || identity.require_admin().is_ok()
    }

    /// Whether `identity` may change, delete or go on with it: its owner.
    pub fn may_change(&self, identity: &Identity) -> bool {
        identity.user_id() == self.owner && self.is_within_scope(identity)
    }

    /// What an administrator takes from a user later on is no reason to hide what is the user's already; what a key was
    /// never given is.
    fn is_within_scope(&self, identity: &Identity) -> bool {
        let model = self.model.as_deref();
        identity.scope().is_none() || model.is_none_or(|model| identity.may_use_model(model))
    }
}

#[cfg(test)]
mod tests;
