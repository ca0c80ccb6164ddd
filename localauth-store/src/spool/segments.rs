//! The files of a spool, one after the other, as they are known while it is open.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use localauth_core::SpoolPosition;

use super::error::OpenSpoolError;
use super::folder::Folder;
use super::record::{Found, Records};

/// A file, of which the first bytes are records.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    /// How many bytes are in the spool before it.
    pub(super) base: u64,
    /// How many of its bytes are records.
    pub(super) length: u64,
}

impl Segment {
    pub(super) const fn end(&self) -> u64 {
        self.base + self.length
    }
}

/// What is in the files, and where reading and writing go on.
#[derive(Default)]
pub(super) struct Segments {
    /// Oldest first. The last one is the one that is written, if one is.
    all: VecDeque<Segment>,
    written: Option<Arc<File>>,
    next_number: u64,
    /// Before the first event that is not acknowledged.
    head: SpoolPosition,
    /// After the last event.
    tail: SpoolPosition,
    /// What `sync` has to look after: files with something new, and whether one of them is new itself.
    unsynced: Vec<Arc<File>>,
    new_files: bool,
}

impl Segments {
    /// Looks through what an earlier process left, and cuts what it did not finish.
    pub(super) fn open(folder: &Folder) -> Result<Self, OpenSpoolError> {
        let unusable = |path: &Path| {
            let path = path.to_owned();
            move |cause| OpenSpoolError::Unusable { path, cause }
        };
        let mut segments = Self::default();
        for (number, path) in folder.files().map_err(unusable(folder.path()))? {
            segments.next_number = number + 1;
            let (length, events) = inspect(&path)?;
            if length == 0 {
                fs::remove_file(&path).map_err(unusable(&path))?;
                continue;
            }
            let base = segments.tail.bytes;
            segments.tail.bytes += length;
            segments.tail.events += events;
            segments.all.push_back(Segment { path, base, length });
        }
        Ok(segments)
    }

    pub(super) const fn head(&self) -> SpoolPosition {
        self.head
    }

    pub(super) const fn tail(&self) -> SpoolPosition {
        self.tail
    }

    /// How much room they take.
    pub(super) fn size(&self) -> u64 {
        self.all.front().map_or(0, |first| self.tail.bytes - first.base)
    }

    /// Those that hold something which is not acknowledged.
    pub(super) fn waiting(&self) -> Vec<Segment> {
        let after = |segment: &&Segment| segment.end() > self.head.bytes;
        self.all.iter().filter(after).cloned().collect()
    }

    /// Writes a record at the end. The file it goes to is at most about `most` bytes long.
    pub(super) fn append(&mut self, record: &[u8], most: u64, folder: &Folder) -> io::Result<()> {
        let full = self.all.back().is_some_and(|last| last.length >= most);
        let file = match &self.written {
            Some(file) if !full => Arc::clone(file),
            _ => self.begin(folder)?,
        };
        let Some(last) = self.all.back_mut() else {
            return Err(io::Error::other("there is no file to write"));
        };
        if let Err(error) = (&*file).write_all(record) {
            // Half a record must not stay in the middle. If it does it is left behind, in a file of the past.
            if file.set_len(last.length).is_err() {
                self.written = None;
            }
            return Err(error);
        }
        let length = record.len() as u64;
        last.length += length;
        self.tail.bytes += length;
        self.tail.events += 1;
        if self.unsynced.last().is_none_or(|last| !Arc::ptr_eq(last, &file)) {
            self.unsynced.push(file);
        }
        Ok(())
    }

    fn begin(&mut self, folder: &Folder) -> io::Result<Arc<File>> {
        let number = self.next_number;
        let file = Arc::new(folder.create(number)?);
        self.next_number = number + 1;
        self.new_files = true;
        self.all.push_back(Segment {
            path: folder.file(number),
            base: self.tail.bytes,
            length: 0,
        });
        self.written = Some(Arc::clone(&file));
        Ok(file)
    }

    /// Everything before `end` is done with. Returns the files that are to be removed.
    pub(super) fn acknowledge(&mut self, end: SpoolPosition) -> io::Result<Vec<PathBuf>> {
        self.head = self.head.max(end);
        if self.head.bytes >= self.tail.bytes {
            // Where a record turned out to be broken, there are fewer events than were counted.
            self.head = self.tail;
        }
        let mut done = Vec::new();
        while let Some(first) = self.all.front()
            && first.end() <= self.head.bytes
            && (self.all.len() > 1 || self.written.is_none())
        {
            done.extend(self.all.pop_front().map(|segment| segment.path));
        }
        if self.head == self.tail
            && let (Some(file), Some(last)) = (&self.written, self.all.back_mut())
            && last.length > 0
        {
            // The same file again costs less than another one.
            file.set_len(0)?;
            last.base = self.tail.bytes;
            last.length = 0;
            self.unsynced.clear();
        }
        Ok(done)
    }

    /// What has to be synced now: files, and whether the folder as well.
    pub(super) fn take_unsynced(&mut self) -> (Vec<Arc<File>>, bool) {
        (std::mem::take(&mut self.unsynced), std::mem::take(&mut self.new_files))
    }

    /// It could not be synced: another time.
    pub(super) fn put_unsynced(&mut self, (mut files, folder): (Vec<Arc<File>>, bool)) {
        files.append(&mut self.unsynced);
        self.unsynced = files;
        self.new_files |= folder;
    }
}

/// How much of a file is records, and how many events that is. What follows is cut off.
fn inspect(path: &Path) -> Result<(u64, u64), OpenSpoolError> {
    let unusable = |cause| OpenSpoolError::Unusable {
        path: path.to_owned(),
        cause,
    };
    let bytes = fs::read(path).map_err(unusable)?;
    let (mut length, mut events) = (0, 0);
    for (found, end) in Records::new(&bytes) {
        match found {
            Found::Record(_) => events += 1,
            Found::Broken => {}
            Found::Newer => return Err(OpenSpoolError::Newer { path: path.to_owned() }),
            Found::Torn => break,
        }
        length = end;
    }
    if length < bytes.len() {
        let cut = bytes.len() - length;
        tracing::info!(file = %path.display(), bytes = cut, "the end of a usage spool file was never finished");
        let file = OpenOptions::new().write(true).open(path).map_err(unusable)?;
        file.set_len(length as u64).map_err(unusable)?;
    }
    Ok((length as u64, events))
}
