//! The identity provider of `tests/idp` as a process.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::{Server, ServerBuilder, required};

/// How long anything may take at most; only what hangs reaches it.
const LIMIT: Duration = Duration::from_mins(1);

/// What it knows the server under test as.
pub const IDP_CLIENT_ID: &str = "test-client";
/// A secret that is another one once it is form-encoded, as Basic authentication demands.
pub const IDP_CLIENT_SECRET: &str = "test secret+with%signs:/";

/// How to start a provider.
#[derive(Debug)]
pub struct IdpBuilder {
    settings: BTreeMap<String, String>,
}

/// A running provider. Killed when dropped, and it ends by itself when the test does.
#[derive(Debug)]
pub struct Idp {
    process: Process,
    settings: BTreeMap<String, String>,
    redirects: Vec<String>,
    /// Where it listens, such as `http://127.0.0.1:4711`; the issuer may be another name for it.
    pub url: String,
    issuer: String,
    port: String,
}

#[derive(Debug)]
struct Process {
    child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl IdpBuilder {
    /// With a value for one of the settings in `tests/idp/README.md`.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    /// With an issuer on `localhost`: another site than the server under test on 127.0.0.1, with cookies of its own.
    #[must_use]
    pub fn on_localhost(self) -> Self {
        self.env("ISSUER", "http://localhost:{port}")
    }

    /// Starts it on a free port and waits until it is ready.
    pub async fn start(self) -> Idp {
        let (process, issuer, port) = spawn(&self.settings, "0", &[])
            .await
            .unwrap_or_else(|status| panic!("the provider did not start: {status}"));
        Idp {
            process,
            settings: self.settings,
            redirects: Vec::new(),
            url: format!("http://127.0.0.1:{port}"),
            issuer,
            port,
        }
    }
}

impl Idp {
    /// A provider as it is by default.
    pub fn builder() -> IdpBuilder {
        IdpBuilder {
            settings: BTreeMap::new(),
        }
        .env("CLIENT_ID", IDP_CLIENT_ID)
        .env("CLIENT_SECRET", IDP_CLIENT_SECRET)
    }

    /// A provider as most tests want it.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// The issuer, to the letter.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Tells a server about this provider.
    #[must_use]
    pub fn configure(&self, server: ServerBuilder) -> ServerBuilder {
        let server = server
            .env("LOCALAUTH_OIDC_ISSUER", &self.issuer)
            .env("LOCALAUTH_OIDC_CLIENT_ID", &self.settings["CLIENT_ID"]);
        if self
            .settings
            .get("TOKEN_AUTH_METHOD")
            .is_some_and(|method| method == "none")
        {
            return server;
        }
        server.env("LOCALAUTH_OIDC_CLIENT_SECRET", &self.settings["CLIENT_SECRET"])
    }

    /// Starts a server that knows this provider and is known to it.
    pub async fn serve(&mut self, server: ServerBuilder) -> Server {
        let server = self.configure(server).start().await;
        self.accept(&format!("{}/api/auth/oidc/callback", server.url)).await;
        server
    }

    /// Accepts one more redirect URI, also after a restart.
    pub async fn accept(&mut self, redirect_uri: &str) {
        let line = format!("{redirect_uri}\n");
        self.process
            .stdin
            .write_all(line.as_bytes())
            .await
            .expect("it is running");
        let answer = timeout(LIMIT, self.process.stdout.next_line())
            .await
            .expect("it answers in time")
            .unwrap();
        assert_eq!(answer, Some(format!("accepting {redirect_uri}")));
        self.redirects.push(redirect_uri.to_owned());
    }

    /// Ends it as an outage would. [`Self::restart`] brings it back.
    pub async fn stop(&mut self) {
        self.process.child.kill().await.expect("it can be killed");
    }

    /// Ends it, if it runs, and starts it on the same port with new keys and no sessions.
    pub async fn restart(&mut self) {
        self.stop().await;
        let again = async {
            // The same settings were right before: what keeps it from starting is who has the port for now.
            loop {
                match spawn(&self.settings, &self.port, &self.redirects).await {
                    Ok((process, ..)) => break process,
                    Err(status) => eprintln!("the provider did not start again: {status}"),
                }
            }
        };
        self.process = timeout(LIMIT, again).await.expect("its port is free in time");
    }
}

/// Starts it: the process, its issuer and its port. Or how it ended instead.
async fn spawn(
    settings: &BTreeMap<String, String>,
    port: &str,
    redirects: &[String],
) -> Result<(Process, String, String), ExitStatus> {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("idp/idp.mjs");
    // One has to be there. It is nobody's.
    let redirects = [&["http://127.0.0.1/none".to_owned()], redirects].concat();
    let mut child = Command::new(required("LOCALAUTH_TEST_NODE"))
        .arg(script)
        // Its settings have names that a developer may use for something else.
        .env_clear()
        .env("LOCALAUTH_TEST_IDP_MODULES", required("LOCALAUTH_TEST_IDP_MODULES"))
        .env("REDIRECT_URI", redirects.join(","))
        .envs(settings)
        .env("PORT", port)
        .env("CONTROL", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node can be run");
    let stdin = child.stdin.take().expect("piped");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped")).lines();
    let line = timeout(LIMIT, stdout.next_line())
        .await
        .expect("the provider begins to listen in time")
        .unwrap();
    let Some(line) = line else {
        return Err(child.wait().await.unwrap());
    };
    let (issuer, port) = line
        .strip_prefix("listening on ")
        .and_then(|rest| rest.strip_suffix(')')?.split_once(" (port "))
        .expect("the first line says where");
    let (issuer, port) = (issuer.to_owned(), port.to_owned());
    Ok((Process { child, stdin, stdout }, issuer, port))
}
