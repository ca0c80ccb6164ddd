//! A stand-in for a model server. It keeps what it receives to the byte, and answers what it is told to.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Notify, watch},
    task::JoinHandle,
    time::timeout,
};

/// How long anything may take; only what hangs reaches it.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// A request, as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Received {
    /// The head, to the byte.
    pub(crate) head: String,
    /// The body, without the framing of chunks.
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn method(&self) -> &str {
        self.head.split(' ').next().unwrap()
    }

    pub(crate) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    /// The values of a header.
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .collect()
    }

    pub(crate) fn header_names(&self) -> Vec<String> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.map(|(name, _)| name.to_ascii_lowercase()).collect()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What an engine does.
#[derive(Clone)]
pub(crate) enum Step {
    Send(Vec<u8>),
    /// Says nothing until the other side is gone.
    Hang,
    /// Waits until it is told to go on.
    Wait(Arc<Notify>),
    /// Sends this again and again, until the other side is gone.
    Flood(Vec<u8>),
    /// Hands back what comes.
    Echo,
    /// Ends the connection.
    Close,
}

pub(crate) fn send(bytes: impl AsRef<[u8]>) -> Step {
    Step::Send(bytes.as_ref().to_vec())
}

/// An answer in one piece.
pub(crate) fn answer(status: u16, kind: &str, body: &str) -> Vec<Step> {
    let length = body.len();
    vec![send(format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}"
    ))]
}

pub(crate) fn json_answer(body: &Value) -> Vec<Step> {
    answer(200, "application/json", &body.to_string())
}

/// The beginning of an answer in chunks.
pub(crate) fn chunked(kind: &str) -> Step {
    send(format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n"
    ))
}

pub(crate) fn chunk(data: &str) -> Step {
    send(format!("{:x}\r\n{data}\r\n", data.len()))
}

type Script = Arc<dyn Fn(&Received) -> Vec<Step> + Send + Sync>;

/// A running stand-in.
pub(crate) struct Engine {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    open: watch::Receiver<usize>,
    accepting: JoinHandle<()>,
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A connection that is counted as long as it lasts.
struct Open(watch::Sender<usize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

impl Engine {
    /// One that does as `script` says with whatever it gets, but for the lists of models, which is for
    /// [`serving`](Self::serving).
    pub(crate) async fn start(script: impl Fn(&Received) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, script)
    }

    pub(crate) fn on(listener: TcpListener, script: impl Fn(&Received) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let address = listener.local_addr().unwrap();
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let (counter, open) = watch::channel(0);
        let (script, kept): (Script, _) = (Arc::new(script), Arc::clone(&received));
        let accepting = tokio::spawn(async move {
            let mut tasks = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counter.send_modify(|open| *open += 1);
                let (open, script, kept) = (Open(counter.clone()), script.clone(), kept.clone());
                tasks.spawn(async move {
                    let _open = open;
                    converse(stream, &script, &kept).await;
                });
            }
        });
        Self {
            address,
            received,
            open,
            accepting,
        }
    }

    /// One that has these models, in OpenAI's list, and does as `script` says with the rest.
    pub(crate) async fn serving(
        models: &[&str],
        script: impl Fn(&Received) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        let data: Vec<_> = models
            .iter()
            .map(|id| {
                json!({"id": id, "object": "model", "created": 7, "owned_by": "me", "root": "/srv/x", "path": "/srv/y",
                "status": {"args": ["--api-key", "/srv/secret"]}})
            })
            .collect();
        let list = json!({"object": "list", "data": data});
        Self::start(move |asked| match asked.target() {
            "/v1/models" => json_answer(&list),
            "/api/tags" => answer(404, "text/plain", "404 page not found"),
            _ => script(asked),
        })
        .await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What came since this was asked last, but for questions about its models.
    pub(crate) fn take(&self) -> Vec<Received> {
        let all = std::mem::take(&mut *self.received.lock().unwrap());
        all.into_iter()
            .filter(|asked| !matches!(asked.target(), "/v1/models" | "/api/tags"))
            .collect()
    }

    /// How often it was asked for its models since then.
    pub(crate) fn looks(&self) -> usize {
        let received = self.received.lock().unwrap();
        received
            .iter()
            .filter(|asked| matches!(asked.target(), "/v1/models" | "/api/tags"))
            .count()
    }

    /// Waits until it has got so many requests, lists of models aside.
    pub(crate) async fn has_got(&self, count: usize) {
        let wait = async {
            loop {
                let got = self
                    .received
                    .lock()
                    .unwrap()
                    .iter()
                    .filter(|r| r.target() != "/v1/models")
                    .count();
                if got >= count {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(LONG, wait).await.expect("the request arrives");
    }

    /// Waits until at most so many connections are open.
    pub(crate) async fn open_at_most(&self, most: usize) {
        let mut open = self.open.clone();
        let wait = open.wait_for(|open| *open <= most);
        timeout(LONG, wait).await.expect("connections end").unwrap();
    }
}

async fn converse(mut stream: TcpStream, script: &Script, kept: &Mutex<Vec<Received>>) {
    let mut begun = Vec::new();
    while let Some(received) = receive(&mut stream, &mut begun).await {
        let steps = script(&received);
        kept.lock().unwrap().push(received);
        for step in steps {
            let goes_on = match step {
                Step::Send(bytes) => stream.write_all(&bytes).await.is_ok(),
                Step::Hang => {
                    let mut rest = Vec::new();
                    let _ = stream.read_to_end(&mut rest).await;
                    false
                }
                Step::Wait(told) => {
                    told.notified().await;
                    true
                }
                Step::Flood(bytes) => {
                    while stream.write_all(&bytes).await.is_ok() {}
                    false
                }
                Step::Echo => {
                    let (mut read, mut write) = stream.split();
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                    false
                }
                Step::Close => false,
            };
            if !goes_on {
                return;
            }
        }
    }
}

/// Reads one request. Strict: what it does not understand fails the test by being no answer.
async fn receive(stream: &mut TcpStream, begun: &mut Vec<u8>) -> Option<Received> {
    let end = loop {
        if let Some(at) = begun.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(begun).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(begun.drain(..end).collect()).unwrap();
    let mut received = Received { head, body: Vec::new() };
    if received.header("transfer-encoding") == ["chunked"] {
        loop {
            let line = line(stream, begun).await?;
            let length = usize::from_str_radix(&line, 16).unwrap();
            fill(stream, begun, length + 2).await?;
            received.body.extend(begun.drain(..length));
            begun.drain(..2);
            if length == 0 {
                break;
            }
        }
    } else if let [length] = received.header("content-length")[..] {
        let length = length.parse().unwrap();
        fill(stream, begun, length).await?;
        received.body = begun.drain(..length).collect();
    }
    Some(received)
}

async fn line(stream: &mut TcpStream, begun: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(at) = begun.windows(2).position(|two| two == b"\r\n") {
            let line = String::from_utf8(begun.drain(..at).collect()).unwrap();
            begun.drain(..2);
            return Some(line);
        }
        if stream.read_buf(begun).await.ok()? == 0 {
            return None;
        }
    }
}

async fn fill(stream: &mut TcpStream, begun: &mut Vec<u8>, length: usize) -> Option<()> {
    while begun.len() < length {
        if stream.read_buf(begun).await.ok()? == 0 {
            return None;
        }
    }
    Some(())
}
