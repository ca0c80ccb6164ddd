use std::{convert::Infallible, future::poll_fn, time::Duration};

use futures_util::{StreamExt as _, stream};
use http::StatusCode;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use localauth_core::{
    Auth, MemoryStore, NewAccount, NewKey, OsEntropy, Password, PasswordCost, Timestamp, UserId, policy::RouteTable,
};
use localauth_tower::{RequireAuth, RoutePolicy};
use tower::{ServiceBuilder, ServiceExt as _, service_fn};

use super::{budget::Patience, *};

const MB: usize = 1_000_000;

/// Two users with a key each, and a server that reads bodies whole.
struct World {
    auth: Auth,
    keys: Vec<String>,
    budget: Arc<Budget>,
}

impl World {
    async fn new(most: usize, largest: usize) -> Self {
        let auth = Auth::builder(MemoryStore::new())
            .password_cost(PasswordCost::INSECURE)
            .build()
            .unwrap();
        let mut keys = Vec::new();
        for name in ["ada", "bob"] {
            let account = NewAccount::local(format!("{name}@example.org"), Password::new("correct-horse-battery"));
            let user = auth.add_user(account).await.unwrap();
            let key = auth.create_key(user.id, NewKey::named("k")).await.unwrap();
            keys.push(key.plain.expose().to_owned());
        }
        Self {
            auth,
            keys,
            budget: Budget::new(most, largest),
        }
    }

    async fn impatient(most: usize, patience: Patience) -> Self {
        Self {
            budget: Budget::patient(most, most / 2, patience),
            ..Self::new(most, most).await
        }
    }

    /// Others, in front of the same room.
    async fn third(&self) -> Self {
        Self {
            budget: Arc::clone(&self.budget),
            ..Self::new(0, 0).await
        }
    }

    /// What a request with this body comes to; the handler says how many bytes it read.
    async fn send(&self, user: usize, path: &str, body: Body) -> (StatusCode, String) {
        let table = RouteTable::builder()
            .feature(http::Method::POST, "/work", "chat")
            .signed_in(http::Method::POST, "/pass")
            .build(self.auth.features())
            .unwrap();
        let service = ServiceBuilder::new()
            .layer(RequireAuth::new(&self.auth))
            .layer(RoutePolicy::new(table))
            .layer(BodyMemory::new(Arc::clone(&self.budget), ErrorCode::String))
            .service(service_fn(async |request: Request<Body>| {
                let answer = match request.into_body().collect().await {
                    Ok(body) => Response::new(Body::from(body.to_bytes().len().to_string())),
                    Err(_) => axum::response::IntoResponse::into_response(StatusCode::BAD_REQUEST),
                };
                Ok::<_, Infallible>(answer)
            }));
        let request = Request::post(path)
            .header("authorization", format!("Bearer {}", self.keys[user]))
            .body(body)
            .unwrap();
        let (head, body) = service.oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status, String::from_utf8(body.to_vec()).unwrap())
    }
}

/// So many bytes in pieces, then nothing more, and no end.
fn stuck(bytes: usize) -> Body {
    let pieces = stream::iter((0..bytes / 10_000).map(|_| Ok::<_, Infallible>(Frame::data(vec![0; 10_000].into()))));
    Body::new(StreamBody::new(pieces.chain(stream::pending())))
}

#[tokio::test]
async fn many_large_bodies_get_so_much_together_and_one_user_half_of_it() {
    let world = World::new(4 * MB, MB).await;
    let mut waiting = Vec::new();
    for user in [0, 0, 1, 1] {
        let mut request = Box::pin(world.send(user, "/work", stuck(MB)));
        let is_waiting = poll_fn(|cx| Poll::Ready(request.as_mut().poll(cx).is_pending()));
        assert!(is_waiting.await);
        waiting.push(request);
    }
    // Just below a megabyte each is counted; the rest is free.
    let taken = world.budget.taken();
    assert!(taken > 3 * MB && taken <= 4 * MB, "{taken}");
    let (status, body) = world.send(0, "/work", vec![0; MB].into()).await;
    assert_eq!(status, 503, "{body}");
    assert!(body.contains("overloaded"), "{body}");
    assert_eq!(
        world.send(0, "/work", vec![0; 1_000].into()).await.0,
        200,
        "a small one always passes"
    );
    assert_eq!(
        world.send(0, "/pass", vec![0; MB].into()).await.0,
        200,
        "nobody reads that whole"
    );

    // One who has nothing yet gets something once somebody else is gone; who has half does not.
    drop(waiting.pop());
    assert_eq!(world.send(0, "/work", vec![0; MB].into()).await.0, 503, "half is taken");
    assert_eq!(
        world.send(1, "/work", vec![0; MB].into()).await,
        (StatusCode::OK, MB.to_string())
    );
    drop(waiting);
    assert_eq!(world.budget.taken(), 0, "all is given back");
}

#[tokio::test]
async fn what_is_answered_gives_back_what_it_took() {
    let world = World::new(2 * MB, MB).await;
    for _ in 0..20 {
        assert_eq!(world.send(0, "/work", vec![0; MB].into()).await.0, 200);
        assert_eq!(world.budget.taken(), 0);
    }
    let endless = stream::repeat_with(|| Ok::<_, Infallible>(Frame::data(vec![0; 10_000].into())));
    let (status, _) = world.send(0, "/work", Body::new(StreamBody::new(endless))).await;
    assert_eq!((status, world.budget.taken()), (StatusCode::SERVICE_UNAVAILABLE, 0));
}

#[tokio::test]
async fn small_bodies_are_many_together() {
    let world = World::new(200_000, 10_000).await;
    let mut waiting = Vec::new();
    let mut refused = 0;
    for _ in 0..20 {
        let mut request = Box::pin(world.send(0, "/work", stuck(10_000)));
        match poll_fn(|cx| Poll::Ready(request.as_mut().poll(cx))).await {
            Poll::Ready((status, _)) => {
                assert_eq!(status, 503);
                refused += 1;
            }
            Poll::Pending => waiting.push(request),
        }
    }
    assert!(refused >= 3 && world.budget.taken() <= 100_000, "{refused}");
    assert_eq!(
        world.send(1, "/work", vec![0; 10_000].into()).await.0,
        200,
        "others have the other half"
    );
    drop(waiting);
    assert_eq!(world.budget.taken(), 0);
}

/// Two who have all the room between them, and send no more, give way to whoever wants it.
#[tokio::test]
async fn who_is_slow_does_not_keep_others_out() {
    let patience = Patience {
        least: Duration::ZERO,
        per_byte: Duration::ZERO,
        look: Duration::from_millis(1),
        ..Patience::default()
    };
    let world = World::impatient(4 * MB, patience).await;
    let mut waiting = Vec::new();
    for user in [0, 0, 1, 1] {
        let mut request = Box::pin(world.send(user, "/work", stuck(MB)));
        let is_waiting = poll_fn(|cx| Poll::Ready(request.as_mut().poll(cx).is_pending()));
        assert!(is_waiting.await);
        waiting.push(request);
    }
    // Half of the room is the most that these have, so nobody is kept out by them but themselves.
    let (status, _) = world.send(0, "/work", vec![0; MB].into()).await;
    assert_eq!(status, 503);
    assert!(world.budget.taken() > 3 * MB, "no reason to end any of them");
    let third = world.third().await;
    assert_eq!(third.send(0, "/work", vec![0; MB].into()).await.0, 503);
    for request in waiting {
        let (status, body) = request.await;
        assert!(status == 503 && body.contains("overloaded"), "{status} {body}");
    }
    assert_eq!(world.budget.taken(), 0);
    assert_eq!(third.send(0, "/work", vec![0; MB].into()).await.0, 200);
}

#[tokio::test]
async fn patience_is_for_those_who_send_and_where_nobody_waits() {
    let world = World::new(4 * MB, MB).await;
    let user = UserId::SHARED;
    let share = world.budget.share(user);
    assert!(share.take(MB));
    let now = tokio::time::Instant::now();
    let late = now + Duration::from_hours(1);
    assert!(!share.make_room(late), "nobody wants it");
    let somebody = || UserId::generate(Timestamp::from_millis(0), &OsEntropy).unwrap();
    let other = world.budget.share(somebody());
    assert!(other.take(2 * MB));
    assert!(!world.budget.share(somebody()).take(2 * MB));
    assert!(!share.make_room(now + Duration::from_secs(9)), "it has just begun");
    assert!(!share.make_room(late), "nobody has wanted it for long");
    assert!(share.has_some());
}
