//! Accepts connections, holds them to their bounds, and ends them in order.

mod activity;
mod connection;
mod counts;
mod limits;
mod pace;
mod place;
mod stall;
#[cfg(test)]
mod tests;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream, lookup_host},
    sync::{Semaphore, mpsc, watch},
    task::JoinSet,
    time::sleep,
};
use tracing::{debug, info, warn};

use crate::tls::Pair;

use self::connection::Server;
pub use self::{
    counts::{Counts, Ended},
    limits::{Limits, TooManyConnections, most_connections, most_forwarded},
    place::Place,
};

/// How long to wait when the system has no more room for connections.
const BREATHER: Duration = Duration::from_millis(100);

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {}", explain(.cause))]
pub struct BindError {
    address: String,
    cause: io::Error,
}

fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another program does; stop it, or choose another address with --listen".to_owned(),
        io::ErrorKind::PermissionDenied => "this user may not; choose a port above 1023 with --listen".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine does not have that address".to_owned(),
        _ => error.to_string(),
    }
}

/// Listens on an address, which may be a name. Connections wait until [`run`] accepts them.
///
/// # Errors
///
/// When the address is taken, not allowed or not of this machine.
pub async fn bind(address: &str) -> Result<TcpListener, BindError> {
    listen(address).await.map_err(|cause| BindError {
        address: address.to_owned(),
        cause,
    })
}

/// How many connections may wait to be accepted: as many as Linux allows unless it was told otherwise. With fewer a burst
/// is lost, and half of those who came with it wait for an answer for ever.
const WAITING: u32 = 4_096;

async fn listen(address: &str) -> io::Result<TcpListener> {
    let mut failed = io::Error::new(io::ErrorKind::AddrNotAvailable, "the name has no address");
    for address in lookup_host(address).await? {
        match listen_at(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // As `TcpListener::bind` does: a server that was just stopped can be started again. On Windows it means another thing.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING)
}

/// What connections are answered by.
#[derive(Clone, Debug)]
pub struct Applications {
    /// While the server runs.
    pub running: Router,
    /// Whoever comes while it stops: health, and a refusal of everything else.
    pub stopping: Router,
}

/// How connections are taken.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    /// How long clients may take, and how many there may be.
    pub limits: Limits,
    /// What TLS is spoken with, if it is.
    pub tls: Option<Arc<Pair>>,
    /// Counts them.
    pub counts: Arc<Counts>,
}

/// Answers requests until `stop` ends, then lets those that began finish, but not longer than the grace.
pub async fn run(
    listener: TcpListener,
    applications: Applications,
    manner: Manner,
    stop: impl Future<Output = ()>,
    grace: Duration,
) {
    let places = Arc::new(Semaphore::new(manner.limits.connections));
    let counts = Arc::clone(&manner.counts);
    let (stopping, stopped) = watch::channel(false);
    // Goes with each place: a socket is no task of ours, and outlasts the one that began it.
    let (in_use, mut places_in_use) = mpsc::channel::<()>(1);
    let mut tasks = JoinSet::new();
    let server = Arc::new(Server::new(manner.clone(), stopped.clone(), applications.running));
    let mut told_full = false;
    let answering = accept(&listener, |stream, peer| {
        while tasks.try_join_next().is_some() {}
        counts.accept();
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            counts.end(Ended::Full);
            if !std::mem::replace(&mut told_full, true) {
                warn!(%peer, most = manner.limits.connections, "too many connections: new ones are refused");
            }
            connection::refuse(&stream, server.speaks_tls());
            return;
        };
        told_full = false;
        let open = counts.opened();
        let server = Arc::clone(&server);
        let place = Place::new((place, open, in_use.clone()), stopped.clone());
        tasks.spawn(async move { server.serve(stream, peer, place).await });
    });
    tokio::select! {
        () = stop => {}
        () = answering => {}
    }

    info!(
        connections = tasks.len(),
        "stopping: what began may finish, nothing new is accepted"
    );
    stopping.send_replace(true);
    drop(in_use);
    // Each of these is answered once; none is told to stop before that.
    let (_never, not_stopped) = watch::channel(false);
    let refusing = Arc::new(Server::new(manner, not_stopped.clone(), applications.stopping).once());
    let refuse = accept(&listener, |stream, peer| {
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            let server = Arc::clone(&refusing);
            let place = Place::new(place, not_stopped.clone());
            tokio::spawn(async move { server.serve(stream, peer, place).await });
        }
    });
    let finished = async {
        while tasks.join_next().await.is_some() {}
        while places_in_use.recv().await.is_some() {}
    };
    tokio::select! {
        () = finished => {}
        () = refuse => {}
        () = sleep(grace) => warn!(
            seconds = grace.as_secs(),
            "requests were still running when the grace ended"
        ),
    }
    // Those still open end here and now, before whoever counts what they used is asked to write it down.
    tasks.shutdown().await;
}

/// Accepts connections for as long as it is polled.
async fn accept(listener: &TcpListener, mut answer: impl FnMut(TcpStream, SocketAddr)) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => answer(stream, peer),
            Err(error) if is_the_clients(&error) => {
                debug!(%error, "a connection failed before it began");
            }
            Err(error) => {
                warn!(%error, "no connection can be accepted");
                sleep(BREATHER).await;
            }
        }
    }
}

/// Whether accepting failed for a reason that lies with the one who connected.
fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}
