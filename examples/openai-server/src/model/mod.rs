//! The model that is served: which one, how it is loaded, and how its answers look on the wire.

pub mod allow;
pub mod demo;
pub mod detach;
pub mod errors;
pub mod inspect;
pub mod select;
pub mod stored;

// What these do needs no model runtime, and is tested without one.
#[cfg(any(feature = "mistralrs", test))]
mod files;
#[cfg(any(feature = "mistralrs", test))]
mod gguf;
#[cfg(any(feature = "mistralrs", test))]
mod panics;
#[cfg(any(feature = "mistralrs", test))]
mod reason;

#[cfg(feature = "mistralrs")]
pub mod count;
#[cfg(feature = "mistralrs")]
pub mod load;
#[cfg(feature = "mistralrs")]
pub mod routes;
#[cfg(feature = "mistralrs")]
mod sources;
