//! Usage through the death of the process: everything once.
#![cfg(feature = "sqlite")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use localauth_core::{
    Auth, MemoryStore, PasswordCost, Period, ServerSecret, Store, UsageEvent, UsageFilter, UsageSource, UserId,
};
use localauth_store::{FileSpool, FileSpoolOptions, SqlStore, connect};
use tokio::runtime::Runtime;

async fn process(store: impl Store + 'static, folder: &Path) -> Auth {
    let spool = FileSpool::open(folder, FileSpoolOptions::new()).unwrap();
    let auth = Auth::builder(store)
        .secret(ServerSecret::new(&[7; 32]).unwrap())
        .password_cost(PasswordCost::INSECURE)
        .background(false)
        .spool(spool)
        .build()
        .unwrap();
    auth.follow_changes().await.ok();
    auth
}

fn record(auth: &Auth, count: u64) {
    for n in 0..count {
        auth.record_usage(UsageEvent {
            request_id: auth.new_request_id(),
            at: auth.now(),
            user_id: UserId::SHARED,
            user_name: "shared".into(),
            key: None,
            source: UsageSource::Legacy,
            model: "demo".into(),
            endpoint: "/v1/chat/completions".into(),
            prompt_tokens: n,
            cached_tokens: 0,
            completion_tokens: 1,
            cost_micros: 0,
            estimated: false,
        });
    }
}

/// Requests and prompt tokens in the report.
async fn report(auth: &Auth) -> (u64, u64) {
    let report = auth.usage_report(Period::All, UsageFilter::default()).await.unwrap();
    (report.totals.requests, report.totals.prompt_tokens)
}

const fn sum_below(n: u64) -> u64 {
    n * (n - 1) / 2
}

/// A process that does `work` and dies: nothing in it gets to tidy up.
fn dying<F: Future<Output = Auth>>(work: F) {
    let runtime = Runtime::new().unwrap();
    let auth = runtime.block_on(work);
    // The tasks go first, and with them whatever would notice that the handle does.
    drop(runtime);
    drop(auth);
}

#[test]
fn what_came_in_while_the_store_was_away_is_written_by_the_next_process_once() {
    const EVENTS: u64 = 5_000;
    let folder = tempfile::tempdir().unwrap();
    let store = MemoryStore::new();
    store.set_outage(true);
    for process_number in 1..=2 {
        dying(async {
            let auth = process(store.clone(), folder.path()).await;
            record(&auth, EVENTS);
            assert_eq!(auth.usage_queue().waiting, process_number * EVENTS);
            auth
        });
    }
    Runtime::new().unwrap().block_on(async {
        let auth = process(store.clone(), folder.path()).await;
        assert_eq!(auth.usage_queue().waiting, 2 * EVENTS);
        store.set_outage(false);
        auth.follow_changes().await.unwrap();
        record(&auth, 10);
        auth.flush().await.unwrap();
        let queue = auth.usage_queue();
        assert_eq!((queue.waiting, queue.unrecorded, queue.broken), (0, 0, 0));
        assert_eq!(
            report(&auth).await,
            (2 * EVENTS + 10, 2 * sum_below(EVENTS) + sum_below(10))
        );
    });
}

fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

async fn sqlite(folder: &Path) -> SqlStore {
    let url = format!("sqlite://{}/localauth.db", folder.display());
    connect(&url).await.unwrap()
}

#[test]
fn what_was_written_and_not_acknowledged_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("spool");
    let mut before = Vec::new();
    dying(async {
        let auth = process(sqlite(folder.path()).await, &spool).await;
        record(&auth, 3_000);
        before = files(&spool);
        auth.flush().await.unwrap();
        auth
    });
    for (path, content) in before {
        fs::write(path, content).unwrap();
    }
    Runtime::new().unwrap().block_on(async {
        let auth = process(sqlite(folder.path()).await, &spool).await;
        assert_eq!(auth.usage_queue().waiting, 3_000, "as if the process had died before");
        record(&auth, 1);
        auth.flush().await.unwrap();
        assert_eq!(report(&auth).await, (3_001, sum_below(3_000)));
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_while_the_store_is_away_leaves_it_to_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let store = MemoryStore::new();
    let auth = process(store.clone(), folder.path()).await;
    store.set_outage(true);
    auth.follow_changes().await.unwrap_err();
    record(&auth, 20);
    auth.shutdown().await.unwrap();
    assert_eq!(auth.usage_queue().waiting, 20);
    drop(auth);
    // The worker of the first one notices by itself that nobody is left, and lets go of the folder.
    let spool = loop {
        match FileSpool::open(folder.path(), FileSpoolOptions::new()) {
            Ok(spool) => break spool,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    drop(spool);
    store.set_outage(false);
    let auth = process(store, folder.path()).await;
    auth.flush().await.unwrap();
    assert_eq!(report(&auth).await, (20, sum_below(20)));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_threads_record_while_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let auth = process(sqlite(folder.path()).await, &folder.path().join("spool")).await;
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| record(&auth, 1_000));
        }
    });
    assert_eq!(report(&auth).await, (8_000, 8 * sum_below(1_000)));
    let queue = auth.usage_queue();
    assert_eq!((queue.waiting, queue.unrecorded, queue.broken), (0, 0, 0));
}

const KILLED: &str = "LOCALAUTH_TEST_KILLED_SPOOL";

/// Another process records, says so after each, and is killed with `kill -9` at once: what it spoke of is in the report.
#[test]
fn what_was_recorded_outlives_a_kill() {
    if let Ok(folder) = std::env::var(KILLED) {
        return record_until_killed(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let store = MemoryStore::new();
    let mut told = 0;
    for round in 1..=10 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "what_was_recorded_outlives_a_kill", "--nocapture"])
            .env(KILLED, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        told += lines.filter(|line| line.ends_with("recorded")).take(20 * round).count() as u64;
        child.kill().unwrap();
        child.wait().unwrap();
        Runtime::new().unwrap().block_on(async {
            let auth = process(store.clone(), folder.path()).await;
            auth.flush().await.unwrap();
            let (requests, _) = report(&auth).await;
            assert!(requests >= told, "{requests} of {told}");
            // What it recorded while it was being killed counts as well.
            told = requests;
            let queue = auth.usage_queue();
            assert_eq!((queue.waiting, queue.broken), (0, 0));
            auth.shutdown().await.unwrap();
        });
    }
    assert!(told >= 1_100);
}

fn record_until_killed(folder: &Path) {
    Runtime::new().unwrap().block_on(async {
        // Its store is always away: what it recorded is in the spool or nowhere.
        let store = MemoryStore::new();
        store.set_outage(true);
        let auth = process(store, folder).await;
        loop {
            record(&auth, 1);
            println!("recorded");
        }
    });
}
