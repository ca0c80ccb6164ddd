//! Finds the files of a model in its folder, under the names that mistral.rs looks for, and makes sure that those which
//! describe it can be read.

use std::{
    fs::{self, File},
    io::{self, BufReader},
    path::{Path, PathBuf},
};

use serde::de::IgnoredAny;

/// The files of a model.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) config: PathBuf,
    pub(super) tokenizer: PathBuf,
    pub(super) weights: Vec<PathBuf>,
    pub(super) chat_template: Option<PathBuf>,
    pub(super) chat_template_json: Option<PathBuf>,
    pub(super) generation: Option<PathBuf>,
    pub(super) preprocessor: Option<PathBuf>,
    pub(super) processor: Option<PathBuf>,
}

/// Why the files of a folder are no model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum FilesError {
    /// A model needs one.
    #[error("the folder has no tokenizer.json")]
    NoTokenizer,
    /// mistral.rs would panic over it, and not say which it was.
    #[error("{name} is not valid: {cause}")]
    Invalid {
        name: &'static str,
        cause: serde_json::Error,
    },
    /// The system does not let us.
    #[error("{name} cannot be read: {cause}")]
    Unreadable { name: &'static str, cause: io::Error },
}

/// Files in JSON that a model may have.
const DESCRIPTIONS: [&str; 4] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
];

impl Files {
    /// Whether mistral.rs must look for the files itself: embedding models keep modules in folders of their own.
    pub(super) fn are_nested(folder: &Path) -> bool {
        ["modules.json", "config_sentence_transformers.json"]
            .iter()
            .any(|name| folder.join(name).is_file())
    }

    /// Lists the files of a folder.
    pub(super) fn list(folder: &Path) -> Result<Self, FilesError> {
        for name in DESCRIPTIONS {
            check(folder, name)?;
        }
        let find = |names: &[&str]| names.iter().map(|name| folder.join(name)).find(|path| path.is_file());
        Ok(Self {
            // Mistral's own releases have `params.json`, and a tokenizer of their own kind.
            config: find(&["params.json"]).unwrap_or_else(|| folder.join("config.json")),
            tokenizer: find(&["tokenizer.json", "tekken.json"]).ok_or(FilesError::NoTokenizer)?,
            weights: weights(folder)?,
            chat_template: find(&["chat_template.jinja", "tokenizer_config.json"]),
            chat_template_json: find(&["chat_template.json"]),
            generation: find(&["generation_config.json"]),
            preprocessor: find(&["preprocessor_config.json"]),
            processor: find(&["processor_config.json"]),
        })
    }
}

/// Makes sure that a file, if it is there, is JSON.
fn check(folder: &Path, name: &'static str) -> Result<(), FilesError> {
    match File::open(folder.join(name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(cause) => Err(FilesError::Unreadable { name, cause }),
        Ok(file) => match serde_json::from_reader(BufReader::new(file)) {
            Ok(IgnoredAny) => Ok(()),
            Err(cause) => Err(FilesError::Invalid { name, cause }),
        },
    }
}

/// The weights in a folder: one set of them, where several naming schemes lie side by side.
fn weights(folder: &Path) -> Result<Vec<PathBuf>, FilesError> {
    let unreadable = |cause| FilesError::Unreadable {
        name: "the folder",
        cause,
    };
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "safetensors") {
            all.push(path);
        }
    }
    all.sort();
    let set = |prefix: &str| -> Vec<_> {
        let belongs = |path: &&PathBuf| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(prefix))
        };
        all.iter().filter(belongs).cloned().collect()
    };
    let set = [set("model"), set("consolidated")]
        .into_iter()
        .find(|set| !set.is_empty());
    Ok(set.unwrap_or(all))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::demo;

    fn folder_with(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            fs::write(folder.path().join(name), "{}").unwrap();
        }
        folder
    }

    fn weights_of(names: &[&str]) -> Vec<String> {
        let folder = folder_with(&[names, &["config.json", "tokenizer.json"]].concat());
        let files = Files::list(folder.path()).unwrap();
        let name = |path: PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        files.weights.into_iter().map(name).collect()
    }

    #[test]
    fn the_demo_model_is_one() {
        let data = tempfile::tempdir().unwrap();
        let folder = demo::ensure(data.path()).unwrap();
        let files = Files::list(&folder).unwrap();
        assert_eq!(files.weights, [folder.join("model.safetensors")]);
        assert_eq!(files.chat_template, Some(folder.join("tokenizer_config.json")));
        assert_eq!(files.generation, None);
        assert!(!Files::are_nested(&folder));
    }

    #[test]
    fn one_set_of_weights_is_taken() {
        let shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
        assert_eq!(weights_of(&shards), shards);
        assert_eq!(
            weights_of(&[shards[1], "consolidated.safetensors", shards[0], "notes.txt"]),
            shards
        );
        assert_eq!(
            weights_of(&["consolidated.safetensors", "other.safetensors"]),
            ["consolidated.safetensors"]
        );
        assert_eq!(weights_of(&["other.safetensors"]), ["other.safetensors"]);
    }

    #[test]
    fn the_better_file_wins() {
        let folder = folder_with(&[
            "params.json",
            "config.json",
            "tekken.json",
            "chat_template.jinja",
            "tokenizer_config.json",
        ]);
        let files = Files::list(folder.path()).unwrap();
        assert_eq!(files.config, folder.path().join("params.json"));
        assert_eq!(files.tokenizer, folder.path().join("tekken.json"));
        assert_eq!(files.chat_template, Some(folder.path().join("chat_template.jinja")));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let folder = folder_with(&["config.json"]);
        let error = Files::list(folder.path()).unwrap_err().to_string();
        assert!(error.contains("no tokenizer.json"), "{error}");

        for name in DESCRIPTIONS {
            let folder = folder_with(&["config.json", "tokenizer.json"]);
            fs::write(folder.path().join(name), "{\"a\":").unwrap();
            let error = Files::list(folder.path()).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{name} is not valid")), "{error}");
        }
    }

    #[test]
    fn nested_models_are_left_to_the_runtime() {
        assert!(Files::are_nested(folder_with(&["modules.json"]).path()));
    }
}
