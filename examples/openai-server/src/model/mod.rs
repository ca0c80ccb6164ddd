//! The model that is served: which one, how it is loaded, and how its answers look on the wire.

pub mod demo;
pub mod detach;
pub mod errors;
pub mod select;

#[cfg(any(feature = "mistralrs", test))]
mod gguf;
#[cfg(feature = "mistralrs")]
pub mod load;
#[cfg(any(feature = "mistralrs", test))]
mod panics;
#[cfg(feature = "mistralrs")]
pub mod routes;
#[cfg(feature = "mistralrs")]
mod sources;
