//! The home page, and its chat.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::{Method, StatusCode, header};
use localauth_core::policy::RouteTable;
use localauth_core::{
    Auth, Caller, KeyScope, LimitRule, ModelAllowList, NewKey, Period, RegistrationMode, Role, UsageFilter, UserId,
};
use localauth_tower::api::{CrossSite, Renewal, refuse_cross_site, renew_session};
use localauth_tower::{
    ContractErrors, EnforceLimits, ErrorCode, Inspect, MeterUsage, RequireAuth, RequireModel, RoutePolicy,
};
use serde_json::{Value, json};

use crate::support::{MARKUP, World};

/// Says back what it was told; answers otherwise where it is told to.
async fn answer(body: Bytes) -> Response {
    let asked: Value = serde_json::from_slice(&body).unwrap();
    let text = asked["messages"][0]["content"].as_str().unwrap();
    let kind = [(header::CONTENT_TYPE, "application/json")];
    match text {
        "fail" => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        "nonsense" => (kind, "{\"choices\":[]}").into_response(),
        "flood" => (
            kind,
            format!(
                "{{\"choices\":[{{\"message\":{{\"content\":\"{}\"}}}}]}}",
                "x".repeat(2 << 20)
            ),
        )
            .into_response(),
        _ => {
            let answer = json!({
                "model": asked["model"],
                "choices": [{"message": {"role": "assistant", "content": format!("You said: {text}")}}],
                "usage": {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12},
            });
            (kind, answer.to_string()).into_response()
        }
    }
}

/// A model behind all the layers, as a server has it.
fn model(auth: &Auth) -> Router {
    model_that_refuses(auth, ContractErrors::default())
}

/// The same, with refusals in these words.
fn model_that_refuses(auth: &Auth, words: ContractErrors) -> Router {
    let table = RouteTable::builder()
        .signed_in(Method::GET, "/v1/models")
        .feature(Method::POST, "/v1/chat/completions", "chat")
        .build(auth.features())
        .unwrap();
    let list = json!({"object": "list", "data": [{"id": "zeta"}, {"id": "demo"}, {"id": MARKUP}]}).to_string();
    Router::new()
        .route("/v1/models", get(move || std::future::ready(list)))
        .route("/v1/chat/completions", post(answer))
        .layer(MeterUsage::new(auth))
        .layer(EnforceLimits::new(auth).with_reject(words))
        .layer(RequireModel::new().with_reject(words))
        .layer(Inspect::new().with_reject(words))
        .layer(RoutePolicy::new(table).with_reject(words))
        .layer(from_fn_with_state(Renewal::new(auth), renew_session))
        .layer(RequireAuth::new(auth).allow_anonymous().with_reject(words))
        .layer(from_fn_with_state(CrossSite::new(), refuse_cross_site))
}

fn world() -> World {
    World::with_auth(
        |auth| {
            auth.registration(RegistrationMode::Invite)
                .shared_key("shared-key-of-the-house")
        },
        |auth, console| console.openai(model(auth)).default_model("demo"),
    )
}

async fn used(world: &World, user: UserId) -> (u64, u64) {
    let report = world
        .auth
        .usage_report(Period::Day, UsageFilter::of_user(user))
        .await
        .unwrap();
    (report.totals.requests, report.totals.total_tokens())
}

#[tokio::test]
async fn a_newcomer_has_a_key_in_one_click_and_programs_that_hold_it() {
    let world = world();
    let (user, mut browser) = world.visitor("ada", Role::User).await;
    let seen = browser
        .get("/")
        .await
        .expect(200)
        .says("http://house.example/v1")
        .says("action=\"/first-key\"");
    let seen = seen
        .says("Bearer $LOCALAUTH_KEY")
        .says("process.env.LOCALAUTH_KEY")
        .does_not_say("sk-local-x");
    seen.says("&#34;model&#34;: &#34;demo&#34;").shows_markup_as_text();
    let made = browser.post("/first-key", &[("name", "My key")]).await.expect(200);
    assert_eq!(made.headers["cache-control"], "no-store");
    let key = made.after("<pre id=\"secret\" tabindex=\"0\"><code>");
    assert!(key.starts_with("sk-local-") && key.len() == 77, "{key}");
    assert_eq!(
        made.text.matches(&key).count(),
        5,
        "by itself, and in each of four programs"
    );
    made.says("data-once=\"/\"").does_not_say("LOCALAUTH_KEY");
    let keys = world.auth.list_keys(user.id).await.unwrap();
    assert_eq!((keys.len(), keys[0].name.as_str()), (1, "My key"));
    browser
        .get("/")
        .await
        .says("<b>1</b> <a href=\"/keys\">")
        .does_not_say(&key);
    for name in ["", "two\nlines"] {
        browser
            .post("/first-key", &[("name", name)])
            .await
            .expect(400)
            .says("A key needs a name");
    }
    browser.get("/first-key").await.leads_to("/");
    browser.get("/try").await.leads_to("/");
}

#[tokio::test]
async fn a_question_without_scripts_is_answered_metered_and_limited_as_the_visitors() {
    let world = world();
    let (user, mut browser) = world.visitor("ada", Role::User).await;
    let (other, _) = world.visitor("eve", Role::User).await;
    let rule = LimitRule::per("1h".parse().unwrap()).requests(2);
    world
        .auth
        .set_user_limit(&Caller::operator(), user.id, rule)
        .await
        .unwrap();
    let ask = [("model", "demo"), ("message", MARKUP)];
    let seen = browser
        .post("/try", &ask)
        .await
        .expect(200)
        .says("You said: ")
        .shows_markup_as_text();
    seen.says("data-once=\"/\"");
    assert_eq!(used(&world, user.id).await, (1, 12));
    assert_eq!(used(&world, other.id).await, (0, 0));
    browser.post("/try", &ask).await.expect(200);
    let refused = browser.post("/try", &ask).await.expect(429);
    let seconds = refused.headers["retry-after"].to_str().unwrap().to_owned();
    let seconds: u64 = seconds.parse().unwrap();
    assert!((1..=3_700).contains(&seconds), "{seconds}");
    let refused = refused
        .says("One of your limits is used up. Try again in ")
        .does_not_say("You said");
    refused.shows_markup_as_text().says("role=\"alert\"");
    assert_eq!(used(&world, user.id).await, (2, 24));
    browser.language = "de";
    browser
        .post("/try", &ask)
        .await
        .expect(429)
        .says("Eine Ihrer Grenzen ist erreicht.");
}

/// What was asked is paid for, and can neither be asked for nor shown again: no figure beside it is worth that.
#[tokio::test(start_paused = true)]
async fn an_answer_is_shown_though_the_store_cannot_say_how_things_stand() {
    let world = world();
    let (_, mut browser) = world.visitor("ada", Role::User).await;
    world.auth.follow_changes().await.unwrap();
    browser.get("/").await.expect(200).says("tokens in 30 days");
    world.store.set_outage(true);
    browser.get("/").await.expect(503);
    let ask = [("model", "demo"), ("message", "hello")];
    let seen = browser.post("/try", &ask).await.expect(200).says("You said: hello");
    seen.does_not_say("tokens in 30 days");
}

#[tokio::test]
async fn another_site_cannot_ask_in_the_visitors_name() {
    let world = world();
    let (user, mut browser) = world.visitor("ada", Role::User).await;
    let ask = [("model", "demo"), ("message", "hello")];
    browser
        .post_from_elsewhere("/try", &ask)
        .await
        .expect(403)
        .says("came from another site");
    assert_eq!(used(&world, user.id).await, (0, 0));
    world.browser().post("/try", &ask).await.expect(401);
}

#[tokio::test]
async fn whoever_may_not_is_told_why() {
    let world = world();
    let (user, mut browser) = world.visitor("ada", Role::User).await;
    world.user("root", Role::Admin).await;
    let caller = Caller::operator();
    let only = ModelAllowList {
        enabled: true,
        models: ["demo".to_owned()].into(),
    };
    world.auth.set_models(&caller, user.id, only).await.unwrap();
    let seen = browser.get("/").await.expect(200).says("<option value=\"demo\">");
    seen.does_not_say("zeta").does_not_say("alert(1)");
    let ask = [("model", "zeta"), ("message", "hello")];
    browser
        .post("/try", &ask)
        .await
        .expect(403)
        .says("You may not use this model");
    assert_eq!(used(&world, user.id).await, (0, 0));

    world
        .auth
        .set_permissions(&caller, user.id, &[("chat".to_owned(), false)].into())
        .await
        .unwrap();
    browser
        .get("/")
        .await
        .expect(200)
        .says("You may not use chat here")
        .does_not_say("action=\"/try");
    let ask = [("model", "demo"), ("message", "hello")];
    browser
        .post("/try", &ask)
        .await
        .expect(403)
        .says("You may not use chat here");
    assert_eq!(used(&world, user.id).await, (0, 0));
}

#[tokio::test]
async fn people_are_told_why_whatever_programs_are_told() {
    let numbers = ContractErrors::default().with_code(ErrorCode::Number);
    let nothing = ContractErrors::default().opaque(true);
    for words in [numbers, nothing] {
        let world = World::with_auth(
            |auth| auth.registration(RegistrationMode::Invite),
            |auth, console| console.openai(model_that_refuses(auth, words)),
        );
        let (user, mut browser) = world.visitor("ada", Role::User).await;
        let only = ModelAllowList {
            enabled: true,
            models: ["demo".to_owned()].into(),
        };
        world.auth.set_models(&Caller::operator(), user.id, only).await.unwrap();
        let ask = [("model", "zeta"), ("message", "hello")];
        let seen = browser.post("/try", &ask).await.expect(403);
        seen.says("You may not use this model");
    }
}

#[tokio::test]
async fn a_session_from_a_narrow_key_stays_narrow() {
    let world = world();
    let user = world.user("ada", Role::User).await;
    let scope = KeyScope {
        features: Some(["embeddings".to_owned()].into()),
        ..KeyScope::default()
    };
    let key = world
        .auth
        .create_key(user.id, NewKey::named("narrow").scoped(scope))
        .await
        .unwrap();
    let mut browser = world.signed_in_by(key.plain.expose()).await;
    let seen = browser
        .get("/")
        .await
        .expect(200)
        .says("You may not use chat here")
        .does_not_say("action=\"/first-key\"");
    seen.says("Keys are made with an account");
    browser
        .post("/try", &[("model", "demo"), ("message", "hello")])
        .await
        .expect(403);
    assert_eq!(used(&world, user.id).await, (0, 0));
}

#[tokio::test]
async fn what_a_model_does_wrong_is_told_in_words() {
    let world = world();
    let (_, mut browser) = world.visitor("ada", Role::User).await;
    for (message, status, told) in [
        ("", 400, "Write a message first"),
        ("fail", 500, "does not answer at the moment"),
        ("nonsense", 502, "cannot be shown"),
        ("flood", 502, "cannot be shown"),
    ] {
        let seen = browser.post("/try", &[("model", "demo"), ("message", message)]).await;
        let seen = seen.expect(status).says(told).says("action=\"/try");
        assert!(seen.text.len() < 60_000);
    }
}

#[tokio::test]
async fn a_renewed_session_reaches_the_browser() {
    let world = world();
    let (_, mut browser) = world.visitor("ada", Role::User).await;
    let before = browser.cookie("session").unwrap().to_owned();
    world.clock.advance(Duration::from_hours(2));
    browser.get("/").await.expect(200);
    let between = browser.cookie("session").unwrap().to_owned();
    assert_ne!(before, between);
    // The old one is not good any more; whatever the browser has now is.
    world.clock.advance(Duration::from_mins(5));
    browser.get("/").await.expect(200);
    world.clock.advance(Duration::from_hours(2));
    browser
        .post("/try", &[("model", "demo"), ("message", "hello")])
        .await
        .expect(200);
    world.clock.advance(Duration::from_mins(5));
    browser.get("/").await.expect(200);
}

#[tokio::test]
async fn behind_a_shared_key_there_is_a_home_without_keys() {
    let world = world();
    let mut browser = world.signed_in_by("shared-key-of-the-house").await;
    let seen = browser
        .get("/")
        .await
        .expect(200)
        .says("You signed in with a shared key")
        .says("/admin/invites");
    seen.does_not_say("/first-key")
        .does_not_say("href=\"/keys\"")
        .says("action=\"/try");
    browser
        .post("/try", &[("model", "demo"), ("message", "hello")])
        .await
        .expect(200)
        .says("You said: hello");
}

#[tokio::test]
async fn without_a_model_there_is_no_chat() {
    let world = World::new();
    let (_, mut browser) = world.visitor("ada", Role::User).await;
    browser
        .get("/")
        .await
        .expect(200)
        .does_not_say("action=\"/try")
        .says("&#34;model&#34;: &#34;demo&#34;");
    let ask = [("model", "demo"), ("message", "hello")];
    browser
        .post("/try", &ask)
        .await
        .expect(404)
        .says("No model answers here");
    browser.language = "de";
    let seen = browser
        .get("/")
        .await
        .expect(200)
        .says("So benutzen Sie diesen Server")
        .says("Schlüssel anlegen");
    seen.does_not_say("Make a key")
        .does_not_say("How to")
        .does_not_say("Name of");
}

#[tokio::test]
async fn the_default_model_is_offered_however_many_there_are() {
    let models: Vec<String> = (0..300).map(|n| format!("model-{n:03}")).collect();
    let world = World::with(
        |auth| auth.registration(RegistrationMode::Invite),
        |console| console.models(models).default_model("model-299"),
    );
    let (_, mut browser) = world.visitor("ada", Role::User).await;
    let seen = browser.get("/").await.expect(200);
    seen.says("model-299").does_not_say("model-000");
}
