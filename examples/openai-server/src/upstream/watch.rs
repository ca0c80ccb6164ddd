//! Asks an upstream now and then how it is and which models it has.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, info, warn};

use super::{models::fetch, server::Server};

/// How long the start of the server waits for the first look.
const FIRST_LOOK: Duration = Duration::from_secs(6);
/// How far apart two looks are at least, whoever asks for them.
const LEAST: Duration = Duration::from_millis(250);
/// How long the findings of a look hold for requests that name what is not known.
const RECENT: Duration = Duration::from_secs(1);

/// Looks for as long as it is polled: each time the interval is over, and when somebody asks for it.
pub(super) async fn watch(server: Arc<Server>, interval: Duration) {
    loop {
        tokio::select! {
            () = sleep(interval) => {}
            () = server.look.notified() => {}
        }
        look(&server).await;
        sleep(LEAST.min(interval)).await;
    }
}

/// The look at start.
pub(super) async fn first_look(server: &Server) {
    if timeout(FIRST_LOOK, look(server)).await.is_err() {
        warn!(upstream = %server.origin(), "the upstream does not answer in time; starting without it");
        server.set_reachable(false);
    }
}

/// One look.
pub(super) async fn look(server: &Server) {
    let before = server.is_reachable();
    match fetch(server).await {
        Ok(listing) => {
            if !before {
                let models = listing.known().map(|known| known.models.len());
                info!(upstream = %server.origin(), models, "the upstream answers");
            }
            if !server.listing.load().is_fixed() {
                server.listing.store(Arc::new(listing));
            }
            server.set_reachable(true);
        }
        // What was known stays: it will have the same models when it is back.
        Err(reason) => {
            if before || !server.was_asked() {
                warn!(upstream = %server.origin(), %reason, "the upstream does not tell its models");
            } else {
                debug!(upstream = %server.origin(), %reason, "the upstream still does not tell its models");
            }
            server.set_reachable(false);
        }
    }
}

/// A look for a request, unless somebody looked just now.
pub(super) async fn look_once(server: &Server, patience: Duration) {
    let mut looked = server.looked.lock().await;
    if looked.is_some_and(|at| at.elapsed() < RECENT) {
        return;
    }
    if timeout(patience, look(server)).await.is_err() {
        server.set_reachable(false);
    }
    *looked = Some(Instant::now());
}
