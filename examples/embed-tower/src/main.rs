//! `cargo run -p embed-tower`: makes a user and a key at the first start, and prints how to use it.

use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use localauth_core::{Auth, NewAccount, NewKey, Password, ServerSecret};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = localauth_core::MemoryStore::new();
    let secret = ServerSecret::generate(&localauth_core::OsEntropy)?;
    let auth = Auth::builder(store).secret(secret).build()?;
    let ada = auth
        .add_user(NewAccount::local(
            "ada@example.org",
            Password::new("correct-horse-battery"),
        ))
        .await?;
    let key = auth.create_key(ada.id, NewKey::named("first")).await?;
    let service = embed_tower::app(&auth)?;

    let listener = TcpListener::bind("127.0.0.1:3001").await?;
    println!(
        "curl -X POST -H 'x-api-key: {}' http://{}/v1/chat/completions",
        key.plain.expose(),
        listener.local_addr()?
    );
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(async move {
            let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                eprintln!("connection: {error}");
            }
        });
    }
}
