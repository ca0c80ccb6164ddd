//! Usage between the answer and the store: what waits, what is lost, what is refused.

mod support;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use localauth_core::memory::MemorySpool;
use localauth_core::{
    Auth, MemoryStore, Period, RequestId, SpoolBatch, SpoolDepth, SpoolError, SpoolPosition, StoreError,
    StoreErrorKind, Stores, UsageEvent, UsageFilter, UsageSink, UsageSource, UsageSpool, UserId,
};
use support::World;

fn event(auth: &Auth) -> UsageEvent {
    UsageEvent {
        request_id: auth.new_request_id(),
        at: auth.now(),
        user_id: UserId::SHARED,
        user_name: "shared".into(),
        key: None,
        source: UsageSource::Legacy,
        model: "demo".into(),
        endpoint: "/v1/chat/completions".into(),
        prompt_tokens: 1,
        cached_tokens: 0,
        cost_micros: 0,
        completion_tokens: 1,
        estimated: false,
    }
}

fn record(auth: &Auth, count: usize) {
    for _ in 0..count {
        auth.record_usage(event(auth));
    }
}

async fn requests(auth: &Auth) -> u64 {
    let report = auth.usage_report(Period::All, UsageFilter::default()).await;
    report.unwrap().totals.requests
}

/// A store that takes usage unless it is one of `refused`, and notes how large the batches are.
struct Picky {
    store: MemoryStore,
    refused: Mutex<BTreeSet<RequestId>>,
    largest: AtomicUsize,
    asked: AtomicUsize,
    away: AtomicBool,
}

#[async_trait]
impl UsageSink for Picky {
    async fn record_usage(&self, events: &[UsageEvent]) -> Result<(), StoreError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.largest.fetch_max(events.len(), Ordering::SeqCst);
        if self.away.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable("away"));
        }
        let refused = self.refused.lock().unwrap().clone();
        if events.iter().any(|event| refused.contains(&event.request_id)) {
            return Err(StoreError::new(StoreErrorKind::Inconsistent, "not this one"));
        }
        self.store.record_usage(events).await
    }

    async fn sweep_usage(&self, before: localauth_core::Timestamp) -> Result<u64, StoreError> {
        self.store.sweep_usage(before).await
    }
}

async fn picky() -> (Auth, Arc<Picky>) {
    let store = MemoryStore::new();
    let sink = Arc::new(Picky {
        store: store.clone(),
        refused: Mutex::default(),
        largest: AtomicUsize::new(0),
        asked: AtomicUsize::new(0),
        away: AtomicBool::new(false),
    });
    let stores = Stores {
        usage_sink: sink.clone(),
        ..Stores::from_one(store)
    };
    let auth = Auth::builder_with(stores).background(false).build().unwrap();
    auth.follow_changes().await.unwrap();
    (auth, sink)
}

#[tokio::test]
async fn a_backlog_is_written_in_large_batches_and_not_in_one() {
    let (auth, sink) = picky().await;
    record(&auth, 25_000);
    assert_eq!(auth.usage_queue().waiting, 25_000);
    assert_eq!(requests(&auth).await, 25_000);
    assert_eq!(sink.largest.load(Ordering::SeqCst), 10_000);
    assert_eq!(auth.usage_queue().waiting, 0);
}

#[tokio::test]
async fn what_the_store_refuses_is_lost_alone_and_counted() {
    let (auth, sink) = picky().await;
    for n in 0..2_500 {
        let event = event(&auth);
        if [0, 1, 1_234, 2_499].contains(&n) {
            sink.refused.lock().unwrap().insert(event.request_id);
        }
        auth.record_usage(event);
    }
    assert_eq!(requests(&auth).await, 2_496);
    assert_eq!(auth.unrecorded(), 4);
    assert_eq!(auth.usage_queue().waiting, 0);
    let asked = sink.asked.load(Ordering::SeqCst);
    assert!(asked < 200, "found by halves, not one by one: {asked}");
}

#[tokio::test]
async fn after_a_failure_batches_are_smaller() {
    let (auth, sink) = picky().await;
    sink.away.store(true, Ordering::SeqCst);
    record(&auth, 5_000);
    while sink.asked.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    sink.largest.store(0, Ordering::SeqCst);
    while sink.asked.load(Ordering::SeqCst) == 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(sink.largest.load(Ordering::SeqCst), 1_000);
    sink.away.store(false, Ordering::SeqCst);
    assert_eq!(requests(&auth).await, 5_000);
}

#[tokio::test]
async fn a_full_spool_loses_what_comes_then_and_says_so() {
    let world = World::with(|builder| builder.spool(MemorySpool::with_capacity(10))).await;
    world.store.set_outage(true);
    record(&world.auth, 13);
    let queue = world.auth.usage_queue();
    assert_eq!((queue.waiting, queue.unrecorded), (10, 3));
    assert!(queue.bytes > 0);
    world.store.set_outage(false);
    assert_eq!(requests(&world.auth).await, 10);
    assert_eq!(world.auth.unrecorded(), 3);
}

/// A spool on a disk that fails.
#[derive(Default)]
struct Failing {
    appends: AtomicUsize,
}

impl UsageSpool for Failing {
    fn append(&self, _: &UsageEvent) -> Result<(), SpoolError> {
        self.appends.fetch_add(1, Ordering::SeqCst);
        Err(SpoolError::Io(std::io::Error::other("the disk fails")))
    }

    fn read(&self, _: usize) -> Result<SpoolBatch, SpoolError> {
        Ok(SpoolBatch::default())
    }

    fn acknowledge(&self, _: SpoolPosition) -> Result<(), SpoolError> {
        Ok(())
    }

    fn sync(&self) -> Result<(), SpoolError> {
        Ok(())
    }

    fn depth(&self) -> SpoolDepth {
        SpoolDepth::default()
    }

    fn outlives_process(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn what_a_failing_disk_does_not_take_is_kept_in_memory_as_far_as_there_is_room() {
    let world = World::with(|builder| builder.spool(Failing::default())).await;
    record(&world.auth, 3);
    assert_eq!(world.auth.usage_queue().waiting, 3);
    assert_eq!(requests(&world.auth).await, 3);
    assert_eq!(world.auth.unrecorded(), 0);

    record(&world.auth, 65_536 + 2);
    assert_eq!(world.auth.unrecorded(), 2);
    assert_eq!(requests(&world.auth).await, 3 + 65_536);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_that_would_lose_something_says_so() {
    let world = World::with(|builder| builder.spool(Failing::default())).await;
    world.auth.shutdown().await.unwrap();
    world.store.set_outage(true);
    record(&world.auth, 1);
    assert!(world.auth.shutdown().await.is_err(), "what is in memory only");

    let world = World::new().await;
    world.store.set_outage(true);
    record(&world.auth, 1);
    assert!(world.auth.shutdown().await.is_err());
    world.store.set_outage(false);
    world.auth.shutdown().await.unwrap();
    assert_eq!(requests(&world.auth).await, 1);
}

#[tokio::test]
async fn when_the_last_handle_goes_what_waits_is_written() {
    let world = World::new().await;
    record(&world.auth, 1_500);
    drop(world.auth);
    let auth = support::builder(&world.store, &world.clock).build().unwrap();
    auth.follow_changes().await.unwrap();
    while requests(&auth).await < 1_500 {
        tokio::task::yield_now().await;
    }
}
