//! What is logged and in which form, and that panics are logged in one line too.

mod json;
#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal};

use tracing::error;
use tracing_subscriber::{
    EnvFilter,
    fmt::{MakeWriter, SubscriberBuilder},
};

use self::json::Json;
use crate::settings::LogFormat;

/// Ours in full, of the model runtime and the database only what goes wrong.
const DEFAULT: &str = "info,mistralrs=warn,mistralrs_core=warn,mistralrs_server_core=warn,mistralrs_quant=warn,\
                       mistralrs_vision=warn,mistralrs_audio=warn,mistralrs_mcp=warn,mistralrs_paged_attn=warn,\
                       sea_orm_migration=warn,sqlx=warn";

/// Writes the log to standard error; standard output is kept for the one line that programs wait for.
///
/// # Errors
///
/// When the filter is none, with what would be right.
pub fn start(filter: Option<&str>, format: LogFormat) -> Result<(), String> {
    let filter = match filter {
        None => EnvFilter::new(DEFAULT),
        // A bare level means ours: nobody who asks for `debug` wants the runtime's thousand lines.
        Some(level) if level.parse::<tracing::Level>().is_ok() => EnvFilter::new(DEFAULT.replacen("info", level, 1)),
        Some(filter) => EnvFilter::try_new(filter).map_err(|error| {
            format!("the log filter is not valid: {error}; write `debug` or `info,openai_server=debug`")
        })?,
    };
    // Only fails where a program has its own already, as tests have.
    let _ = tracing::subscriber::set_global_default(subscriber(filter, format, io::stderr));

    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("without a message");
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        error!(place, "a task panicked: {message}");
    }));
    Ok(())
}

/// What events are written by.
pub fn subscriber<W>(filter: EnvFilter, format: LogFormat, writer: W) -> Box<dyn tracing::Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let builder: SubscriberBuilder<_, _, _, W> = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    match format {
        LogFormat::Text => Box::new(
            builder
                .with_ansi(io::stderr().is_terminal())
                .with_target(false)
                .finish(),
        ),
        LogFormat::Json => Box::new(builder.event_format(Json).finish()),
    }
}
