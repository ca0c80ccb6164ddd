//! Rules of [`SettingStore`].

use std::ops::Deref;
use std::sync::Arc;

use super::crowd::{CROWD, at_once};
use super::fixture::{ODD_TEXTS, huge_text};
use crate::store::SettingStore;

group!(__contract_settings: SettingStore);

/// What was written first stays when somebody else comes with another first value.
pub async fn the_first_value_stays<D>(store: D)
where
    D: Deref<Target: SettingStore> + Send + Sync + 'static,
{
    assert_eq!(store.setting_or_insert("name", "first").await.unwrap(), "first");
    assert_eq!(store.setting_or_insert("name", "second").await.unwrap(), "first");
    assert_eq!(store.setting_or_insert("name", "").await.unwrap(), "first");
}

/// A value can be replaced, and one can be put where none was.
pub async fn a_value_can_be_replaced<D>(store: D)
where
    D: Deref<Target: SettingStore> + Send + Sync + 'static,
{
    store.put_setting("name", "first").await.unwrap();
    assert_eq!(store.setting_or_insert("name", "x").await.unwrap(), "first");
    store.put_setting("name", "second").await.unwrap();
    store.put_setting("name", "second").await.unwrap();
    assert_eq!(store.setting_or_insert("name", "x").await.unwrap(), "second");
}

/// Names are told apart to the letter.
pub async fn names_are_told_apart<D>(store: D)
where
    D: Deref<Target: SettingStore> + Send + Sync + 'static,
{
    for name in ["name", "Name", "name ", "names", ""] {
        assert_eq!(store.setting_or_insert(name, name).await.unwrap(), name);
    }
    for name in ["name", "Name", "name ", "names", ""] {
        assert_eq!(store.setting_or_insert(name, "other").await.unwrap(), name);
    }
}

/// Of many first values at once one wins, and everybody gets that one.
pub async fn of_many_first_values_one_wins<D>(store: D)
where
    D: Deref<Target: SettingStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    for round in 0..5 {
        let values = at_once(CROWD, |i| {
            let store = Arc::clone(&store);
            async move {
                store
                    .setting_or_insert(&format!("round {round}"), &format!("value {i}"))
                    .await
                    .unwrap()
            }
        })
        .await;
        let stored = store
            .setting_or_insert(&format!("round {round}"), "late")
            .await
            .unwrap();
        assert!(stored.starts_with("value "), "{stored:?}");
        assert!(
            values.iter().all(|v| *v == stored),
            "{stored:?} is stored, but these were told: {values:?}"
        );
    }
}

/// A text comes back as it was, or is refused; never changed.
pub async fn odd_texts_come_back_whole_or_are_refused<D>(store: D)
where
    D: Deref<Target: SettingStore> + Send + Sync + 'static,
{
    for text in ODD_TEXTS.map(str::to_owned).into_iter().chain([huge_text()]) {
        if store.put_setting("value", &text).await.is_ok() {
            assert_eq!(store.setting_or_insert("value", "lost").await.unwrap(), text);
        }
        if store.put_setting(&text, "named").await.is_ok() {
            assert_eq!(store.setting_or_insert(&text, "lost").await.unwrap(), "named");
        }
    }
}
