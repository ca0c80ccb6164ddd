//! The demo model: a tiny Llama that this server writes itself, so that it can answer before anybody has fetched
//! weights. It is loaded through the same path as every other model.

mod vocabulary;
mod weights;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use serde_json::Value;

/// The name under which the demo model is asked for and served.
pub const NAME: &str = "demo";

/// What the demo model answers, whatever it is asked.
pub fn sentence() -> String {
    vocabulary::WORDS.concat()
}

/// Why the demo model could not be put on disk.
#[derive(Debug, thiserror::Error)]
#[error("the demo model cannot be written to {}: {cause}", .folder.display())]
pub struct WriteError {
    folder: PathBuf,
    cause: io::Error,
}

/// Makes sure that the demo model lies in `models/demo` of the data directory, and tells where that is.
///
/// The files are made anew in memory and compared, which takes less than a millisecond: so a damaged file, one of an
/// older version and one that does not belong there are all found, and an intact folder is left alone, even on a
/// read-only disk.
///
/// # Errors
///
/// When the folder has to be written and cannot be.
pub fn ensure(data_dir: &Path) -> Result<PathBuf, WriteError> {
    let folder = data_dir.join("models").join(NAME);
    match files().and_then(|files| make(&folder, &files)) {
        Ok(()) => Ok(folder),
        Err(cause) => Err(WriteError { folder, cause }),
    }
}

/// How often to begin anew when other servers write the same folder at the same time.
const ATTEMPTS: usize = 5;

fn make(folder: &Path, files: &[File]) -> io::Result<()> {
    let mut result = Ok(());
    for _ in 0..ATTEMPTS {
        if is_intact(folder, files) {
            return Ok(());
        }
        result = replace(folder, files);
    }
    // The last attempt is looked at too: another server may have been quicker and written the same.
    if is_intact(folder, files) { Ok(()) } else { result }
}

/// A file's name and content.
type File = (&'static str, Vec<u8>);

fn files() -> io::Result<Vec<File>> {
    Ok(vec![
        ("config.json", text(&weights::config())?),
        ("tokenizer.json", text(&vocabulary::tokenizer())?),
        (
            "tokenizer_config.json",
            text(&vocabulary::tokenizer_config(weights::CONTEXT))?,
        ),
        ("model.safetensors", weights::weights().map_err(io::Error::other)?),
    ])
}

fn text(value: &Value) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(text)
}

/// Whether the folder holds exactly these files: one more, say another chat template, would change the model.
fn is_intact(folder: &Path, files: &[File]) -> bool {
    let Ok(entries) = fs::read_dir(folder) else {
        return false;
    };
    entries.count() == files.len()
        && files
            .iter()
            .all(|(name, content)| fs::read(folder.join(name)).is_ok_and(|found| found == *content))
}

/// Writes the files beside the folder and moves them there in one step, so that a server which dies or starts in
/// between never sees half a model.
fn replace(folder: &Path, files: &[File]) -> io::Result<()> {
    let Some(parent) = folder.parent() else {
        return Err(io::Error::other("the folder has no parent"));
    };
    fs::create_dir_all(parent)?;

    let (fresh, stale) = (private_name(parent, "new"), private_name(parent, "old"));
    remove(&fresh)?;
    remove(&stale)?;

    let written = write(&fresh, files)
        // A folder cannot be renamed onto one that is not empty: move the old one away first.
        .and_then(|()| match fs::rename(folder, &stale) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => fs::rename(&fresh, folder),
        });
    remove(&fresh)?;
    remove(&stale)?;
    written
}

fn write(folder: &Path, files: &[File]) -> io::Result<()> {
    fs::create_dir(folder)?;
    for (name, content) in files {
        fs::write(folder.join(name), content)?;
    }
    Ok(())
}

/// A name beside the folder that no other server and no other thread uses.
fn private_name(parent: &Path, what: &str) -> PathBuf {
    static COUNTER: AtomicUsize = AtomicUsize::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    parent.join(format!(".{NAME}-{what}-{}-{count}", std::process::id()))
}

fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn modified(path: &Path) -> SystemTime {
        fs::metadata(path).unwrap().modified().unwrap()
    }

    #[test]
    fn an_intact_folder_is_left_alone() {
        let data = tempfile::tempdir().unwrap();
        let folder = ensure(data.path()).unwrap();
        assert_eq!(folder, data.path().join("models/demo"));

        let before = modified(&folder.join("model.safetensors"));
        assert_eq!(ensure(data.path()).unwrap(), folder);
        assert_eq!(modified(&folder.join("model.safetensors")), before);
    }

    #[test]
    fn what_does_not_fit_is_made_again() {
        let data = tempfile::tempdir().unwrap();
        let folder = ensure(data.path()).unwrap();
        let files = files().unwrap();

        fs::write(folder.join("model.safetensors"), b"damaged").unwrap();
        ensure(data.path()).unwrap();
        assert!(is_intact(&folder, &files), "damaged file");

        fs::remove_file(folder.join("config.json")).unwrap();
        ensure(data.path()).unwrap();
        assert!(is_intact(&folder, &files), "missing file");

        fs::write(folder.join("chat_template.jinja"), "{{ 1 }}").unwrap();
        ensure(data.path()).unwrap();
        assert!(is_intact(&folder, &files), "file too many");

        fs::remove_dir_all(&folder).unwrap();
        fs::write(&folder, "a file").unwrap();
        ensure(data.path()).unwrap();
        assert!(is_intact(&folder, &files), "file in place of the folder");

        let left: Vec<_> = fs::read_dir(data.path().join("models")).unwrap().collect();
        assert_eq!(left.len(), 1, "nothing is left behind: {left:?}");
    }

    #[test]
    fn servers_that_start_together_do_not_collide() {
        let data = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| ensure(data.path()).unwrap());
            }
        });
        let folder = ensure(data.path()).unwrap();
        assert!(is_intact(&folder, &files().unwrap()));
        let left: Vec<_> = fs::read_dir(data.path().join("models")).unwrap().collect();
        assert_eq!(left.len(), 1, "nothing is left behind: {left:?}");
    }

    #[test]
    fn the_sentence_is_honest() {
        assert_eq!(
            sentence(),
            "This is localauth's built-in demo model, which only ever says this sentence; to load a real one, \
             start the server with --model and its path or hub id."
        );
    }

    #[test]
    fn an_unwritable_place_is_named() {
        let data = tempfile::tempdir().unwrap();
        fs::write(data.path().join("models"), "a file").unwrap();
        let error = ensure(data.path()).unwrap_err().to_string();
        assert!(error.contains("models/demo"), "{error}");
    }
}
