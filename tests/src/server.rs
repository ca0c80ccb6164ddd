//! The reference server as a process.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::required;

/// How long anything may take at most; only what hangs reaches it.
const LIMIT: Duration = Duration::from_mins(1);

/// The server's program.
pub fn binary() -> PathBuf {
    required("LOCALAUTH_TEST_SERVER").into()
}

/// A command without the settings that happen to be in the environment, those meant for these tests among them.
pub fn clean_command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let name_shown = name.to_string_lossy();
        if name_shown.starts_with("LOCALAUTH_") || name_shown.starts_with("GITHUB_CLIENT_") {
            command.env_remove(name);
        }
    }
    command
}

/// How to start a server.
#[derive(Debug)]
pub struct ServerBuilder {
    data: Option<TempDir>,
    command: Command,
}

/// A running server. Killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Its origin, such as `http://127.0.0.1:4711`.
    pub url: String,
    data: Option<TempDir>,
}

impl ServerBuilder {
    /// With a value for one of the settings.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts it and waits until it is ready.
    pub async fn start(mut self) -> Server {
        let mut child = self
            .command
            .kill_on_drop(true)
            .spawn()
            .expect("the server's program can be run");
        let stdout = child.stdout.take().expect("piped");
        let mut lines = BufReader::new(stdout).lines();
        let line = timeout(LIMIT, lines.next_line())
            .await
            .expect("the server begins to listen in time")
            .unwrap();
        let Some(line) = line else {
            let output = child.wait_with_output().await.unwrap();
            panic!("the server did not start: {}", String::from_utf8_lossy(&output.stderr));
        };
        let url = line
            .strip_prefix("listening on ")
            .expect("the first line says where")
            .to_owned();
        // Its log goes on to the test's own output, so that a pipe nobody reads cannot stop it.
        let mut stderr = child.stderr.take().expect("piped");
        tokio::spawn(async move {
            let mut log = Vec::new();
            stderr.read_to_end(&mut log).await.ok();
            eprintln!("{}", String::from_utf8_lossy(&log));
        });
        Server {
            child,
            url,
            data: self.data,
        }
    }

    /// Runs it to its end, which has to come by itself: the exit status, and what it said on standard error.
    pub async fn fail(mut self) -> (ExitStatus, String) {
        let child = self
            .command
            .kill_on_drop(true)
            .spawn()
            .expect("the server's program can be run");
        let output = timeout(LIMIT, child.wait_with_output())
            .await
            .expect("it ends by itself")
            .unwrap();
        (output.status, String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

impl Server {
    /// A server with a data directory of its own.
    pub fn builder() -> ServerBuilder {
        let data = TempDir::new().expect("a temporary folder");
        let builder = Self::builder_in(data.path());
        ServerBuilder {
            data: Some(data),
            ..builder
        }
    }

    /// A server over an existing data directory.
    pub fn builder_in(data: &Path) -> ServerBuilder {
        let mut command = clean_command(binary());
        command
            .env("LOCALAUTH_LISTEN", "127.0.0.1:0")
            .env("LOCALAUTH_DATA_DIR", data)
            .env("LOCALAUTH_REGISTRATION_MODE", "open")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        ServerBuilder { data: None, command }
    }

    /// A server as most tests want it.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// Where its data is.
    pub fn data(&self) -> &Path {
        self.data.as_ref().expect("a data directory of its own").path()
    }

    /// Runs an operator's command over the same data, with `input` on its standard input.
    pub async fn operator(&self, arguments: &[&str], input: &str) -> (bool, String, String) {
        use tokio::io::AsyncWriteExt as _;
        let mut child = clean_command(binary())
            .args(arguments)
            .env("LOCALAUTH_DATA_DIR", self.data())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the server's program can be run");
        child
            .stdin
            .take()
            .expect("piped")
            .write_all(input.as_bytes())
            .await
            .ok();
        let output = timeout(LIMIT, child.wait_with_output())
            .await
            .expect("it ends by itself")
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        (output.status.success(), text(output.stdout), text(output.stderr))
    }

    /// Ends it as a crash would (`kill -9`), and hands its data over.
    pub async fn crash(mut self) -> TempDir {
        self.child.kill().await.expect("it was running");
        self.data.take().expect("a data directory of its own")
    }

    /// Ends it as a crash would (`kill -9`), at once. The data directory stays where it is if it is somebody else's.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("it was running");
    }

    /// Asks it to stop, waits, and tells how it ended.
    pub async fn stop(&mut self) -> ExitStatus {
        let pid = self.child.id().expect("it is running").to_string();
        let kill = Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .await
            .expect("kill can be run");
        assert!(kill.success());
        timeout(LIMIT, self.child.wait())
            .await
            .expect("it stops in time")
            .unwrap()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("it is running")
    }

    /// Waits until it ends by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        timeout(LIMIT, self.child.wait())
            .await
            .expect("it stops in time")
            .unwrap()
    }
}
