//! What the value of `--model` means. Looks at the disk, but loads nothing and asks no network.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::demo;

/// A model to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// The model this server writes itself.
    Demo,
    /// A folder with `config.json`, a tokenizer and safetensors.
    Folder(PathBuf),
    /// A GGUF file, or all parts of a split one in order.
    Gguf(Vec<PathBuf>),
    /// A repository of the Hugging Face hub, `org/name`.
    Hub(String),
}

/// Why the value of `--model` cannot be a model. Each message is one line that says what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SelectError {
    /// Nothing was named.
    #[error("no model is named: use `demo`, a folder with safetensors, a GGUF file or a hub id like `org/name`")]
    Empty,
    /// Looks like a path, and nothing is there.
    #[error("there is no model at {}: check the path, or name a hub id like `org/name`", .0.display())]
    NotFound(PathBuf),
    /// Neither a path nor a hub id.
    #[error("`{0}` is not a model: use `demo`, a folder with safetensors, a GGUF file or a hub id like `org/name`")]
    Unrecognised(String),
    /// The folder has no model description.
    #[error("the folder {} has no config.json: name the folder that the model's files were downloaded into", .0.display())]
    NoConfig(PathBuf),
    /// The folder describes a model, but its weights are elsewhere.
    #[error("the folder {} has no *.safetensors: download the model's weights into it", .0.display())]
    NoWeights(PathBuf),
    /// The folder holds GGUF files: which one is meant?
    #[error("the folder {} holds GGUF files: name one of them, like {}", .folder.display(), .example.display())]
    GgufFolder {
        /// The folder that was named.
        folder: PathBuf,
        /// One of the files in it.
        example: PathBuf,
    },
    /// A safetensors file was named.
    #[error("{} is one file of a model: name the folder that it lies in", .0.display())]
    SafetensorsFile(PathBuf),
    /// The file is something else.
    #[error("{} is not a GGUF file: name a GGUF file, or a folder with config.json and safetensors", .0.display())]
    NotGguf(PathBuf),
    /// A part of a split GGUF is missing.
    #[error("the GGUF file {} is missing: all parts of a split model must lie in one folder", .0.display())]
    MissingPart(PathBuf),
    /// The disk could not be read.
    #[error("the model at {} cannot be read: {cause}", .path.display())]
    Unreadable {
        /// Where.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}

impl Selection {
    /// Finds out what a value of `--model` means.
    ///
    /// # Errors
    ///
    /// When it means nothing that could be loaded.
    pub fn parse(value: &str) -> Result<Self, SelectError> {
        let value = value.trim();
        if value.is_empty() {
            return Err(SelectError::Empty);
        }
        if value == demo::NAME {
            return Ok(Self::Demo);
        }
        let path = Path::new(value);
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => folder(path),
            Ok(_) => file(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => absent(value),
            Err(cause) => Err(unreadable(path, cause)),
        }
    }

    /// The name under which the model is served.
    pub fn alias(&self) -> String {
        match self {
            Self::Demo => demo::NAME.to_owned(),
            Self::Hub(id) => id.clone(),
            // A folder may be named as `.` or through a link that has a better name: only the former is resolved.
            Self::Folder(path) => path
                .file_name()
                .map(ToOwned::to_owned)
                .or_else(|| fs::canonicalize(path).ok()?.file_name().map(ToOwned::to_owned))
                .map_or_else(|| "model".to_owned(), |name| name.to_string_lossy().into_owned()),
            Self::Gguf(parts) => {
                let stem = parts.first().and_then(|part| part.file_stem());
                let stem = stem.map_or_else(|| "model".into(), |stem| stem.to_string_lossy());
                Part::parse(&stem).map_or(&*stem, |part| part.base).to_owned()
            }
        }
    }
}

fn folder(path: &Path) -> Result<Selection, SelectError> {
    let entries = fs::read_dir(path).map_err(|cause| unreadable(path, cause))?;
    let names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .collect();

    // Mistral's own releases have `params.json` in its place.
    let has_config = names.iter().any(|name| name == "config.json" || name == "params.json");
    let has_weights = names.iter().any(|name| has_extension(name, "safetensors"));
    let gguf = names.iter().filter(|name| has_extension(name, "gguf")).min();
    match (has_config, has_weights, gguf) {
        (true, true, _) => Ok(Selection::Folder(path.to_owned())),
        (_, false, Some(name)) => Err(SelectError::GgufFolder {
            folder: path.to_owned(),
            example: path.join(name),
        }),
        (true, false, None) => Err(SelectError::NoWeights(path.to_owned())),
        (false, _, _) => Err(SelectError::NoConfig(path.to_owned())),
    }
}

fn file(path: &Path) -> Result<Selection, SelectError> {
    let mut magic = [0; 4];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    match read {
        Ok(()) if magic == *b"GGUF" => parts(path).map(Selection::Gguf),
        Err(cause) if cause.kind() != io::ErrorKind::UnexpectedEof => Err(unreadable(path, cause)),
        _ if has_extension(&path.to_string_lossy(), "safetensors") => {
            Err(SelectError::SafetensorsFile(path.to_owned()))
        }
        _ => Err(SelectError::NotGguf(path.to_owned())),
    }
}

/// All parts of a GGUF that was split into `NAME-00001-of-00003.gguf` and so on, whichever of them was named.
fn parts(path: &Path) -> Result<Vec<PathBuf>, SelectError> {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let Some(part) = stem.as_deref().and_then(Part::parse) else {
        return Ok(vec![path.to_owned()]);
    };
    (1..=part.total)
        .map(|number| {
            let sibling = path.with_file_name(format!("{}-{number:05}-of-{:05}.gguf", part.base, part.total));
            if sibling.is_file() {
                Ok(sibling)
            } else {
                Err(SelectError::MissingPart(sibling))
            }
        })
        .collect()
}

/// The name of one part of a split GGUF.
struct Part<'a> {
    base: &'a str,
    total: u32,
}

impl<'a> Part<'a> {
    fn parse(stem: &'a str) -> Option<Self> {
        let number = |digits: &str| -> Option<u32> { (digits.len() == 5).then(|| digits.parse().ok()).flatten() };
        let (rest, total) = stem.rsplit_once("-of-")?;
        let (base, which) = rest.rsplit_once('-')?;
        let (which, total) = (number(which)?, number(total)?);
        (1..=total).contains(&which).then_some(Self { base, total })
    }
}

/// What is not on the disk is a hub id, or a path that was mistyped.
fn absent(value: &str) -> Result<Selection, SelectError> {
    let is_path = value.starts_with(['.', '/', '~'])
        || value.contains('\\')
        || value.matches('/').count() > 1
        || has_extension(value, "gguf")
        || has_extension(value, "safetensors");
    if is_path {
        return Err(SelectError::NotFound(PathBuf::from(value)));
    }
    let is_name = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphanumeric())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    match value.split_once('/') {
        Some((organisation, name)) if is_name(organisation) && is_name(name) => Ok(Selection::Hub(value.to_owned())),
        _ => Err(SelectError::Unrecognised(value.to_owned())),
    }
}

fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

fn unreadable(path: &Path, cause: io::Error) -> SelectError {
    SelectError::Unreadable {
        path: path.to_owned(),
        cause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with empty files of these names, GGUF ones with their magic.
    fn folder_with(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let content = if has_extension(name, "gguf") { "GGUF\u{3}" } else { "{}" };
            fs::write(folder.path().join(name), content).unwrap();
        }
        folder
    }

    fn parse(path: &Path) -> Result<Selection, SelectError> {
        Selection::parse(path.to_str().unwrap())
    }

    #[test]
    fn names_that_are_no_paths() {
        let hub = |id: &str| Selection::Hub(id.to_owned());
        assert_eq!(Selection::parse("demo").unwrap(), Selection::Demo);
        assert_eq!(Selection::parse(" demo\n").unwrap(), Selection::Demo);
        assert_eq!(Selection::parse("Qwen/Qwen3-0.6B").unwrap(), hub("Qwen/Qwen3-0.6B"));
        assert_eq!(Selection::parse("Qwen/Qwen3-0.6B").unwrap().alias(), "Qwen/Qwen3-0.6B");

        for value in ["", " ", "dmeo", "a/b c", "a/", "/b", "a/b/c", "org/..", "ünï/code"] {
            let error = Selection::parse(value).unwrap_err().to_string();
            assert!(!error.contains('\n') && error.contains("hub id"), "{value:?}: {error}");
        }
    }

    #[test]
    fn paths_that_lead_nowhere() {
        for value in [
            "./nothing",
            "/no/such/folder",
            "~/models/x",
            "nothing.gguf",
            "a/b/c",
            "x.safetensors",
            r"C:\x",
        ] {
            let error = Selection::parse(value).unwrap_err();
            assert!(matches!(error, SelectError::NotFound(_)), "{value}: {error}");
        }
    }

    #[test]
    fn folders() {
        let whole = folder_with(&["config.json", "model-00001-of-00001.safetensors"]);
        let selection = parse(whole.path()).unwrap();
        assert_eq!(selection, Selection::Folder(whole.path().to_owned()));
        assert_eq!(selection.alias(), whole.path().file_name().unwrap().to_str().unwrap());
        assert_eq!(
            parse(&whole.path().join(".")).unwrap().alias(),
            whole.path().file_name().unwrap().to_str().unwrap(),
        );

        let cases: [(&[&str], &str); 5] = [
            (&[], "has no config.json"),
            (&["model.safetensors"], "has no config.json"),
            (&["config.json"], "has no *.safetensors"),
            (&["b.gguf", "a.gguf"], "a.gguf"),
            (&["config.json", "a.gguf"], "name one of them"),
        ];
        for (names, expected) in cases {
            let folder = folder_with(names);
            let error = parse(folder.path()).unwrap_err().to_string();
            assert!(error.contains(expected), "{names:?}: {error}");
        }
    }

    #[test]
    fn files() {
        let folder = folder_with(&["llama-3.gguf", "notes.txt", "model.safetensors", "empty"]);
        fs::write(folder.path().join("empty"), "").unwrap();
        let at = |name: &str| folder.path().join(name);

        let selection = parse(&at("llama-3.gguf")).unwrap();
        assert_eq!(selection, Selection::Gguf(vec![at("llama-3.gguf")]));
        assert_eq!(selection.alias(), "llama-3");

        for name in ["notes.txt", "empty"] {
            assert!(matches!(parse(&at(name)), Err(SelectError::NotGguf(_))), "{name}");
        }
        assert!(matches!(
            parse(&at("model.safetensors")),
            Err(SelectError::SafetensorsFile(_))
        ));
    }

    #[test]
    fn split_files() {
        let folder = folder_with(&[
            "big-00001-of-00002.gguf",
            "big-00002-of-00002.gguf",
            "lone-00001-of-00002.gguf",
        ]);
        let at = |name: &str| folder.path().join(name);

        let both = vec![at("big-00001-of-00002.gguf"), at("big-00002-of-00002.gguf")];
        for part in &both {
            let selection = parse(part).unwrap();
            assert_eq!(selection, Selection::Gguf(both.clone()));
            assert_eq!(selection.alias(), "big");
        }
        let error = parse(&at("lone-00001-of-00002.gguf")).unwrap_err().to_string();
        assert!(error.contains("lone-00002-of-00002.gguf"), "{error}");
    }
}
