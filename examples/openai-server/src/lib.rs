//! localauth's reference server: an OpenAI endpoint on local GPUs by mistral.rs, behind users, keys and usage.
//!
//! The pieces are public so that tests can put them together in process; as a library nothing here is stable.

pub mod access;
pub mod app;
pub mod body_memory;
pub mod cli;
pub mod columns;
pub mod connections;
pub mod data_dir;
pub mod exposure;
pub mod front_page;
pub mod health;
pub mod logging;
pub mod metrics;
pub mod model;
pub mod observe;
pub mod operator;
pub mod probe;
pub mod providers;
pub mod routes_command;
pub mod security_headers;
pub mod serve;
pub mod settings;
pub mod tls;
pub mod upstream;

use std::process::ExitCode;

use anyhow::Context as _;

use crate::{
    cli::{Cli, Command},
    settings::Settings,
};

/// The program: understands the command line, does what it says, and tells in one line what went wrong.
pub fn main() -> ExitCode {
    let cli = match Cli::parse(std::env::args_os()) {
        Ok(cli) => cli,
        // Help and version are errors to clap too, with an exit status of zero.
        Err(error) => error.exit(),
    };
    match run(cli) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let settings = Settings::new(cli.flags, std::env::vars_os())?;
    // An operator's command says what it did; how the database was opened is of interest to a server only.
    let quiet = (!matches!(cli.command, Command::Serve(_))).then_some("warn");
    logging::start(settings.log.as_deref().or(quiet), settings.log_format).map_err(anyhow::Error::msg)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    let result = runtime.block_on(async {
        match cli.command {
            Command::Serve(_) => serve::serve(settings).await.map(|()| ExitCode::SUCCESS),
            Command::User(command) => operator::user(&settings, command).await.map(|()| ExitCode::SUCCESS),
            Command::Key(command) => operator::key(&settings, command).await.map(|()| ExitCode::SUCCESS),
            Command::Routes(command) => routes_command::routes(&settings, &command).map(|()| ExitCode::SUCCESS),
            Command::Probe(command) => probe::probe(&command).await,
        }
    });
    // A model that is still loading would hold the process up for as long as it takes.
    runtime.shutdown_background();
    result
}
