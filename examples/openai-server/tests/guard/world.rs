//! A guard over real connections, and who asks it.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use localauth_core::{Auth, Caller, KeyScope, MemoryStore, ModelAllowList, NewKey, Role, UserId};
use openai_server::{
    app::{self, Doors, Model},
    connections::{self, Applications},
    health::Readiness,
    providers,
    settings::Settings,
    upstream::Upstreams,
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};

use super::engine::{Engine, LONG};

/// How long what is under way may go on when a guard stops.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// A running guard. Its end is the end of everything in it.
pub(crate) struct Guard {
    pub(crate) address: SocketAddr,
    pub(crate) auth: Auth,
    /// A key of somebody who may use everything that users may.
    pub(crate) user: String,
    pub(crate) user_id: UserId,
    /// A key of somebody who may use the model `allowed` only.
    pub(crate) narrow: String,
    /// A key of an administrator.
    pub(crate) admin: String,
    pub(crate) upstreams: Upstreams,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

/// An answer, as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
    /// Whether the body ended as its framing said.
    pub(crate) is_whole: bool,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"]
            .as_str()
            .unwrap_or_else(|| panic!("{self:?}"))
            .to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines
            .into_iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    fn parse(raw: &[u8]) -> Option<Self> {
        let end = raw.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = String::from_utf8(raw[..end].to_vec()).unwrap();
        let mut answer = Self {
            status: head.split(' ').nth(1)?.parse().ok()?,
            head,
            body: String::new(),
            is_whole: true,
        };
        let mut rest = &raw[end..];
        if answer.header("transfer-encoding") == Some("chunked") {
            let mut body = Vec::new();
            answer.is_whole = loop {
                let Some(at) = rest.windows(2).position(|two| two == b"\r\n") else {
                    break false;
                };
                let length = usize::from_str_radix(std::str::from_utf8(&rest[..at]).unwrap(), 16).unwrap();
                rest = &rest[at + 2..];
                if length == 0 {
                    break true;
                }
                let there = length.min(rest.len());
                body.extend_from_slice(&rest[..there]);
                if rest.len() < length + 2 {
                    break false;
                }
                rest = &rest[length + 2..];
            };
            answer.body = String::from_utf8_lossy(&body).into_owned();
        } else {
            let announced = answer
                .header("content-length")
                .map(|length| length.parse::<usize>().unwrap());
            answer.is_whole = announced.is_none_or(|length| length == rest.len());
            answer.body = String::from_utf8_lossy(rest).into_owned();
        }
        Some(answer)
    }
}

impl Guard {
    /// In front of these, with these settings besides.
    pub(crate) async fn before(engines: &[&Engine], environment: &[(&str, &str)]) -> Self {
        let urls: Vec<_> = engines.iter().map(|engine| engine.url()).collect();
        let mut all = vec![("LOCALAUTH_UPSTREAM", urls.join(","))];
        all.extend(environment.iter().map(|(name, value)| (*name, (*value).to_owned())));
        Self::new(&[], &all).await
    }

    /// With this configuration file.
    pub(crate) async fn configured(toml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("localauth.toml");
        std::fs::write(&file, toml).unwrap();
        Self::new(&[("--config", file.to_str().unwrap())], &[]).await
    }

    async fn new(flags: &[(&str, &str)], environment: &[(&str, String)]) -> Self {
        let flags = flags
            .iter()
            .map(|(flag, value)| ((*flag).to_owned(), (*value).to_owned()));
        let environment = environment.iter().map(|(name, value)| ((*name).into(), value.into()));
        let settings = Settings::new(flags.collect::<Vec<_>>(), environment.collect::<Vec<_>>()).unwrap();
        let auth = Auth::builder(MemoryStore::new()).build().unwrap();
        let operator = Caller::operator();
        let add = async |name: &str| auth.add_service_account(&operator, name).await.unwrap().id;
        let key = async |user: UserId| {
            let key = auth
                .create_key(user, NewKey::named("k").scoped(KeyScope::default()))
                .await
                .unwrap();
            key.plain.expose().to_owned()
        };
        let (user, narrow, admin) = (add("user").await, add("narrow").await, add("admin").await);
        let allowed = ModelAllowList {
            enabled: true,
            models: BTreeSet::from(["allowed".to_owned()]),
        };
        auth.set_models(&operator, narrow, allowed).await.unwrap();
        auth.set_role(&operator, admin, Role::Admin).await.unwrap();
        let keys = (key(user).await, key(narrow).await, key(admin).await);

        let upstream = settings.upstream.as_ref().unwrap();
        let upstreams = Upstreams::start(upstream, &settings, Some(&auth)).await.unwrap();
        let model = Model {
            routes: upstreams.routes(),
            names: upstreams.models(),
            keeps_owners: true,
            engines: upstream.engines(),
            upstreams: Some(upstreams.clone()),
            ..Model::default()
        };
        let doors = Doors::Accounts(auth.clone(), providers::configure(&settings, &auth).unwrap());
        let readiness = Readiness::default();
        readiness.set(true);
        let applications = Applications {
            running: app::compose(&settings, doors, readiness.clone(), model).unwrap(),
            stopping: app::stopping(&settings, readiness),
        };
        let listener = connections::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async { stopped.await.unwrap_or_default() };
        let running = tokio::spawn(connections::run(
            listener,
            applications,
            connections::Manner::default(),
            stopped,
            GRACE,
        ));
        Self {
            address,
            auth,
            user: keys.0,
            user_id: user,
            narrow: keys.1,
            admin: keys.2,
            upstreams,
            stop: Some(stop),
            running,
        }
    }

    /// Opens a connection and sends this.
    pub(crate) async fn open(&self, request: impl AsRef<[u8]>) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // Who refuses may close before it has read everything.
        let _ = stream.write_all(request.as_ref()).await;
        stream
    }

    /// What is answered to these bytes, if anything is.
    pub(crate) async fn raw(&self, request: impl AsRef<[u8]>) -> Option<Answer> {
        let mut stream = self.open(request).await;
        read(&mut stream).await
    }

    /// A request with a key.
    pub(crate) async fn ask(&self, key: &str, method: &str, target: &str, body: Option<&str>) -> Answer {
        self.raw(request(key, method, target, body)).await.expect("an answer")
    }

    /// A chat with somebody's key.
    pub(crate) async fn chat(&self, key: &str, body: &str) -> Answer {
        self.ask(key, "POST", "/v1/chat/completions", Some(body)).await
    }

    /// Stops it, and waits for the end.
    pub(crate) async fn stop(mut self) {
        self.tell_to_stop();
        self.has_stopped().await;
    }

    pub(crate) fn tell_to_stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub(crate) async fn has_stopped(&mut self) {
        timeout(LONG, &mut self.running).await.unwrap().unwrap();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// A request in bytes.
pub(crate) fn request(key: &str, method: &str, target: &str, body: Option<&str>) -> String {
    let body_lines = body.map_or_else(String::new, |body| {
        format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len())
    });
    format!(
        "{method} {target} HTTP/1.1\r\nhost: guard\r\nauthorization: Bearer {key}\r\nconnection: close\r\n{body_lines}\r\n{}",
        body.unwrap_or_default()
    )
}

/// Reads to the end.
pub(crate) async fn read(stream: &mut TcpStream) -> Option<Answer> {
    let mut raw = Vec::new();
    // A connection that is ended at once is an end too.
    let _ = timeout(LONG, stream.read_to_end(&mut raw))
        .await
        .expect("an answer ends");
    Answer::parse(&raw)
}

/// Reads until this has come.
pub(crate) async fn read_until(stream: &mut TcpStream, part: &str) -> String {
    let mut raw = Vec::new();
    let wait = async {
        while !String::from_utf8_lossy(&raw).contains(part) {
            let read = stream.read_buf(&mut raw).await.unwrap();
            assert_ne!(read, 0, "it ended: {}", String::from_utf8_lossy(&raw));
        }
    };
    timeout(LONG, wait).await.expect("it comes");
    String::from_utf8_lossy(&raw).into_owned()
}
