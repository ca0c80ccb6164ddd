//! Where the files of a model are, in the words of mistral.rs.
//!
//! mistral.rs names a model by the place it was loaded from and repeats that name in every answer. For a folder that
//! would be its path on this machine, so local files are listed here and handed over under the alias; a hub model is
//! left to mistral.rs, whose name for it is the right one already.

use std::{
    fs::{self, File},
    io::{self, BufReader},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use mistralrs::core::{
    AdapterPaths, AutoDeviceMapParams, AutoLoaderBuilder, EmbeddingSpecificConfig, GGUF_MULTI_FILE_DELIMITER,
    GGUFLoaderBuilder, GGUFSpecificConfig, Loader, LoaderBuilder, LocalModelPaths, ModelDType, ModelPaths,
    ModelSelected, MultimodalSpecificConfig, NormalSpecificConfig,
};
use serde::de::IgnoredAny;

use super::{gguf, select::Selection};

/// A loader, and the files it shall read. Without files it looks for them itself.
pub(super) struct Source {
    pub(super) loader: Box<dyn Loader>,
    pub(super) files: Option<Box<dyn ModelPaths>>,
}

impl Source {
    /// Prepares loading a model under this name. The demo model must have been written to this folder.
    pub(super) fn new(selection: &Selection, alias: &str, demo: &Path) -> anyhow::Result<Self> {
        match selection {
            Selection::Demo => folder(demo, alias),
            Selection::Folder(path) => folder(path, alias),
            Selection::Gguf(parts) => gguf(parts, alias),
            Selection::Hub(_) => searching(selected(selection, demo)),
        }
    }
}

/// The selection as mistral.rs keeps it, to load the model again after an administrator has unloaded it.
pub(super) fn selected(selection: &Selection, demo: &Path) -> ModelSelected {
    match selection {
        Selection::Demo => run(path_name(demo)),
        Selection::Folder(path) => run(path_name(path)),
        Selection::Hub(id) => run(id.clone()),
        Selection::Gguf(parts) => {
            let folder = parts.first().and_then(|part| part.parent());
            let names: Vec<_> = parts
                .iter()
                .filter_map(|part| Some(part.file_name()?.to_string_lossy()))
                .collect();
            ModelSelected::GGUF {
                tok_model_id: None,
                // A bare file name has an empty parent.
                quantized_model_id: folder
                    .filter(|folder| !folder.as_os_str().is_empty())
                    .map_or_else(|| ".".to_owned(), path_name),
                quantized_filename: names.join(GGUF_MULTI_FILE_DELIMITER),
                dtype: ModelDType::Auto,
                topology: None,
                max_seq_len: AutoDeviceMapParams::DEFAULT_MAX_SEQ_LEN,
                max_batch_size: AutoDeviceMapParams::DEFAULT_MAX_BATCH_SIZE,
            }
        }
    }
}

fn run(model_id: String) -> ModelSelected {
    ModelSelected::Run {
        model_id,
        tokenizer_json: None,
        dtype: ModelDType::Auto,
        topology: None,
        organization: None,
        write_uqff: None,
        from_uqff: None,
        imatrix: None,
        calibration_file: None,
        max_edge: None,
        max_seq_len: AutoDeviceMapParams::DEFAULT_MAX_SEQ_LEN,
        max_batch_size: AutoDeviceMapParams::DEFAULT_MAX_BATCH_SIZE,
        max_num_images: None,
        max_image_length: None,
        hf_cache_path: None,
        matformer_config_path: None,
        matformer_slice_name: None,
    }
}

fn searching(selected: ModelSelected) -> anyhow::Result<Source> {
    Ok(Source {
        loader: LoaderBuilder::new(selected).build()?,
        files: None,
    })
}

fn folder(path: &Path, alias: &str) -> anyhow::Result<Source> {
    let has = |name: &str| path.join(name).is_file();
    // Embedding models keep modules in folders of their own; mistral.rs alone knows how to follow these.
    if has("modules.json") || has("config_sentence_transformers.json") {
        return searching(run(path_name(path)));
    }
    are_json(path)?;
    let find = |names: &[&str]| names.iter().find(|name| has(name)).map(|name| path.join(name));
    let files = LocalModelPaths {
        tokenizer_filename: find(&["tokenizer.json", "tekken.json"])
            .ok_or_else(|| anyhow::anyhow!("the folder has no tokenizer.json"))?,
        config_filename: find(&["params.json"]).unwrap_or_else(|| path.join("config.json")),
        template_filename: find(&["chat_template.jinja", "tokenizer_config.json"]),
        filenames: weights(path)?,
        adapter_paths: AdapterPaths::None,
        gen_conf: find(&["generation_config.json"]),
        preprocessor_config: find(&["preprocessor_config.json"]),
        processor_config: find(&["processor_config.json"]),
        chat_template_json_filename: find(&["chat_template.json"]),
    };
    let loader = AutoLoaderBuilder::new(
        NormalSpecificConfig::default(),
        MultimodalSpecificConfig::default(),
        EmbeddingSpecificConfig::default(),
        None,
        None,
        alias.to_owned(),
        false,
        None,
    )
    .build();
    Ok(Source {
        loader,
        files: Some(Box::new(files)),
    })
}

fn gguf(parts: &[PathBuf], alias: &str) -> anyhow::Result<Source> {
    for part in parts {
        gguf::check(part)?;
    }
    // Tokenizer, chat template and shape come out of the file itself.
    let files = LocalModelPaths {
        tokenizer_filename: PathBuf::new(),
        config_filename: PathBuf::new(),
        template_filename: None,
        filenames: parts.to_vec(),
        adapter_paths: AdapterPaths::None,
        gen_conf: None,
        preprocessor_config: None,
        processor_config: None,
        chat_template_json_filename: None,
    };
    let loader = GGUFLoaderBuilder::new(
        None,
        None,
        alias.to_owned(),
        Vec::new(),
        GGUFSpecificConfig::default(),
        false,
        None,
    )
    .build();
    Ok(Source {
        loader,
        files: Some(Box::new(files)),
    })
}

/// Makes sure that the files which describe a model can be read: mistral.rs panics over some, and does not say which.
fn are_json(folder: &Path) -> anyhow::Result<()> {
    for name in [
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ] {
        let file = match File::open(folder.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            file => file.with_context(|| format!("{name} cannot be read"))?,
        };
        let _: IgnoredAny =
            serde_json::from_reader(BufReader::new(file)).with_context(|| format!("{name} is not valid"))?;
    }
    Ok(())
}

/// The weights in a folder: one set of them, where several naming schemes lie side by side.
fn weights(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "safetensors") {
            names.push(path);
        }
    }
    names.sort();
    for prefix in ["model", "consolidated"] {
        let set: Vec<_> = names
            .iter()
            .filter(|path| {
                path.file_name()
                    .is_some_and(|name| name.to_string_lossy().starts_with(prefix))
            })
            .cloned()
            .collect();
        if !set.is_empty() {
            return Ok(set);
        }
    }
    Ok(names)
}

fn path_name(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
