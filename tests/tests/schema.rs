//! A schema-driven caller (schemathesis) against the API's own `OpenAPI` document: whatever it makes up, there is no 5xx,
//! no status and no field that the document does not tell.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests fail loudly")]

use std::net::SocketAddr;
use std::process::Stdio;

use localauth_core::{
    Auth, KeyScope, NewAccount, NewKey, Password, PasswordCost, RegistrationMode, Role, ServerSecret,
};
use localauth_tests::{PASSWORD, Postgres, clean_command, required, sqlite};
use localauth_tower::api;
use localauth_tower::oauth::{GithubConfig, OAuth, OidcConfig};
use tokio::net::TcpListener;

/// What is checked. That methods nobody declared are 404 and not 405 is the wire contract's own rule.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance";

async fn call_everything(url: &str) {
    let store = localauth_store::connect(url).await.unwrap();
    let auth = Auth::builder(store)
        .secret(ServerSecret::new(&[1; 32]).unwrap())
        .password_cost(PasswordCost::INSECURE)
        .registration(RegistrationMode::Approval)
        .attempt_limits(false)
        .shared_key("shared-key-of-the-configuration")
        .build()
        .unwrap();
    let add = async |name: &str, role: Role| {
        let account = NewAccount {
            role,
            ..NewAccount::local(format!("{name}@example.org"), Password::new(PASSWORD))
        };
        auth.add_user(account).await.unwrap().id
    };
    add("root", Role::Admin).await;
    let ada = add("ada", Role::User).await;
    let minting = KeyScope {
        can_mint: true,
        ..KeyScope::default()
    };
    let key = auth.create_key(ada, NewKey::named("k").scoped(minting)).await.unwrap();

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    // A provider that is away: what is said of it is tried too, without anybody to sign in with.
    let oauth = OAuth::builder(&auth)
        .github(
            GithubConfig::new("id", "secret")
                .url("http://127.0.0.1:9")
                .api_url("http://127.0.0.1:9"),
        )
        .oidc(OidcConfig::new("http://127.0.0.1:9", "id"))
        .build()
        .unwrap();
    let builder = api::ApiBuilder::new(&auth).models(["demo".to_owned()]);
    let app = builder.oauth(oauth).build();
    let serving =
        tokio::spawn(
            async move { axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await },
        );
    for credential in [
        "x-api-key: shared-key-of-the-configuration".to_owned(),
        format!("x-api-key: {}", key.plain.expose()),
        "x-nobody: yes".to_owned(),
    ] {
        let output = clean_command(required("LOCALAUTH_TEST_SCHEMATHESIS"))
            .args(["run", &format!("{origin}/api/auth/openapi.json")])
            .args(["--url", &origin, "--checks", CHECKS, "--header", &credential])
            .args([
                "--phases",
                "examples,coverage,fuzzing",
                "--max-examples",
                "20",
                "--seed",
                "1",
            ])
            .args(["--suppress-health-check", "all", "--continue-on-failure", "--no-color"])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .current_dir(std::env::temp_dir())
            .output()
            .await
            .expect("schemathesis can be run");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{said}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    serving.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_answers_as_it_says_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    call_everything(&sqlite(folder.path())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_answers_as_it_says_on_postgresql() {
    let database = Postgres::create("schema").await;
    call_everything(&database.url).await;
    database.drop().await;
}
