//! Limits: rules, windows, and the ledger that holds them.
//!
//! A request is held against every limit that binds it before anybody works on it ([`Ledger::reserve`]), and what it
//! really used is counted when it is over ([`Ledger::post`]). What is held counts like what was used, so a hard limit is
//! never exceeded by many at once.

mod amounts;
mod claims;
mod counter;
mod decide;
mod headers;
mod ledger;
mod memory;
mod price;
mod queue;
mod rule;
mod tier;
mod window;

pub use amounts::Amounts;
pub(crate) use claims::{Bound, claims_of};
pub use counter::Counter;
pub use decide::decide;
pub use headers::{RateLimit, RateLimits};
pub use ledger::{Ask, Claim, CounterId, Holder, Ledger, Reply, Reserved, Standing, Subject};
pub use memory::MemoryLedger;
pub use price::Price;
pub use queue::{Entering, FairQueue, NoPlace, NoPlaceReason, Place};
pub use rule::{InvalidLimit, KeyLimit, Limit, LimitRule, OnOutage};
pub use tier::{HouseRules, InvalidTierName, Tier, TierName};
pub use window::{InvalidWindow, SLOTS, Slot, Window};
