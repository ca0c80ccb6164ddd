//! Usage in files beside the program until the database has it.

mod error;
mod folder;
mod record;
mod segments;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use localauth_core::{SpoolBatch, SpoolDepth, SpoolError, SpoolPosition, UsageSpool};

pub use self::error::OpenSpoolError;
use self::folder::Folder;
use self::record::{Found, Records};
use self::segments::{Segment, Segments};

/// How large a [`FileSpool`] may become.
///
/// ```
/// use localauth_store::FileSpoolOptions;
///
/// let small = FileSpoolOptions::new().max_bytes(64 * 1024 * 1024);
/// ```
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct FileSpoolOptions {
    max_bytes: u64,
    segment_bytes: u64,
}

impl FileSpoolOptions {
    /// The defaults.
    pub const fn new() -> Self {
        Self {
            max_bytes: 1_000_000_000,
            segment_bytes: 4 * 1024 * 1024,
        }
    }

    /// The most room on disk: 1 GB unless set, which is about three million events. Beyond it events are lost, and
    /// counted.
    pub const fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// When another file is begun: after 4 MiB unless set. A file goes once all of it is in the store.
    pub const fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes;
        self
    }
}

impl Default for FileSpoolOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// A spool in files: usage outlives the store's outage, a `kill -9`, and, once [synced](UsageSpool::sync), a power cut.
///
/// It has a folder of its own (mode `0700`, its files `0600`) and holds it alone: a second process is refused. Records
/// carry a checksum. One that was never finished is cut off when the folder is opened again; one that a bad disk broke is
/// passed over, counted in [`SpoolDepth::broken`] and logged.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let data = tempfile::tempdir()?;
/// # let data = data.path();
/// use localauth_core::{Auth, MemoryStore};
/// use localauth_store::{FileSpool, FileSpoolOptions, OpenSpoolError};
///
/// let spool = FileSpool::open(data.join("spool"), FileSpoolOptions::new())?;
/// // One folder is for one process:
/// let second = FileSpool::open(data.join("spool"), FileSpoolOptions::new());
/// assert!(matches!(second, Err(OpenSpoolError::InUse { .. })));
///
/// let auth = Auth::builder(MemoryStore::new()).spool(spool).build()?;
/// # auth.shutdown().await?;
/// # Ok(())
/// # }
/// ```
pub struct FileSpool {
    /// Never held for longer than a write, so that who answers a request can take it.
    segments: Mutex<Segments>,
    /// Whoever reads or takes away holds this one too.
    reader: Mutex<Reader>,
    broken: AtomicU64,
    folder: Folder,
    options: FileSpoolOptions,
}

/// What the reader remembers.
#[derive(Default)]
struct Reader {
    /// Up to where broken records are counted: what is read again is not counted again.
    counted: u64,
    broken: u64,
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FileSpool {
    /// Opens the spool in the folder `path`, which is made where there is none, with everything an earlier process left
    /// in it. That is read through once: call it where blocking is allowed.
    ///
    /// # Errors
    ///
    /// [`OpenSpoolError`], when another process uses it, a later version wrote it, or the system does not let it be used.
    pub fn open(path: impl AsRef<Path>, options: FileSpoolOptions) -> Result<Self, OpenSpoolError> {
        let folder = Folder::take(path.as_ref())?;
        Ok(Self {
            segments: Mutex::new(Segments::open(&folder)?),
            reader: Mutex::default(),
            broken: AtomicU64::new(0),
            folder,
            options,
        })
    }
}

impl fmt::Debug for FileSpool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSpool")
            .field("folder", &self.folder.path())
            .finish_non_exhaustive()
    }
}

/// The records of a segment from `from` on.
fn read_segment(segment: &Segment, from: u64) -> io::Result<Vec<u8>> {
    let mut file = match File::open(&segment.path) {
        // Somebody took it away. What was in it is lost, and must not hold up the rest.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened?,
    };
    file.seek(SeekFrom::Start(from - segment.base))?;
    let mut bytes = Vec::new();
    file.take(segment.end() - from).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Reader {
    fn note_broken(&mut self, segment: &Segment, at: u64) {
        if at >= self.counted {
            self.broken += 1;
            let (file, offset) = (segment.path.display(), at - segment.base);
            tracing::error!(%file, offset, "a record of the usage spool is broken: at least one request is lost");
        }
    }

    /// Adds events of `segment` to `batch`, which ends in it, until there are `most`.
    fn read(&mut self, segment: &Segment, batch: &mut SpoolBatch, most: usize) -> io::Result<()> {
        let from = batch.end.bytes.max(segment.base);
        let bytes = read_segment(segment, from)?;
        for (found, end) in Records::new(&bytes) {
            let event = match found {
                Found::Record(payload) => record::decode(&bytes[payload]).ok(),
                Found::Broken | Found::Newer | Found::Torn => None,
            };
            match event {
                Some(event) => {
                    batch.events.push(event);
                    batch.end.events += 1;
                }
                None => self.note_broken(segment, batch.end.bytes.max(from)),
            }
            batch.end.bytes = from + end as u64;
            self.counted = self.counted.max(batch.end.bytes);
            if batch.events.len() >= most {
                return Ok(());
            }
        }
        if batch.end.bytes.max(from) < segment.end() {
            self.note_broken(segment, batch.end.bytes.max(from));
            batch.end.bytes = segment.end();
            self.counted = self.counted.max(batch.end.bytes);
        }
        Ok(())
    }
}

impl UsageSpool for FileSpool {
    fn append(&self, event: &localauth_core::UsageEvent) -> Result<(), SpoolError> {
        let record = record::encode(event).map_err(io::Error::other)?;
        let mut segments = hold(&self.segments);
        if segments.size() + record.len() as u64 > self.options.max_bytes {
            return Err(SpoolError::Full);
        }
        // Room comes back a file at a time.
        let segment_bytes = self.options.segment_bytes.min(self.options.max_bytes / 8);
        segments.append(&record, segment_bytes, &self.folder)?;
        Ok(())
    }

    fn read(&self, most: usize) -> Result<SpoolBatch, SpoolError> {
        let mut reader = hold(&self.reader);
        let segments = hold(&self.segments);
        let mut batch = SpoolBatch {
            events: Vec::new(),
            end: segments.head(),
        };
        let waiting = segments.waiting();
        drop(segments);
        for segment in waiting {
            if batch.events.len() >= most {
                break;
            }
            reader.read(&segment, &mut batch, most)?;
        }
        self.broken.store(reader.broken, Ordering::Relaxed);
        Ok(batch)
    }

    fn acknowledge(&self, end: SpoolPosition) -> Result<(), SpoolError> {
        let reader = hold(&self.reader);
        let done = hold(&self.segments).acknowledge(end)?;
        let removed: io::Result<()> = done.into_iter().try_for_each(std::fs::remove_file);
        drop(reader);
        Ok(removed?)
    }

    fn sync(&self) -> Result<(), SpoolError> {
        let unsynced = hold(&self.segments).take_unsynced();
        let (files, folder) = &unsynced;
        let synced = files
            .iter()
            .try_for_each(|file| file.sync_data())
            .and_then(|()| if *folder { self.folder.sync() } else { Ok(()) });
        if synced.is_err() {
            hold(&self.segments).put_unsynced(unsynced);
        }
        Ok(synced?)
    }

    fn depth(&self) -> SpoolDepth {
        let segments = hold(&self.segments);
        let (head, tail) = (segments.head(), segments.tail());
        drop(segments);
        SpoolDepth {
            events: tail.events.saturating_sub(head.events),
            bytes: tail.bytes - head.bytes,
            broken: self.broken.load(Ordering::Relaxed),
        }
    }

    fn outlives_process(&self) -> bool {
        true
    }
}
