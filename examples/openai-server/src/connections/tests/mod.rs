//! Connections as clients see them.

mod http2;
mod slow;
mod tls;

use std::sync::Arc;

use axum::{extract::ConnectInfo, routing::get};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    sync::{Notify, oneshot},
    task::JoinHandle,
    time::timeout,
};

use super::*;

pub(super) const LONG: Duration = Duration::from_secs(10);

/// A running server: where, how to stop it, and its end.
pub(super) struct Running {
    pub(super) address: SocketAddr,
    pub(super) counts: Arc<Counts>,
    stop: Option<oneshot::Sender<()>>,
    end: JoinHandle<()>,
}

impl Running {
    async fn start(running: Router, grace: Duration) -> Self {
        Self::with(running, grace, Manner::default()).await
    }

    pub(super) async fn with(running: Router, grace: Duration, manner: Manner) -> Self {
        let listener = bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let applications = Applications {
            running,
            stopping: Router::new().fallback(async || http::StatusCode::SERVICE_UNAVAILABLE),
        };
        let stopped = async { stopped.await.unwrap_or_default() };
        let counts = Arc::clone(&manner.counts);
        let end = tokio::spawn(run(listener, applications, manner, stopped, grace));
        Self {
            address,
            counts,
            stop: Some(stop),
            end,
        }
    }

    pub(super) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    pub(super) async fn send(&self, head: &str) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }

    pub(super) async fn ask(&self, head: &str) -> String {
        read(self.send(head).await).await
    }

    pub(super) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub(super) async fn ended(self) {
        timeout(LONG, self.end).await.unwrap().unwrap();
    }
}

/// Reads until the server closes.
pub(super) async fn read(mut stream: impl AsyncRead + Unpin) -> String {
    let mut answer = Vec::new();
    // A server that refuses may close while the request is still being sent.
    let _ = timeout(LONG, stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

pub(super) const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

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
    let large = format!(
        "GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n",
        "a".repeat(Limits::default().head_size)
    );
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
