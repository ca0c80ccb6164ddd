//! `cargo run -p embed-axum`, then register at <http://127.0.0.1:3000/register>.

use std::net::SocketAddr;

use embed_axum::app;
use localauth_core::Auth;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = localauth_store::connect("sqlite://localauth.db").await?; // migrations included
    let auth = Auth::builder(store).build()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app(&auth).into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
