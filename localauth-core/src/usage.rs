//! Usage: what was asked of a model, by whom, and what it cost in tokens.

use std::str::FromStr;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::id::{KeyId, RequestId, UserId};
use crate::user::UnknownName;

/// Which kind of credential a request came with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum UsageSource {
    /// A user's API key.
    ApiKey,
    /// A session: the console, or a program that signed in.
    Web,
    /// A shared (legacy) key.
    Legacy,
}

impl UsageSource {
    /// The name, as stored and sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "apikey",
            Self::Web => "web",
            Self::Legacy => "legacy",
        }
    }
}

impl FromStr for UsageSource {
    type Err = UnknownName;

    fn from_str(s: &str) -> Result<Self, UnknownName> {
        match s {
            "apikey" => Ok(Self::ApiKey),
            "web" => Ok(Self::Web),
            "legacy" => Ok(Self::Legacy),
            _ => Err(UnknownName {
                expected: "`apikey`, `web`, `legacy`",
            }),
        }
    }
}

/// One answered request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageEvent {
    /// Names the request: the same id twice counts once.
    pub request_id: RequestId,
    /// When the answer began.
    pub at: Timestamp,
    /// Whose request it was.
    pub user_id: UserId,
    /// Their name at that time.
    pub user_name: String,
    /// The key it came with, and the key's name.
    pub key: Option<(KeyId, String)>,
    /// The kind of credential.
    pub source: UsageSource,
    /// The model that answered; empty when the answer named none.
    pub model: String,
    /// The path that was asked, e.g. `/v1/chat/completions`.
    pub endpoint: String,
    /// Tokens read.
    pub prompt_tokens: u64,
    /// Those of the tokens read that the model server had in its cache.
    pub cached_tokens: u64,
    /// Tokens written.
    pub completion_tokens: u64,
    /// What it cost, in millionths of the currency that prices are in.
    pub cost_micros: u64,
    /// Whether the counts had to be estimated, because the answer broke off or carried none.
    pub estimated: bool,
}

/// Which stretch of time a report covers, and in what steps. Everything is in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Period {
    /// The last 24 hours, by hour.
    Day,
    /// The last 7 days, by day.
    Week,
    /// The last 30 days, by day.
    Month,
    /// Everything, by month.
    All,
}

/// The steps of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bucket {
    /// `YYYY-MM-DD HH:00`
    Hour,
    /// `YYYY-MM-DD`
    Day,
    /// `YYYY-MM`
    Month,
}

impl FromStr for Period {
    type Err = UnknownName;

    fn from_str(s: &str) -> Result<Self, UnknownName> {
        match s {
            "day" => Ok(Self::Day),
            "week" => Ok(Self::Week),
            "month" => Ok(Self::Month),
            "all" => Ok(Self::All),
            _ => Err(UnknownName {
                expected: "`day`, `week`, `month`, `all`",
            }),
        }
    }
}

/// An hour in milliseconds: the grain of the roll-ups.
pub const HOUR_MILLIS: i64 = 3_600_000;

impl Period {
    /// The steps this period is reported in.
    pub const fn bucket(self) -> Bucket {
        match self {
            Self::Day => Bucket::Hour,
            Self::Week | Self::Month => Bucket::Day,
            Self::All => Bucket::Month,
        }
    }

    /// The first hour that belongs to the period ending at `now`; `None` is from the beginning.
    ///
    /// Whole buckets: the day's report begins on the hour, the week's and month's at midnight.
    pub fn start(self, now: Timestamp) -> Option<Timestamp> {
        const DAY: i64 = 24 * HOUR_MILLIS;
        let back = |millis: i64, grain: i64| {
            let end = now
                .as_millis()
                .div_euclid(grain)
                .saturating_add(1)
                .saturating_mul(grain);
            Timestamp::from_millis(end.saturating_sub(millis))
        };
        match self {
            Self::Day => Some(back(DAY, HOUR_MILLIS)),
            Self::Week => Some(back(7 * DAY, DAY)),
            Self::Month => Some(back(30 * DAY, DAY)),
            Self::All => None,
        }
    }
}

impl Bucket {
    /// The grain it is added up from.
    pub const fn grain(self) -> Grain {
        match self {
            Self::Hour => Grain::Hour,
            Self::Day | Self::Month => Grain::Day,
        }
    }

    /// The name of the bucket that `at` falls into.
    ///
    /// ```
    /// use localauth_core::{Bucket, Timestamp};
    /// let t = Timestamp::from_millis(1_700_000_000_000);
    /// assert_eq!(Bucket::Hour.name(t), "2023-11-14 22:00");
    /// assert_eq!(Bucket::Day.name(t), "2023-11-14");
    /// assert_eq!(Bucket::Month.name(t), "2023-11");
    /// ```
    pub fn name(self, at: Timestamp) -> String {
        let text = at.to_rfc3339();
        match self {
            Self::Hour => format!("{} {}:00", &text[..10], &text[11..13]),
            Self::Day => text[..10].to_owned(),
            Self::Month => text[..7].to_owned(),
        }
    }
}

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageQuery {
    /// From which hour on (inclusive); `None` is from the beginning.
    pub since: Option<Timestamp>,
    /// One user, or all.
    pub user_id: Option<UserId>,
    /// One key, or all and everything that came without one.
    pub key_id: Option<KeyId>,
    /// How finely time is told apart.
    pub grain: Grain,
}

/// What somebody used lately, for a limit to begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageHistory {
    /// From when on (inclusive).
    pub since: Timestamp,
    /// One user's, or everybody's.
    pub user_id: Option<UserId>,
    /// Of everybody's, not that of these.
    pub without: Vec<UserId>,
    /// What came with one of these keys; empty is all, with a key or without.
    pub key_ids: Vec<KeyId>,
    /// One model's, or all.
    pub model: Option<String>,
}

/// How finely a report tells time apart, in UTC. Coarser buckets are added up from these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Grain {
    /// By the hour.
    Hour,
    /// By the day.
    Day,
}

impl Grain {
    /// Its length in milliseconds.
    pub const fn millis(self) -> i64 {
        match self {
            Self::Hour => HOUR_MILLIS,
            Self::Day => 24 * HOUR_MILLIS,
        }
    }

    /// The beginning of the stretch that `at` falls into.
    pub const fn floor(self, at: Timestamp) -> Timestamp {
        Timestamp::from_millis(at.as_millis().div_euclid(self.millis()).saturating_mul(self.millis()))
    }
}

/// One row of a report: a stretch of time, a user and a model.
///
/// Reports are long and say the same few texts in many rows, which therefore share them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRow {
    /// The beginning of the hour or day.
    pub at: Timestamp,
    /// Whose usage it is.
    pub user_id: UserId,
    /// Their name when it was last recorded.
    pub user_name: Arc<str>,
    /// The model.
    pub model: Arc<str>,
    /// The sums.
    pub totals: UsageTotals,
}

/// One row of a report by source: a stretch of time, a user, a kind of credential, a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageSourceRow {
    /// The beginning of the hour or day.
    pub at: Timestamp,
    /// Whose usage it is.
    pub user_id: UserId,
    /// Their name when it was last recorded.
    pub user_name: Arc<str>,
    /// The kind of credential.
    pub source: UsageSource,
    /// The key, and its name when it was last recorded.
    pub key: Option<(KeyId, Arc<str>)>,
    /// The sums.
    pub totals: UsageTotals,
    /// When the last of it was.
    pub last_at: Timestamp,
}

/// Sums of usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UsageTotals {
    /// Tokens read.
    pub prompt_tokens: u64,
    /// Those of the tokens read that the model server had in its cache.
    pub cached_tokens: u64,
    /// Tokens written.
    pub completion_tokens: u64,
    /// What it cost, in millionths of the currency that prices are in.
    pub cost_micros: u64,
    /// Requests answered.
    pub requests: u64,
    /// Those of them whose counts were estimated.
    pub estimated_requests: u64,
}

impl UsageTotals {
    /// Tokens read and written.
    pub const fn total_tokens(&self) -> u64 {
        self.prompt_tokens.saturating_add(self.completion_tokens)
    }
}

impl std::ops::AddAssign for UsageTotals {
    fn add_assign(&mut self, rhs: Self) {
        self.prompt_tokens = self.prompt_tokens.saturating_add(rhs.prompt_tokens);
        self.cached_tokens = self.cached_tokens.saturating_add(rhs.cached_tokens);
        self.cost_micros = self.cost_micros.saturating_add(rhs.cost_micros);
        self.completion_tokens = self.completion_tokens.saturating_add(rhs.completion_tokens);
        self.requests = self.requests.saturating_add(rhs.requests);
        self.estimated_requests = self.estimated_requests.saturating_add(rhs.estimated_requests);
    }
}

impl From<&UsageEvent> for UsageTotals {
    fn from(event: &UsageEvent) -> Self {
        Self {
            prompt_tokens: event.prompt_tokens,
            cached_tokens: event.cached_tokens,
            completion_tokens: event.completion_tokens,
            cost_micros: event.cost_micros,
            requests: 1,
            estimated_requests: u64::from(event.estimated),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_whole_buckets() {
        let now = Timestamp::parse_rfc3339("2026-03-01T10:20:30Z").unwrap();
        let start = |p: Period| p.start(now).map(Timestamp::to_rfc3339);
        assert_eq!(start(Period::Day).as_deref(), Some("2026-02-28T11:00:00Z"));
        assert_eq!(start(Period::Week).as_deref(), Some("2026-02-23T00:00:00Z"));
        assert_eq!(start(Period::Month).as_deref(), Some("2026-01-31T00:00:00Z"));
        assert_eq!(start(Period::All), None);
    }
}
