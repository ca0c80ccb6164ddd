//! Each page of the console, made whole in process: 10,000 users, each with some usage, on SQLite.
#![expect(clippy::unwrap_used, reason = "a bench that cannot begin has nothing to say")]

use std::hint::black_box;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use criterion::{Criterion, criterion_group, criterion_main};
use http::Request;
use http_body_util::BodyExt as _;
use localauth_core::{Auth, NewAccount, NewKey, Password, Role, SessionToken, UsageEvent, UsageSource, User, UserId};
use sea_orm::{ConnectionTrait as _, Database};
use tower::ServiceExt as _;

/// As many as the budget speaks of, past the store, which would take a transaction for each.
const USERS: &str = "WITH RECURSIVE count(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM count WHERE n < 9998) \
     INSERT INTO localauth_user (id, email, name, avatar_url, role, status, provider, password, permissions, models, \
     created_at, epoch, sign_in_epoch, search) \
     SELECT unhex(printf('018bcfe5680070008000%012x', (n * 7919) % 10000)), printf('user%d@example.org', n), \
     printf('Grace Brewster %d', n), '', 'user', 'active', 'local', \
     '$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$0123456789012345678901234567890123456789012', '{}', \
     '{\"enabled\":false,\"models\":[]}', 1700000000000 + n, n + 1, n + 1, \
     printf('user%d@example.org' || char(10) || 'grace brewster %d', n, n) FROM count";
/// Requests that are reported.
const REQUESTS: u64 = 20_000;

struct House {
    app: Router,
    auth: Auth,
    admin: User,
    cookie: String,
    /// One of the others.
    other: UserId,
}

async fn house(folder: &tempfile::TempDir) -> House {
    let url = format!("sqlite://{}/localauth.db", folder.path().display());
    let store = localauth_store::connect(&url).await.unwrap();
    let raw = Database::connect(&url).await.unwrap();
    raw.execute_unprepared(USERS).await.unwrap();
    raw.close().await.unwrap();
    let auth = Auth::builder(store).build().unwrap();
    let account = NewAccount {
        role: Role::Admin,
        name: "Ada".to_owned(),
        ..NewAccount::local("ada@example.org", Password::new("correct-horse-battery-staple"))
    };
    let admin = auth.add_user(account).await.unwrap();
    for n in 0..300 {
        auth.create_key(admin.id, NewKey::named(format!("key {n}")))
            .await
            .unwrap();
    }
    let keys = auth.list_keys(admin.id).await.unwrap();
    let users = auth.list_users(&localauth_core::UserQuery::default()).await.unwrap();
    for n in 0..REQUESTS {
        let user = &users[usize::try_from(n * 31).unwrap() % users.len()];
        let mine = n % 4 == 0;
        let user = if mine { &admin } else { user };
        let key = &keys[usize::try_from(n).unwrap() % keys.len()];
        auth.record_usage(UsageEvent {
            request_id: auth.new_request_id(),
            at: auth.now(),
            user_id: user.id,
            user_name: user.name.clone(),
            key: mine.then(|| (key.id, key.name.clone())),
            source: if mine { UsageSource::ApiKey } else { UsageSource::Web },
            model: format!("model-{}", n % 12),
            endpoint: "/v1/chat/completions".to_owned(),
            prompt_tokens: 100 + n % 50,
            cached_tokens: 0,
            completion_tokens: 40,
            cost_micros: 0,
            estimated: false,
        });
        if n % 1_000 == 0 {
            auth.flush().await.unwrap();
        }
    }
    auth.flush().await.unwrap();
    let password = Password::new("correct-horse-battery-staple");
    let caller = localauth_core::Caller::anonymous();
    let signed_in = auth.sign_in("ada@example.org", password, &caller).await.unwrap();
    let token: &SessionToken = &signed_in.token;
    let cookie = format!("session={}", token.expose());
    House {
        app: localauth_tower::console::router(&auth),
        other: users[4_711].id,
        admin,
        cookie,
        auth,
    }
}

impl House {
    async fn get(&self, path: &str) -> (u16, usize) {
        let mut request = Request::get(path)
            .header("host", "house.example")
            .header("cookie", &self.cookie)
            .body(Body::empty())
            .unwrap();
        let peer: SocketAddr = "127.0.0.1:9".parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = self.app.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.into_body().collect().await.unwrap().to_bytes().len())
    }
}

fn console(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let house = runtime.block_on(house(&folder));
    let key = runtime.block_on(house.auth.list_keys(house.admin.id)).unwrap()[0].id;
    let pages = [
        "/".to_owned(),
        "/keys".to_owned(),
        "/keys/new".to_owned(),
        format!("/keys/{key}"),
        "/usage".to_owned(),
        "/usage?period=day&by=key".to_owned(),
        "/account".to_owned(),
        "/admin/users".to_owned(),
        "/admin/users?q=user9".to_owned(),
        format!("/admin/users/{}", house.other),
        "/admin/usage".to_owned(),
        "/admin/invites".to_owned(),
        "/admin/tiers".to_owned(),
        "/admin/shared-keys".to_owned(),
        "/admin/audit".to_owned(),
        "/admin/why".to_owned(),
        "/admin/health".to_owned(),
    ];
    let mut group = c.benchmark_group("console");
    for page in pages {
        let (status, bytes) = runtime.block_on(house.get(&page));
        assert_eq!(status, 200, "{page}");
        let name = page
            .replace(&house.other.to_string(), "{id}")
            .replace(&key.to_string(), "{id}");
        eprintln!("{name}: {bytes} bytes");
        group.bench_function(&name, |b| {
            b.to_async(&runtime).iter(async || black_box(house.get(&page).await));
        });
    }
    group.finish();
    runtime.block_on(house.auth.shutdown()).unwrap();
}

criterion_group!(benches, console);
criterion_main!(benches);
