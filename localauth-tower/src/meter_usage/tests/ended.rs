//! A stream whose client may no longer have it ends, soon.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use http_body_util::BodyExt as _;
use localauth_core::{
    Auth, Caller, Denial, Identity, MemoryStore, NewAccount, NewKey, Password, PasswordCost, Status, User,
};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::super::recheck::Recheck;
use super::dialects::{CHAT, MESSAGES, OLLAMA_CHAT, RESPONSES};
use super::engines::LLAMA_CPP;
use super::support::{Frames, Metered, Step, answer};
use super::{EVENTS, LINES};
use crate::CurrentUser;

struct World {
    metered: Metered,
    ada: User,
    asked: Arc<AtomicUsize>,
}

impl World {
    async fn new() -> Self {
        let auth = Auth::builder(MemoryStore::new())
            .password_cost(PasswordCost::INSECURE)
            .build()
            .unwrap();
        let account = NewAccount::local("ada@example.org", Password::new("correct-horse-battery"));
        let ada = auth.add_user(account).await.unwrap();
        let key = auth.create_key(ada.id, NewKey::named("laptop")).await.unwrap();
        let authorization = format!("Bearer {}", key.plain.expose()).parse().unwrap();
        let headers = HeaderMap::from_iter([(AUTHORIZATION, authorization)]);
        let user = CurrentUser::new(auth.authenticate(&headers).await.unwrap(), None);
        let asked = Arc::new(AtomicUsize::new(0));
        let recheck = {
            let (auth, asked) = (auth.clone(), Arc::clone(&asked));
            Recheck::new(move |_: Arc<Identity>| {
                asked.fetch_add(1, Ordering::Relaxed);
                let (auth, headers) = (auth.clone(), headers.clone());
                Box::pin(async move { auth.authenticate(&headers).await })
            })
        };
        let metered = Metered {
            auth,
            user,
            recheck: Some(recheck),
        };
        Self { metered, ada, asked }
    }

    async fn disable(&self) {
        let auth = &self.metered.auth;
        auth.set_status(&Caller::operator(), self.ada.id, Status::Disabled)
            .await
            .unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_ends_within_two_seconds() {
    for (content_type, stream, wanted) in [
        (EVENTS, CHAT, "data: {\"error\":{\"code\":\"account_inactive\","),
        (EVENTS, MESSAGES, "event: error\ndata: {\"error\":{\"message\":"),
        (EVENTS, RESPONSES, "event: error\ndata: {\"code\":\"account_inactive\","),
        (LINES, OLLAMA_CHAT, "{\"error\":\""),
        (EVENTS, LLAMA_CPP, "data: {\"error\":{\"code\":\"account_inactive\","),
    ] {
        let world = World::new().await;
        let separator = if content_type == LINES { "\n" } else { "\n\n" };
        let first = stream.split_inclusive(separator).next().unwrap();
        let inner = Frames::unending([first]);
        let life = inner.life();
        let response = Ok(answer(content_type, inner));
        let mut body = world.metered.ask(world.metered.request(), response).await.unwrap();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), first);
        let silent = timeout(Duration::from_secs(10), body.frame()).await;
        assert!(silent.is_err(), "a stream that is slow, and good");
        assert_eq!(world.asked.load(Ordering::Relaxed), 0);

        world.disable().await;
        let began = Instant::now();
        let end = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(began.elapsed() < Duration::from_secs(2));
        let end = str::from_utf8(&end).unwrap();
        assert!(end.starts_with(wanted), "{end}");
        assert_eq!(life.strong_count(), 0, "the model is told");
        assert!(body.frame().await.is_none());
        let (requests, ..) = world.metered.recorded().await;
        assert_eq!(requests, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_error_is_one_that_clients_know() {
    let world = World::new().await;
    world.disable().await;
    let response = Ok(answer(EVENTS, Frames::unending([CHAT])));
    let mut body = world.metered.ask(world.metered.request(), response).await.unwrap();
    let end = body.frame().await.unwrap().unwrap().into_data().unwrap();
    let data = str::from_utf8(&end).unwrap().strip_prefix("data: ").unwrap();
    let error: Value = serde_json::from_str(data.trim_end()).unwrap();
    let denial = Denial::AccountInactive;
    assert_eq!(
        error,
        json!({"error": {
            "message": denial.to_string(), "type": denial.error_type(), "param": null, "code": "account_inactive",
        }})
    );
}

#[tokio::test(start_paused = true)]
async fn a_change_that_does_not_matter_does_not_end_it() {
    let world = World::new().await;
    let events: Vec<&str> = CHAT.split_inclusive("\n\n").collect();
    let steps = events
        .iter()
        .flat_map(|event| [Ok(Step::Data((*event).into())), Ok(Step::Wait)]);
    let response = Ok(answer(EVENTS, Frames::new(steps)));
    let mut body = world.metered.ask(world.metered.request(), response).await.unwrap();
    let mut got = String::new();
    for at in 0..events.len() {
        if at == 2 {
            let permissions = BTreeMap::from([("chat".to_owned(), true)]);
            let auth = &world.metered.auth;
            auth.set_permissions(&Caller::operator(), world.ada.id, &permissions)
                .await
                .unwrap();
            assert!(!world.metered.user.identity().is_current());
        }
        got.push_str(str::from_utf8(&body.frame().await.unwrap().unwrap().into_data().unwrap()).unwrap());
    }
    assert!(body.frame().await.is_none());
    assert_eq!(got, CHAT);
    assert_eq!(
        world.asked.load(Ordering::Relaxed),
        1,
        "asked once: the new identity is current"
    );
}

#[tokio::test(start_paused = true)]
async fn while_nobody_knows_it_goes_on() {
    let mut world = World::new().await;
    let asked = Arc::clone(&world.asked);
    world.metered.recheck = Some(Recheck::new(move |_| {
        asked.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::ready(Err(Denial::StoreUnavailable)))
    }));
    world.disable().await;
    let events: Vec<&str> = CHAT.split_inclusive("\n\n").collect();
    let response = Ok(answer(EVENTS, Frames::unending(events.clone())));
    let mut body = world.metered.ask(world.metered.request(), response).await.unwrap();
    for event in &events[..6] {
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), *event);
    }
    assert_eq!(world.asked.load(Ordering::Relaxed), 1, "not with each frame");
}

#[tokio::test(start_paused = true)]
async fn within_an_event_it_ends_without_a_word() {
    let world = World::new().await;
    let (head, _) = CHAT.split_at(30);
    let response = Ok(answer(EVENTS, Frames::unending([head])));
    let mut body = world.metered.ask(world.metered.request(), response).await.unwrap();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), head);
    world.disable().await;
    let began = Instant::now();
    assert!(body.frame().await.is_none());
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn it_ends_while_a_limit_is_waited_for() {
    struct Never;
    impl super::super::budget::Budget for Never {
        fn poll_grant(
            &mut self,
            _: &mut std::task::Context<'_>,
            _: u64,
        ) -> std::task::Poll<super::super::budget::Grant> {
            std::task::Poll::Pending
        }
        fn commit(&mut self) {}
        fn settle(&mut self, _: &super::super::reading::Measured) {}
    }
    let world = World::new().await;
    let request = world.metered.request_with(super::super::budget::BudgetSlot::new(Never));
    let first = CHAT.split_inclusive("\n\n").next().unwrap();
    let mut body = world
        .metered
        .ask(request, Ok(answer(EVENTS, Frames::of([CHAT]))))
        .await
        .unwrap();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), first);
    assert!(
        timeout(Duration::from_secs(10), body.frame()).await.is_err(),
        "nothing is lost, nothing goes out"
    );
    world.disable().await;
    let end = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(end.starts_with(b"data: {\"error\""));
    let (_, _, completion, ..) = world.metered.recorded().await;
    assert_eq!(completion, 0);
}
