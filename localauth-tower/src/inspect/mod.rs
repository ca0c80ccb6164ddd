//! [`Inspect`]: what does it ask for?

mod address;
mod body;
#[cfg(any(test, fuzzing))]
pub(crate) mod check;
mod collect;
mod fields;
mod form;
mod found;
mod future;
mod inspected;
mod intricacy;
mod json;
mod judge;
mod kind;
mod layer;
mod parts;
mod resolve;
mod route;
mod service;
mod splice;

pub use body::InspectedBody;
pub use future::ResponseFuture;
pub use inspected::{Inspected, NotEdited};
pub use layer::Inspect;
pub use localauth_core::ResolveModel;
pub use service::InspectService;

#[cfg(test)]
mod tests;
