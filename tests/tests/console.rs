//! What people see of the console, in a real browser before the real server.

use std::path::Path;

use localauth_tests::{Server, clean_command, required, walk_the_console};
use serde_json::Value;

/// A page with all it loads may have so many bytes.
const BUDGET: u64 = 100 * 1024;

/// Where the pictures of all pages go.
const PICTURES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/console");

#[tokio::test(flavor = "multi_thread")]
async fn from_the_first_start_to_the_end_of_an_account() {
    let server = Server::builder()
        .env("LOCALAUTH_REGISTRATION_MODE", "invite")
        .start()
        .await;
    let seen = walk_the_console(&server.url, Path::new(PICTURES)).await.unwrap();
    println!("pictures of all pages lie in {PICTURES}");

    assert_eq!(seen["chat"]["status"], 200, "{seen:#}");
    let looks = seen["looks"].as_array().unwrap();
    assert!(looks.len() >= 3 * 25, "{}", looks.len());
    let mut wrong = Vec::new();
    for look in looks {
        let mut complain = |what: String| wrong.push(format!("{} ({}): {what}", look["path"], look["view"]));
        let expected = match look["name"].as_str().unwrap() {
            "refused" => 403,
            "invite" => 404,
            _ => 200,
        };
        if look["status"] != expected {
            complain(format!("status {}", look["status"]));
        }
        if look["bytes"].as_u64().unwrap() > BUDGET {
            complain(format!("{} bytes", look["bytes"]));
        }
        if look["sideways"].as_i64().unwrap() > 0 {
            complain(format!("{} pixels too wide", look["sideways"]));
        }
        for list in ["violations", "elsewhere"] {
            for found in look[list].as_array().unwrap() {
                complain(format!("{list}: {found}"));
            }
        }
        for error in look["errors"].as_array().unwrap() {
            // A browser notes each answer of another status than 200.
            if expected == 200
                || !error
                    .as_str()
                    .unwrap()
                    .contains("the server responded with a status of")
            {
                complain(format!("error: {error}"));
            }
        }
    }
    let shown = seen["shown"].as_array().unwrap();
    assert!(shown.len() >= 3 * 20, "{}", shown.len());
    for page in shown {
        let mut complain = |what: String| wrong.push(format!("{} ({}): {what}", page["name"], page["view"]));
        if page["sideways"].as_i64().unwrap() > 0 {
            complain(format!("{} pixels too wide", page["sideways"]));
        }
        for found in page["violations"].as_array().unwrap() {
            complain(format!("violations: {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    let refused = &seen["refused"];
    assert_eq!(refused["status"], 429, "{refused:#}");
    assert_eq!(refused["body"]["error"]["code"], "insufficient_quota");
    assert_eq!(seen["meter"], serde_json::json!([[2, 2]]), "the meter is full");
    let said = |name: &str| seen[name].as_str().map(str::to_owned).unwrap_or_default();
    assert!(said("talkRefused").contains("limit"), "{}", said("talkRefused"));
    assert!(said("disabled").contains("disabled"), "{}", said("disabled"));
    run_as_pasted(&seen["programs"]).await;
}

/// The programs that the home page shows, each by what it is for.
async fn run_as_pasted(programs: &Value) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hello.mjs");
    std::os::unix::fs::symlink(
        required("LOCALAUTH_TEST_NODE_MODULES"),
        folder.path().join("node_modules"),
    )
    .unwrap();
    let text = |name: &str| {
        programs[name]
            .as_str()
            .unwrap_or_else(|| panic!("no {name}: {programs}"))
    };
    std::fs::write(&file, text("node")).unwrap();
    let mut curl = clean_command("bash");
    curl.args(["-c", text("curl")]);
    let mut python = clean_command(required("LOCALAUTH_TEST_PYTHON"));
    python.args(["-c", text("python")]);
    let mut node = clean_command(required("LOCALAUTH_TEST_NODE"));
    node.arg(&file);
    for (name, mut command) in [("curl", curl), ("python", python), ("node", node)] {
        let output = command.output().await.unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {said} {errors}");
        if name == "curl" {
            let answer: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
            assert!(answer["choices"][0]["message"]["content"].is_string(), "{answer}");
        } else {
            assert!(!said.trim().is_empty(), "{name} says nothing: {errors}");
        }
    }
}
