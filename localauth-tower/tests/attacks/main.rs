//! What somebody who wants in has tried, and what keeps them out.
#![cfg(feature = "api")]
#![expect(clippy::many_single_char_names, reason = "an attacker is brief")]

mod credentials;
mod doors;
mod forward_auth;
mod password_race;
mod support;
