//! The console, in process: pages as a browser without scripts uses them.
#![cfg(feature = "console")]

mod accounts;
mod doors;
mod home;
mod house;
mod keys;
mod keys_ends;
mod keys_rights;
mod pages;
mod support;
mod usage;
mod users;
