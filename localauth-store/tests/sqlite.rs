//! The store on SQLite.
#![cfg(feature = "sqlite")]

mod common;

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use common::ledger::TemporaryLedger;
use common::{Temporary, add, event, failure, shared};
use localauth_core::{
    Admission, FirstUser, Role, SessionStore as _, StoreErrorKind, UsageReader as _, UsageSink as _, UserStore as _,
};
use localauth_store::{ConnectErrorKind, ConnectOptions, SqlLedger, SqlStore, connect};
use proptest::prelude::*;
use sea_orm::sqlx::{AssertSqlSafe, Connection as _, Executor as _, SqliteConnection, query_scalar};
use tempfile::TempDir;

fn url(folder: &TempDir) -> String {
    format!("sqlite://{}/localauth.db", folder.path().display())
}

async fn fresh() -> Temporary {
    let folder = tempfile::tempdir().unwrap();
    Temporary::new(connect(&url(&folder)).await.unwrap(), folder)
}

async fn raw(url: &str) -> SqliteConnection {
    SqliteConnection::connect(url).await.unwrap()
}

/// Runs a statement past the store.
async fn sql(url: &str, statement: &str) {
    let mut connection = raw(url).await;
    connection.execute(AssertSqlSafe(statement)).await.unwrap();
    connection.close().await.unwrap();
}

mod contract {
    use super::fresh;
    localauth_core::store_contract!(fresh);
}

async fn fresh_ledger() -> TemporaryLedger {
    TemporaryLedger::new(fresh().await).await
}

mod ledger {
    use super::fresh_ledger;
    localauth_core::ledger_contract!(fresh_ledger);
}

/// Two stores on one file, as of two processes.
async fn pair() -> (TempDir, SqlStore, SqlStore) {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (
        connect(&url(&folder)).await.unwrap(),
        connect(&url(&folder)).await.unwrap(),
    );
    (folder, a, b)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_processes_never_exceed_a_limit() {
    let (_folder, a, b) = pair().await;
    common::ledger::two_processes_never_exceed_a_limit(&a, &b).await;
}

#[tokio::test]
async fn a_dead_process_is_let_go_of() {
    let (_folder, a, b) = pair().await;
    common::ledger::a_dead_process_is_let_go_of(&a, &b).await;
}

#[tokio::test]
async fn who_comes_back_is_counted() {
    let (_folder, a, b) = pair().await;
    common::ledger::who_comes_back_is_counted(&a, &b).await;
}

#[tokio::test]
async fn who_takes_leave_holds_nothing() {
    let (_folder, a, b) = pair().await;
    common::ledger::who_takes_leave_holds_nothing(&a, &b).await;
}

#[tokio::test]
async fn what_was_answered_before_a_kill_is_counted() {
    let (_folder, a, _) = pair().await;
    common::ledger::what_was_answered_before_a_kill_is_counted(&a).await;
}

#[tokio::test]
async fn an_outage_of_the_ledger_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = connect(&url(&folder)).await.unwrap();
    common::ledger::an_outage_loses_nothing(&store, async |s| sql(&url(&folder), s).await).await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// With crashes: what a dead process held is let go after its lease, and nothing else is.
    #[test]
    fn the_ledger_follows_the_model(script in proptest::collection::vec(any::<[u8; 4]>(), 0..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let store = in_memory().await;
            let make = || async { Arc::new(common::ledger::start(&store).await) };
            localauth_core::contract::ledger::follows_the_model(make, SqlLedger::LEASE, &script).await;
        });
    }
}

async fn in_memory() -> Temporary {
    Temporary::new(connect("sqlite::memory:").await.unwrap(), ())
}

mod contract_in_memory {
    use super::in_memory;
    localauth_core::store_contract!(in_memory);
}

mod accounts {
    use super::fresh;
    crate::common::store_tests!(fresh);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_can_start_at_once() {
    let folder = tempfile::tempdir().unwrap();
    shared::eight_can_start_at_once(url(&folder)).await;
}

#[tokio::test]
async fn migrations_go_down_and_up_again() {
    let folder = tempfile::tempdir().unwrap();
    let url = url(&folder);
    let tables = async || {
        let names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'localauth%'";
        query_scalar(names).fetch_all(&mut raw(&url).await).await.unwrap()
    };
    shared::migrations_go_down_and_up_again(url.clone(), tables).await;
}

#[tokio::test]
async fn what_an_older_version_stored_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("{}?mode=rwc", url(&folder));
    common::upgrade::what_an_older_version_stored_is_there(
        url.clone(),
        include_str!("upgrade/0001_sqlite.sql"),
        async |statement| sql(&url, statement).await,
        |id| format!("x'{}'", id.replace('-', "")),
    )
    .await;
}

#[tokio::test]
async fn a_newer_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    shared::a_newer_database_is_refused(url(&folder), async |statement| sql(&url(&folder), statement).await).await;
}

#[tokio::test]
async fn usage_is_written_wholly_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let store = connect(&url(&folder)).await.unwrap();
    shared::usage_is_written_wholly_or_not_at_all(&store, async |s| sql(&url(&folder), s).await).await;
}

#[tokio::test]
async fn a_broken_row_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let store = connect(&url(&folder)).await.unwrap();
    shared::a_broken_row_is_a_failure(&store, async |s| sql(&url(&folder), s).await).await;
}

#[tokio::test]
async fn what_belongs_to_a_user_goes_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let store = connect(&url(&folder)).await.unwrap();
    shared::what_belongs_to_a_user_goes_with_them(&store, async |s| sql(&url(&folder), s).await).await;
}

#[tokio::test]
async fn nothing_secret_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    shared::nothing_secret_is_shown(url(&folder)).await;
}

#[tokio::test]
async fn the_file_is_for_its_owner_only_and_has_a_write_ahead_log() {
    let folder = tempfile::tempdir().unwrap();
    let store = connect(&url(&folder)).await.unwrap();
    add(&store, "ada").await;
    for name in ["localauth.db", "localauth.db-wal", "localauth.db-shm"] {
        let mode = std::fs::metadata(folder.path().join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let mut other = raw(&url(&folder)).await;
    let mode: String = query_scalar("PRAGMA journal_mode").fetch_one(&mut other).await.unwrap();
    assert_eq!(mode, "wal");
    other.close().await.unwrap();
    store.close().await;
    assert!(!folder.path().join("localauth.db-wal").exists(), "tidied up at the end");
}

#[tokio::test]
async fn digests_have_32_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let store = connect(&url(&folder)).await.unwrap();
    let user = add(&store, "ada").await;
    common::add_key(&store, user.id, 1).await;
    let mut connection = raw(&url(&folder)).await;
    let result = connection.execute("UPDATE localauth_key SET digest = x'00'").await;
    assert!(result.unwrap_err().to_string().contains("CHECK"));
}

/// Another process that does not let go of the file costs a caller the time set, and not more.
#[tokio::test]
async fn a_locked_database_is_unavailable_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let store = connect(&url(&folder)).await.unwrap();
    let user = add(&store, "ada").await;
    let hasty = ConnectOptions::new(url(&folder)).acquire_timeout(Duration::from_millis(500));
    let hasty = hasty.connect().await.unwrap();
    let mut other = raw(&url(&folder)).await;
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let refused = hasty
        .insert_user(common::new_user("bob"), Admission::new(FirstUser::AsGiven))
        .await;
    assert_eq!(failure(refused), StoreErrorKind::Unavailable);
    assert_eq!(
        failure(hasty.record_usage(&[event(&user)]).await),
        StoreErrorKind::Unavailable
    );
    let found = store.find_user(user.id).await.unwrap();
    assert!(found.is_some(), "readers do not wait for a writer");
    other.execute("ROLLBACK").await.unwrap();
    add(&store, "bob").await;
}

/// Two servers on one file get in each other's way only as far as they have to wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_servers_can_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    // Each is busy without a pause, and SQLite does not serve those who wait in turn: they need patience.
    let patience = Duration::from_mins(1);
    let patient = ConnectOptions::new(url(&folder))
        .acquire_timeout(patience)
        .answer_timeout(patience);
    let stores = [
        patient.clone().connect().await.unwrap(),
        patient.connect().await.unwrap(),
    ];
    let tasks: Vec<_> = (0..50)
        .map(|n| {
            let store = stores[n % 2].clone();
            tokio::spawn(async move {
                let user = add(&store, &format!("user{n}")).await;
                for _ in 0..5 {
                    store.record_usage(&[event(&user)]).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    for store in stores {
        let rows = store.usage(shared::ALL).await.unwrap();
        assert_eq!(rows.len(), 50);
        assert!(rows.iter().all(|row| row.totals.requests == 5));
        let users = common::all_users(&store).await;
        assert_eq!(users.iter().filter(|u| u.role == Role::Admin).count(), 1);
    }
}

#[tokio::test]
async fn a_closed_store_is_unavailable() {
    let store = connect("sqlite::memory:").await.unwrap();
    let handle = store.clone();
    store.close().await;
    assert_eq!(failure(handle.has_users().await), StoreErrorKind::Unavailable);
    assert_eq!(
        failure(handle.sweep_sessions(common::NOW).await),
        StoreErrorKind::Unavailable
    );
}

#[tokio::test]
async fn what_was_stored_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = connect(&url(&folder)).await.unwrap();
    let ada = add(&store, "ada").await;
    store.close().await;
    let store = connect(&url(&folder)).await.unwrap();
    assert_eq!(store.find_user(ada.id).await.unwrap(), Some(ada));
}

const KILLED: &str = "LOCALAUTH_TEST_KILLED_DATABASE";

/// A process killed in the middle of writing has lost nothing that it was told is written.
#[tokio::test]
async fn what_was_answered_outlives_a_kill() {
    // The process that is to be killed is this test once more.
    if let Ok(url) = std::env::var(KILLED) {
        return write_until_killed(&url).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "what_was_answered_outlives_a_kill", "--nocapture"])
        .env(KILLED, url(&folder))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let told = |line: String| line.split_once("stored ").map(|(_, id)| id.to_owned());
    let ids: Vec<String> = lines.filter_map(told).take(100).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(ids.len(), 100);

    let store = connect(&url(&folder)).await.unwrap();
    for id in ids {
        assert!(
            store.find_user(id.parse().unwrap()).await.unwrap().is_some(),
            "{id} is lost"
        );
    }
    let users = common::all_users(&store).await;
    let epochs = store.changes_since(localauth_core::Epoch::default()).await.unwrap();
    assert_eq!(users.len(), epochs.len());
    add(&store, "after").await;
}

async fn write_until_killed(url: &str) {
    let store = connect(url).await.unwrap();
    for n in 0_u64.. {
        println!("stored {}", add(&store, &format!("user{n}")).await.id);
    }
}

/// One line that says what to do, and nothing of what must not be told.
async fn refused(url: &str) -> (ConnectErrorKind, String) {
    let error = connect(url).await.unwrap_err();
    let text = error.to_string();
    assert!(
        !text.contains("hunter2") && !format!("{error:?}").contains("hunter2"),
        "{text}"
    );
    assert!(!text.contains('\n') && text.len() > 20, "{text:?}");
    (error.kind(), text)
}

#[tokio::test]
async fn urls_of_nothing_are_refused() {
    for url in [
        "",
        "nonsense",
        "mysql://root:hunter2@localhost/auth",
        "hunter2",
        "sqlite:",
        "sqlite://",
        "sqlite:x?hunter2=1",
    ] {
        assert_eq!(refused(url).await.0, ConnectErrorKind::BadUrl, "{url}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| format!("sqlite://{}/{path}", folder.path().display());
    std::fs::write(
        folder.path().join("text.db"),
        "not a database, but long enough to be looked at ".repeat(100),
    )
    .unwrap();

    let (kind, text) = refused(&at("missing/localauth.db")).await;
    assert_eq!(kind, ConnectErrorKind::NotWritable);
    assert!(text.contains("make its folder first"), "{text}");
    assert_eq!(
        refused(&at("text.db/localauth.db")).await.0,
        ConnectErrorKind::NotWritable
    );
    assert_eq!(refused(&at("text.db")).await.0, ConnectErrorKind::Damaged);
    assert_eq!(
        refused(&format!("sqlite://{}", folder.path().display())).await.0,
        ConnectErrorKind::NotWritable
    );
    assert_eq!(refused(&at("absent.db?mode=rw")).await.0, ConnectErrorKind::NotWritable);
    assert!(!folder.path().join("absent.db").exists());

    connect(&at("there.db")).await.unwrap().close().await;
    assert!(connect(&at("there.db?mode=rw")).await.is_ok());
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let read_only = std::fs::Permissions::from_mode(0o555);
    std::fs::set_permissions(folder.path(), read_only).unwrap();
    // Rights do not keep an administrator out; a file system that takes no files does.
    let administrator = std::fs::write(folder.path().join("probe"), "").is_ok();
    let folder = if administrator {
        Path::new("/proc/self")
    } else {
        folder.path()
    };
    let (kind, text) = refused(&format!("sqlite://{}/localauth.db", folder.display())).await;
    assert_eq!(kind, ConnectErrorKind::NotWritable, "{text}");
    assert!(text.contains(&*folder.to_string_lossy()), "{text}");
}

/// At most 200 bytes for a request, its place in the index included.
#[tokio::test]
async fn an_event_takes_little_room() {
    let folder = tempfile::tempdir().unwrap();
    let store = connect(&url(&folder)).await.unwrap();
    shared::record_a_month(&store, 20_000).await;
    let size: i64 = query_scalar("SELECT SUM(pgsize) FROM dbstat WHERE name LIKE '%usage_event%'")
        .fetch_one(&mut raw(&url(&folder)).await)
        .await
        .unwrap();
    assert!(size / 20_000 <= 200, "{} bytes an event", size / 20_000);
}

/// A program that gives no secret finds the same one again, and none that would make its keys worthless.
#[tokio::test]
async fn the_secret_beside_the_file_stays_the_same() {
    use localauth_core::{Auth, NewAccount, NewKey, Password, SettingStore as _};

    let folder = tempfile::tempdir().unwrap();
    let url = url(&folder);
    let secret = folder.path().join("localauth.db.secret");
    let store = localauth_store::connect(&url).await.unwrap();
    assert!(!secret.exists(), "made only when it is asked for");
    let auth = Auth::builder(store.clone()).build().unwrap();
    assert_eq!(std::fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
    let ada = auth
        .add_user(NewAccount::local(
            "ada@example.org",
            Password::new("correct-horse-battery"),
        ))
        .await
        .unwrap();
    let key = auth.create_key(ada.id, NewKey::named("k")).await.unwrap().plain;
    store.close().await;

    let mut headers = http::HeaderMap::new();
    headers.insert("x-api-key", key.expose().parse().unwrap());
    let store = localauth_store::connect(&url).await.unwrap();
    let auth = Auth::builder(store.clone()).build().unwrap();
    assert_eq!(auth.authenticate(&headers).await.unwrap().user_id(), ada.id);
    store.close().await;

    std::fs::remove_file(&secret).unwrap();
    let store = localauth_store::connect(&url).await.unwrap();
    assert!(store.own_secret().is_none());
    assert!(
        Auth::builder(store).build().is_err(),
        "a lost secret is not silently replaced"
    );
}
