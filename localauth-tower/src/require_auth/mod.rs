//! [`RequireAuth`]: who is it?

mod future;
mod layer;
mod service;

pub use future::ResponseFuture;
pub use layer::RequireAuth;
pub use service::RequireAuthService;

#[cfg(test)]
mod tests;
