//! What is remembered of the store, so that a request need not ask it.
//!
//! Bounded in size, read without a lock, invalidated by epoch: an entry is good while its user's [`EpochCell`] has not
//! moved on, so that a change is in force for the very next request, however many entries it concerns.

mod bounded;
mod epoch;

pub(crate) use bounded::{BoundedMap, DigestKey};
pub(crate) use epoch::{EpochCell, Epochs};
