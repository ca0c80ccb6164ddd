//! `cargo run -p custom-store [FILE]`: makes a user and a key at the first start, and prints how to use it.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use custom_store::{app, builder};
use localauth_core::{Auth, CreatedKey, NewAccount, NewKey, OsEntropy, Password, Role, ServerSecret};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> ExitCode {
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os()
        .nth(1)
        .map_or_else(|| "users.json".into(), PathBuf::from);
    let auth = builder(&path)?.build()?;
    let listener = TcpListener::bind("127.0.0.1:3002").await?;
    let hello = format!("http://{}/hello", listener.local_addr()?);
    match first_key(&auth).await? {
        Some(key) => println!("curl -H 'Authorization: Bearer {}' {hello}", key.plain.expose()),
        None => println!("listening on {hello}, for the key that was shown at the first start"),
    }
    axum::serve(listener, app(&auth)).await?;
    Ok(())
}

/// A user and a key, when there is nobody yet. A store that could not answer is an error and not "nobody": it must never
/// lead to a new administrator.
async fn first_key(auth: &Auth) -> Result<Option<CreatedKey>, Box<dyn Error>> {
    if auth.has_users().await? {
        return Ok(None);
    }
    // A password that nobody knows: this user comes in with the key.
    let random = ServerSecret::generate(&OsEntropy)?;
    let password = Password::new(String::from_utf8_lossy(random.expose()));
    let ada = NewAccount {
        role: Role::Admin,
        ..NewAccount::local("ada@example.org", password)
    };
    let ada = auth.add_user(ada).await?;
    Ok(Some(auth.create_key(ada.id, NewKey::named("first")).await?))
}
