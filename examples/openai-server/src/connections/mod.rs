//! Accepts connections and ends them in order.

use std::{io, net::SocketAddr, time::Duration};

use axum::{Router, extract::ConnectInfo};
use http::Request;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto::Builder,
        graceful::{GracefulConnection, GracefulShutdown},
    },
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::sleep,
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
    TcpListener::bind(address).await.map_err(|cause| BindError {
        address: address.to_owned(),
        cause,
    })
}

/// What connections are answered by.
#[derive(Clone, Debug)]
pub struct Applications {
    /// While the server runs.
    pub running: Router,
    /// Whoever comes while it stops: health, and a refusal of everything else.
    pub stopping: Router,
}

/// Answers requests until `stop` ends, then lets those that began finish, but not longer than the grace.
pub async fn run(listener: TcpListener, applications: Applications, stop: impl Future<Output = ()>, grace: Duration) {
    let mut server = server();
    let open = GracefulShutdown::new();
    let mut tasks = JoinSet::new();
    let answering = accept(&listener, |stream, peer| {
        while tasks.try_join_next().is_some() {}
        let connection = connection(&server, stream, peer, applications.running.clone());
        tasks.spawn(finish(open.watch(connection), peer));
    });
    tokio::select! {
        () = stop => {}
        () = answering => {}
    }

    info!(
        connections = open.count(),
        "stopping: what began may finish, nothing new is accepted"
    );
    server.http1().keep_alive(false);
    let refusing = accept(&listener, |stream, peer| {
        let connection = connection(&server, stream, peer, applications.stopping.clone());
        tokio::spawn(finish(connection, peer));
    });
    tokio::select! {
        () = open.shutdown() => {}
        () = refusing => {}
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

type ConnectionError = Box<dyn std::error::Error + Send + Sync>;

/// A connection that is served as long as it is polled.
fn connection(
    server: &Builder<TokioExecutor>,
    stream: TcpStream,
    peer: SocketAddr,
    app: Router,
) -> impl GracefulConnection<Error = ConnectionError> + Send + use<> {
    // Tokens are small, and each is awaited by somebody.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "a connection cannot be set to send at once");
    }
    let service = TowerToHyperService::new(with_peer(app, peer));
    server
        .serve_connection_with_upgrades(TokioIo::new(stream), service)
        .into_owned()
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

async fn finish(connection: impl Future<Output = Result<(), ConnectionError>>, peer: SocketAddr) {
    if let Err(error) = connection.await {
        debug!(%peer, error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        sync::{Notify, oneshot},
        task::JoinHandle,
        time::timeout,
    };

    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    /// A running server: where, how to stop it, and its end.
    struct Running {
        address: SocketAddr,
        stop: Option<oneshot::Sender<()>>,
        end: JoinHandle<()>,
    }

    impl Running {
        async fn start(running: Router, grace: Duration) -> Self {
            let listener = bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (stop, stopped) = oneshot::channel();
            let applications = Applications {
                running,
                stopping: Router::new().fallback(async || http::StatusCode::SERVICE_UNAVAILABLE),
            };
            let stopped = async { stopped.await.unwrap_or_default() };
            let end = tokio::spawn(run(listener, applications, stopped, grace));
            Self {
                address,
                stop: Some(stop),
                end,
            }
        }

        async fn send(&self, head: &str) -> TcpStream {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(head.as_bytes()).await.unwrap();
            stream
        }

        async fn ask(&self, head: &str) -> String {
            read(self.send(head).await).await
        }

        fn stop(&mut self) {
            self.stop.take().unwrap().send(()).unwrap();
        }

        async fn ended(self) {
            timeout(LONG, self.end).await.unwrap().unwrap();
        }
    }

    async fn read(mut stream: TcpStream) -> String {
        let mut answer = Vec::new();
        // A server that refuses may close while the request is still being sent.
        let _ = timeout(LONG, stream.read_to_end(&mut answer)).await.unwrap();
        String::from_utf8(answer).unwrap()
    }

    const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

    #[tokio::test]
    async fn the_application_knows_the_peer() {
        let handler = async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.ip().to_string();
        let server = Running::start(Router::new().route("/", get(handler)), LONG).await;
        let answer = server.ask(GET).await;
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.ends_with("127.0.0.1"),
            "{answer}"
        );
    }

    #[tokio::test]
    async fn heads_that_make_no_sense_harm_nobody() {
        let server = Running::start(Router::new().route("/", get(async || "fine")), LONG).await;
        let large = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "a".repeat(MAX_HEAD));
        let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "x: a\r\n".repeat(1000));
        for (head, status) in [
            (large.as_str(), "431"),
            (many.as_str(), "431"),
            ("GET / HTTP/1.1\r\nhost: x\r\nx: a\0b\r\n\r\n", "400"),
            ("GET / HTTP/1.1\r\nhost: x\r\nx: a\u{1}b\r\n\r\n", "400"),
            (GET, "200"),
        ] {
            let answer = server.ask(head).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{status}: {answer}");
        }
    }

    #[tokio::test]
    async fn what_began_is_finished_and_what_is_new_is_refused() {
        let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let handler = {
            let (entered, leave) = (entered.clone(), leave.clone());
            async move || {
                entered.notify_one();
                leave.notified().await;
                "finished"
            }
        };
        let mut server = Running::start(Router::new().route("/", get(handler)), LONG).await;
        let slow = server.send(GET).await;
        entered.notified().await;

        server.stop();
        // The signal is heard some time after it was sent: only an answer shows it.
        while !server
            .ask("GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .await
            .contains("503")
        {}

        leave.notify_one();
        let answer = read(slow).await;
        assert!(answer.ends_with("finished"), "{answer}");
        server.ended().await;
    }

    #[tokio::test]
    async fn the_grace_has_an_end() {
        let (entered, held) = (Arc::new(Notify::new()), Arc::new(()));
        let handler = {
            let (entered, held) = (entered.clone(), held.clone());
            async move || {
                let _held = held.clone();
                entered.notify_one();
                std::future::pending::<()>().await;
            }
        };
        let router = Router::new().route("/", get(handler));
        let mut server = Running::start(router, Duration::from_millis(1)).await;
        let _stuck = server.send(GET).await;
        entered.notified().await;
        server.stop();
        server.ended().await;
        // What was still open is gone by now, and has said what it used.
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[tokio::test]
    async fn an_address_that_is_taken_is_named() {
        let first = bind("127.0.0.1:0").await.unwrap();
        let address = first.local_addr().unwrap().to_string();
        let error = bind(&address).await.unwrap_err().to_string();
        assert!(error.contains(&address) && error.contains("--listen"), "{error}");
    }
}
