//! Who made what, by id.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::OwnedBy;
use crate::clock::Timestamp;
use crate::error::Denial;
use crate::id::UserId;
use crate::identity::Identity;

/// The longest id, in bytes.
const LONGEST_ID: usize = 256;
/// How long things are kept unless said.
const LIFETIME: Duration = Duration::from_hours(30 * 24);

/// Remembers in memory who made what: a bounded map from ids to [`OwnedBy`].
///
/// For things that something else keeps and hands out to whoever knows their id: files, stored answers, jobs. What does
/// not exist, what is over and what is somebody else's are the same: [`Denial::NotFound`], after one look-up.
///
/// Each bound that is passed pushes out the oldest: of the user who passed theirs, or of all. What was pushed out is
/// handed back, for whoever keeps the thing itself to delete it.
///
/// ```
/// use localauth_core::{Auth, Denial, MemoryStore, NewAccount, NewKey, OwnedBy, Owners, Password};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let auth = Auth::builder(MemoryStore::new()).build()?;
/// # let ada = somebody(&auth, "ada@example.org").await?;
/// # let bob = somebody(&auth, "bob@example.org").await?;
/// let files = Owners::new(10_000).most_each(1);
///
/// // POST /v1/files, by Ada:
/// files.insert("file-1", OwnedBy::new(ada.user_id(), "notes.txt"), 0, auth.now())?;
///
/// // GET /v1/files/file-1
/// assert_eq!(files.read("file-1", &ada, auth.now()), Ok("notes.txt"));
/// assert_eq!(files.read("file-1", &bob, auth.now()), Err(Denial::NotFound));
/// assert_eq!(files.read("file-2", &bob, auth.now()), Err(Denial::NotFound));
///
/// // She may have one at a time; the older one is to be deleted:
/// let gone = files.insert("file-2", OwnedBy::new(ada.user_id(), "more.txt"), 0, auth.now())?;
/// assert_eq!(gone[0].1.value(), &"notes.txt");
///
/// // DELETE /v1/files/file-2
/// assert!(files.remove("file-2", &bob, auth.now()).is_err());
/// assert!(files.remove("file-2", &ada, auth.now()).is_ok());
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
pub struct Owners<T> {
    all: Bound,
    each: Bound,
    lifetime: Duration,
    state: Mutex<State<T>>,
}

#[derive(Clone, Copy)]
struct Bound {
    count: usize,
    size: u64,
}

struct State<T> {
    numbers: HashMap<Arc<str>, u64>,
    /// By age: numbers only grow.
    entries: BTreeMap<u64, Entry<T>>,
    users: HashMap<UserId, OfUser>,
    size: u64,
    next: u64,
}

struct Entry<T> {
    id: Arc<str>,
    owned: OwnedBy<T>,
    size: u64,
    until: Timestamp,
}

#[derive(Default)]
struct OfUser {
    numbers: BTreeSet<u64>,
    size: u64,
}

/// What is over or was pushed out, by id.
type Gone<T> = Vec<(Arc<str>, OwnedBy<T>)>;

/// An id that cannot be noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotTaken {
    /// Longer than 256 bytes.
    #[error("an id has at most {LONGEST_ID} bytes")]
    TooLong,
    /// Something has it already. Whose it is does not change.
    #[error("the id belongs to something else")]
    InUse,
}

impl<T> Owners<T> {
    /// For at most so many things in all, each for 30 days.
    pub fn new(most: usize) -> Self {
        let bound = |count| Bound { count, size: u64::MAX };
        Self {
            all: bound(most),
            each: bound(most),
            lifetime: LIFETIME,
            state: Mutex::new(State {
                numbers: HashMap::new(),
                entries: BTreeMap::new(),
                users: HashMap::new(),
                size: 0,
                next: 0,
            }),
        }
    }

    /// With at most so many of one user.
    #[must_use]
    pub const fn most_each(mut self, most: usize) -> Self {
        self.each.count = most;
        self
    }

    /// With at most so much together, in whatever [`insert`](Self::insert) measures sizes in.
    #[must_use]
    pub const fn most_size(mut self, most: u64) -> Self {
        self.all.size = most;
        self
    }

    /// With at most so much together of one user.
    #[must_use]
    pub const fn most_size_each(mut self, most: u64) -> Self {
        self.each.size = most;
        self
    }

    /// With this time to live.
    #[must_use]
    pub const fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Notes whose `id` is. Hands back what is over or had to make room: this one itself, if it is too large.
    ///
    /// # Errors
    ///
    /// [`NotTaken`] when it cannot be.
    pub fn insert(&self, id: &str, owned: OwnedBy<T>, size: u64, now: Timestamp) -> Result<Gone<T>, NotTaken> {
        if id.len() > LONGEST_ID {
            return Err(NotTaken::TooLong);
        }
        let mut state = self.lock();
        let mut gone = state.expire(now);
        if state.numbers.contains_key(id) {
            return Err(NotTaken::InUse);
        }
        let id: Arc<str> = id.into();
        if size > self.each.size.min(self.all.size) {
            // Others would go for what cannot stay.
            gone.push((id, owned));
            return Ok(gone);
        }
        let (user, number) = (owned.owner(), state.next);
        state.next += 1;
        state.numbers.insert(Arc::clone(&id), number);
        let until = now + self.lifetime;
        state.entries.insert(number, Entry { id, owned, size, until });
        let of_user = state.users.entry(user).or_default();
        of_user.numbers.insert(number);
        of_user.size = of_user.size.saturating_add(size);
        state.size = state.size.saturating_add(size);
        while let Some(oldest) = state.oldest_too_many(user, self.each) {
            gone.extend(state.take(oldest));
        }
        while state.entries.len() > self.all.count || state.size > self.all.size {
            let Some((&oldest, _)) = state.entries.first_key_value() else {
                break;
            };
            gone.extend(state.take(oldest));
        }
        Ok(gone)
    }

    /// Whose `id` is, for one who may not know of it: only for decisions that are not theirs.
    pub fn owner(&self, id: &str, now: Timestamp) -> Option<UserId> {
        let state = self.lock();
        Some(state.find(id, now)?.owned.owner())
    }

    /// The size that `id` was noted with, whoever's it is.
    pub fn size_of(&self, id: &str, now: Timestamp) -> Option<u64> {
        Some(self.lock().find(id, now)?.size)
    }

    /// What `id` is, for one who may read it.
    ///
    /// # Errors
    ///
    /// [`Denial::NotFound`] when there is no such thing, or it is not theirs to read.
    pub fn read(&self, id: &str, identity: &Identity, now: Timestamp) -> Result<T, Denial>
    where
        T: Clone,
    {
        let state = self.lock();
        let found = state.find(id, now).filter(|entry| entry.owned.may_read(identity));
        found.map(|entry| entry.owned.value().clone()).ok_or(Denial::NotFound)
    }

    /// What `id` is, for one who may change it or go on with it.
    ///
    /// # Errors
    ///
    /// [`Denial::NotFound`] when there is no such thing, or it is not theirs.
    pub fn own(&self, id: &str, identity: &Identity, now: Timestamp) -> Result<T, Denial>
    where
        T: Clone,
    {
        let state = self.lock();
        let found = state.find(id, now).filter(|entry| entry.owned.may_change(identity));
        found.map(|entry| entry.owned.value().clone()).ok_or(Denial::NotFound)
    }

    /// Takes `id` out, for one who may change it.
    ///
    /// # Errors
    ///
    /// [`Denial::NotFound`] when there is no such thing, or it is not theirs.
    pub fn remove(&self, id: &str, identity: &Identity, now: Timestamp) -> Result<OwnedBy<T>, Denial> {
        let mut state = self.lock();
        let found = state.find(id, now).filter(|entry| entry.owned.may_change(identity));
        let number = found.and_then(|entry| state.numbers.get(&entry.id)).copied();
        let taken = number.and_then(|number| state.take(number));
        taken.map(|(_, owned)| owned).ok_or(Denial::NotFound)
    }

    /// Takes out what is over.
    pub fn expire(&self, now: Timestamp) -> Gone<T> {
        self.lock().expire(now)
    }

    /// Takes out all that `user` made, who is no more.
    pub fn forget_user(&self, user: UserId) -> Gone<T> {
        let mut state = self.lock();
        let of_user = state.users.get(&user).map(|of_user| of_user.numbers.clone());
        let numbers = of_user.into_iter().flatten();
        numbers.filter_map(|number| state.take(number)).collect()
    }

    /// How many things are known.
    pub fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    /// What `id` is, unless it is over.
    fn find(&self, id: &str, now: Timestamp) -> Option<&Entry<T>> {
        let entry = self.entries.get(self.numbers.get(id)?)?;
        (!now.is_past(entry.until)).then_some(entry)
    }

    fn expire(&mut self, now: Timestamp) -> Gone<T> {
        let mut gone = Vec::new();
        while let Some((&oldest, entry)) = self.entries.first_key_value()
            && now.is_past(entry.until)
        {
            gone.extend(self.take(oldest));
        }
        gone
    }

    /// The oldest of `user`, when they have too much.
    fn oldest_too_many(&self, user: UserId, bound: Bound) -> Option<u64> {
        let of_user = self.users.get(&user)?;
        let too_many = of_user.numbers.len() > bound.count || of_user.size > bound.size;
        of_user.numbers.first().filter(|_| too_many).copied()
    }

    fn take(&mut self, number: u64) -> Option<(Arc<str>, OwnedBy<T>)> {
        let Entry { id, owned, size, .. } = self.entries.remove(&number)?;
        self.numbers.remove(&id);
        self.size = self.size.saturating_sub(size);
        if let Some(of_user) = self.users.get_mut(&owned.owner()) {
            of_user.numbers.remove(&number);
            of_user.size = of_user.size.saturating_sub(size);
            if of_user.numbers.is_empty() {
                self.users.remove(&owned.owner());
            }
        }
        Some((id, owned))
    }
}

impl<T> fmt::Debug for Owners<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Owners")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
impl<T> Owners<T> {
    pub(super) fn size(&self) -> u64 {
        self.lock().size
    }
}
