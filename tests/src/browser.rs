//! Somebody at a real browser: the scripts of `tests/browser`.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::{clean_command, required};

/// Runs a script of `tests/browser` against a server, to its end: what it reports.
async fn script(name: &str, server: &str, arguments: &[&str]) -> Result<Value, String> {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("browser").join(name);
    // Where the browser's profile is left behind, should it be killed.
    let folder = TempDir::new().expect("a temporary folder");
    let mut command: Command = clean_command(required("LOCALAUTH_TEST_NODE"));
    for name in ["LOCALAUTH_TEST_BROWSER_MODULES", "LOCALAUTH_TEST_CHROMIUM"] {
        command.env(name, required(name));
    }
    let run = command
        .arg(script)
        .arg(server)
        .args(arguments)
        .env("TMPDIR", folder.path())
        .kill_on_drop(true)
        .output();
    let Output { status, stdout, stderr } = run.await.expect("node can be run");
    if status.success() {
        Ok(serde_json::from_slice(&stdout).expect("one line of JSON"))
    } else {
        Err(String::from_utf8_lossy(&stderr).into_owned())
    }
}

/// Signs in at the server through its provider, with what `tests/browser/README.md` tells of `arguments`. The report.
///
/// # Errors
///
/// What the script said, when the browser did not come back to the server.
pub async fn sign_in_by_browser(server: &str, arguments: &[&str]) -> Result<Value, String> {
    script("signin.mjs", server, arguments).await
}

/// Walks through the console of a server that nobody has registered at, with pictures of its pages in `pictures`. The
/// report.
///
/// # Errors
///
/// Where the walk ended too early, and what was seen there.
pub async fn walk_the_console(server: &str, pictures: &Path) -> Result<Value, String> {
    let pictures = pictures.to_str().expect("a path in UTF-8");
    script("console.mjs", server, &["--shots", pictures]).await
}
