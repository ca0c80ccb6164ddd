//! Looks after the files of the pair.

use std::{sync::Arc, time::Duration};

use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info};

use super::{Pair, Reload};

/// How often the files are looked at. They are read, not watched: what replaces them (certbot, cert-manager, a link that is
/// swapped, a network file system) is noticed all the same.
pub const EVERY: Duration = Duration::from_secs(10);

/// Looks at the files for as long as it is polled.
pub async fn follow(pair: Arc<Pair>, every: Duration) {
    let mut tick = interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let looked = Arc::clone(&pair);
        // Files may lie on a disk that hangs.
        match tokio::task::spawn_blocking(move || looked.reload()).await {
            Ok(Ok(Reload::Same)) => {}
            Ok(Ok(Reload::Changed)) => info!("the certificate has changed: new connections get the new one"),
            Ok(Err(error)) => error!("the certificate stays as it was: {error}"),
            Err(error) => error!(%error, "the certificate could not be looked at"),
        }
    }
}
