//! Settings about limits and usage.

use std::time::Duration;

use super::{Gathered, SettingsError, values};

/// How limits are kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Where it is kept what was used.
    pub ledger: LedgerPlace,
    /// Whether limits bind administrators too.
    pub bind_admins: bool,
    /// How many tokens an answer in one piece is held for when the client does not say.
    pub default_completion: u64,
    /// How long single requests are kept. Reports are kept for ever.
    pub usage_retention: Duration,
}

/// Where it is kept how much was used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LedgerPlace {
    /// With SQLite in memory, with PostgreSQL in the database.
    #[default]
    Auto,
    /// In memory: right for one server on a database, and the quicker.
    Memory,
    /// In the database: for several servers on one.
    Database,
}

/// Reads them.
pub(super) fn limits(given: &mut Gathered) -> Result<Limits, SettingsError> {
    Ok(Limits {
        ledger: given.or("LOCALAUTH_LEDGER", "auto", ledger)?,
        bind_admins: given.or("LOCALAUTH_LIMIT_ADMINS", "false", values::boolean)?,
        default_completion: given.or("LOCALAUTH_DEFAULT_COMPLETION", "4096", tokens)?,
        usage_retention: given.or("LOCALAUTH_USAGE_RETENTION", "30d", values::some_duration)?,
    })
}

fn ledger(text: &str) -> Result<LedgerPlace, &'static str> {
    match text {
        "auto" => Ok(LedgerPlace::Auto),
        "memory" => Ok(LedgerPlace::Memory),
        "database" => Ok(LedgerPlace::Database),
        _ => Err("write `auto`, `memory` or `database`"),
    }
}

fn tokens(text: &str) -> Result<u64, &'static str> {
    text.parse()
        .ok()
        .filter(|tokens| (1..=10_000_000).contains(tokens))
        .ok_or("write a number of tokens from 1 to 10000000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_makes_sense_is_taken() {
        assert_eq!(ledger("database"), Ok(LedgerPlace::Database));
        assert!(ledger("redis").is_err());
        assert_eq!(tokens("1"), Ok(1));
        for wrong in ["0", "-1", "1k", "10000001", ""] {
            assert!(tokens(wrong).is_err(), "{wrong}");
        }
    }
}
