use std::{collections::BTreeSet, time::Duration};

use axum::middleware::{from_fn, from_fn_with_state};
use localauth_core::{Caller, KeyScope, ManualClock, MemoryStore, NewKey, Role, Timestamp};
use localauth_tower::RequireAuth;
use serde_json::json;

use super::{stand_in::Mistral, *};
use crate::model::{
    allow::Models,
    detach::detach,
    errors::shape,
    inspect::{Inspect, inspect},
};

struct World {
    auth: Auth,
    mistral: Mistral,
    clock: Arc<ManualClock>,
    stored: Stored,
}

impl World {
    fn new() -> Self {
        Self::bounded(Owners::new(100))
    }

    fn bounded(owners: Owners<Kept>) -> Self {
        let auth = Auth::builder(MemoryStore::new()).background(false).build().unwrap();
        let mistral = Mistral::default();
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_000_000)));
        let stored = Stored::new(mistral.routes(), "demo", 10_000).auth(Some(&auth));
        let stored = stored.with(|inner| {
            inner.owners = owners;
            inner.clock = clock.clone();
        });
        Self {
            auth,
            mistral,
            clock,
            stored,
        }
    }

    async fn user(&self, name: &str) -> UserId {
        let user = self.auth.add_service_account(&Caller::operator(), name).await;
        user.unwrap().id
    }

    async fn admin(&self, name: &str) -> UserId {
        let user = self.user(name).await;
        let promoted = self.auth.set_role(&Caller::operator(), user, Role::Admin).await;
        promoted.unwrap();
        user
    }

    async fn key(&self, user: UserId, scope: KeyScope) -> String {
        let key = self.auth.create_key(user, NewKey::named("test").scoped(scope)).await;
        key.unwrap().plain.expose().to_owned()
    }

    /// Somebody with a key.
    async fn somebody(&self, name: &str) -> String {
        let user = self.user(name).await;
        self.key(user, KeyScope::default()).await
    }

    async fn send(&self, key: &str, method: Method, path: &str, body: &Value) -> Response {
        let inspection = Inspect {
            max_body: 10_000,
            models: Models::new("demo"),
        };
        // As the routes of a model have them, and around those the doors.
        let app = self
            .mistral
            .routes()
            .layer(from_fn_with_state(inspection, inspect))
            .layer(from_fn_with_state(self.stored.clone(), keep_owners))
            .layer(from_fn_with_state(ErrorCode::String, shape))
            .layer(from_fn(detach))
            .layer(RequireAuth::new(&self.auth).allow_anonymous());
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-api-key", key)
            .body(Body::from(body.to_string()))
            .unwrap();
        app.oneshot(request).await.unwrap()
    }

    async fn ask(&self, key: &str, method: Method, path: &str, body: Value) -> (u16, Value) {
        let response = self.send(key, method, path, &body).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn create(&self, key: &str, body: Value) -> (u16, Value) {
        self.ask(key, Method::POST, RESPONSES, body).await
    }

    /// The id of a new response.
    async fn created(&self, key: &str, input: &str) -> String {
        let (status, response) = self.create(key, json!({ "input": input })).await;
        assert_eq!(status, 200, "{response}");
        response["id"].as_str().unwrap().to_owned()
    }

    /// The id of a new response that was streamed, and read to its end.
    async fn streamed(&self, key: &str, body: Value) -> String {
        let response = self.send(key, Method::POST, RESPONSES, &body).await;
        let read = response.into_body().collect().await.unwrap().to_bytes();
        // What is to be deleted is on a task of its own.
        tokio::task::yield_now().await;
        let text = String::from_utf8(read.to_vec()).unwrap();
        let at = text.find("resp_").unwrap();
        text[at..].split('"').next().unwrap().to_owned()
    }

    async fn read(&self, key: &str, id: &str) -> (u16, Value) {
        let path = format!("{RESPONSES}/{id}");
        self.ask(key, Method::GET, &path, Value::Null).await
    }
}

fn models(names: &[&str]) -> KeyScope {
    KeyScope {
        models: Some(names.iter().map(|name| (*name).to_owned()).collect()),
        ..KeyScope::default()
    }
}

#[tokio::test]
async fn a_response_is_its_owners() {
    let world = World::new();
    let (ada, bob) = (world.somebody("ada").await, world.somebody("bob").await);
    let root = world.admin("root").await;
    let root = world.key(root, KeyScope::default()).await;
    let id = world.created(&ada, "hello").await;
    let path = format!("{RESPONSES}/{id}");

    assert_eq!(world.read(&ada, &id).await.1["output_text"], "hello");
    assert_eq!(world.read(&root, &id).await.1["output_text"], "hello");
    // The same whether it exists or not.
    let theirs = world.read(&bob, &id).await;
    let nobodys = world.read(&bob, "resp_999").await;
    assert_eq!(theirs, nobodys);
    assert_eq!((theirs.0, theirs.1["error"]["code"].as_str()), (404, Some("not_found")));
    for path in [
        format!("{path}/"),
        path.replace('_', "%5F"),
        format!("/v1/responses//{id}"),
    ] {
        assert_eq!(world.ask(&bob, Method::GET, &path, Value::Null).await.0, 404, "{path}");
    }

    for (key, method, path) in [
        (&bob, Method::DELETE, path.clone()),
        (&root, Method::DELETE, path.clone()),
        (&bob, Method::POST, format!("{path}/cancel")),
        (&root, Method::POST, format!("{path}/cancel")),
    ] {
        assert_eq!(world.ask(key, method, &path, Value::Null).await.0, 404, "{path}");
    }
    assert_eq!(world.mistral.ids(), [id.as_str()]);

    assert_eq!(world.ask(&ada, Method::DELETE, &path, Value::Null).await.0, 200);
    assert_eq!(world.read(&ada, &id).await, nobodys);
    assert!(world.mistral.ids().is_empty() && world.stored.0.owners.is_empty());
}

#[tokio::test]
async fn a_conversation_is_continued_by_its_owner_only() {
    let world = World::new();
    let (ada, bob) = (world.somebody("ada").await, world.somebody("bob").await);
    let root = world.admin("root").await;
    let root = world.key(root, KeyScope::default()).await;
    let id = world.created(&ada, "one").await;
    let next = json!({ "input": "two", "previous_response_id": id });

    let (status, second) = world.create(&ada, next.clone()).await;
    assert_eq!((status, second["output_text"].as_str()), (200, Some("one, two")));
    for key in [&bob, &root] {
        assert_eq!(world.create(key, next.clone()).await.0, 404);
    }
    for other in [json!("resp_999"), json!(""), json!(7), json!([id]), json!(true)] {
        let body = json!({ "input": "x", "previous_response_id": other });
        assert_eq!(world.create(&ada, body).await.0, 404, "{other}");
    }
    assert_eq!(
        world
            .create(&ada, json!({ "input": "x", "previous_response_id": null }))
            .await
            .0,
        200
    );
    // The last one counts, for us as for mistral.rs.
    let own = world.created(&bob, "mine").await;
    let request = Request::post(RESPONSES)
        .header("x-api-key", &bob)
        .header(header::CONTENT_TYPE, "application/json");
    let twice = format!(r#"{{"input":"x","previous_response_id":"{own}","previous_response_id":"{id}"}}"#);
    let app = world
        .mistral
        .routes()
        .layer(from_fn_with_state(world.stored.clone(), keep_owners))
        .layer(RequireAuth::new(&world.auth));
    let answer = app.oneshot(request.body(Body::from(twice)).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 404);
}

#[tokio::test]
async fn a_streamed_response_is_read_and_continued_too() {
    let world = World::new();
    let (ada, bob) = (world.somebody("ada").await, world.somebody("bob").await);
    let id = world.streamed(&ada, json!({ "input": "one", "stream": true })).await;
    assert_eq!(world.read(&ada, &id).await.1["output_text"], "one");
    assert_eq!(world.read(&bob, &id).await.0, 404);
    let next = json!({ "input": "two", "stream": true, "previous_response_id": id });
    assert_eq!(world.create(&bob, next.clone()).await.0, 404);
    let second = world.streamed(&ada, next).await;
    assert_eq!(world.read(&ada, &second).await.1["output_text"], "one, two");

    let path = format!("{RESPONSES}/{id}");
    assert_eq!(world.ask(&ada, Method::DELETE, &path, Value::Null).await.0, 200);
    assert_eq!(world.read(&ada, &id).await.0, 404);
    assert_eq!(world.mistral.ids(), [second]);
}

#[tokio::test]
async fn what_is_not_to_be_stored_or_not_complete_is_not_kept() {
    let world = World::new();
    let ada = world.somebody("ada").await;
    let (_, answer) = world.create(&ada, json!({ "input": "x", "store": false })).await;
    assert_eq!(world.read(&ada, answer["id"].as_str().unwrap()).await.0, 404);
    world
        .streamed(&ada, json!({ "input": "x", "store": false, "stream": true }))
        .await;
    // It failed.
    assert_eq!(world.create(&ada, json!({ "input": "fail" })).await.0, 500);
    let broken = world.streamed(&ada, json!({ "input": "break", "stream": true })).await;
    assert_eq!(world.read(&ada, &broken).await.0, 404);
    // Its client left.
    let body = json!({ "input": "x", "stream": true });
    let mut stream = world.send(&ada, Method::POST, RESPONSES, &body).await.into_body();
    stream.frame().await.unwrap().unwrap();
    drop(stream);
    assert!(world.mistral.ids().is_empty() && world.stored.0.owners.is_empty());
}

#[tokio::test]
async fn a_narrowed_key_sees_what_it_may() {
    let world = World::new();
    let user = world.user("ada").await;
    let whole = world.key(user, KeyScope::default()).await;
    let other = world.key(user, models(&["other"])).await;
    let demo = world.key(user, models(&["demo"])).await;
    let no_chat = KeyScope {
        features: Some(BTreeSet::from(["images".to_owned()])),
        ..KeyScope::default()
    };
    let no_chat = world.key(user, no_chat).await;
    let id = world.created(&whole, "hello").await;
    let named = world.create(&whole, json!({ "input": "x", "model": "other" })).await.1;
    let named = named["id"].as_str().unwrap();
    for (key, default, other) in [
        (&whole, 200, 200),
        (&demo, 200, 404),
        (&other, 404, 200),
        (&no_chat, 404, 404),
    ] {
        assert_eq!(world.read(key, &id).await.0, default);
        assert_eq!(world.read(key, named).await.0, other);
    }
    let body = json!({ "input": "x", "model": "other", "previous_response_id": id });
    assert_eq!(world.create(&other, body).await.0, 404);
}

#[tokio::test]
async fn the_oldest_are_deleted() {
    let world = World::bounded(Owners::new(3).most_each(2).lifetime(Duration::from_mins(1)));
    let (ada, bob) = (world.somebody("ada").await, world.somebody("bob").await);
    let first = world.created(&ada, "1").await;
    world.created(&ada, "2").await;
    let streamed = world.streamed(&ada, json!({ "input": "3", "stream": true })).await;
    assert_eq!(world.read(&ada, &first).await.0, 404);
    assert_eq!(world.mistral.ids(), ["resp_2", "resp_3"]);
    world.created(&bob, "4").await;
    world.created(&bob, "5").await;
    assert_eq!(world.mistral.ids(), ["resp_3", "resp_4", "resp_5"]);

    world.clock.advance(Duration::from_mins(1));
    assert_eq!(world.read(&ada, &streamed).await.0, 404);
    assert!(world.mistral.ids().is_empty());
}

#[tokio::test]
async fn a_long_conversation_counts_with_all_its_turns() {
    let world = World::bounded(Owners::new(100).most_size_each(20_000));
    let ada = world.somebody("ada").await;
    let mut id = world.created(&ada, &"x".repeat(1_000)).await;
    for _ in 0..9 {
        let body = json!({ "input": "x".repeat(1_000), "previous_response_id": id });
        let (status, next) = world.create(&ada, body).await;
        if status == 404 {
            break;
        }
        next["id"].as_str().unwrap().clone_into(&mut id);
    }
    let kept = world.mistral.ids().len();
    assert!((1..5).contains(&kept), "{kept}");
    assert_eq!(world.stored.0.owners.len(), kept);
}

#[tokio::test]
async fn what_a_deleted_user_leaves_is_nobodys() {
    let world = World::new();
    let user = world.user("ada").await;
    let ada = world.key(user, KeyScope::default()).await;
    let root = world.admin("root").await;
    let root = world.key(root, KeyScope::default()).await;
    let id = world.created(&ada, "hello").await;
    world.created(&ada, "more").await;
    assert_eq!(world.read(&root, &id).await.0, 200);
    world.auth.delete_user(&Caller::operator(), user).await.unwrap();
    assert_eq!(world.read(&root, &id).await.0, 404);
    assert!(world.mistral.ids().is_empty() && world.stored.0.owners.is_empty());
}

#[tokio::test]
async fn what_cannot_be_owned_is_refused() {
    let world = World::new();
    let ada = world.somebody("ada").await;
    for body in [
        json!({ "input": "x", "background": true }),
        json!({ "input": "x", "background": "yes" }),
        json!({ "input": "x", "conversation": "conv_1" }),
        json!({ "input": "x", "conversation": { "id": "conv_1" } }),
    ] {
        let (status, error) = world.create(&ada, body).await;
        assert_eq!(status, 400, "{error}");
    }
    let nulls = json!({ "input": "x", "background": false, "conversation": null });
    assert_eq!(world.create(&ada, nulls).await.0, 200);
    let long = json!({ "input": "x".repeat(10_001) });
    assert_eq!(world.create(&ada, long).await.0, 400);
    assert_eq!(world.ask(&ada, Method::POST, RESPONSES, json!(["x"])).await.0, 400);
}

/// Without accounts nobody is known, and nothing is stored.
#[tokio::test]
async fn nobody_stores_nothing() {
    let world = World::new();
    let (status, _) = world.create("no key", json!({ "input": "x", "store": true })).await;
    assert_eq!(status, 200);
    assert!(world.mistral.ids().is_empty());
    let body = json!({ "input": "x", "previous_response_id": "resp_1" });
    assert_eq!(world.create("no key", body).await.0, 400);
}
