//! Who may ask: the database, the secret, and the [`Auth`] made of both.

use std::{error::Error as _, sync::Arc, time::Instant};

use anyhow::Context as _;
use localauth_core::{Auth, AuthBuilder, MemoryStore, Period, ServerSecret, SetupCode, SystemClock, UsageFilter};
use localauth_store::{FileSpool, FileSpoolOptions, SqlLedger, SqlStore};
use tracing::{debug, info, warn};

use crate::{
    data_dir,
    settings::{LedgerPlace, RegistrationMode, Settings},
};

/// How far apart a shared key and a guess should be, in characters.
const SHORT_SHARED_KEY: usize = 16;

/// Opens the database and everything behind it, and the spool of usage, which is for one server alone. Whoever registers
/// first has to show `setup_code`, if there is one.
///
/// # Errors
///
/// When the database cannot be used, or belongs to another secret; when the spool cannot be used, or another server has it.
pub async fn open_server(settings: &Settings, setup_code: Option<SetupCode>) -> anyhow::Result<Auth> {
    let folder = settings.data_dir.join("spool");
    // Before the database is touched: a second server over the same data ends here.
    let spool = tokio::task::spawn_blocking(move || FileSpool::open(folder, FileSpoolOptions::new())).await??;
    let store = connect(settings).await?;
    let mut builder = Auth::builder(store.clone()).spool(spool);
    if is_counted_in_database(settings) {
        let ledger = SqlLedger::start(&store, Arc::new(SystemClock)).await?;
        builder = builder.ledger(ledger);
    }
    if let Some(code) = setup_code {
        builder = builder.setup_code(code);
    }
    let auth = finish(settings, builder).await?;
    read_ahead(auth.clone());
    Ok(auth)
}

/// Opens the database and everything behind it, for an operator's command, beside a server that may be running.
///
/// # Errors
///
/// When the database cannot be used, or belongs to another secret.
pub async fn open(settings: &Settings) -> anyhow::Result<Auth> {
    let store = connect(settings).await?;
    finish(settings, Auth::builder(store)).await
}

async fn connect(settings: &Settings) -> anyhow::Result<SqlStore> {
    let began = Instant::now();
    info!("opening the database, with migrations where it is older than this program");
    let store = localauth_store::connect(settings.database_url().expose())
        .await
        .inspect_err(|error| {
            // For whoever looks closer; the error itself says what to do.
            debug!(cause = error.source().map(ToString::to_string), "no database");
        })
        .context("the database cannot be used")?;
    info!(milliseconds = began.elapsed().as_millis(), "the database is up to date");

    Ok(store)
}

async fn finish(settings: &Settings, builder: AuthBuilder) -> anyhow::Result<Auth> {
    let secret = match &settings.secret {
        Some(secret) => ServerSecret::new(secret.expose().as_bytes())?,
        None => data_dir::secret(&settings.data_dir)?,
    };
    let mut builder = configure(builder.secret(secret), settings);
    if let Some(email) = &settings.admin_email {
        builder = builder.admin_email(email.parse().context("LOCALAUTH_ADMIN_EMAIL")?);
    }
    let auth = builder.build()?;
    auth.check_secret().await?.context("LOCALAUTH_SECRET")?;
    // So that the first request finds what is remembered in force.
    auth.follow_changes().await?;
    Ok(auth)
}

/// Reads the month that reports are asked for most, so that the first who asks for it does not wait for it to be read.
fn read_ahead(auth: Auth) {
    tokio::spawn(async move {
        if let Err(error) = auth.usage_report(Period::Month, UsageFilter::default()).await {
            debug!(%error, "usage was not read ahead");
        }
    });
}

/// Whether the database keeps how much was used, so that several servers share it.
fn is_counted_in_database(settings: &Settings) -> bool {
    match settings.limits.ledger {
        LedgerPlace::Database => true,
        LedgerPlace::Memory => false,
        LedgerPlace::Auto => settings.database_url().expose().starts_with("postgres"),
    }
}

/// Only the shared keys, without accounts: what is left when auth is off and there are some.
///
/// # Errors
///
/// When a shared key is none.
pub async fn shared_keys_only(settings: &Settings) -> anyhow::Result<Auth> {
    let auth = configure(Auth::builder(MemoryStore::new()), settings).build()?;
    auth.follow_changes().await?;
    Ok(auth)
}

fn configure(mut builder: AuthBuilder, settings: &Settings) -> AuthBuilder {
    for key in &settings.api_keys {
        if key.expose().len() < SHORT_SHARED_KEY {
            warn!("a shared key is shorter than {SHORT_SHARED_KEY} characters: whoever guesses it is an administrator");
        }
        builder = builder.shared_key(key.expose());
    }
    builder
        .registration(match settings.registration_mode {
            RegistrationMode::Open => localauth_core::RegistrationMode::Open,
            RegistrationMode::Approval => localauth_core::RegistrationMode::Approval,
            RegistrationMode::Invite => localauth_core::RegistrationMode::Invite,
        })
        .local_auth(!settings.disable_local_auth)
        .default_key_expiry(settings.default_key_expiry)
        .stale_limit(settings.stale_limit)
        .audit_retention(settings.audit_retention)
        .limit_admins(settings.limits.bind_admins)
        .usage_retention(settings.limits.usage_retention)
}
