//! The store on PostgreSQL: needs one, whose superuser's URL is in `LOCALAUTH_TEST_POSTGRES`.
//!
//! Each test has a database of its own, which is dropped at its end.
#![cfg(feature = "postgres")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::ledger::TemporaryLedger;
use common::{Temporary, add, event, failure, shared};
use localauth_core::limit::{Ask, Ledger as _, Reserved};
use localauth_core::{
    Admission, Entropy as _, Epoch, FirstUser, OsEntropy, PasswordHash, StoreErrorKind, UsageSink as _, UserStore as _,
};
use localauth_store::{ConnectErrorKind, ConnectOptions, SqlStore, connect};
use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection, query_scalar};

fn superuser() -> PgConnectOptions {
    let url = std::env::var("LOCALAUTH_TEST_POSTGRES").expect(
        "set LOCALAUTH_TEST_POSTGRES to the URL of a PostgreSQL superuser, \
         as postgres://postgres@127.0.0.1:5432/postgres, or leave the test binary `postgres` out",
    );
    url.parse().expect("LOCALAUTH_TEST_POSTGRES is not a URL of PostgreSQL")
}

/// A name nobody else uses.
fn random_name() -> String {
    let mut bytes = [0; 8];
    OsEntropy.fill(&mut bytes).unwrap();
    format!("localauth_test_{:016x}", u64::from_be_bytes(bytes))
}

/// A database that is there until it is dropped.
struct Database {
    name: String,
}

impl Database {
    async fn create() -> Self {
        Self::create_with("").await
    }

    async fn create_with(options: &str) -> Self {
        let name = random_name();
        let mut admin = superuser()
            .connect()
            .await
            .expect("LOCALAUTH_TEST_POSTGRES cannot be reached");
        admin
            .execute(AssertSqlSafe(format!("CREATE DATABASE {name} {options}")))
            .await
            .unwrap();
        admin.close().await.unwrap();
        Self { name }
    }

    fn options(&self) -> PgConnectOptions {
        superuser().database(&self.name)
    }

    fn url(&self) -> String {
        self.options().to_url_lossy().into()
    }

    async fn raw(&self) -> PgConnection {
        self.options().connect().await.unwrap()
    }

    /// Runs a statement past the store.
    async fn sql(&self, statement: &str) {
        let mut connection = self.raw().await;
        connection.execute(AssertSqlSafe(statement)).await.unwrap();
        connection.close().await.unwrap();
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let statement = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        // On a thread and runtime of its own, since a drop cannot wait on the one it may be running on.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                superuser().connect().await?.execute(AssertSqlSafe(statement)).await?;
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
            })
        });
        if let Ok(Err(error)) = dropped.join() {
            eprintln!("the database {} is left behind: {error}", self.name);
        }
    }
}

async fn fresh() -> Temporary {
    let database = Database::create().await;
    let store = connect(&database.url()).await.unwrap();
    Temporary::new(store, database)
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

/// Two stores on one database, as of two processes.
async fn pair() -> (Database, SqlStore, SqlStore) {
    let database = Database::create().await;
    let (a, b) = (
        connect(&database.url()).await.unwrap(),
        connect(&database.url()).await.unwrap(),
    );
    (database, a, b)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_processes_never_exceed_a_limit() {
    let (_database, a, b) = pair().await;
    common::ledger::two_processes_never_exceed_a_limit(&a, &b).await;
}

#[tokio::test]
async fn a_dead_process_is_let_go_of() {
    let (_database, a, b) = pair().await;
    common::ledger::a_dead_process_is_let_go_of(&a, &b).await;
}

#[tokio::test]
async fn who_comes_back_is_counted() {
    let (_database, a, b) = pair().await;
    common::ledger::who_comes_back_is_counted(&a, &b).await;
}

#[tokio::test]
async fn who_takes_leave_holds_nothing() {
    let (_database, a, b) = pair().await;
    common::ledger::who_takes_leave_holds_nothing(&a, &b).await;
}

#[tokio::test]
async fn what_was_answered_before_a_kill_is_counted() {
    let (_database, a, _) = pair().await;
    common::ledger::what_was_answered_before_a_kill_is_counted(&a).await;
}

#[tokio::test]
async fn an_outage_of_the_ledger_loses_nothing() {
    let database = Database::create().await;
    let store = connect(&database.url()).await.unwrap();
    common::ledger::an_outage_loses_nothing(&store, async |s| database.sql(s).await).await;
}

/// Connections that are cut at any moment, as by a restart: what was used counts once, and nothing stays held.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn lost_connections_cost_the_ledger_nothing() {
    let database = Database::create().await;
    let store = connect(&database.url()).await.unwrap();
    let ledger = common::ledger::start(&store).await;
    let all = common::ledger::requests(1_000_000);
    common::ledger::seed(&ledger, &all).await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (ledger, all) = (ledger.clone(), Arc::clone(&all));
            tokio::spawn(async move {
                let mut used = 0;
                for _ in 0..60 {
                    let hold = common::ledger::name();
                    let answer = ledger.reserve(hold, &all, &Ask::REQUEST, common::NOW).wait().await;
                    if let Ok(Reserved::Granted { held, .. }) = answer {
                        ledger.post(hold, &all, held, common::ledger::ONE, true, common::NOW);
                        used += 1;
                    }
                }
                used
            })
        })
        .collect();
    let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                  WHERE datname = current_database() AND pid <> pg_backend_pid()";
    while !tasks.iter().all(tokio::task::JoinHandle::is_finished) {
        database.sql(others).await;
    }
    let mut used = 0;
    for task in tasks {
        used += task.await.unwrap();
    }
    ledger.flush().wait().await.unwrap();
    assert_eq!(common::ledger::standing(&ledger, &all, common::NOW).await, (used, 0));
}

mod accounts {
    use super::fresh;
    crate::common::store_tests!(fresh);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_can_start_at_once() {
    let database = Database::create().await;
    shared::eight_can_start_at_once(database.url()).await;
}

#[tokio::test]
async fn migrations_go_down_and_up_again() {
    let database = Database::create().await;
    let tables = async || {
        let names = "SELECT tablename::text FROM pg_tables WHERE tablename LIKE 'localauth%'";
        query_scalar(names).fetch_all(&mut database.raw().await).await.unwrap()
    };
    shared::migrations_go_down_and_up_again(database.url(), tables).await;
}

#[tokio::test]
async fn what_an_older_version_stored_is_there() {
    let database = Database::create().await;
    common::upgrade::what_an_older_version_stored_is_there(
        database.url(),
        include_str!("upgrade/0001_postgres.sql"),
        async |statements| database.sql(statements).await,
        |id| format!("'{id}'"),
    )
    .await;
}

#[tokio::test]
async fn a_newer_database_is_refused() {
    let database = Database::create().await;
    shared::a_newer_database_is_refused(database.url(), async |s| database.sql(s).await).await;
}

#[tokio::test]
async fn usage_is_written_wholly_or_not_at_all() {
    let database = Database::create().await;
    let store = connect(&database.url()).await.unwrap();
    shared::usage_is_written_wholly_or_not_at_all(&store, async |s| database.sql(s).await).await;
}

#[tokio::test]
async fn a_broken_row_is_a_failure() {
    let database = Database::create().await;
    let store = connect(&database.url()).await.unwrap();
    shared::a_broken_row_is_a_failure(&store, async |s| database.sql(s).await).await;
}

#[tokio::test]
async fn what_belongs_to_a_user_goes_with_them() {
    let database = Database::create().await;
    let store = connect(&database.url()).await.unwrap();
    shared::what_belongs_to_a_user_goes_with_them(&store, async |s| database.sql(s).await).await;
}

#[tokio::test]
async fn nothing_secret_is_shown() {
    let database = Database::create().await;
    // A password that the server does not ask for, so that it is in the URL.
    shared::nothing_secret_is_shown(database.options().password("hunter2").to_url_lossy().into()).await;
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
async fn what_cannot_be_reached_is_said_to_be_so() {
    // Nobody listens on a port that was just given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let (kind, text) = refused(&format!("postgres://ada:hunter2@127.0.0.1:{port}/auth")).await;
    assert_eq!(kind, ConnectErrorKind::Unreachable);
    assert!(text.contains(&format!("127.0.0.1:{port}")), "{text}");
    let (kind, _) = refused("postgres://ada:hunter2@no-such-host.invalid/auth").await;
    assert_eq!(kind, ConnectErrorKind::Unreachable);

    // Somebody listens, and never says a word.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = ConnectOptions::new(format!("postgres://ada@{}/auth", silent.local_addr().unwrap()));
    let error = options
        .acquire_timeout(Duration::from_millis(100))
        .connect()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ConnectErrorKind::Unreachable);
}

#[tokio::test]
async fn urls_of_nothing_are_refused() {
    for url in [
        "postgres://ada:hunter2@host:port/auth",
        "postgres://[hunter2",
        "postgres:hunter2@:x",
        "postgres:",
        "postgres://ada@host/auth?pasword=hunter2",
        "postgres://ada:hunter2@host/auth?sslmode=perhaps",
    ] {
        assert_eq!(refused(url).await.0, ConnectErrorKind::BadUrl, "{url}");
    }
}

#[tokio::test]
async fn a_missing_database_or_user_is_said_to_be_so() {
    let missing = superuser().database("localauth_no_such_database").password("hunter2");
    let (kind, text) = refused(missing.to_url_lossy().as_str()).await;
    assert_eq!(kind, ConnectErrorKind::NoSuchDatabase);
    assert!(text.contains("createdb localauth_no_such_database"), "{text}");

    let stranger = superuser().username("localauth_no_such_user").password("hunter2");
    assert_eq!(
        refused(stranger.to_url_lossy().as_str()).await.0,
        ConnectErrorKind::AccessDenied
    );
}

#[tokio::test]
async fn who_may_not_make_tables_is_told_so() {
    let database = Database::create().await;
    let user = random_name();
    database.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC").await;
    database
        .sql(&format!("CREATE ROLE {user} LOGIN PASSWORD 'hunter2'"))
        .await;
    let url = database.options().username(&user).password("hunter2").to_url_lossy();
    let (kind, text) = refused(url.as_str()).await;
    database.sql(&format!("DROP ROLE {user}")).await;
    assert_eq!(kind, ConnectErrorKind::NotWritable, "{text}");
    assert!(text.contains("GRANT CREATE"), "{text}");
}

#[tokio::test]
async fn a_database_of_another_encoding_is_refused() {
    let database = Database::create_with("ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0").await;
    let (_, text) = refused(&database.url()).await;
    assert!(text.contains("LATIN1") && text.contains("createdb -E UTF8"), "{text}");
}

/// A database that takes no writes, such as a standby that was connected to by mistake.
#[tokio::test]
async fn a_read_only_database_answers_questions_only() {
    let database = Database::create().await;
    connect(&database.url()).await.unwrap().close().await;
    database
        .sql(&format!(
            "ALTER DATABASE {} SET default_transaction_read_only = on",
            database.name
        ))
        .await;
    let store = connect(&database.url()).await.unwrap();
    assert!(!store.has_users().await.unwrap());
    let refused = store
        .insert_user(common::new_user("ada"), Admission::new(FirstUser::AsGiven))
        .await;
    assert_eq!(failure(refused), StoreErrorKind::ReadOnly);
}

/// A server that was restarted takes its connections with it; the next question gets a new one.
#[tokio::test]
async fn lost_connections_are_replaced() {
    let database = Database::create().await;
    let store = connect(&database.url()).await.unwrap();
    let user = add(&store, "ada").await;
    for _ in 0..5 {
        let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                      WHERE datname = current_database() AND pid <> pg_backend_pid()";
        database.sql(others).await;
        assert!(store.find_user(user.id).await.unwrap().is_some());
        store.record_usage(&[event(&user)]).await.unwrap();
    }
}

#[tokio::test]
async fn a_database_that_is_gone_is_unavailable() {
    let database = Database::create().await;
    let store = ConnectOptions::new(database.url())
        .acquire_timeout(Duration::from_secs(3))
        .connect()
        .await
        .unwrap();
    let user = add(&store, "ada").await;
    drop(database);
    assert_eq!(failure(store.find_user(user.id).await), StoreErrorKind::Unavailable);
    assert_eq!(
        failure(store.record_usage(&[event(&user)]).await),
        StoreErrorKind::Unavailable
    );
}

/// Somebody who holds a lock for long costs a caller the time set; what was asked for is done in the end.
#[tokio::test]
async fn a_change_that_has_to_wait_is_unavailable_in_time() {
    let database = Database::create().await;
    let store = connect(&database.url()).await.unwrap();
    let hasty = ConnectOptions::new(database.url()).answer_timeout(Duration::from_millis(100));
    let hasty = hasty.connect().await.unwrap();
    let user = add(&store, "ada").await;
    let mut other = database.raw().await;
    let mut lock = other.begin().await.unwrap();
    lock.execute("SELECT value FROM localauth_epoch FOR UPDATE")
        .await
        .unwrap();
    let hash = PasswordHash::from_stored("late");
    assert_eq!(
        failure(hasty.set_password(user.id, None, &hash).await),
        StoreErrorKind::Unavailable
    );
    assert_eq!(
        store.changes_since(Epoch::default()).await.unwrap(),
        [(user.id, user.epoch)]
    );
    let waiting =
        "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let mut watcher = database.raw().await;
    while query_scalar::<_, i64>(waiting).fetch_one(&mut watcher).await.unwrap() == 0 {}
    lock.rollback().await.unwrap();
    while store.latest_epoch().await.unwrap() == user.epoch {}
    assert_eq!(store.find_user(user.id).await.unwrap().unwrap().password, Some(hash));
}

/// At most 200 bytes for a request, its place in the index included.
#[tokio::test]
async fn an_event_takes_little_room() {
    let database = Database::create().await;
    let store = connect(&database.url()).await.unwrap();
    shared::record_a_month(&store, 20_000).await;
    let size: i64 = query_scalar("SELECT pg_total_relation_size('localauth_usage_event')")
        .fetch_one(&mut database.raw().await)
        .await
        .unwrap();
    assert!(size / 20_000 <= 200, "{} bytes an event", size / 20_000);
}
