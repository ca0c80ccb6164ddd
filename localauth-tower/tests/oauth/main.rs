//! Sign-in through providers, against providers of the tests' own that can be made to say anything.
#![cfg(feature = "oauth")]

mod algorithms;
mod claims;
mod cookies;
mod faults;
mod flow;
mod github;
mod idp;
mod keys;
mod link;
mod tokens;
mod world;
