//! How things stand, in four figures.

use localauth_core::{Period, UsageFilter, UsageTotals};

use super::super::Console;
use super::super::trouble::Trouble;
use super::super::usage::meters::Meter;
use crate::CurrentUser;

/// What a user has and has used.
#[derive(Debug)]
pub(super) struct Glance {
    pub(super) keys: u64,
    /// Of the last 30 days.
    pub(super) totals: UsageTotals,
    /// The limit of which the least is left.
    pub(super) tightest: Option<Meter>,
}

impl Glance {
    pub(super) async fn of(console: &Console, user: &CurrentUser) -> Result<Self, Trouble> {
        let filter = UsageFilter::of_user(user.id());
        let totals = console.auth.usage_report(Period::Month, filter).await?.totals;
        let keys = console.auth.list_keys(user.id()).await?;
        let status = console.auth.limit_status(user.identity()).await?;
        Ok(Self {
            keys: keys.len() as u64,
            totals,
            tightest: Meter::tightest(&status),
        })
    }
}
