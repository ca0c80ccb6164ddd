//! `routes`: which routes are answered, for whom, and how a model and its usage are found in them.

mod rows;

#[cfg(test)]
mod tests;

use clap::Args;
use localauth_core::policy::packs::{Engine, pack};

use self::rows::Row;
use crate::{
    columns::{columns, say},
    settings::Settings,
};

/// What is to be printed.
#[derive(Args, Debug, Clone, Default, PartialEq, Eq)]
pub struct Routes {
    /// The routes in front of this engine instead of those with the present settings: `openai`, `ollama`, `vllm` or
    /// `llama.cpp`. Given several times, in front of all of them together.
    #[arg(long, value_name = "ENGINE")]
    pub engine: Vec<Engine>,
    /// For programs.
    #[arg(long)]
    pub json: bool,
}

/// Prints the routes.
///
/// # Errors
///
/// When standard output is closed.
pub fn routes(settings: &Settings, command: &Routes) -> anyhow::Result<()> {
    let rows = if command.engine.is_empty() {
        rows::of_server(settings)
    } else {
        rows::of_engines(&command.engine)
    };
    if command.json {
        return say(&format!("{}\n", serde_json::to_string_pretty(&rows)?));
    }
    say(&text(settings, command, &rows))
}

fn text(settings: &Settings, command: &Routes, rows: &[Row]) -> String {
    let head = ["METHOD", "PATH", "WHO", "MODEL IN", "COUNTED", "USAGE IN WORDS OF"];
    let rows: Vec<[String; 6]> = rows.iter().map(Row::cells).collect();
    let mut text = columns(head, &rows);
    text.push('\n');
    for engine in &command.engine {
        let release = pack(*engine).release();
        text.push_str(&[engine.name(), ": written for ", release, "\n"].concat());
    }
    if command.engine.is_empty() && !settings.auth {
        text.push_str(if settings.api_keys.is_empty() {
            "auth is off: nobody is asked who they are, and whatever the model answers is answered\n"
        } else {
            "auth is off: whoever has a shared key is an administrator\n"
        });
    }
    text.push_str("what is not here is answered to nobody\n");
    text
}
