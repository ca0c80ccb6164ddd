//! Who is at the other end of the connection, and how this server looks from there, as far as that can be believed.

mod proxies;
#[cfg(feature = "api")]
mod site;

use std::net::IpAddr;

pub use proxies::Proxies;
#[cfg(feature = "api")]
pub use site::Site;
#[cfg(feature = "api")]
pub(crate) use site::is_origin_of;

/// The address of whoever opened the connection: put it into a request's extensions when your server is not axum's, whose
/// `ConnectInfo` is looked for too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddress(pub IpAddr);

/// The connection is encrypted: put it into a request's extensions when your own server speaks TLS. Cookies are then
/// `Secure` and origins `https`, unless the public URL says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverTls;

/// The address of whoever opened the connection, when the server said.
pub(crate) fn peer(extensions: &http::Extensions) -> Option<IpAddr> {
    if let Some(peer) = extensions.get::<PeerAddress>() {
        return Some(peer.0.to_canonical());
    }
    #[cfg(feature = "axum")]
    if let Some(info) = extensions.get::<axum::extract::ConnectInfo<std::net::SocketAddr>>() {
        return Some(info.0.ip().to_canonical());
    }
    None
}
