//! Loads a model with mistral.rs.

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use mistralrs::{
    AutoDeviceMapParams, Device, DeviceMapSetting, TokenSource, best_device,
    core::{
        DefaultSchedulerMethod, MemoryGpuConfig, MistralRs, MistralRsBuilder, ModelDType, ModelLoaderConfig,
        PagedAttentionConfig, PagedCacheType, Pipeline, SchedulerConfig,
    },
    paged_attn_supported,
};
use tokio::sync::Mutex;
use tracing::{info, warn};

use super::{
    demo,
    panics::Capture,
    reason::one_line,
    select::Selection,
    sources::{Source, selected},
};

/// How many conversations the model works on at once; more wait their turn.
const MAX_SEQUENCES: NonZeroUsize = NonZeroUsize::new(64).unwrap();
/// The share of a GPU's memory that the attention cache may fill.
const GPU_MEMORY: f32 = 0.9;

/// A model that answers.
#[derive(Clone)]
pub struct Loaded {
    /// What the routes of mistral.rs work with.
    pub runtime: Arc<MistralRs>,
    /// The name under which the model is served.
    pub alias: String,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded")
            .field("alias", &self.alias)
            .finish_non_exhaustive()
    }
}

/// Why a model could not be loaded, in one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The demo model has no place on the disk.
    #[error(transparent)]
    Demo(#[from] demo::WriteError),
    /// Files of this machine are missing, damaged or of a kind that mistral.rs does not know.
    #[error("the model `{alias}` cannot be loaded: {reason}; check its files, or get them again")]
    Local {
        /// The model's name.
        alias: String,
        /// What mistral.rs said.
        reason: String,
    },
    /// The hub does not have it, or cannot be reached.
    #[error(
        "the model `{id}` cannot be loaded from the hub: {reason}; check its name and the network, or download it \
         and name its folder"
    )]
    Hub {
        /// The repository.
        id: String,
        /// What mistral.rs said.
        reason: String,
    },
}

/// Loads a model. The demo model is written into the data directory first.
///
/// Must be called on a multi-threaded runtime: mistral.rs tries the model out before it hands it over.
///
/// # Errors
///
/// When the model cannot be loaded, panics of the model runtime included.
pub async fn load(selection: Selection, data_dir: &Path) -> Result<Loaded, LoadError> {
    let alias = selection.alias();
    let demo = match selection {
        Selection::Demo => demo::ensure(data_dir)?,
        _ => PathBuf::new(),
    };

    let capture = Capture::start();
    let device = device();
    // A GPU that could not be asked for is no reason against the model.
    let _ = capture.take();
    info!(model = %alias, device = name(&device), "loading the model");

    let started = Instant::now();
    let runtime = start(selection.clone(), alias.clone(), demo, device.clone()).await;
    let panic = capture.take();
    drop(capture);

    let reason = match (runtime, panic) {
        (Ok(runtime), None) => {
            let seconds = format!("{:.2}", started.elapsed().as_secs_f32());
            info!(model = %alias, device = name(&device), %seconds, "the model is ready");
            return Ok(Loaded { runtime, alias });
        }
        // An engine that fell over its first tokens leaves a runtime behind, and a panic.
        (_, Some(panic)) => one_line(&panic),
        (Err(error), None) => one_line(&format!("{error:#}")),
    };
    Err(match selection {
        Selection::Hub(id) => LoadError::Hub { id, reason },
        _ => LoadError::Local { alias, reason },
    })
}

async fn start(selection: Selection, alias: String, demo: PathBuf, device: Device) -> anyhow::Result<Arc<MistralRs>> {
    let cache = attention_cache(&selection, &device)?;
    let again = ModelLoaderConfig {
        model_selected: selected(&selection, &demo),
        token_source: TokenSource::CacheToken,
        hf_revision: None,
        dtype: ModelDType::Auto,
        device,
        device_map_setting: DeviceMapSetting::Auto(AutoDeviceMapParams::default_text()),
        isq: None,
        paged_attn_config: cache,
        // Of a GGUF file, mistral.rs writes the head to standard output otherwise, which is not its to use.
        silent: matches!(selection, Selection::Gguf(_)),
        chat_template: None,
        jinja_explicit: None,
    };

    let pipeline = tokio::task::spawn_blocking({
        let (again, alias) = (again.clone(), alias.clone());
        move || read(&selection, &alias, &demo, again)
    })
    .await??;

    let paged = pipeline.lock().await.get_metadata().cache_config.clone();
    let remembers_prefixes = paged.is_some();
    let scheduler = match paged {
        Some(config) => SchedulerConfig::PagedAttentionMeta {
            max_num_seqs: MAX_SEQUENCES.get(),
            config,
        },
        None => SchedulerConfig::DefaultScheduler {
            method: DefaultSchedulerMethod::Fixed(MAX_SEQUENCES),
        },
    };
    // Without paged attention, mistral.rs 0.8 keeps the prefix of every conversation for good on a CPU, and panics when
    // one that began from a kept prefix meets another of the same length.
    let builder = MistralRsBuilder::new(pipeline, scheduler, true, None)
        .with_model_id(alias)
        .with_no_prefix_cache(!remembers_prefixes)
        .with_loader_config(again);
    // On a task of its own, so that a panic ends there.
    Ok(tokio::spawn(builder.build()).await?)
}

/// Reads the files. Takes as long as they are large.
fn read(
    selection: &Selection,
    alias: &str,
    demo: &Path,
    config: ModelLoaderConfig,
) -> anyhow::Result<Arc<Mutex<dyn Pipeline + Send + Sync>>> {
    let Source { loader, files } = Source::new(selection, alias, demo)?;
    match files {
        Some(files) => loader.load_model_from_path(
            &files,
            &config.dtype,
            &config.device,
            config.silent,
            config.device_map_setting,
            config.isq,
            config.paged_attn_config,
        ),
        None => loader.load_model_from_hf(
            config.hf_revision,
            config.token_source,
            &config.dtype,
            &config.device,
            config.silent,
            config.device_map_setting,
            config.isq,
            config.paged_attn_config,
        ),
    }
}

/// The best device there is. A GPU build on a machine without a driver falls back to the CPU, and says so.
fn device() -> Device {
    let found = std::panic::catch_unwind(|| best_device(false));
    let reason = match found {
        Ok(Ok(device)) => return device,
        Ok(Err(error)) => one_line(&error.to_string()),
        Err(_) => "its driver cannot be used".to_owned(),
    };
    warn!(%reason, "no GPU, the model runs on the CPU");
    Device::Cpu
}

/// The device to tell the operator. The first of its kind is the one that is asked for; large models spread from there.
fn name(device: &Device) -> &'static str {
    match device {
        Device::Cpu => "CPU",
        Device::Cuda(_) => "CUDA 0",
        Device::Metal(_) => "Metal 0",
    }
}

/// Paged attention where the device has it. The demo model does without: it needs no memory worth reserving.
fn attention_cache(selection: &Selection, device: &Device) -> anyhow::Result<Option<PagedAttentionConfig>> {
    if *selection == Selection::Demo || !device.is_cuda() || !paged_attn_supported() {
        return Ok(None);
    }
    PagedAttentionConfig::new(None, MemoryGpuConfig::Utilization(GPU_MEMORY), PagedCacheType::Auto).map(Some)
}
