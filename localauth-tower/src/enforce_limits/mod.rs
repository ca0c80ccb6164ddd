//! [`EnforceLimits`]: may it still?

mod ask;
mod body;
mod budget;
mod count;
mod future;
mod headers;
mod layer;
mod service;
mod ticking;

pub use body::ResponseBody;
pub use count::CountPrompt;
pub use future::ResponseFuture;
pub use layer::EnforceLimits;
pub use service::EnforceLimitsService;

#[cfg(test)]
mod tests;
