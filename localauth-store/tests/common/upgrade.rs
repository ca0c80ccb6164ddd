//! From a database that the migration 0001 left to one of today.

use std::fmt::Write as _;

use localauth_core::{
    Grain, KeyScope, KeyStore as _, Role, SessionStore as _, SettingStore as _, Status, Timestamp, UsageQuery,
    UsageReader as _, UserQuery, UserStore as _,
};

use super::{NOW, add_key, add_session, all_users, digest, new_session};

/// How many users come on top of the two of the file: more than are brought up to date at a time.
const MORE: usize = 5_000;

/// What is in the file is there, and works. `sql` runs statements past the store, `id` writes an id.
pub(crate) async fn what_an_older_version_stored_is_there(
    url: String,
    schema: &str,
    sql: impl AsyncFn(&str),
    id: impl Fn(&str) -> String,
) {
    sql(schema).await;
    let mut more = String::from("INSERT INTO localauth_user VALUES ");
    for n in 0..MORE {
        let comma = if n == 0 { "" } else { ", " };
        let id = id(&format!("018bcfe5-6800-7000-9000-{n:012}"));
        write!(
            more,
            "{comma}({id}, 'nutzer{n}@example.org', 'Nutzer ÄÖ{n}', '', 'user', 'active', 'oidc', NULL, '{{}}', \
             '{{\"enabled\":false,\"models\":[]}}', 1700000001000, 3, 3)"
        )
        .unwrap();
    }
    sql(&more).await;

    let store = localauth_store::connect(&url).await.unwrap();
    let users = all_users(&store).await;
    assert_eq!(users.len(), MORE + 2);
    let (ada, zoe) = (&users[0], &users[1]);
    assert_eq!((&*ada.name, ada.role, ada.epoch.0), ("Ada ÄRGER", Role::Admin, 5));
    assert!(ada.password.is_some() && ada.models.enabled && !ada.permissions["chat"]);
    assert_eq!((&*zoe.name, zoe.status), ("Zoë", Status::Pending));
    for (text, count) in [
        ("ärger", 1),
        ("zoë", 1),
        ("NUTZER", MORE),
        ("nutzer äö4999", 1),
        ("nutzer0@", 1),
    ] {
        let query = UserQuery {
            search: Some(text.to_owned()),
            ..UserQuery::default()
        };
        assert_eq!(store.list_users(&query).await.unwrap().len(), count, "{text}");
    }
    assert_eq!(store.latest_epoch().await.unwrap().0, 5);

    let (key, owner) = store
        .find_key(&"Pub000000000000001".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((&owner, &*key.name, key.digest), (ada, "laptop", digest(b'K')));
    assert_eq!(key.last_used_at, Some(Timestamp::from_millis(1_700_000_000_003)));
    assert_eq!(
        (key.scope, key.parent_id, key.previous),
        (KeyScope::default(), None, None)
    );
    assert_eq!(key.last_used_ip, "");
    let usage = UsageQuery {
        since: None,
        user_id: None,
        key_id: Some(key.id),
        grain: Grain::Day,
    };
    let rows = store.usage_by_source(usage).await.unwrap();
    assert_eq!(rows[0].key, Some((key.id, "laptop".into())));
    assert_eq!(rows[0].totals.total_tokens(), 7);
    assert_eq!(store.setting_or_insert("fingerprint", "f2").await.unwrap(), "f1");

    // Sessions are not kept; new ones are, with all that goes with them.
    assert_eq!(store.find_session(&[digest(b'S')]).await.unwrap(), None);
    let rotated = store.rotate_key(None, key.id, None, digest(9), NOW, NOW).await.unwrap();
    assert_eq!(rotated.unwrap().1.0, 6);
    let second = add_key(&store, zoe.id, 2).await;
    let mut session = new_session(zoe.id, 3);
    session.key_id = Some(second.id);
    add_session(&store, session).await;
    store.delete_user(zoe.id, NOW).await.unwrap();
    assert_eq!(store.find_session(&[digest(3)]).await.unwrap(), None);
    store.close().await;
    localauth_store::ConnectOptions::new(&url).uninstall().await.unwrap();
}
