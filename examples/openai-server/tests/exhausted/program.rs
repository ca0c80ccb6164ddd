//! The program as a process that may open so many files, and the engine behind it.

use std::{net::SocketAddr, process::Stdio, sync::Arc, time::Duration};

use axum::{Json, Router, routing::get};
use http::StatusCode;
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    net::TcpListener,
    process::{Child, Command},
    sync::{Semaphore, watch},
    time::timeout,
};

/// How long anything may take; only what hangs reaches it.
pub(crate) const LONG: Duration = Duration::from_secs(20);
/// A shared key: an administrator's, without a registration.
pub(crate) const KEY: &str = "a-shared-key-of-these-tests";

/// The chats that an engine holds.
#[derive(Clone)]
pub(crate) struct Held {
    arrived: watch::Sender<usize>,
    may_answer: Arc<Semaphore>,
}

impl Held {
    /// Waits until so many are there.
    pub(crate) async fn arrived(&self, count: usize) {
        let mut arrived = self.arrived.subscribe();
        let wait = timeout(LONG, arrived.wait_for(|there| *there >= count)).await.is_ok();
        let there = *self.arrived.borrow();
        assert!(wait, "{there} arrive of {count}");
    }

    /// Answers them, and all that come.
    pub(crate) fn release(&self) {
        self.may_answer.close();
    }
}

/// An engine whose chats wait; where it is.
pub(crate) async fn engine() -> (String, Held) {
    let held = Held {
        arrived: watch::Sender::new(0),
        may_answer: Arc::new(Semaphore::new(0)),
    };
    let chats = held.clone();
    let list = json!({"object": "list", "data": [{"id": "held", "object": "model"}]});
    let routes = Router::new()
        .route(
            "/v1/models",
            // No connection of it is left that a chat could use.
            get(move || std::future::ready(([("connection", "close")], Json(list.clone())))),
        )
        .route("/api/tags", get(async || StatusCode::NOT_FOUND))
        .fallback(async move || {
            chats.arrived.send_modify(|there| *there += 1);
            // Closed when all may be answered.
            let _ = chats.may_answer.acquire().await;
            Json(json!({"id": "x", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}))
        });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    (url, held)
}

/// The program. Killed when dropped.
pub(crate) struct Program {
    child: Child,
    pub(crate) address: SocketAddr,
    _data: TempDir,
}

impl Program {
    /// In front of an engine, with so many files.
    pub(crate) async fn start(upstream: &str, files: usize) -> Self {
        let data = TempDir::new().unwrap();
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("ulimit -n {files}; exec \"$0\"")])
            .arg(env!("CARGO_BIN_EXE_openai-server"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("LOCALAUTH_") {
                command.env_remove(name);
            }
        }
        let mut child = command
            .env("LOCALAUTH_LISTEN", "127.0.0.1:0")
            .env("LOCALAUTH_DATA_DIR", data.path())
            .env("LOCALAUTH_API_KEYS", KEY)
            .env("LOCALAUTH_UPSTREAM", upstream)
            // Nothing but what these tests do is to open files.
            .env("LOCALAUTH_UPSTREAM_HEALTH_INTERVAL", "1h")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        // Read to the end, so that a pipe nobody reads cannot stop it.
        let mut stderr = child.stderr.take().unwrap();
        tokio::spawn(async move {
            let mut log = Vec::new();
            stderr.read_to_end(&mut log).await.ok();
            eprintln!("{}", String::from_utf8_lossy(&log));
        });
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = timeout(LONG, lines.next_line()).await.expect("it starts").unwrap();
        let line = line.expect("it says where it listens");
        let address = line.strip_prefix("listening on http://").unwrap().parse().unwrap();
        Self {
            child,
            address,
            _data: data,
        }
    }

    fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// From now on it may open none.
    pub(crate) async fn leave_no_file(&self) {
        // The lowest free number is the next one that is given: whatever lies below the limit has to be taken.
        let folder = format!("/proc/{}/fd", self.pid());
        let numbers = std::fs::read_dir(folder).unwrap();
        let mut taken: Vec<usize> = numbers
            .map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap())
            .collect();
        taken.sort_unstable();
        let free = (0..).zip(&taken).find(|(number, taken)| number != *taken);
        self.may_open(free.map_or(taken.len(), |(number, _)| number)).await;
    }

    /// From now on it may open so many.
    pub(crate) async fn may_open(&self, files: usize) {
        let status = Command::new("prlimit")
            .args(["--pid", &self.pid().to_string(), &format!("--nofile={files}:")])
            .status()
            .await
            .expect("prlimit (util-linux) can be run");
        assert!(status.success());
    }

    /// For how long its threads have run.
    pub(crate) fn worked(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        // After the name, which may have spaces: user and system time are the 14th and 15th field, in hundredths.
        let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        let ticks = |place: usize| fields[place - 3].parse::<u64>().unwrap();
        Duration::from_millis(10 * (ticks(14) + ticks(15)))
    }

    /// Asks it to stop, and waits.
    pub(crate) async fn stop(mut self) {
        let pid = self.pid().to_string();
        let status = Command::new("kill").args(["-TERM", &pid]).status().await.unwrap();
        assert!(status.success());
        let ended = timeout(LONG, self.child.wait()).await.expect("it stops").unwrap();
        assert!(ended.success(), "{ended}");
    }
}
