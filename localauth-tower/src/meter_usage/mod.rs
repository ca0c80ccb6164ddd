//! [`MeterUsage`]: what did it cost?

mod body;
mod budget;
mod connection;
mod counts;
mod dialect;
mod ending;
mod events;
mod facts;
mod found;
mod future;
mod guard;
pub(crate) mod hide;
mod json;
mod layer;
mod place;
mod reading;
mod recheck;
mod service;
mod stream;
mod streaming;
mod text;

pub use body::ResponseBody;
pub(crate) use budget::{Budget, BudgetSlot, Grant, PromptTokens};
pub use future::ResponseFuture;
pub use layer::MeterUsage;
pub(crate) use reading::Measured as Settled;
pub use service::MeterUsageService;

#[cfg(test)]
mod tests;
