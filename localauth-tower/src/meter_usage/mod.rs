//! [`MeterUsage`]: what did it cost?

mod body;
mod counts;
mod future;
mod guard;
mod json;
mod layer;
mod place;
mod reading;
mod service;
mod sse;
mod text;
mod which;

pub use body::ResponseBody;
pub use future::ResponseFuture;
pub use layer::MeterUsage;
pub use service::MeterUsageService;

#[cfg(test)]
mod tests;
