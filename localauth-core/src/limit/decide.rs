//! All or none.

use super::counter::Counter;
use super::ledger::{Ask, Claim, Reserved};
use crate::clock::Timestamp;

/// Decides on `ask` under all `claims` at once: holds it on each of their counters, or on none. `cells` are what the
/// counters are in, in the order of the claims.
///
/// The one decision that all ledgers share. Whoever calls it sees to it that nobody else changes these counters
/// meanwhile.
pub fn decide<C>(
    claims: &[Claim],
    cells: &mut [C],
    counter: impl Fn(&mut C) -> &mut Counter,
    ask: &Ask,
    now: Timestamp,
) -> Reserved {
    let mut granted = ask.most_completion;
    let mut refusal: Option<(usize, Option<std::time::Duration>)> = None;
    for (index, (claim, cell)) in claims.iter().zip(&mut *cells).enumerate() {
        match counter(cell).room(&claim.rule, ask, now) {
            Ok(room) => granted = granted.min(room),
            // Of several that refuse, the one that lasts longest.
            Err(retry_after) => {
                if refusal.is_none_or(|(_, longest)| retry_after > longest) {
                    refusal = Some((index, retry_after));
                }
            }
        }
    }
    let held = ask.amounts(granted);
    if refusal.is_none() {
        for cell in &mut *cells {
            counter(cell).hold(held);
        }
    }
    let standings = claims
        .iter()
        .zip(&mut *cells)
        .map(|(claim, cell)| counter(cell).standing(&claim.rule, now))
        .collect();
    match refusal {
        None => Reserved::Granted { held, standings },
        Some((by, retry_after)) => Reserved::Refused {
            by,
            retry_after,
            standings,
        },
    }
}
