//! [`SettingStore`] in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::error::StoreError;
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
}
