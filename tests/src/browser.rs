//! Somebody at a real browser: the script of `tests/browser`.

use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::{clean_command, required};

/// Signs in at the server through its provider, with what `tests/browser/README.md` tells of `arguments`. The report.
///
/// # Errors
///
/// What the script said, when the browser did not come back to the server.
pub async fn sign_in_by_browser(server: &str, arguments: &[&str]) -> Result<Value, String> {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("browser/signin.mjs");
    // Where the browser's profile is left behind, should it be killed.
    let folder = TempDir::new().expect("a temporary folder");
    let mut command: Command = clean_command(required("LOCALAUTH_TEST_NODE"));
    for name in ["LOCALAUTH_TEST_BROWSER_MODULES", "LOCALAUTH_TEST_CHROMIUM"] {
        command.env(name, required(name));
    }
    let output = command
        .arg(script)
        .arg(server)
        .args(arguments)
        .env("TMPDIR", folder.path())
        .kill_on_drop(true)
        .output()
        .await
        .expect("node can be run");
    if output.status.success() {
        Ok(serde_json::from_slice(&output.stdout).expect("one line of JSON"))
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
