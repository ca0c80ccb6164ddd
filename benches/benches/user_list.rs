//! A page of 50 from 100,000 users on SQLite, with and without a search.
#![expect(clippy::unwrap_used, reason = "a bench that cannot begin has nothing to say")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use localauth_core::{Timestamp, UserId, UserQuery, UserStore as _};
use localauth_store::SqlStore;
use sea_orm::{ConnectionTrait as _, Database};

/// As many as the target speaks of, each with a name of its own, a millisecond apart; past the store, which would take
/// a transaction for each.
const USERS: &str = "WITH RECURSIVE count(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM count WHERE n < 99999) \
     INSERT INTO localauth_user (id, email, name, avatar_url, role, status, provider, password, permissions, models, \
     created_at, epoch, sign_in_epoch, search) \
     SELECT unhex(printf('018bcfe5680070008000%012x', (n * 7919) % 100000)), printf('user%d@example.org', n), \
     printf('Grace Brewster %d', n), '', 'user', 'active', 'local', \
     '$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$0123456789012345678901234567890123456789012', '{}', \
     '{\"enabled\":false,\"models\":[]}', 1700000000000 + n, n + 1, n + 1, \
     printf('user%d@example.org' || char(10) || 'grace brewster %d', n, n) FROM count";

async fn store(folder: &tempfile::TempDir) -> SqlStore {
    let url = format!("sqlite://{}/localauth.db", folder.path().display());
    let store = localauth_store::connect(&url).await.unwrap();
    let raw = Database::connect(&url).await.unwrap();
    raw.execute_unprepared(USERS).await.unwrap();
    raw.close().await.unwrap();
    store
}

fn user_list(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = runtime.block_on(store(&folder));
    let page = || UserQuery {
        limit: Some(50),
        ..UserQuery::default()
    };
    let search = |text: &str| UserQuery {
        search: Some(text.to_owned()),
        ..page()
    };
    let middle = UserQuery {
        after: Some((
            Timestamp::from_millis(1_700_000_050_000),
            UserId::from_uuid(uuid::Uuid::nil()),
        )),
        ..page()
    };
    let mut group = c.benchmark_group("user_list");
    for (name, query, found) in [
        ("first page", page(), 50),
        ("a page in the middle", middle, 50),
        ("search found by all", search("GRACE"), 50),
        ("search found by one, the last", search("user99999@"), 1),
        ("search found by nobody", search("no such name"), 0),
    ] {
        let rows = runtime.block_on(store.list_users(&query)).unwrap();
        assert_eq!(rows.len(), found, "{name}");
        group.bench_function(name, |b| {
            b.to_async(&runtime)
                .iter(async || black_box(store.list_users(&query).await.unwrap()));
        });
    }
    group.finish();
    runtime.block_on(store.close());
}

criterion_group!(benches, user_list);
criterion_main!(benches);
