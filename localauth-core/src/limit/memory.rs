//! [`MemoryLedger`]: for one process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use papaya::HashMap;

use super::amounts::Amounts;
use super::counter::Counter;
use super::decide::decide;
use super::ledger::{Ask, Claim, CounterId, Ledger, Reply, Reserved, Standing};
use crate::clock::Timestamp;
use crate::id::RequestId;

/// A [`Ledger`] in memory, for one process: a counter each of a few kilobytes at most.
///
/// What is held is held by the requests of this process, and each lets go of it when it ends: nothing can be left
/// behind. What was used before the process began is read from the usage reports, so that a restart refills nothing.
#[derive(Default)]
pub struct MemoryLedger {
    counters: HashMap<CounterId, Arc<Mutex<Cell>>>,
}

struct Cell {
    counter: Counter,
    /// Taken out of the map: whoever has come by it looks again.
    is_gone: bool,
}

type Cells = Vec<Arc<Mutex<Cell>>>;

fn lock(cell: &Mutex<Cell>) -> MutexGuard<'_, Cell> {
    cell.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryLedger {
    /// With nothing known.
    pub fn new() -> Self {
        Self::default()
    }

    /// The cells of all claims; which are not there, otherwise.
    fn cells(&self, claims: &[Claim]) -> Result<Cells, Vec<usize>> {
        let counters = self.counters.pin();
        let mut cells = Vec::with_capacity(claims.len());
        let mut unknown = Vec::new();
        for (index, claim) in claims.iter().enumerate() {
            match counters.get(&claim.counter) {
                Some(cell) => cells.push(Arc::clone(cell)),
                None => unknown.push(index),
            }
        }
        if unknown.is_empty() { Ok(cells) } else { Err(unknown) }
    }

    /// All of them locked, in the order of the claims: whoever locks several does so in that order.
    fn locked(cells: &Cells) -> Option<Vec<MutexGuard<'_, Cell>>> {
        let mut guards = Vec::with_capacity(cells.len());
        for cell in cells {
            let guard = lock(cell);
            if guard.is_gone {
                return None;
            }
            guards.push(guard);
        }
        Some(guards)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.counters.pin().len()
    }
}

impl Ledger for MemoryLedger {
    fn reserve(&self, _: RequestId, claims: &Arc<[Claim]>, ask: &Ask, now: Timestamp) -> Reply<Reserved> {
        Reply::Ready(Ok(loop {
            let cells = match self.cells(claims) {
                Ok(cells) => cells,
                Err(unknown) => break Reserved::Unknown(unknown),
            };
            if let Some(mut guards) = Self::locked(&cells) {
                break decide(claims, &mut guards, |cell| &mut cell.counter, ask, now);
            }
        }))
    }

    fn post(&self, _: RequestId, claims: &Arc<[Claim]>, release: Amounts, used: Amounts, _: bool, now: Timestamp) {
        // A counter with something held is never swept; each is posted to by itself, as nothing is decided here.
        let counters = self.counters.pin();
        for claim in claims.iter() {
            if let Some(cell) = counters.get(&claim.counter) {
                let counter = &mut lock(cell).counter;
                counter.release(release);
                counter.count(used, now);
            }
        }
    }

    fn standings(&self, claims: &Arc<[Claim]>, now: Timestamp) -> Reply<Vec<Option<Standing>>> {
        let counters = self.counters.pin();
        let standing = |claim: &Claim| {
            let cell = counters.get(&claim.counter)?;
            Some(lock(cell).counter.standing(&claim.rule, now))
        };
        Reply::Ready(Ok(claims.iter().map(standing).collect()))
    }

    fn seed(&self, claim: &Claim, history: Vec<(Timestamp, Amounts)>, now: Timestamp) -> Reply<()> {
        let mut counter = Counter::new(claim.counter.window);
        for (at, amounts) in history {
            // A clock that was put back: what seems to be of the future counts from now on.
            counter.count(amounts, at.min(now));
        }
        counter.advance(now);
        let cell = Arc::new(Mutex::new(Cell {
            counter,
            is_gone: false,
        }));
        self.counters.pin().get_or_insert(claim.counter, cell);
        Reply::Ready(Ok(()))
    }

    fn sweep(&self, now: Timestamp) -> Reply<()> {
        let counters = self.counters.pin();
        for (id, cell) in &counters {
            let mut cell = lock(cell);
            if cell.counter.is_idle(now) {
                cell.is_gone = true;
                counters.remove(id);
            }
        }
        Reply::Ready(Ok(()))
    }
}

impl std::fmt::Debug for MemoryLedger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MemoryLedger")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::id::{LimitId, UserId};
    use crate::limit::{Holder, LimitRule, Subject};

    async fn fresh() -> Arc<MemoryLedger> {
        Arc::new(MemoryLedger::new())
    }

    mod contract {
        use super::fresh;
        crate::ledger_contract!(fresh);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        /// A process that crashes loses everything, and begins with what the reports say.
        #[test]
        fn scripts_follow_the_model(script in proptest::collection::vec(any::<[u8; 4]>(), 0..120)) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(crate::contract::ledger::follows_the_model(fresh, Duration::ZERO, &script));
        }
    }

    fn claims(rule: LimitRule) -> Arc<[Claim]> {
        let counter = CounterId {
            limit: LimitId::from_uuid(uuid::Uuid::nil()),
            holder: Holder::User(UserId::SHARED),
            window: rule.window,
        };
        Arc::new([Claim {
            counter,
            rule,
            subject: Subject::User,
            keys: Vec::new(),
        }])
    }

    fn now<T>(reply: Reply<T>) -> T {
        match reply {
            Reply::Ready(answer) => answer.unwrap(),
            Reply::Pending(_) => panic!("it is all in memory"),
        }
    }

    #[test]
    fn a_counter_is_forgotten_when_nothing_of_it_counts() {
        let ledger = MemoryLedger::new();
        let claims = claims(LimitRule::per("1m".parse().unwrap()).requests(1));
        let hold = RequestId::from_uuid(uuid::Uuid::nil());
        let t = Timestamp::from_millis(1_000_000_020_000);
        let reserve = |at| now(ledger.reserve(hold, &claims, &Ask::REQUEST, at));
        assert_eq!(reserve(t), Reserved::Unknown(vec![0]));
        now(ledger.seed(&claims[0], Vec::new(), t));
        let Reserved::Granted { held, .. } = reserve(t) else {
            panic!("there is room");
        };
        let later = t + std::time::Duration::from_hours(1);
        now(ledger.sweep(later));
        assert_eq!(ledger.len(), 1, "something is held");
        let one = Amounts {
            requests: 1,
            ..Amounts::ZERO
        };
        ledger.post(hold, &claims, held, one, true, later);
        now(ledger.sweep(later));
        assert_eq!(ledger.len(), 1, "something counts");
        assert!(matches!(reserve(later), Reserved::Refused { by: 0, .. }));
        now(ledger.sweep(later + std::time::Duration::from_secs(61)));
        assert_eq!(ledger.len(), 0);
    }
}
