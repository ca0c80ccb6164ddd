use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt as _;
use proptest::prelude::*;
use tokio::time::{advance, timeout};

use super::*;

fn user(n: u8) -> UserId {
    UserId::from_uuid(uuid::Uuid::from_u128(u128::from(n) + 1))
}

fn queue(places: usize) -> Arc<FairQueue> {
    Arc::new(FairQueue::new(places))
}

/// A place, without waiting.
fn at_once(queue: &Arc<FairQueue>, n: u8) -> Place {
    queue.enter(user(n), 1).at_once().unwrap().unwrap()
}

#[tokio::test(start_paused = true)]
async fn never_more_than_there_are_places() {
    let queue = Arc::new(FairQueue::new(3).waiting(usize::MAX).patience(Duration::from_hours(1)));
    let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let tasks: Vec<_> = (0..100_u8)
        .map(|n| {
            let (queue, inside, most) = (Arc::clone(&queue), Arc::clone(&inside), Arc::clone(&most));
            tokio::spawn(async move {
                let place = queue.enter(user(n % 7), u16::from(n)).await.unwrap();
                most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(u64::from(n % 5))).await;
                inside.fetch_sub(1, Ordering::SeqCst);
                drop(place);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(most.load(Ordering::SeqCst), 3);
    assert_eq!((queue.in_use(), queue.waiting_now()), (0, 0));
}

#[tokio::test]
async fn a_flood_holds_up_nobody_by_more_than_a_turn() {
    let queue = Arc::new(FairQueue::new(2).waiting(2_000));
    let mut working: VecDeque<Place> = (0..2).map(|_| at_once(&queue, 0)).collect();
    let mut flood: Vec<_> = (0..1_000).map(|_| queue.enter(user(0), 1)).collect();
    let mut single = queue.enter(user(1), 1);
    assert_eq!(single.position(), 1);
    working.pop_front();
    let _place = (&mut single).now_or_never().unwrap().unwrap();
    assert!(flood.iter_mut().all(|one| one.now_or_never().is_none()));
}

#[tokio::test]
async fn weights_share_the_places() {
    let queue = Arc::new(FairQueue::new(4).waiting(1_000));
    let mut working: VecDeque<Place> = (0..4).map(|_| at_once(&queue, 9)).collect();
    let mut waiting: Vec<_> = (0..400_u16)
        .map(|n| {
            let (who, weight) = if n % 2 == 0 { (1, 1) } else { (2, 3) };
            (who, queue.enter(user(who), weight))
        })
        .collect();
    let mut got = [0; 3];
    for _ in 0..200 {
        working.pop_front();
        let (who, place) = waiting
            .iter_mut()
            .find_map(|(who, entering)| Some((*who, entering.now_or_never()?.unwrap())))
            .unwrap();
        got[usize::from(who)] += 1;
        working.push_back(place);
    }
    assert!((49..=51).contains(&got[1]) && (149..=151).contains(&got[2]), "{got:?}");
}

#[tokio::test(start_paused = true)]
async fn patience_ends() {
    let queue = Arc::new(FairQueue::new(1).patience(Duration::from_secs(5)));
    let place = at_once(&queue, 0);
    let began = Instant::now();
    let refusal = queue.enter(user(1), 1).await.unwrap_err();
    assert_eq!(
        (refusal.reason, refusal.position, refusal.waited),
        (NoPlaceReason::TooLong, 1, Duration::from_secs(5))
    );
    assert_eq!(began.elapsed(), Duration::from_secs(5));
    assert_eq!(queue.waiting_now(), 0);
    drop(place);
    assert_eq!(queue.in_use(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_place_that_comes_with_the_end_of_patience_is_taken() {
    let queue = Arc::new(FairQueue::new(1).patience(Duration::from_secs(5)));
    let place = at_once(&queue, 0);
    let mut next = queue.enter(user(1), 1);
    assert!((&mut next).now_or_never().is_none());
    advance(Duration::from_secs(5)).await;
    drop(place);
    let place = next.await.unwrap();
    assert_eq!((place.position(), place.waited()), (1, Duration::from_secs(5)));
}

#[tokio::test]
async fn who_leaves_at_any_point_leaves_nothing_behind() {
    let queue = queue(1);
    // Never polled.
    let place = at_once(&queue, 0);
    drop(queue.enter(user(1), 1));
    assert_eq!(queue.waiting_now(), 0);
    // Polled.
    let mut polled = queue.enter(user(1), 1);
    assert!((&mut polled).now_or_never().is_none());
    drop(polled);
    assert_eq!(queue.waiting_now(), 0);
    // With a place that it has not looked for.
    let unseen = queue.enter(user(1), 1);
    let mut after = queue.enter(user(2), 1);
    assert_eq!((unseen.position(), after.position()), (1, 2));
    drop(place);
    assert_eq!((queue.in_use(), queue.waiting_now()), (1, 1));
    drop(unseen);
    let place = (&mut after).now_or_never().unwrap().unwrap();
    // Answered.
    drop(after);
    assert_eq!(queue.in_use(), 1);
    drop(place);
    assert_eq!(queue.in_use(), 0);
    // With a place that was there at once.
    drop(queue.enter(user(1), 1));
    assert_eq!(queue.in_use(), 0);
    assert!(queue.lock().decided.is_empty());
}

#[tokio::test]
async fn whoever_gets_a_place_is_woken() {
    let queue = queue(1);
    let place = at_once(&queue, 0);
    let waiting = tokio::spawn(queue.enter(user(1), 1));
    tokio::task::yield_now().await;
    drop(place);
    let place = timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap();
    assert!(place.is_ok());
}

#[tokio::test]
async fn one_user_cannot_fill_the_queue_for_others() {
    let queue = Arc::new(FairQueue::new(1).waiting(4));
    let place = at_once(&queue, 0);
    let mut flood: Vec<_> = (0..6).map(|_| queue.enter(user(0), 1)).collect();
    let refused = |entering: &mut Entering| entering.now_or_never().map(|answer| answer.unwrap_err().reason);
    assert_eq!(refused(&mut flood[5]), Some(NoPlaceReason::QueueFull));
    let mut others: Vec<_> = (1..4).map(|n| queue.enter(user(n), 1)).collect();
    assert_eq!(queue.waiting_now(), 4);
    // Three with one each: whoever comes now has no more right than they.
    assert_eq!(refused(&mut queue.enter(user(4), 1)), Some(NoPlaceReason::QueueFull));
    assert_eq!(refused(&mut flood[0]), None, "the oldest stays");
    for pushed_out in &mut flood[1..4] {
        assert_eq!(refused(pushed_out), Some(NoPlaceReason::QueueFull));
    }
    drop(place);
    assert!(
        others
            .iter_mut()
            .any(|one| one.now_or_never().is_some_and(|answer| answer.is_ok()))
    );
}

#[test]
fn a_user_has_so_many_and_no_more() {
    let queue = Arc::new(FairQueue::new(1).waiting_each(1));
    let _place = at_once(&queue, 0);
    let _first = queue.enter(user(1), 1);
    let second = queue.enter(user(1), 1).at_once().unwrap().unwrap_err();
    assert_eq!((second.reason, second.position), (NoPlaceReason::QueueFull, 2));
    assert!(queue.enter(user(2), 1).at_once().is_none());
}

#[tokio::test(start_paused = true)]
async fn how_long_to_wait_follows_how_long_places_are_held() {
    let queue = Arc::new(FairQueue::new(2).waiting(4));
    let mut working: Vec<_> = (0..2).map(|_| at_once(&queue, 0)).collect();
    advance(Duration::from_secs(8)).await;
    working.clear();
    let _working: Vec<_> = (0..2).map(|_| at_once(&queue, 0)).collect();
    let _waiting: Vec<_> = (0..4).map(|_| queue.enter(user(1), 1)).collect();
    let refusal = queue.enter(user(1), 1).at_once().unwrap().unwrap_err();
    assert_eq!(refusal.retry_after, Duration::from_secs(16));
}

proptest! {
    /// Whatever comes, goes and gives up: never more in use than places, none idle while somebody waits, and at the end
    /// everything is as in the beginning.
    #[test]
    fn places_are_neither_lost_nor_doubled(
        places in 1_usize..4,
        steps in prop::collection::vec((0_u8..5, 0_u8..4, any::<prop::sample::Index>()), 0..150),
    ) {
        let queue = Arc::new(FairQueue::new(places).waiting(6).patience(Duration::from_hours(1)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _guard = runtime.enter();
        let (mut held, mut waiting) = (Vec::new(), Vec::new());
        for (n, kind, index) in steps {
            match kind {
                0 => waiting.push(queue.enter(user(n), u16::from(n))),
                1 if !held.is_empty() => drop(held.swap_remove(index.index(held.len()))),
                2 if !waiting.is_empty() => drop(waiting.swap_remove(index.index(waiting.len()))),
                _ => {}
            }
            if kind == 3 {
                waiting.retain_mut(|entering| match entering.now_or_never() {
                    None => true,
                    Some(Ok(place)) => { held.push(place); false }
                    Some(Err(_)) => false,
                });
            }
            prop_assert!(queue.in_use() <= places && held.len() <= queue.in_use());
            prop_assert!(queue.waiting_now() <= 6);
            prop_assert!(queue.waiting_now() == 0 || queue.in_use() == places);
        }
        drop((held, waiting));
        prop_assert_eq!((queue.in_use(), queue.waiting_now()), (0, 0));
        prop_assert!(queue.lock().decided.is_empty());
    }
}
