//! Rules of [`AuditLog`].

use std::ops::Deref;
use std::sync::Arc;

use super::crowd::{CROWD, at_once};
use super::fixture::{ODD_TEXTS, at, at_number, audit_id, huge_text, user_id};
use crate::audit::{AuditAction, AuditActor, AuditEvent, AuditOutcome, AuditQuery};
use crate::clock::Timestamp;
use crate::id::{AuditId, UserId};
use crate::store::AuditLog;

group!(__contract_audit: AuditLog);

fn somebody(n: usize) -> AuditActor {
    AuditActor {
        id: user_id(n),
        name: format!("User {n}"),
    }
}

/// Line number `n`: user 1 has signed in.
fn line(n: usize) -> AuditEvent {
    AuditEvent {
        id: audit_id(n),
        at: at_number(n),
        actor: Some(somebody(1)),
        impersonator: None,
        action: AuditAction::SignIn,
        target: user_id(1).to_string(),
        address: "2001:db8::1".to_owned(),
        user_agent: "Mozilla/5.0 (contract)".to_owned(),
        outcome: AuditOutcome::Success,
        detail: String::new(),
    }
}

async fn read<S: AuditLog + ?Sized>(store: &S, query: &AuditQuery) -> Vec<AuditEvent> {
    store.audit(query).await.expect("the store answers")
}

async fn ids<S: AuditLog + ?Sized>(store: &S, query: &AuditQuery) -> Vec<AuditId> {
    read(store, query).await.into_iter().map(|e| e.id).collect()
}

async fn all<S: AuditLog + ?Sized>(store: &S) -> Vec<AuditEvent> {
    read(store, &AuditQuery::default()).await
}

/// Every field of a line comes back as it was; every action and outcome can be kept, and a line of nobody.
pub async fn a_line_comes_back_as_written<D>(store: D)
where
    D: Deref<Target: AuditLog> + Send + Sync + 'static,
{
    assert_eq!(all(&*store).await, []);
    store.append_audit(&[]).await.unwrap();
    assert_eq!(store.sweep_audit(Timestamp::MAX).await.unwrap(), 0);
    let mut lines: Vec<_> = AuditAction::ALL
        .iter()
        .enumerate()
        .map(|(n, &action)| AuditEvent {
            action,
            actor: (n % 3 > 0).then(|| somebody(n)),
            impersonator: (n % 3 == 2).then(|| AuditActor {
                id: UserId::SHARED,
                name: "Zoë".to_owned(),
            }),
            outcome: [AuditOutcome::Success, AuditOutcome::Failure][n % 2],
            detail: format!("detail {n}"),
            ..line(n)
        })
        .collect();
    store.append_audit(&lines).await.unwrap();
    lines.reverse();
    assert_eq!(all(&*store).await, lines);
}

/// Lines are read newest first, by their ids, in whatever order they were written and whatever their times are.
pub async fn lines_are_read_newest_first<D>(store: D)
where
    D: Deref<Target: AuditLog> + Send + Sync + 'static,
{
    let ahead = AuditEvent {
        at: at(9_999),
        ..line(2)
    };
    store.append_audit(&[line(4), line(1), ahead]).await.unwrap();
    store.append_audit(&[line(3)]).await.unwrap();
    store.append_audit(&[line(0), line(5)]).await.unwrap();
    let expected = [5, 4, 3, 2, 1, 0].map(audit_id);
    assert_eq!(ids(&*store, &AuditQuery::default()).await, expected);
}

/// A line that was written stays as it is: the same id again, in a batch or later, writes nothing, and holds up no other.
pub async fn a_line_is_written_once<D>(store: D)
where
    D: Deref<Target: AuditLog> + Send + Sync + 'static,
{
    let changed = |n| AuditEvent {
        actor: None,
        detail: "changed".to_owned(),
        ..line(n)
    };
    store.append_audit(&[line(1), changed(1), line(2)]).await.unwrap();
    store.append_audit(&[changed(2), line(3), changed(1)]).await.unwrap();
    assert_eq!(all(&*store).await, [3, 2, 1].map(line));
}

/// Of many who write the same lines at once, each in an order of its own, all are done and each line is there once.
pub async fn lines_written_by_many_at_once_are_there_once<D>(store: D)
where
    D: Deref<Target: AuditLog> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    at_once(CROWD, |i| {
        let store = Arc::clone(&store);
        let mut lines: Vec<_> = (i..i + 10).map(line).collect();
        if i % 2 == 0 {
            lines.reverse();
        }
        async move { store.append_audit(&lines).await.unwrap() }
    })
    .await;
    let expected: Vec<_> = (0..CROWD + 9).rev().map(line).collect();
    assert_eq!(all(&**store).await, expected);
}

/// The log can be read from a time on, that one included.
pub async fn the_log_is_read_from_a_time_on<D>(store: D)
where
    D: Deref<Target: AuditLog> + Send + Sync + 'static,
{
    let lines: Vec<_> = (0..5).map(line).collect();
    store.append_audit(&lines).await.unwrap();
    let since = |time| AuditQuery {
        since: Some(time),
        ..AuditQuery::default()
    };
    assert_eq!(ids(&*store, &since(at(3))).await, [4, 3].map(audit_id));
    assert_eq!(ids(&*store, &since(at(5))).await, []);
    assert_eq!(ids(&*store, &since(Timestamp::from_millis(0))).await.len(), 5);
}

/// The log of one user has what they did, and what they did as somebody else; also after they are gone, as it is about
/// ids. What somebody did in their name is theirs too, and what nobody did is nobody's.
pub async fn the_log_of_a_user_has_what_they_did_as_others<D>(store: D)
where
    D: Deref<Target: AuditLog> + Send + Sync + 'static,
{
    let by = |n, actor: Option<usize>, impersonator: Option<usize>| AuditEvent {
        actor: actor.map(somebody),
        impersonator: impersonator.map(somebody),
        // What is done to them is not done by them.
        target: user_id(2).to_string(),
        ..line(n)
    };
    let lines = [
        by(0, Some(1), None),
        by(1, Some(2), None),
        by(2, Some(1), Some(2)),
        by(3, None, None),
        by(4, Some(2), Some(3)),
        by(5, Some(1), Some(3)),
    ];
    store.append_audit(&lines).await.unwrap();
    let expected: [(usize, &[usize]); 4] = [(1, &[5, 2, 0]), (2, &[4, 2, 1]), (3, &[5, 4]), (9, &[])];
    for (user, expected) in expected {
        let query = AuditQuery {
            actor: Some(user_id(user)),
            ..AuditQuery::default()
        };
        let expected: Vec<_> = expected.iter().copied().map(audit_id).collect();
        assert_eq!(ids(&*store, &query).await, expected, "user {user}");
    }
}

/// The log can be about one kind of action.
pub async fn the_log_can_be_about_one_action<D>(store: D)
where
    D: Deref<Target: AuditLog> + Send + Sync + 'static,
{
    let count = AuditAction::ALL.len();
    let lines: Vec<_> = (0..2 * count)
        .map(|n| AuditEvent {
            action: AuditAction::ALL[n % count],
            ..line(n)
        })
        .collect();
    store.append_audit(&lines).await.unwrap();
    for (n, &action) in AuditAction::ALL.iter().enumerate() {
        let query = AuditQuery {
            action: Some(action),
            ..AuditQuery::default()
        };
        assert_eq!(ids(&*store, &query).await, [count + n, n].map(audit_id), "{action}");
    }
}

/// Page by page, each line comes once and in order, under any filter, while new lines come in at the front.
pub async fn pages_of_the_log_are_complete<D>(store: D)
where
    D: Deref<Target: AuditLog> + Send + Sync + 'static,
{
    let mixed = |n: usize| AuditEvent {
        actor: (!n.is_multiple_of(4)).then(|| somebody(n % 4)),
        impersonator: n.is_multiple_of(3).then(|| somebody(2)),
        action: [AuditAction::SignIn, AuditAction::KeyCreate][n / 2 % 2],
        // Several lines at each moment.
        at: at_number(n / 4),
        ..line(n)
    };
    let lines: Vec<_> = (0..60).map(mixed).collect();
    store.append_audit(&lines).await.unwrap();
    let narrow = AuditQuery {
        since: Some(at(3)),
        actor: Some(user_id(2)),
        action: Some(AuditAction::KeyCreate),
        ..AuditQuery::default()
    };
    let mut newer = 60;
    for query in [AuditQuery::default(), narrow] {
        for limit in [1, 7, 100] {
            let expected = ids(&*store, &query).await;
            assert!(expected.len() > 7);
            let mut query = AuditQuery {
                limit: Some(limit),
                ..query.clone()
            };
            let mut seen = Vec::new();
            loop {
                let page = ids(&*store, &query).await;
                assert!(page.len() <= limit);
                let Some(&last) = page.last() else { break };
                query.before = Some(last);
                seen.extend(page);
                assert!(seen.len() <= expected.len(), "the pages never end");
                store.append_audit(&[mixed(newer)]).await.unwrap();
                newer += 1;
            }
            assert_eq!(seen, expected, "{limit} a page");
        }
    }
    let none = AuditQuery {
        limit: Some(0),
        ..AuditQuery::default()
    };
    assert_eq!(ids(&*store, &none).await, []);
}

/// Lines from before that instant are deleted, and counted; those of that instant and later stay.
pub async fn sweeping_deletes_lines_from_before<D>(store: D)
where
    D: Deref<Target: AuditLog> + Send + Sync + 'static,
{
    let lines: Vec<_> = (0..6).map(line).collect();
    store.append_audit(&lines).await.unwrap();
    assert_eq!(store.sweep_audit(at(0)).await.unwrap(), 0);
    assert_eq!(store.sweep_audit(at(3)).await.unwrap(), 3);
    assert_eq!(all(&*store).await, [5, 4, 3].map(line));
    assert_eq!(store.sweep_audit(at(3)).await.unwrap(), 0);
    assert_eq!(store.sweep_audit(Timestamp::MAX).await.unwrap(), 3);
    assert_eq!(all(&*store).await, []);
}

/// Names, addresses and programs come from outside: a line comes back as it was, or is refused; never changed.
pub async fn odd_lines_come_back_whole_or_are_refused<D>(store: D)
where
    D: Deref<Target: AuditLog> + Send + Sync + 'static,
{
    let texts = ODD_TEXTS.map(str::to_owned).into_iter().chain([huge_text()]);
    for (n, text) in texts.enumerate() {
        let odd = AuditEvent {
            actor: Some(AuditActor {
                id: user_id(1),
                name: text.clone(),
            }),
            target: text.clone(),
            address: text.clone(),
            user_agent: text.clone(),
            detail: text,
            ..line(n)
        };
        let stored = store.append_audit(std::slice::from_ref(&odd)).await.is_ok();
        let newest = AuditQuery {
            limit: Some(1),
            since: Some(odd.at),
            ..AuditQuery::default()
        };
        assert_eq!(read(&*store, &newest).await.pop(), stored.then_some(odd));
    }
}

/// A batch may be larger than a statement has room for.
pub async fn a_large_batch_of_lines_is_written_whole<D>(store: D)
where
    D: Deref<Target: AuditLog> + Send + Sync + 'static,
{
    const MANY: usize = 10_000;
    let lines: Vec<_> = (0..MANY).map(line).collect();
    store.append_audit(&lines).await.unwrap();
    store.append_audit(&lines).await.unwrap();
    assert_eq!(all(&*store).await.len(), MANY);
}
