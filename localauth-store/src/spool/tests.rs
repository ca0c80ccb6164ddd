//! What the spool gives back: everything that was appended and not acknowledged, in order, whatever happened to it.

use std::fs;
use std::path::{Path, PathBuf};

use localauth_core::{KeyId, RequestId, Timestamp, UsageEvent, UsageSource, UserId};
use proptest::prelude::*;

use super::*;

fn event(n: u64) -> UsageEvent {
    let id = |kind: u64| format!("018bcfe5-6800-7000-8{kind:03}-{n:012x}");
    let n32 = u32::try_from(n % 1000).unwrap();
    UsageEvent {
        request_id: id(1).parse::<RequestId>().unwrap(),
        at: Timestamp::from_millis(1_700_000_000_000 + i64::from(n32)),
        user_id: id(2).parse::<UserId>().unwrap(),
        user_name: "Zoë \"quoted\" \u{1}".repeat(usize::try_from(n % 4).unwrap()),
        key: n
            .is_multiple_of(2)
            .then(|| (id(3).parse::<KeyId>().unwrap(), format!("key {n}"))),
        source: [UsageSource::ApiKey, UsageSource::Web, UsageSource::Legacy][usize::try_from(n % 3).unwrap()],
        model: "llama".into(),
        endpoint: "/v1/chat/completions".into(),
        prompt_tokens: n,
        cached_tokens: n / 2,
        completion_tokens: u64::MAX,
        cost_micros: 3,
        estimated: n.is_multiple_of(5),
    }
}

fn open(folder: &Path) -> FileSpool {
    FileSpool::open(folder, FileSpoolOptions::new()).unwrap()
}

fn numbers(batch: &SpoolBatch) -> Vec<u64> {
    batch.events.iter().map(|event| event.prompt_tokens).collect()
}

fn all(spool: &FileSpool) -> Vec<u64> {
    numbers(&spool.read(usize::MAX).unwrap())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| path.extension().is_some());
    files.sort();
    files
}

#[test]
fn an_event_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let events: Vec<_> = (0..10).map(event).collect();
    let spool = open(folder.path());
    for event in &events {
        spool.append(event).unwrap();
    }
    assert_eq!(spool.read(100).unwrap().events, events);
    drop(spool);
    let spool = open(folder.path());
    assert_eq!(spool.read(100).unwrap().events, events);
    assert_eq!(spool.depth().events, 10);
}

#[test]
fn names_beyond_all_measure_are_cut_as_the_store_cuts_them() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let text = "\u{1}".repeat(1_000_000);
    let long = UsageEvent {
        user_name: text.clone(),
        key: event(0).key.map(|(id, _)| (id, text.clone())),
        model: text.clone(),
        endpoint: text,
        ..event(0)
    };
    spool.append(&long).unwrap();
    let read = &spool.read(1).unwrap().events[0];
    assert_eq!(read.model, "\u{1}".repeat(crate::text::MAX_LABEL_CHARS));
    assert_eq!(spool.depth().broken, 0);
}

#[test]
fn reading_takes_nothing_away_and_acknowledging_does() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    for n in 0..5 {
        spool.append(&event(n)).unwrap();
    }
    let batch = spool.read(2).unwrap();
    assert_eq!(numbers(&batch), [0, 1]);
    assert_eq!(spool.read(2).unwrap(), batch);
    spool.acknowledge(batch.end).unwrap();
    spool.acknowledge(batch.end).unwrap();
    assert_eq!(all(&spool), [2, 3, 4]);
    assert_eq!(spool.depth().events, 3);
    spool.acknowledge(spool.read(10).unwrap().end).unwrap();
    assert_eq!(spool.depth(), SpoolDepth::default());
    spool.append(&event(7)).unwrap();
    assert_eq!(all(&spool), [7]);
    assert_eq!(spool.depth().events, 1);
}

#[test]
fn what_is_written_goes_from_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let options = FileSpoolOptions::new().segment_bytes(1_000);
    let spool = FileSpool::open(folder.path(), options).unwrap();
    for n in 0..20 {
        spool.append(&event(n)).unwrap();
    }
    let before = files(folder.path()).len();
    assert!(before > 3, "{before}");
    spool.acknowledge(spool.read(10).unwrap().end).unwrap();
    assert!(files(folder.path()).len() < before);
    spool.sync().unwrap();
    spool.acknowledge(spool.read(100).unwrap().end).unwrap();
    let left = files(folder.path());
    assert_eq!(left.len(), 1);
    assert_eq!(fs::metadata(&left[0]).unwrap().len(), 0);
    drop(spool);
    drop(open(folder.path()));
    assert_eq!(files(folder.path()), Vec::<PathBuf>::new());
}

#[cfg(unix)]
#[test]
fn it_is_for_the_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/spool");
    let spool = open(&path);
    spool.append(&event(1)).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    for file in fs::read_dir(&path).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
}

#[test]
fn one_folder_is_for_one_spool() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path());
    let error = FileSpool::open(folder.path(), FileSpoolOptions::new()).unwrap_err();
    assert!(matches!(error, OpenSpoolError::InUse { .. }));
    let said = error.to_string();
    assert!(
        said.contains(folder.path().to_str().unwrap()) && said.contains("another process"),
        "{said}"
    );
    drop(first);
    open(folder.path());
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = FileSpool::open(file.join("spool"), FileSpoolOptions::new()).unwrap_err();
    assert!(error.to_string().contains("file/spool"), "{error}");
}

#[test]
fn a_full_spool_says_so_and_takes_more_once_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let spool = FileSpool::open(folder.path(), FileSpoolOptions::new().max_bytes(10_000)).unwrap();
    let mut taken = 0;
    let error = loop {
        match spool.append(&event(taken)) {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, SpoolError::Full), "{error}");
    let on_disk = || -> u64 {
        files(folder.path())
            .iter()
            .map(|file| fs::metadata(file).unwrap().len())
            .sum()
    };
    assert!(taken > 10 && on_disk() <= 10_000, "{taken}");
    spool
        .acknowledge(spool.read(usize::try_from(taken / 2).unwrap()).unwrap().end)
        .unwrap();
    spool.append(&event(taken)).unwrap();
    assert_eq!(all(&spool), (taken / 2..=taken).collect::<Vec<_>>());
}

/// A kill in the middle of a write leaves the beginning of a record.
#[test]
fn a_torn_record_is_cut_at_whatever_byte_it_broke() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    for n in 0..3 {
        spool.append(&event(n)).unwrap();
    }
    let before = spool.depth().bytes;
    spool.append(&event(3)).unwrap();
    drop(spool);
    let file = files(folder.path()).remove(0);
    let whole = fs::read(&file).unwrap();
    for length in usize::try_from(before).unwrap()..whole.len() {
        fs::write(&file, &whole[..length]).unwrap();
        let spool = open(folder.path());
        assert_eq!(fs::metadata(&file).unwrap().len(), before, "cut at {length}");
        spool.append(&event(9)).unwrap();
        assert_eq!(all(&spool), [0, 1, 2, 9], "cut at {length}");
        assert_eq!(spool.depth().broken, 0);
        drop(spool);
        fs::remove_file(files(folder.path()).pop().unwrap()).unwrap();
    }
}

/// A bad disk changes a byte: that record is lost and told, and no other.
#[test]
fn a_broken_record_costs_itself_only() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let mut ends = vec![0];
    for n in 0..3 {
        spool.append(&event(n)).unwrap();
        ends.push(usize::try_from(spool.depth().bytes).unwrap());
    }
    drop(spool);
    let file = files(folder.path()).remove(0);
    let whole = fs::read(&file).unwrap();
    for at in ends[1]..ends[2] {
        for wrong in [0, 0xff, whole[at] ^ 1, whole[at].wrapping_add(7)] {
            let mut bytes = whole.clone();
            if bytes[at] == wrong {
                continue;
            }
            bytes[at] = wrong;
            fs::write(&file, &bytes).unwrap();
            let spool = open(folder.path());
            assert_eq!(all(&spool), [0, 2], "byte {at} is {wrong}");
            assert_eq!(all(&spool), [0, 2]);
            assert_eq!(spool.depth().broken, 1, "counted once: byte {at} is {wrong}");
            spool.acknowledge(spool.read(10).unwrap().end).unwrap();
            assert_eq!(spool.depth().events, 0);
            drop(spool);
            fs::remove_file(&file).ok();
        }
    }
}

#[test]
fn a_record_of_a_later_version_is_not_thrown_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("00000000000000000001.usage");
    let later = record::encode_as(2, &event(1)).unwrap();
    fs::write(&path, &later).unwrap();
    let error = FileSpool::open(folder.path(), FileSpoolOptions::new()).unwrap_err();
    assert!(matches!(error, OpenSpoolError::Newer { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), later);
}

/// A name from outside that has a record in it is a name.
#[test]
fn nobody_slips_a_record_in_by_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let forged = String::from_utf8_lossy(&record::encode(&event(1)).unwrap()).into_owned();
    let sly = UsageEvent {
        model: forged,
        ..event(2)
    };
    spool.append(&sly).unwrap();
    drop(spool);
    let file = files(folder.path()).remove(0);
    let mut bytes = fs::read(&file).unwrap();
    bytes[8] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let spool = open(folder.path());
    assert_eq!(all(&spool), Vec::<u64>::new());
    assert_eq!(spool.depth().broken, 1);
}

#[test]
fn a_file_that_somebody_took_away_does_not_hold_up_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let spool = FileSpool::open(folder.path(), FileSpoolOptions::new().segment_bytes(1)).unwrap();
    for n in 0..3 {
        spool.append(&event(n)).unwrap();
    }
    fs::remove_file(&files(folder.path())[1]).unwrap();
    assert_eq!(all(&spool), [0, 2]);
    assert_eq!(spool.depth().broken, 1);
}

#[test]
fn many_append_while_one_reads() {
    const THREADS: u64 = 8;
    const EACH: u64 = 500;
    let folder = tempfile::tempdir().unwrap();
    let spool = FileSpool::open(folder.path(), FileSpoolOptions::new().segment_bytes(20_000)).unwrap();
    let mut read = Vec::new();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let spool = &spool;
            scope.spawn(move || {
                for n in 0..EACH {
                    spool.append(&event(thread * EACH + n)).unwrap();
                }
            });
        }
        while read.len() < usize::try_from(THREADS * EACH).unwrap() {
            let batch = spool.read(100).unwrap();
            read.extend(numbers(&batch));
            spool.sync().unwrap();
            spool.acknowledge(batch.end).unwrap();
        }
    });
    assert_eq!(spool.depth(), SpoolDepth::default());
    for thread in 0..THREADS {
        let of_this: Vec<u64> = read.iter().copied().filter(|n| n / EACH == thread).collect();
        assert_eq!(
            of_this,
            (thread * EACH..(thread + 1) * EACH).collect::<Vec<_>>(),
            "each once, in order"
        );
    }
}

/// What may happen to a spool.
#[derive(Debug, Clone)]
enum Step {
    Append(usize),
    /// Reads so many, and acknowledges them if so.
    Read(usize, bool),
    Sync,
    /// The process dies and another one opens the folder.
    Reopen,
    /// The process dies in the middle of its last writes: so many bytes of the last file are gone.
    Cut(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..6_usize).prop_map(Step::Append),
        4 => (0..8_usize, any::<bool>()).prop_map(|(most, done)| Step::Read(most, done)),
        1 => Just(Step::Sync),
        1 => Just(Step::Reopen),
        1 => (0..900_u64).prop_map(Step::Cut),
    ]
}

/// What the spool should have: each event with where its record ends in all that was ever appended.
#[derive(Default)]
struct Model {
    next: u64,
    waiting: Vec<u64>,
    /// The lengths of the records in the file that is written, oldest first, with their numbers.
    last_file: Vec<(u64, u64)>,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_happens_what_is_not_acknowledged_is_read_again(steps in proptest::collection::vec(step(), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        let options = FileSpoolOptions::new().segment_bytes(2_000);
        let open = || FileSpool::open(folder.path(), options).unwrap();
        let mut spool = open();
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Append(count) => for _ in 0..count {
                    let known = files(folder.path());
                    let before = spool.depth().bytes;
                    spool.append(&event(model.next)).unwrap();
                    if files(folder.path()) != known {
                        model.last_file.clear();
                    }
                    model.last_file.push((spool.depth().bytes - before, model.next));
                    model.waiting.push(model.next);
                    model.next += 1;
                },
                Step::Read(most, done) => {
                    let batch = spool.read(most).unwrap();
                    let expected = &model.waiting[..most.min(model.waiting.len())];
                    prop_assert_eq!(numbers(&batch), expected);
                    if done {
                        spool.acknowledge(batch.end).unwrap();
                        model.waiting.drain(..batch.events.len());
                        if model.waiting.is_empty() {
                            model.last_file.clear();
                        }
                    }
                    prop_assert_eq!(spool.depth().events, model.waiting.len() as u64);
                }
                Step::Sync => spool.sync().unwrap(),
                Step::Reopen | Step::Cut(_) => {
                    drop(spool);
                    if let (Step::Cut(bytes), Some(last)) = (step, files(folder.path()).last()) {
                        let length = fs::metadata(last).unwrap().len();
                        let bytes = bytes.min(model.last_file.iter().map(|(length, _)| length).sum());
                        fs::OpenOptions::new().write(true).open(last).unwrap().set_len(length - bytes).unwrap();
                        let mut gone = bytes;
                        while gone > 0 && let Some((length, n)) = model.last_file.pop() {
                            gone = gone.saturating_sub(length);
                            model.waiting.retain(|waiting| *waiting != n);
                        }
                    }
                    spool = open();
                    // What was acknowledged may come again, as long as nothing is left out and the order holds.
                    let again = all(&spool);
                    prop_assert!(again.ends_with(&model.waiting), "{again:?} {:?}", model.waiting);
                    prop_assert!(again.is_sorted_by(|a, b| a < b), "{again:?}");
                    prop_assert!(again.iter().all(|n| *n < model.next));
                    let acknowledged = again.len() - model.waiting.len();
                    let first = model.waiting.first().copied().unwrap_or(model.next);
                    prop_assert!(again[..acknowledged].iter().all(|n| *n < first), "{again:?}");
                    model.waiting = again;
                    model.last_file.clear();
                }
            }
            prop_assert_eq!(spool.depth().broken, 0);
        }
    }
}
