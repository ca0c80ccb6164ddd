//! Quotas, tiers, limits and prices over REST.
#![cfg(feature = "api")]

#[path = "../admin_support.rs"]
mod admin_support;
mod house;
mod keys;
mod quotas;
mod races;
mod support;
mod tiers;
mod why;
