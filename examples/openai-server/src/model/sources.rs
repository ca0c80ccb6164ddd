//! Where the files of a model are, in the words of mistral.rs.
//!
//! mistral.rs names a model by the place it was loaded from and repeats that name in every answer. For a folder that
//! would be its path on this machine, so local files are listed here and handed over under the alias; a hub model is
//! left to mistral.rs, whose name for it is the right one already.

use std::path::{Path, PathBuf};

use super::{files::Files, gguf, select::Selection};
use mistralrs::core::{
    AdapterPaths, AutoDeviceMapParams, AutoLoaderBuilder, EmbeddingSpecificConfig, GGUF_MULTI_FILE_DELIMITER,
    GGUFLoaderBuilder, GGUFSpecificConfig, Loader, LoaderBuilder, LocalModelPaths, ModelDType, ModelPaths,
    ModelSelected, MultimodalSpecificConfig, NormalSpecificConfig,
};

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
    if Files::are_nested(path) {
        return searching(run(path_name(path)));
    }
    let files = Files::list(path)?;
    let files = LocalModelPaths {
        tokenizer_filename: files.tokenizer,
        config_filename: files.config,
        template_filename: files.chat_template,
        filenames: files.weights,
        adapter_paths: AdapterPaths::None,
        gen_conf: files.generation,
        preprocessor_config: files.preprocessor,
        processor_config: files.processor,
        chat_template_json_filename: files.chat_template_json,
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

fn path_name(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
