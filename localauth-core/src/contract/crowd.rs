//! Many at once, and one who walks away.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::sync::Barrier;

/// How many try the same thing at once.
pub(super) const CROWD: usize = 50;

/// Runs `act(0)`, `act(1)`, … on tasks of their own that all begin at the same moment. Returns what they returned, in
/// that order.
pub(super) async fn at_once<T, Fut>(count: usize, act: impl Fn(usize) -> Fut) -> Vec<T>
where
    T: Send + 'static,
    Fut: Future<Output = T> + Send + 'static,
{
    let start = Arc::new(Barrier::new(count));
    let tasks: Vec<_> = (0..count)
        .map(|i| {
            let (start, act) = (Arc::clone(&start), act(i));
            tokio::spawn(async move {
                start.wait().await;
                act.await
            })
        })
        .collect();
    let mut results = Vec::with_capacity(count);
    for task in tasks {
        results.push(task.await.expect("a task of a rule panicked"));
    }
    results
}

/// Runs two things that begin at the same moment.
pub(super) async fn both<A, B>(
    a: impl Future<Output = A> + Send + 'static,
    b: impl Future<Output = B> + Send + 'static,
) -> (A, B)
where
    A: Send + 'static,
    B: Send + 'static,
{
    let start = Arc::new(Barrier::new(2));
    let ready = Arc::clone(&start);
    let a = tokio::spawn(async move {
        ready.wait().await;
        a.await
    });
    start.wait().await;
    let b = b.await;
    (a.await.expect("a task of a rule panicked"), b)
}

/// Polls `act` up to `polls` times, with a turn for others in between, then drops it: what happens when a client hangs
/// up. Returns what it returned, if it came that far.
pub(super) async fn give_up_after<T>(polls: usize, act: impl Future<Output = T>) -> Option<T> {
    let mut act = pin!(act);
    for _ in 0..polls {
        let once = poll_fn(|context| Poll::Ready(act.as_mut().poll(context)));
        if let Poll::Ready(done) = once.await {
            return Some(done);
        }
        tokio::task::yield_now().await;
    }
    None
}
