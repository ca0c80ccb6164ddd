//! What the spool costs whoever answers a request: one append, alone and while the disk syncs, against its floor, a plain
//! `write(2)` of as many bytes; and how fast a backlog is read.
#![expect(clippy::unwrap_used, reason = "a bench that cannot begin has nothing to say")]

use std::fs::OpenOptions;
use std::hint::black_box;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use localauth_core::memory::MemorySpool;
use localauth_core::{RequestId, Timestamp, UsageEvent, UsageSource, UsageSpool, UserId};
use localauth_store::{FileSpool, FileSpoolOptions};

/// About what a record of [`event`] takes.
const RECORD: [u8; 400] = [b'x'; 400];

fn event() -> UsageEvent {
    let id = uuid::Uuid::from_u128(0x018b_cfe5_6800_7000_8000_0000_0000_0001);
    UsageEvent {
        request_id: RequestId::from_uuid(id),
        at: Timestamp::from_millis(1_700_000_000_000),
        user_id: UserId::from_uuid(id),
        user_name: "Ada Lovelace".into(),
        key: Some((localauth_core::KeyId::from_uuid(id), "laptop".into())),
        source: UsageSource::ApiKey,
        model: "llama-3.1-8b-instruct".into(),
        endpoint: "/v1/chat/completions".into(),
        prompt_tokens: 1_234,
        cached_tokens: 1_000,
        completion_tokens: 567,
        cost_micros: 890,
        estimated: false,
    }
}

/// Makes room now and then, as the writer does.
fn append(spool: &dyn UsageSpool, event: &UsageEvent) {
    if spool.append(black_box(event)).is_err() {
        spool.acknowledge(spool.read(usize::MAX).unwrap().end).unwrap();
    }
}

fn file_spool(folder: &tempfile::TempDir) -> FileSpool {
    let options = FileSpoolOptions::new().max_bytes(100_000_000);
    FileSpool::open(folder.path().join("spool"), options).unwrap()
}

fn one_append(c: &mut Criterion) {
    let event = event();
    let mut group = c.benchmark_group("usage_spool/append");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("floor");
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    let mut written = 0_usize;
    group.bench_function("floor: write(2)", |b| {
        b.iter(|| {
            file.write_all(black_box(&RECORD)).unwrap();
            written += RECORD.len();
            if written > 4 << 20 {
                file.set_len(0).unwrap();
                written = 0;
            }
        });
    });
    let memory = MemorySpool::new();
    group.bench_function("in memory", |b| b.iter(|| append(&memory, &event)));

    let spool = file_spool(&folder);
    group.bench_function("in files", |b| b.iter(|| append(&spool, &event)));
    drop(spool);

    let spool = file_spool(&folder);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                spool.sync().unwrap();
            }
        });
        group.bench_function("in files, which are synced all the while", |b| {
            b.iter(|| append(&spool, &event));
        });
        done.store(true, Ordering::Relaxed);
    });
    group.finish();
}

fn backlog(c: &mut Criterion) {
    const EVENTS: u64 = 10_000;
    let event = event();
    let mut group = c.benchmark_group("usage_spool/backlog");
    group.throughput(Throughput::Elements(EVENTS)).sample_size(20);
    let folder = tempfile::tempdir().unwrap();
    let spool = file_spool(&folder);
    group.bench_function("read and acknowledge 10,000", |b| {
        b.iter_batched(
            || (0..EVENTS).for_each(|_| spool.append(&event).unwrap()),
            |()| {
                let batch = spool.read(10_000).unwrap();
                assert_eq!(batch.events.len() as u64, EVENTS);
                spool.acknowledge(batch.end).unwrap();
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, one_append, backlog);
criterion_main!(benches);
