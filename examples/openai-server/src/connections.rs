//! Accepts connections and ends them in order.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::ConnectInfo};
use http::Request;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tower::{ServiceExt, util::MapRequest};
use tracing::{debug, info, warn};

/// The largest head of a request. Larger ones are answered 431.
const MAX_HEAD: usize = 64 * 1024;
/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to wait when the system has no more room for connections.
const BREATHER: Duration = Duration::from_millis(100);

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {}", explain(.source))]
pub struct BindError {
    address: String,
    source: io::Error,
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
    TcpListener::bind(address).await.map_err(|source| BindError {
        address: address.to_owned(),
        source,
    })
}

/// Answers requests until the future ends, then lets those that began finish, but not longer than the grace.
///
/// `stopping` is called in between: when nothing new is accepted any more.
pub async fn run(
    listener: TcpListener,
    app: Router,
    stop: impl Future<Output = ()>,
    stopping: impl FnOnce(),
    grace: Duration,
) {
    let server = Arc::new(server());
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => answer(stream, peer, &app, &server, &graceful),
            Err(error) if is_the_clients(&error) => debug!(%error, "a connection failed before it began"),
            Err(error) => {
                warn!(%error, "no connection can be accepted");
                sleep(BREATHER).await;
            }
        }
    }
    stopping();
    drop(listener);
    info!("stopping: nothing new is accepted");

    let open = graceful.count();
    if open > 0 {
        info!(connections = open, "waiting for requests to finish");
    }
    if timeout(grace, graceful.shutdown()).await.is_err() {
        warn!(
            seconds = grace.as_secs(),
            "requests were still running when the grace ended"
        );
    }
}

fn server() -> Builder<TokioExecutor> {
    let mut server = Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
        .keep_alive_interval(Some(HEAD_TIMEOUT));
    server
}

fn answer(
    stream: TcpStream,
    peer: SocketAddr,
    app: &Router,
    server: &Arc<Builder<TokioExecutor>>,
    graceful: &GracefulShutdown,
) {
    // Tokens are small and each is awaited by somebody.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "a connection cannot be set to send at once");
    }
    let service = with_peer(app.clone(), peer);
    let server = Arc::clone(server);
    let watcher = graceful.watcher();
    tokio::spawn(async move {
        let connection = server
            .serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service))
            .into_owned();
        if let Err(error) = watcher.watch(connection).await {
            debug!(%peer, error, "a connection ended early");
        }
    });
}

/// Tells the application who is at the other end.
fn with_peer(
    app: Router,
    peer: SocketAddr,
) -> MapRequest<Router, impl FnMut(Request<Incoming>) -> Request<axum::body::Body> + Clone> {
    app.map_request(move |request: Request<Incoming>| {
        let mut request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        request
    })
}

/// Whether accepting failed for a reason that lies with the one who connected.
fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}
