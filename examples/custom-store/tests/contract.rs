//! The store contract, one test for each rule. To test a store of your own this file is all it takes.

use std::ops::Deref;

use custom_store::FileStore;
use tempfile::TempDir;

/// A store that is removed with its folder.
struct Fresh {
    store: FileStore,
    _folder: TempDir,
}

impl Deref for Fresh {
    type Target = FileStore;

    fn deref(&self) -> &FileStore {
        &self.store
    }
}

async fn fresh() -> Fresh {
    let folder = tempfile::tempdir().unwrap();
    Fresh {
        store: FileStore::open(folder.path().join("users.json")).unwrap(),
        _folder: folder,
    }
}

mod contract {
    use super::fresh;

    localauth_core::store_contract!(users, keys, sessions, invites, shared_keys, limits: fresh);
}
