//! What the tests of the whole server share: starting it, talking to it, stopping it.
//!
//! `tests/run` builds the server once and hands its path over. A test that lacks something fails and says so; none is
//! skipped.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test helper fails loudly"
)]

mod browser;
mod database;
mod github;
mod idp;
mod person;
mod proxy;
mod server;

pub use browser::{sign_in_by_browser, walk_the_console};
pub use database::{Postgres, sqlite};
pub use github::{
    GITHUB_CLIENT_ID, GITHUB_CLIENT_SECRET, Github, GithubEmail, GithubEndpoint, GithubFault, GithubPerson,
    GithubRequest,
};
pub use idp::{IDP_CLIENT_ID, IDP_CLIENT_SECRET, Idp, IdpBuilder};
pub use person::{PASSWORD, Person};
pub use proxy::{Proxy, ProxyKind, RawAnswer, snippet};
pub use server::{Server, ServerBuilder, binary, clean_command};

/// What `tests/run` has to hand over.
///
/// # Panics
///
/// When it has not: a test is never skipped.
pub fn required(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests by `tests/run`"))
}
