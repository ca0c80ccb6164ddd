//! A month's report, one user's and everybody's, by model and by source; and what a limit begins with.
#![expect(clippy::unwrap_used, reason = "a bench that cannot begin has nothing to say")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use localauth_benches::usage::{BATCH, DAYS, NOW, Place, USERS, batch, event, events, median, user_id};
use localauth_core::{
    Admission, Auth, FirstUser, ManualClock, NewUser, Period, Provider, RequestId, Role, ServerSecret, Status,
    UsageFilter, UsageHistory, UsageReader as _, UsageSink as _, UserStore as _,
};
use localauth_store::SqlStore;

const ROUNDS: usize = 51;

fn auth(store: SqlStore) -> Auth {
    Auth::builder(store)
        .secret(ServerSecret::new(&[7; 32]).unwrap())
        .clock(ManualClock::new(NOW))
        .background(false)
        .build()
        .unwrap()
}

async fn add_users(store: &SqlStore) {
    for n in 0..USERS {
        let user = NewUser {
            id: user_id(n),
            email: format!("user{n}@example.org").parse().unwrap(),
            name: format!("Grace Brewster Hopper {n}"),
            role: Role::User,
            status: Status::Active,
            provider: Provider::Oidc,
            password: None,
            avatar_url: String::new(),
            permissions: std::collections::BTreeMap::new(),
            created_at: NOW,
        };
        store
            .insert_user(user, Admission::new(FirstUser::AsGiven))
            .await
            .unwrap();
    }
}

/// The first time, and the median of the others, in milliseconds.
async fn timed<T>(name: &str, what: impl AsyncFn(usize) -> T, rows: impl Fn(&T) -> usize) {
    let mut all = Vec::new();
    let mut count = 0;
    for round in 0..=ROUNDS {
        let begun = Instant::now();
        let found = black_box(what(round).await);
        all.push(begun.elapsed().as_secs_f64() * 1e3);
        count = rows(&found);
    }
    let first = all.remove(0);
    println!("| {name} | {count} | {first:.1} ms | {:.2} ms |", median(all));
}

#[tokio::main]
async fn main() {
    let of = events();
    for place in Place::all().await {
        let store = place.connect().await;
        add_users(&store).await;
        for n in 0..of.div_ceil(BATCH) {
            store.record_usage(&batch(n, of)).await.unwrap();
        }
        store.close().await;
        place.settle().await;
        let store = place.connect().await;
        let auth = auth(store.clone());
        println!(
            "| {}, {of} events | rows | the first after a start | median |",
            place.name
        );
        println!("|---|---|---|---|");
        let user = UsageFilter::of_user(user_id(7));
        let all = UsageFilter::default();
        let month = async |filter| auth.usage_report(Period::Month, filter).await.unwrap();
        let sources = async |filter| auth.usage_sources(Period::Month, filter, true).await.unwrap();
        timed("one user's month", async |_| month(user).await, |r| r.rows.len()).await;
        timed(
            "one user's month by source",
            async |_| sources(user).await,
            |r| r.buckets.len(),
        )
        .await;
        timed("everybody's month", async |_| month(all).await, |r| r.rows.len()).await;
        timed(
            "everybody's month by source",
            async |_| sources(all).await,
            |r| r.buckets.len(),
        )
        .await;
        // With a request of everybody in between, as of a server that is in use.
        let busy = async |round: usize| {
            let batch: Vec<_> = (0..USERS)
                .map(|n| {
                    let mut one = event(of - 1 - n, of);
                    let id = of + (round as u64) * USERS + n;
                    one.request_id = RequestId::from_uuid(uuid::Uuid::from_u128(u128::MAX - u128::from(id)));
                    one
                })
                .collect();
            store.record_usage(&batch).await.unwrap();
        };
        let mut after = Vec::new();
        let mut rows = 0;
        for round in 0..ROUNDS {
            busy(round).await;
            let begun = Instant::now();
            rows = black_box(month(all).await).rows.len();
            after.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        println!(
            "| everybody's month, 1,000 requests after the last one | {rows} | | {:.2} ms |",
            median(after)
        );
        for (name, span) in [
            ("hour", Duration::from_hours(1)),
            ("month", Duration::from_hours(24 * DAYS.unsigned_abs())),
        ] {
            let since = async |n: usize| {
                let history = UsageHistory {
                    since: NOW - span,
                    user_id: Some(user_id(n as u64 * 19)),
                    without: Vec::new(),
                    key_ids: Vec::new(),
                    model: None,
                };
                store.usage_since(&history).await.unwrap()
            };
            timed(&format!("a user's last {name} for a limit"), since, Vec::len).await;
        }
        drop(auth);
        store.close().await;
        place.delete().await;
    }
}
