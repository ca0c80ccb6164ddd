//! [`SettingStore`] in memory.

use async_trait::async_trait;
use zeroize::Zeroizing;

use super::MemoryStore;
use crate::entropy::{Entropy as _, OsEntropy};
use crate::error::StoreError;
use crate::secret::ServerSecret;
use crate::store::SettingStore;

#[async_trait]
impl SettingStore for MemoryStore {
    async fn setting_or_insert(&self, name: &str, value: &str) -> Result<String, StoreError> {
        let mut tables = self.open()?;
        Ok(tables
            .settings
            .entry(name.to_owned())
            .or_insert_with(|| value.to_owned())
            .clone())
    }

    async fn put_setting(&self, name: &str, value: &str) -> Result<(), StoreError> {
        self.open()?.settings.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    fn own_secret(&self) -> Option<ServerSecret> {
        let bytes = self.shared.secret.get_or_init(|| {
            let mut bytes = Zeroizing::new([0_u8; 32]);
            OsEntropy.fill(&mut *bytes).ok().map(|()| bytes)
        });
        ServerSecret::new(&**bytes.as_ref()?).ok()
    }
}
