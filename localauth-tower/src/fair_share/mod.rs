//! [`FairShare`]: whose turn is it?

mod body;
mod future;
mod layer;
mod service;

pub use body::ResponseBody;
pub use future::ResponseFuture;
pub use layer::FairShare;
pub use service::FairShareService;

#[cfg(test)]
mod tests;
