//! Every store in memory: for tests, demos and single-process tools.
//!
//! One lock over everything makes each method one step, so that all promises of [`crate::store`] hold under any
//! concurrency. Nothing is kept when the process ends, and usage is never forgotten while it runs: a server that is to
//! live long needs a database.
//!
//! For tests of what stands in front of a store there are three aids: [`MemoryStore::set_outage`] makes it fail,
//! [`MemoryStore::lookups`] counts what a cache lets through, and [`MemoryStore::hold_lookups`] makes look-ups wait, so
//! that many are under way at once.

mod attempts;
mod audit;
mod invites;
mod keys;
mod limits;
mod sessions;
mod settings;
mod shared_keys;
mod spool;
mod tables;
mod usage;
mod users;

pub use spool::MemorySpool;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::{OwnedRwLockWriteGuard, RwLock};
use zeroize::Zeroizing;

use self::tables::Tables;
use crate::error::StoreError;

/// All store traits in memory. Clones are handles on the same store.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use localauth_core::memory::MemoryStore;
/// use localauth_core::{StoreErrorKind, UserStore};
///
/// let store = MemoryStore::new();
/// assert!(!store.has_users().await?);
///
/// store.set_outage(true);
/// let error = store.has_users().await.unwrap_err();
/// assert_eq!(error.kind(), StoreErrorKind::Unavailable);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    tables: Mutex<Tables>,
    outage: AtomicBool,
    lookups: AtomicU64,
    /// Look-ups pass as readers; who holds them back is the writer.
    gate: Arc<RwLock<()>>,
    /// Made when first asked for; lives as long as what it protects.
    secret: OnceLock<Option<Zeroizing<[u8; 32]>>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Test aid: while on, every method answers [`StoreErrorKind::Unavailable`](crate::StoreErrorKind::Unavailable)
    /// and nothing is written, as with a database that is away. What was stored before is there again afterwards.
    pub fn set_outage(&self, on: bool) {
        self.shared.outage.store(on, Ordering::SeqCst);
    }

    /// Test aid: how many calls of `find_user`, `find_key` and `find_session` have reached this store so far, those
    /// included that an outage failed.
    pub fn lookups(&self) -> u64 {
        self.shared.lookups.load(Ordering::SeqCst)
    }

    /// Test aid: makes calls of `find_user`, `find_key` and `find_session` wait (already counted in [`lookups`]) until
    /// what is returned is dropped. Look-ups that have begun end first.
    ///
    /// [`lookups`]: MemoryStore::lookups
    pub async fn hold_lookups(&self) -> HeldLookups {
        HeldLookups {
            _gate: Arc::clone(&self.shared.gate).write_owned().await,
        }
    }

    /// The tables, unless there is an outage.
    fn open(&self) -> Result<MutexGuard<'_, Tables>, StoreError> {
        if self.shared.outage.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable("this store was told to be away"));
        }
        Ok(self.shared.tables.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The tables, for a look-up that counts and can be held back.
    async fn open_for_lookup(&self) -> Result<MutexGuard<'_, Tables>, StoreError> {
        self.shared.lookups.fetch_add(1, Ordering::SeqCst);
        drop(self.shared.gate.read().await);
        self.open()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

/// Holds look-ups back until it is dropped: see [`MemoryStore::hold_lookups`].
#[must_use = "look-ups go on as soon as this is dropped"]
pub struct HeldLookups {
    _gate: OwnedRwLockWriteGuard<()>,
}

impl fmt::Debug for HeldLookups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeldLookups")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::UserId;
    use crate::key::PublicId;
    use crate::store::{KeyStore as _, UserStore as _};
    use uuid::Uuid;

    async fn fresh() -> Arc<MemoryStore> {
        Arc::new(MemoryStore::new())
    }

    mod contract {
        use super::fresh;
        crate::store_contract!(fresh);
    }

    #[tokio::test]
    async fn lookups_are_counted_and_can_be_held_back() {
        let store = MemoryStore::new();
        let held = store.hold_lookups().await;
        let waiting = tokio::spawn({
            let store = store.clone();
            async move { store.find_user(UserId::from_uuid(Uuid::nil())).await }
        });
        while store.lookups() == 0 {
            tokio::task::yield_now().await;
        }
        assert!(!waiting.is_finished());
        drop(held);
        assert!(waiting.await.unwrap().unwrap().is_none());

        let nobody: PublicId = "abcdefghijklmnopqr".parse().unwrap();
        assert!(store.find_key(&nobody).await.unwrap().is_none());
        assert!(!store.has_users().await.unwrap());
        assert_eq!(store.lookups(), 2, "only look-ups of one thing count");
    }

    #[tokio::test]
    async fn nothing_of_what_is_stored_is_printed() {
        let store = MemoryStore::new();
        crate::store::SettingStore::put_setting(&store, "name", "hidden")
            .await
            .unwrap();
        assert_eq!(format!("{store:?}"), "MemoryStore { .. }");
    }
}
