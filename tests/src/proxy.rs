//! A real proxy in front of something, set up by what the documentation says.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::required;

const LIMIT: Duration = Duration::from_secs(30);
/// How often another port is tried when somebody else was quicker.
const ATTEMPTS: usize = 5;

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyKind {
    /// nginx, with `auth_request`.
    Nginx,
    /// Caddy, with `forward_auth`.
    Caddy,
}

/// A running proxy. Killed when dropped.
#[derive(Debug)]
pub struct Proxy {
    _child: Child,
    _folder: TempDir,
    /// Where it listens.
    pub address: SocketAddr,
}

/// What came back.
#[derive(Debug)]
pub struct RawAnswer {
    /// The status; 0 when there was none.
    pub status: u16,
    /// The head, in lower case.
    pub head: String,
    /// The body.
    pub body: String,
}

/// The snippet of `language` in a page of the documentation, which has one.
pub fn snippet(page: &str, language: &str) -> String {
    let start = format!("```{language}\n");
    let mut parts = page.split(&start);
    parts.next();
    let found = parts.next().unwrap_or_else(|| panic!("no snippet of {language}"));
    assert!(parts.next().is_none(), "one snippet of {language}");
    found.split("\n```").next().expect("it ends").to_owned()
}

impl Proxy {
    /// Starts one with the snippet of the documentation, between localauth and what it protects.
    pub async fn start(kind: ProxyKind, page: &str, localauth: SocketAddr, protected: SocketAddr) -> Self {
        let language = match kind {
            ProxyKind::Nginx => "nginx",
            ProxyKind::Caddy => "caddy",
        };
        let snippet = snippet(page, language)
            .replace("127.0.0.1:8080", &localauth.to_string())
            .replace("127.0.0.1:11434", &protected.to_string());
        for _ in 0..ATTEMPTS {
            let free = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let address = free.local_addr().expect("an address");
            drop(free);
            let folder = TempDir::new().expect("a temporary folder");
            let mut child = match kind {
                ProxyKind::Nginx => nginx(&folder, address, &snippet),
                ProxyKind::Caddy => caddy(&folder, address, &snippet),
            }
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("the proxy can be run");
            let is_up = async {
                while TcpStream::connect(address).await.is_err() {
                    if child.try_wait().expect("it can be asked").is_some() {
                        return false;
                    }
                    tokio::task::yield_now().await;
                }
                // Somebody else may have been quicker.
                child.try_wait().expect("it can be asked").is_none()
            };
            if timeout(LIMIT, is_up).await.expect("it begins to listen in time") {
                return Self {
                    _child: child,
                    _folder: folder,
                    address,
                };
            }
        }
        panic!("{kind:?} did not start: see its output above")
    }

    /// Sends a request as it is written here, and reads to the end.
    pub async fn send(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> RawAnswer {
        // One who asks for another protocol names that too.
        let is_upgrade = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("upgrade"));
        let connection = if is_upgrade { "upgrade, close" } else { "close" };
        let host = self.address;
        let mut head = format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\nconnection: {connection}\r\n");
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").expect("text");
        }
        head.push_str("\r\n");
        let mut stream = TcpStream::connect(self.address).await.expect("it listens");
        stream.write_all(head.as_bytes()).await.expect("it reads");
        let mut answer = Vec::new();
        let read = timeout(LIMIT, stream.read_to_end(&mut answer)).await;
        read.expect("it answers in time").ok();
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        RawAnswer {
            status: status.unwrap_or_default(),
            head: head.to_lowercase(),
            body: body.to_owned(),
        }
    }
}

/// One process, without rights of its own, that leaves nothing outside of the folder.
fn nginx(folder: &TempDir, address: SocketAddr, snippet: &str) -> Command {
    let at = folder.path().display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("    {kind}_temp_path {at}/{kind};\n"))
        .concat();
    let config = format!(
        "daemon off;\nmaster_process off;\npid {at}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n    access_log off;\n\
         {temporary}    server {{\n        listen {address};\n{snippet}\n    }}\n}}\n"
    );
    let file = folder.path().join("nginx.conf");
    std::fs::write(&file, config).expect("a temporary file");
    let mut command = Command::new(program("LOCALAUTH_TEST_NGINX"));
    command
        .arg("-e")
        .arg("stderr")
        .arg("-p")
        .arg(folder.path())
        .arg("-c")
        .arg(file);
    command
}

fn caddy(folder: &TempDir, address: SocketAddr, snippet: &str) -> Command {
    let site = snippet.replace("ai.example.org {", &format!("http://{address} {{\n\tbind 127.0.0.1"));
    let file = folder.path().join("Caddyfile");
    let config = format!("{{\n\tadmin off\n\tauto_https off\n}}\n{site}\n");
    std::fs::write(&file, config).expect("a temporary file");
    let mut command = Command::new(program("LOCALAUTH_TEST_CADDY"));
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file);
    for name in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
        command.env(name, folder.path());
    }
    command
}

fn program(name: &str) -> PathBuf {
    required(name).into()
}
