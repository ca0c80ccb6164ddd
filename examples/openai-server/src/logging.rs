//! What is logged, and that panics are logged in one line too.

use std::io::{self, IsTerminal};

use tracing::error;
use tracing_subscriber::EnvFilter;

/// Ours in full, of the model runtime and the database only what goes wrong.
const DEFAULT: &str = "info,mistralrs=warn,mistralrs_core=warn,mistralrs_server_core=warn,mistralrs_quant=warn,\
                       mistralrs_vision=warn,mistralrs_audio=warn,mistralrs_mcp=warn,mistralrs_paged_attn=warn,\
                       sea_orm_migration=warn,sqlx=warn";

/// Writes the log to standard error; standard output is kept for the one line that programs wait for.
///
/// # Errors
///
/// When the filter is none, with what would be right.
pub fn start(filter: Option<&str>) -> Result<(), String> {
    let filter = match filter {
        None => EnvFilter::new(DEFAULT),
        // A bare level means ours: nobody who asks for `debug` wants the runtime's thousand lines.
        Some(level) if level.parse::<tracing::Level>().is_ok() => EnvFilter::new(DEFAULT.replacen("info", level, 1)),
        Some(filter) => EnvFilter::try_new(filter).map_err(|error| {
            format!("the log filter is not valid: {error}; write `debug` or `info,openai_server=debug`")
        })?,
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .finish();
    // Only fails where a program has its own already, as tests have.
    let _ = tracing::subscriber::set_global_default(subscriber);

    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("without a message");
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        error!(place, "a task panicked: {message}");
    }));
    Ok(())
}
