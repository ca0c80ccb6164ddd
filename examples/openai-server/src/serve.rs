//! The life of the server: start in order, answer, stop in order.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
};

use anyhow::Context as _;
use axum::Router;
use tokio::sync::watch;
use tracing::{info, warn};

use crate::{
    access,
    app::{self, Doors},
    connections::{self, Applications},
    data_dir,
    health::Readiness,
    settings::Settings,
};

/// Serves until a signal ends it.
///
/// # Errors
///
/// Whatever keeps it from starting, each in one line.
pub async fn serve(settings: Settings) -> anyhow::Result<()> {
    data_dir::prepare(&settings.data_dir)?;
    // Before what takes long: an address that is taken shows at once.
    let listener = connections::bind(&settings.listen).await?;
    let address = listener.local_addr()?;
    let stop = stop_signal()?;

    let doors = doors(&settings).await?;
    let readiness = Readiness::default();
    // A signal ends the start too, however long the model takes.
    let model = tokio::select! {
        model = model(&settings) => model?,
        () = requested(stop.clone()) => return Ok(()),
    };
    let app = app::compose(&settings, doors.clone(), readiness.clone(), model)?;

    readiness.set(true);
    announce(address, &doors).await?;
    let applications = Applications {
        running: app,
        stopping: app::stopping(&settings, readiness.clone()),
    };
    let asked_to_stop = async {
        requested(stop).await;
        readiness.set(false);
    };
    connections::run(listener, applications, asked_to_stop, settings.shutdown_grace).await;
    if let Doors::Accounts(auth) | Doors::SharedKeys(auth) = &doors {
        auth.shutdown().await.context("the last usage could not be written")?;
    }
    info!("stopped");
    Ok(())
}

async fn doors(settings: &Settings) -> anyhow::Result<Doors> {
    Ok(match (settings.auth, settings.api_keys.is_empty()) {
        (true, _) => Doors::Accounts(access::open(settings).await?),
        (false, false) => Doors::SharedKeys(access::shared_keys_only(settings).await?),
        (false, true) => {
            warn!("auth is off: whoever reaches this address may use everything");
            Doors::Open
        }
    })
}

#[cfg(feature = "mistralrs")]
async fn model(settings: &Settings) -> anyhow::Result<Router> {
    use crate::model::{load::load, routes::router, select::Selection};

    let selection = Selection::parse(&settings.model)?;
    let model = load(selection, &settings.data_dir).await?;
    router(&model, settings.max_body, settings.error_code).await
}

#[cfg(not(feature = "mistralrs"))]
fn model(_settings: &Settings) -> std::future::Ready<anyhow::Result<Router>> {
    let reason = "this build has no model runtime: build it with the feature `mistralrs`";
    std::future::ready(Err(anyhow::anyhow!(reason)))
}

/// The one line on standard output, for programs that wait for it, and beside it what a person may do next.
async fn announce(address: SocketAddr, doors: &Doors) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "listening on http://{address}")
        .and_then(|()| out.flush())
        .context("standard output is closed")?;
    drop(out);
    match doors {
        Doors::Accounts(auth) if !auth.has_users().await? => info!(
            "nobody has registered yet; the first to do so is the administrator: curl -c jar -H 'content-type: \
             application/json' -d '{{\"email\": \"you@example.org\", \"password\": \"a long and unlikely sentence\"}}' \
             http://{address}/api/auth/register"
        ),
        Doors::Accounts(_) | Doors::SharedKeys(_) => {
            info!("try it: curl -H 'authorization: Bearer YOUR_KEY' http://{address}/v1/models");
        }
        Doors::Open => info!("try it: curl http://{address}/v1/models"),
    }
    Ok(())
}

/// Counts the signals to stop. The second one ends the process at once.
fn stop_signal() -> anyhow::Result<watch::Receiver<bool>> {
    let (sender, receiver) = watch::channel(false);
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    #[cfg(unix)]
    let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    tokio::spawn(async move {
        loop {
            #[cfg(unix)]
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            #[cfg(not(unix))]
            if tokio::signal::ctrl_c().await.is_err() {
                return;
            }
            if sender.send_replace(true) {
                info!("stopping at once");
                std::process::exit(130);
            }
        }
    });
    Ok(receiver)
}

async fn requested(mut stop: watch::Receiver<bool>) {
    // Without a sender no signal can come: then only the other side of a select ends.
    if stop.wait_for(|requested| *requested).await.is_err() {
        std::future::pending::<()>().await;
    }
}
