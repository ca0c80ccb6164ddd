//! The ledger, on both databases.

use std::ops::Deref;
use std::sync::Arc;

use localauth_core::limit::{Amounts, Ask, Claim, CounterId, Holder, Ledger as _, Reserved, Subject};
use localauth_core::{
    LimitId, LimitRule, ManualClock, OsEntropy, RequestId, Timestamp, UsageEvent, UsageSource, UserId, Window,
};
use localauth_store::{SqlLedger, SqlStore};

use super::{NOW, Temporary, at};

/// A ledger, and the store it is in.
pub(crate) struct TemporaryLedger {
    ledger: SqlLedger,
    _store: Temporary,
}

impl TemporaryLedger {
    pub(crate) async fn new(store: Temporary) -> Self {
        Self {
            ledger: start(&store).await,
            _store: store,
        }
    }
}

impl Deref for TemporaryLedger {
    type Target = SqlLedger;

    fn deref(&self) -> &SqlLedger {
        &self.ledger
    }
}

/// A process that takes part, with a clock that stands still: it is alive as long as it asks.
pub(crate) async fn start(store: &SqlStore) -> SqlLedger {
    SqlLedger::start(store, Arc::new(ManualClock::new(NOW))).await.unwrap()
}

pub(crate) const ONE: Amounts = Amounts {
    requests: 1,
    ..Amounts::ZERO
};

pub(crate) fn claims(rule: LimitRule) -> Arc<[Claim]> {
    [Claim {
        counter: CounterId {
            limit: LimitId::generate(NOW, &OsEntropy).unwrap(),
            holder: Holder::Everyone,
            window: rule.window,
        },
        rule,
        subject: Subject::Everyone,
        keys: Vec::new(),
    }]
    .into()
}

/// So many requests an hour.
pub(crate) fn requests(most: u64) -> Arc<[Claim]> {
    claims(LimitRule::per(Window::Rolling(std::time::Duration::from_hours(1))).requests(most))
}

pub(crate) fn name() -> RequestId {
    RequestId::generate(NOW, &OsEntropy).unwrap()
}

pub(crate) async fn reserve(ledger: &SqlLedger, claims: &Arc<[Claim]>, now: Timestamp) -> Option<(RequestId, Amounts)> {
    let hold = name();
    match ledger.reserve(hold, claims, &Ask::REQUEST, now).wait().await.unwrap() {
        Reserved::Granted { held, .. } => Some((hold, held)),
        Reserved::Refused { .. } => None,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn standing(ledger: &SqlLedger, claims: &Arc<[Claim]>, now: Timestamp) -> (u64, u64) {
    let told = ledger.standings(claims, now).wait().await.unwrap()[0].unwrap();
    (told.used.requests, told.held.requests)
}

pub(crate) async fn seed(ledger: &SqlLedger, claims: &Arc<[Claim]>) {
    ledger.seed(&claims[0], Vec::new(), NOW).wait().await.unwrap();
}

/// Five hundred at once, half of them on each of two processes: a hundred pass.
pub(crate) async fn two_processes_never_exceed_a_limit(a: &SqlStore, b: &SqlStore) {
    let (a, b) = (start(a).await, start(b).await);
    let all = requests(100);
    seed(&a, &all).await;
    seed(&b, &all).await;
    let barrier = Arc::new(tokio::sync::Barrier::new(500));
    let tasks: Vec<_> = (0..500)
        .map(|n| {
            let ledger = if n % 2 == 0 { a.clone() } else { b.clone() };
            let (barrier, all) = (Arc::clone(&barrier), Arc::clone(&all));
            tokio::spawn(async move {
                barrier.wait().await;
                let held = reserve(&ledger, &all, NOW).await;
                if let Some((hold, held)) = held
                    && n % 3 == 0
                {
                    ledger.post(hold, &all, held, ONE, true, NOW);
                }
                held.is_some()
            })
        })
        .collect();
    let mut passed = 0;
    for task in tasks {
        passed += u64::from(task.await.unwrap());
    }
    assert_eq!(passed, 100);
    for ledger in [&a, &b] {
        ledger.flush().wait().await.unwrap();
        assert_eq!(ledger.unwritten(), 0);
    }
    for ledger in [&a, &b] {
        let (used, held) = standing(ledger, &all, NOW).await;
        assert_eq!(used + held, 100);
        assert!(used > 0 && held > 0, "{used} used, {held} held");
    }
}

/// What a process held that died counts until its lease is over, and from then on no more.
pub(crate) async fn a_dead_process_is_let_go_of(a: &SqlStore, b: &SqlStore) {
    let lease = i64::try_from(SqlLedger::LEASE.as_millis()).unwrap();
    let (dying, living) = (start(a).await, start(b).await);
    let all = requests(3);
    seed(&dying, &all).await;
    // The last of them long after the process began: asking is a sign of life.
    for time in [0, 20_000] {
        reserve(&dying, &all, at(time)).await.unwrap();
    }
    let (hold, amounts) = reserve(&dying, &all, at(20_000)).await.unwrap();
    dying.post(hold, &all, amounts, ONE, true, at(20_000));
    dying.flush().wait().await.unwrap();
    drop(dying);
    let last = 20_000 + lease;
    assert_eq!(standing(&living, &all, at(last - 1)).await, (1, 2));
    assert!(reserve(&living, &all, at(last - 1)).await.is_none());
    assert_eq!(
        standing(&living, &all, at(last)).await,
        (1, 0),
        "what it used still counts"
    );
    let (hold, _) = reserve(&living, &all, at(last)).await.unwrap();
    reserve(&living, &all, at(last)).await.unwrap();
    assert!(reserve(&living, &all, at(last)).await.is_none());
    // Its own are held however long they take, and whatever is swept.
    let later = at(last + 10 * lease);
    living.sweep(later).wait().await.unwrap();
    assert_eq!(standing(&living, &all, later).await, (1, 2));
    living.post(hold, &all, ONE, Amounts::ZERO, true, later);
    living.flush().wait().await.unwrap();
    assert_eq!(standing(&living, &all, later).await, (1, 1));
}

/// A process that others took to be dead, and swept, counts what was used all the same, and goes on.
pub(crate) async fn who_comes_back_is_counted(a: &SqlStore, b: &SqlStore) {
    let (slow, other) = (start(a).await, start(b).await);
    let all = requests(2);
    seed(&slow, &all).await;
    let (hold, amounts) = reserve(&slow, &all, NOW).await.unwrap();
    let later = at(60_000);
    let (mine, _) = reserve(&other, &all, later).await.unwrap();
    other.sweep(later).wait().await.unwrap();
    assert_eq!(standing(&other, &all, later).await, (0, 1));
    // So late that the process itself is forgotten.
    other.sweep(at(40 * 86_400_000)).wait().await.unwrap();
    slow.post(hold, &all, amounts, ONE, true, later);
    slow.flush().wait().await.unwrap();
    assert_eq!(standing(&other, &all, later).await, (1, 1));
    other.post(mine, &all, ONE, Amounts::ZERO, true, later);
    other.flush().wait().await.unwrap();
    let (hold, amounts) = reserve(&slow, &all, later).await.unwrap();
    assert_eq!(standing(&other, &all, later).await, (1, 1), "others see what it holds");
    slow.post(hold, &all, amounts, ONE, true, later);
    slow.flush().wait().await.unwrap();
    assert_eq!(standing(&other, &all, later).await, (2, 0));
}

/// Whoever takes leave lets go of everything, and counts nothing more.
pub(crate) async fn who_takes_leave_holds_nothing(a: &SqlStore, b: &SqlStore) {
    let (leaving, other) = (start(a).await, start(b).await);
    let all = requests(100);
    seed(&other, &all).await;
    for _ in 0..20 {
        let (hold, amounts) = reserve(&leaving, &all, NOW).await.unwrap();
        leaving.post(hold, &all, amounts, ONE, true, NOW);
    }
    reserve(&leaving, &all, NOW).await.unwrap();
    leaving.close().await.unwrap();
    assert_eq!(standing(&other, &all, NOW).await, (20, 0));
    assert!(leaving.reserve(name(), &all, &Ask::REQUEST, NOW).wait().await.is_err());
    leaving.post(name(), &all, ONE, ONE, true, NOW);
    assert!(leaving.flush().wait().await.is_err() && leaving.close().await.is_err());
    assert_eq!(standing(&other, &all, NOW).await, (20, 0));
}

/// While the database refuses, asking is an error and never a yes; what is posted waits, and counts once when it is over.
/// `sql` runs a statement past the store.
pub(crate) async fn an_outage_loses_nothing(store: &SqlStore, sql: impl AsyncFn(&str)) {
    let ledger = start(store).await;
    let all = requests(100);
    seed(&ledger, &all).await;
    let mut holds = Vec::new();
    for _ in 0..10 {
        holds.push(reserve(&ledger, &all, NOW).await.unwrap());
    }
    sql("ALTER TABLE localauth_limit_slot RENAME TO elsewhere").await;
    for (hold, held) in &holds {
        ledger.post(*hold, &all, *held, ONE, true, NOW);
    }
    assert!(ledger.reserve(name(), &all, &Ask::REQUEST, NOW).wait().await.is_err());
    assert!(ledger.standings(&all, NOW).wait().await.is_err());
    assert!(ledger.sweep(NOW).wait().await.is_err());
    assert_eq!(ledger.unwritten(), 10);
    sql("ALTER TABLE elsewhere RENAME TO localauth_limit_slot").await;
    ledger.flush().wait().await.unwrap();
    assert_eq!(standing(&ledger, &all, NOW).await, (10, 0));
}

/// Dropped without a word, a ledger still writes what was posted to it.
pub(crate) async fn what_was_posted_is_written_after_a_drop(store: &SqlStore) {
    let (dropped, other) = (start(store).await, start(store).await);
    let all = requests(1_000);
    seed(&other, &all).await;
    for _ in 0..50 {
        let (hold, amounts) = reserve(&dropped, &all, NOW).await.unwrap();
        dropped.post(hold, &all, amounts, ONE, true, NOW);
    }
    drop(dropped);
    while standing(&other, &all, NOW).await != (50, 0) {
        tokio::task::yield_now().await;
    }
}

/// What a process answered before it was killed, and could not post, is counted by the next one: once, and not again.
pub(crate) async fn what_was_answered_before_a_kill_is_counted(store: &SqlStore) {
    let killed = start(store).await;
    let all = requests(10);
    seed(&killed, &all).await;
    let mut answered = Vec::new();
    for n in 0..4 {
        let (request, held) = reserve(&killed, &all, NOW).await.unwrap();
        let used = Amounts {
            prompt_tokens: 3,
            ..Amounts::ZERO
        };
        match n {
            // Killed before anything was posted; after the answer had begun; after all was posted.
            0 => {}
            1 => killed.post(request, &all, ONE, ONE, false, NOW),
            2 => killed.post(request, &all, held, ONE.plus(used), true, NOW),
            // Under way when it was killed: nobody had its answer.
            _ => continue,
        }
        answered.push(UsageEvent {
            request_id: request,
            prompt_tokens: 3,
            ..event(NOW)
        });
    }
    killed.flush().wait().await.unwrap();
    let next = start(store).await;
    for _ in 0..2 {
        next.recover(&answered).wait().await.unwrap();
        let told = next.standings(&all, NOW).wait().await.unwrap()[0].unwrap();
        assert_eq!((told.used.requests, told.used.prompt_tokens), (3, 9));
        assert_eq!(told.held.requests, 1, "until the dead one is let go of");
    }
    let later = NOW + SqlLedger::LEASE;
    next.sweep(later).wait().await.unwrap();
    assert_eq!(standing(&next, &all, later).await, (3, 0));
}

fn event(at: Timestamp) -> UsageEvent {
    UsageEvent {
        request_id: name(),
        at,
        user_id: UserId::generate(NOW, &OsEntropy).unwrap(),
        user_name: "Ada".to_owned(),
        key: None,
        source: UsageSource::Web,
        model: "demo".to_owned(),
        endpoint: "/v1/chat/completions".to_owned(),
        prompt_tokens: 0,
        cached_tokens: 0,
        completion_tokens: 0,
        cost_micros: 0,
        estimated: false,
    }
}
