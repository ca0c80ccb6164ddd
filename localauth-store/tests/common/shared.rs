//! Tests that are the same on both databases. `sql` runs a statement past the store.

use std::io::Write;
use std::sync::{Arc, Mutex};

use localauth_core::{
    ExternalIdentity, Grain, InviteStore as _, KeyStore as _, PasswordHash, Provider, SessionStore as _,
    SettingStore as _, Status, StoreErrorKind, Timestamp, UsageQuery, UsageReader as _, UsageSink as _, UserQuery,
    UserStore as _,
};
use localauth_store::{ConnectErrorKind, SqlStore};

use super::{NOW, actor, add, add_key, add_session, all_users, digest, event, failure, invite, new_session};

pub(crate) const ALL: UsageQuery = UsageQuery {
    since: None,
    user_id: None,
    key_id: None,
    grain: Grain::Hour,
};

/// Eight servers start at once on a fresh database: all get to work.
pub(crate) async fn eight_can_start_at_once(url: String) {
    let starts: Vec<_> = (0..8)
        .map(|n| {
            let url = url.clone();
            tokio::spawn(async move {
                let store = localauth_store::connect(&url)
                    .await
                    .unwrap_or_else(|error| panic!("start {n}: {error}"));
                add(&store, &format!("user{n}")).await;
                store
            })
        })
        .collect();
    for start in starts {
        let store = start.await.unwrap();
        store.close().await;
    }
    let store = localauth_store::connect(&url).await.unwrap();
    let users = all_users(&store).await;
    assert_eq!(users.len(), 8);
    assert_eq!(
        users.iter().filter(|u| u.role == localauth_core::Role::Admin).count(),
        1
    );
    store.close().await;
}

/// Migrations can be taken back and applied again; a second start applies nothing.
pub(crate) async fn migrations_go_down_and_up_again(url: String, tables: impl AsyncFn() -> Vec<String>) {
    for _ in 0..2 {
        let store = localauth_store::connect(&url).await.unwrap();
        add(&store, "ada").await;
        store.close().await;
        let store = localauth_store::connect(&url).await.unwrap();
        assert_eq!(all_users(&store).await.len(), 1);
        store.close().await;
        assert_eq!(
            tables().await.len(),
            23,
            "twenty-two tables, and that of the migrations"
        );

        localauth_store::ConnectOptions::new(&url).uninstall().await.unwrap();
        assert_eq!(tables().await, Vec::<String>::new());
    }
}

/// A database with migrations that this version has never heard of is left alone.
pub(crate) async fn a_newer_database_is_refused(url: String, sql: impl AsyncFn(&str)) {
    localauth_store::connect(&url).await.unwrap().close().await;
    sql("INSERT INTO localauth_migration (version, applied_at) VALUES ('9999_far_future', 0)").await;
    let error = localauth_store::connect(&url).await.unwrap_err();
    assert_eq!(error.kind(), ConnectErrorKind::Newer);
    assert!(error.to_string().contains("9999_far_future"), "{error}");
}

/// A batch of usage is written together with its sums, or not at all, and can be tried again.
pub(crate) async fn usage_is_written_wholly_or_not_at_all(store: &SqlStore, sql: impl AsyncFn(&str)) {
    let user = add(store, "ada").await;
    let batch: Vec<_> = (0..10).map(|_| event(&user)).collect();
    sql("ALTER TABLE localauth_usage_rollup RENAME TO elsewhere").await;
    store.record_usage(&batch).await.unwrap_err();
    sql("ALTER TABLE elsewhere RENAME TO localauth_usage_rollup").await;
    assert_eq!(store.usage(ALL).await.unwrap(), []);
    store.record_usage(&batch).await.unwrap();
    assert_eq!(store.usage(ALL).await.unwrap()[0].totals.requests, 10);
}

/// What cannot be is a failure, and not a user without rights or a key that is unknown.
pub(crate) async fn a_broken_row_is_a_failure(store: &SqlStore, sql: impl AsyncFn(&str)) {
    let user = add(store, "ada").await;
    let key = add_key(store, user.id, 1).await;
    for (break_it, mend_it) in [
        ("role = 'king'", "role = 'admin'"),
        ("status = ''", "status = 'active'"),
        ("permissions = 'yes'", "permissions = '{}'"),
        ("models = '[]'", "models = '{\"enabled\":false,\"models\":[]}'"),
        ("email = 'nobody'", "email = 'ada@example.org'"),
        ("epoch = -1", "epoch = 1"),
    ] {
        sql(&format!("UPDATE localauth_user SET {break_it}")).await;
        assert_eq!(
            failure(store.find_user(user.id).await),
            StoreErrorKind::Inconsistent,
            "{break_it}"
        );
        assert_eq!(
            failure(store.find_key(&key.public_id).await),
            StoreErrorKind::Inconsistent,
            "{break_it}"
        );
        assert_eq!(
            failure(store.list_users(&UserQuery::default()).await),
            StoreErrorKind::Inconsistent,
            "{break_it}"
        );
        sql(&format!("UPDATE localauth_user SET {mend_it}")).await;
        assert!(store.find_user(user.id).await.unwrap().is_some());
    }
    sql("DELETE FROM localauth_epoch").await;
    assert_eq!(failure(store.latest_epoch().await), StoreErrorKind::Inconsistent);
    assert_eq!(
        failure(store.set_status(user.id, Status::Active).await),
        StoreErrorKind::Inconsistent
    );
}

/// What refers to a user goes with them, whoever deletes them; usage stays, under the name they had.
pub(crate) async fn what_belongs_to_a_user_goes_with_them(store: &SqlStore, sql: impl AsyncFn(&str)) {
    let ada = add(store, "ada").await;
    let bob = add(store, "bob").await;
    let key = add_key(store, ada.id, 1).await;
    let session = add_session(store, new_session(ada.id, 2)).await;
    let mut acting = new_session(bob.id, 3);
    acting.impersonator = Some(actor(&ada));
    add_session(store, acting).await;
    let identity = ExternalIdentity {
        provider: Provider::Github,
        subject: "17".to_owned(),
    };
    store.link_identity(ada.id, identity.clone(), NOW).await.unwrap();
    store.insert_invite(invite(ada.id, 4)).await.unwrap();
    let mut used = invite(bob.id, 5);
    used.used_by = Some(ada.id);
    store.insert_invite(used).await.unwrap();
    store.record_usage(&[event(&ada)]).await.unwrap();
    sql("DELETE FROM localauth_user WHERE name = 'ada'").await;
    assert_eq!(store.find_key(&key.public_id).await.unwrap(), None);
    assert_eq!(store.find_session(&[session.digest, digest(3)]).await.unwrap(), None);
    assert_eq!(store.revoke_key(None, key.id, NOW).await.unwrap(), None);
    assert_eq!(store.end_session(None, session.id).await.unwrap(), None);
    assert_eq!(store.find_user_by_identity(&identity).await.unwrap(), None);
    assert_eq!(store.identities(ada.id).await.unwrap(), []);
    let invites = store.list_invites().await.unwrap();
    assert_eq!(invites.len(), 1);
    assert_eq!((invites[0].created_by, invites[0].used_by), (bob.id, None));
    assert_eq!(&*store.usage(ALL).await.unwrap()[0].user_name, "ada");

    let key = add_key(store, bob.id, 6).await;
    let mut from_key = new_session(bob.id, 7);
    from_key.key_id = Some(key.id);
    add_session(store, from_key).await;
    sql("DELETE FROM localauth_key").await;
    assert_eq!(store.find_session(&[digest(7)]).await.unwrap(), None);
}

/// What must not be seen is neither in `Debug` nor in errors nor in the log, down to its finest level.
pub(crate) async fn nothing_secret_is_shown(url: String) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    // The drivers' own threads log, too.
    tracing::subscriber::set_global_default(subscriber).expect("each of these tests has a process of its own");

    let options = localauth_store::ConnectOptions::new(&url);
    let before = format!("{options:?}");
    let store = options.connect().await.unwrap();
    let user = add(&store, "ada").await;
    let key = add_key(&store, user.id, b'K').await;
    let mut session = new_session(user.id, b'S');
    session.key_id = Some(key.id);
    let session = add_session(&store, session).await;
    let hash = PasswordHash::from_stored("$argon2id$SECRET-OTHER");
    store.set_password(user.id, None, &hash).await.unwrap();
    store.rehash_password(user.id, &hash, &hash).await.unwrap();
    store.find_key(&key.public_id).await.unwrap().unwrap();
    store
        .find_session(&[session.digest, digest(b'T')])
        .await
        .unwrap()
        .unwrap();
    store.put_setting("fingerprint", "SECRET-SETTING").await.unwrap();
    let error = store.insert_session(session).await.unwrap_err();
    let shown = format!("{before} {store:?} {error} {error:?}");
    store.close().await;
    let shown = shown + &log.text();

    assert!(
        shown.contains("migrating the database"),
        "the log is not empty: {shown}"
    );
    for secret in [
        "SECRET",
        "hunter2",
        "KKKK",
        "SSSS",
        "TTTT",
        "4b4b4b",
        "535353",
        "4B4B4B",
        "75, 75, 75",
        "83, 83, 83",
    ] {
        assert!(!shown.contains(secret), "{secret} is in: {shown}");
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl tracing_subscriber::fmt::MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Stores `count` events of one user and several models, spread over a month.
pub(crate) async fn record_a_month(store: &SqlStore, count: usize) {
    let user = add(store, "ada").await;
    let batch: Vec<_> = (0..count)
        .map(|n| {
            let mut event = event(&user);
            event.at = Timestamp::from_millis(NOW.as_millis() + i64::try_from(n % 720).unwrap() * 3_600_000);
            event.model = format!("model {}", n % 3);
            event
        })
        .collect();
    for part in batch.chunks(5_000) {
        store.record_usage(part).await.unwrap();
    }
}
