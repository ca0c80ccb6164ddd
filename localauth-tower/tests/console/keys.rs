//! One's own keys.

use std::time::Duration;

use http::HeaderMap;
use localauth_core::{Caller, CreatedKey, NewKey, Role, Tier, TierName, UsageEvent, UsageSource, User};

use crate::support::{MARKUP, Seen, World};

/// Who a key lets in, if anybody.
pub(crate) async fn lets_in(world: &World, key: &str) -> bool {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", format!("Bearer {key}").parse().unwrap());
    world.auth.authenticate(&headers).await.is_ok()
}

/// The secret on a page.
pub(crate) fn secret(seen: &Seen) -> String {
    let key = seen.after("<pre id=\"secret\" tabindex=\"0\"><code>");
    assert!(key.starts_with("sk-local-"), "{key}");
    key
}

pub(crate) async fn key_of(world: &World, user: &User, name: &str) -> CreatedKey {
    world.auth.create_key(user.id, NewKey::named(name)).await.unwrap()
}

async fn only_key(world: &World, user: &User) -> localauth_core::ApiKey {
    let keys = world.auth.list_keys(user.id).await.unwrap();
    assert_eq!(keys.len(), 1);
    keys.into_iter().next().unwrap()
}

#[tokio::test]
async fn a_key_is_made_shown_once_and_good() {
    let world = World::new();
    let (user, mut browser) = world.visitor("ada", Role::User).await;
    browser
        .get("/keys")
        .await
        .expect(200)
        .says("You have no keys")
        .does_not_say("<table");
    browser.get("/keys/new").await.expect(200).says("action=\"/keys/new\"");
    let made = browser
        .post("/keys/new", &[("name", "laptop"), ("expires", "30d")])
        .await
        .expect(200);
    assert_eq!(made.headers["cache-control"], "no-store");
    let text = secret(&made);
    assert!(lets_in(&world, &text).await);
    let key = only_key(&world, &user).await;
    assert_eq!(key.expires_at, Some(world.auth.now() + Duration::from_hours(30 * 24)));
    assert!(key.scope.is_unrestricted() && !key.scope.can_mint);
    made.says(&format!("data-once=\"/keys/{}\"", key.id));
    for path in ["/keys".to_owned(), format!("/keys/{}", key.id), "/".to_owned()] {
        let page = browser.get(&path).await.expect(200);
        assert!(!page.text.contains(&text), "{path}");
        assert_eq!(page.headers["cache-control"], "no-store");
    }
    browser
        .get("/keys")
        .await
        .says("laptop")
        .says(&key.public_id.key_prefix())
        .says("<time datetime=\"2027-02-14T08:00");
}

#[tokio::test]
async fn everything_of_the_form_is_as_the_api_has_it() {
    let world = World::new();
    let (user, mut browser) = world.visitor("ada", Role::User).await;
    let caller = Caller::operator();
    world
        .auth
        .change_house_rules(&caller, |house| {
            house
                .tiers
                .insert("small".parse::<TierName>().unwrap(), Tier::default());
            Ok(())
        })
        .await
        .unwrap();
    let fields = [
        ("name", "narrow"),
        ("expires", "date"),
        ("date", "2027-02-01"),
        ("model", "demo"),
        ("more-models", "other, third\r\nfourth"),
        ("feature", "chat"),
        ("feature", "embeddings"),
        ("routes", "POST /v1/chat/completions\r\nGET /v1/*"),
        ("networks", "192.0.2.7/24\r\n2001:db8::1"),
        ("limit-1-requests", "1,000"),
        ("limit-1-tokens", ""),
        ("limit-1-window", "1h"),
        ("limit-2-model", "demo"),
        ("limit-2-cost", "2,50"),
        ("limit-2-window", "month"),
        ("limit-3-concurrent", "2"),
        ("limit-3-window", "day"),
        ("tier", "small"),
        ("can-mint", "yes"),
    ];
    browser.post("/keys/new", &fields).await.expect(200);
    let key = only_key(&world, &user).await;
    assert_eq!(key.expires_at.unwrap().to_rfc3339(), "2027-02-01T23:59:59Z");
    let scope = &key.scope;
    let list = |set: &Option<std::collections::BTreeSet<String>>| set.iter().flatten().cloned().collect::<Vec<_>>();
    assert_eq!(list(&scope.models), ["demo", "fourth", "other", "third"]);
    assert_eq!(list(&scope.features), ["chat", "embeddings"]);
    let routes: Vec<String> = scope.routes.iter().flatten().map(ToString::to_string).collect();
    assert_eq!(routes, ["POST /v1/chat/completions", "GET /v1/*"]);
    let networks: Vec<String> = scope.ips.iter().flatten().map(ToString::to_string).collect();
    assert_eq!(networks, ["192.0.2.0/24", "2001:db8::1/128"]);
    assert!(scope.can_mint);
    assert_eq!(scope.tier.as_ref().unwrap().name.as_str(), "small");
    let limits: Vec<String> = scope.limits.iter().map(|limit| limit.limit.rule.to_string()).collect();
    let rules: Vec<localauth_core::LimitRule> = [
        r#"{"window": "1h", "max_requests": 1000}"#,
        r#"{"window": "month", "model": "demo", "max_cost_micros": 2500000}"#,
        r#"{"window": "day", "max_concurrent": 2}"#,
    ]
    .map(|rule| serde_json::from_str(rule).unwrap())
    .into();
    assert_eq!(limits, rules.iter().map(ToString::to_string).collect::<Vec<_>>());

    browser
        .get(&format!("/keys/{}", key.id))
        .await
        .expect(200)
        .says("demo, fourth, other, third")
        .says("192.0.2.0/24, 2001:db8::1/128")
        .says("POST /v1/chat/completions, GET /v1/*")
        .says("Requests: 1,000 in 1 hour")
        .says("demo: Cost: 2.50 in a calendar month (UTC)");
    for badge in [
        "models",
        "features",
        "routes",
        "networks",
        "limits",
        "tier",
        "makes keys",
    ] {
        browser
            .get("/keys")
            .await
            .says(&format!("<span class=\"badge\">{badge}</span>"));
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_and_what_was_typed_stays() {
    let world = World::new();
    let (user, mut browser) = world.visitor("ada", Role::User).await;
    for (field, value, told) in [
        ("name", "", "A key needs a name"),
        ("expires", "date", "Choose when the key ends"),
        ("expires", "never", "Choose when the key ends"),
        ("date", "2001-01-01", "The expiry must lie in the future"),
        ("routes", " , ", "only separators"),
        ("networks", "\r\n,\r\n", "only separators"),
        ("more-models", ",", "only separators"),
        ("routes", "nonsense", "Write each route as a method and a path"),
        ("networks", "nowhere", "Write networks like"),
        ("feature", "flying", "There is no feature called"),
        ("limit-1-requests", "ten", "Write whole numbers"),
        ("limit-1-requests", "10.0", "Write whole numbers"),
        ("limit-1-requests", "-1", "Write whole numbers"),
        ("limit-1-cost", "1.000", "Write a cost like 2 or 2.50"),
        ("limit-1-model", "demo", "at least one maximum"),
        ("tier", "Not A Tier", "A tier is named by"),
        ("tier", "unknown", "There is no such tier"),
        ("model", &"m".repeat(300), "Each list of a key has at most"),
    ] {
        let mut fields = vec![(field, value), ("name", "typed <name>"), ("expires", "90d")];
        if field == "date" {
            fields.insert(0, ("expires", "date"));
        }
        let seen = browser
            .post("/keys/new", &fields)
            .await
            .expect(400)
            .says(told)
            .says("role=\"alert\"");
        if field != "name" {
            seen.says("value=\"typed &#60;name&#62;\"");
        }
        assert_eq!(world.auth.list_keys(user.id).await.unwrap().len(), 0, "{field}");
    }
    let fields = [
        ("name", "k"),
        ("routes", "nonsense"),
        ("model", "demo"),
        ("feature", "chat"),
        ("limit-2-window", "5m"),
    ];
    browser
        .post("/keys/new", &fields)
        .await
        .says("<details open>")
        .says(">nonsense</textarea>")
        .says("value=\"demo\" checked")
        .says("value=\"chat\" checked")
        .says("<option value=\"5m\" selected>");
}

#[tokio::test]
async fn hundreds_of_keys_come_page_by_page() {
    let world = World::new();
    let (user, mut browser) = world.visitor("ada", Role::User).await;
    for n in 0..300 {
        key_of(&world, &user, &format!("{MARKUP} number {n:03}")).await;
        world.clock.advance(Duration::from_millis(1));
    }
    let first = browser
        .get("/keys")
        .await
        .expect(200)
        .says("number 299")
        .says("href=\"/keys?page=2");
    assert!(first.text.len() < 60_000, "{}", first.text.len());
    first.does_not_say("number 249").does_not_say("rel=\"prev\"");
    browser
        .get("/keys?page=6")
        .await
        .says("number 000")
        .does_not_say("rel=\"next\"");
    browser.get("/keys?page=99").await.expect(200).says("number 000");
    browser.get("/keys?page=-1").await.expect(200).says("number 299");
    browser
        .get("/keys?q=NUMBER%20123")
        .await
        .says("number 123")
        .does_not_say("number 124");
    browser
        .get("/keys?q=%22%3E%3Cscript%3Ealert")
        .await
        .expect(200)
        .shows_markup_as_text();
    browser
        .get("/keys?q=nothing")
        .await
        .expect(200)
        .says("No key has that in its name");
}

#[tokio::test]
async fn markup_in_a_name_is_text_on_every_page() {
    let world = World::new();
    let (user, mut browser) = world.visitor("ada", Role::User).await;
    let fields = [
        ("name", MARKUP),
        ("more-models", MARKUP),
        ("limit-1-model", MARKUP),
        ("limit-1-requests", "5"),
    ];
    browser
        .post("/keys/new", &fields)
        .await
        .expect(200)
        .shows_markup_as_text();
    let key = only_key(&world, &user).await;
    world.auth.record_usage(UsageEvent {
        key: Some((key.id, MARKUP.to_owned())),
        model: MARKUP.to_owned(),
        ..crate::usage::event(&world, user.id, "ada", UsageSource::ApiKey)
    });
    for path in ["", "?period=day", "/revoke"] {
        browser
            .get(&format!("/keys/{}{path}", key.id))
            .await
            .expect(200)
            .shows_markup_as_text();
    }
    browser.get("/keys").await.shows_markup_as_text();
    let fields = [
        ("name", MARKUP),
        ("routes", MARKUP),
        ("networks", MARKUP),
        ("tier", MARKUP),
        ("date", MARKUP),
    ];
    browser
        .post("/keys/new", &fields)
        .await
        .expect(400)
        .shows_markup_as_text();
}

#[tokio::test]
async fn a_key_tells_what_was_used_with_it_and_nothing_else() {
    let world = World::new();
    let (user, mut browser) = world.visitor("ada", Role::User).await;
    let (one, other) = (key_of(&world, &user, "one").await, key_of(&world, &user, "other").await);
    let event = |key: &CreatedKey, model: &str, tokens| UsageEvent {
        key: Some((key.key.id, key.key.name.clone())),
        model: model.to_owned(),
        prompt_tokens: tokens,
        ..crate::usage::event(&world, user.id, "ada", UsageSource::ApiKey)
    };
    world.auth.record_usage(event(&one, "demo", 1_234));
    world.auth.record_usage(event(&other, "llama", 9_999));
    let path = format!("/keys/{}", one.key.id);
    browser
        .get(&path)
        .await
        .expect(200)
        .says("1,234")
        .says("demo")
        .says("<svg")
        .does_not_say("9,999");
    world.clock.advance(Duration::from_hours(48));
    browser
        .get(&format!("{path}?period=day"))
        .await
        .says("Nothing was used with this key");
    browser.get(&format!("{path}?period=all")).await.says("1,234");
    browser
        .get(&format!("{path}?period=year"))
        .await
        .expect(400)
        .says("no such period");
}

#[tokio::test]
async fn all_of_it_is_german_for_germans() {
    let world = World::new();
    let (user, mut browser) = world.visitor("ada", Role::User).await;
    let key = key_of(&world, &user, "laptop").await;
    browser.language = "de";
    for path in [
        "/keys".to_owned(),
        "/keys/new".to_owned(),
        format!("/keys/{}", key.key.id),
    ] {
        let seen = browser
            .get(&path)
            .await
            .expect(200)
            .says("<html lang=\"de\">")
            .says("Schlüssel");
        seen.does_not_say("Make ")
            .does_not_say("Last used")
            .does_not_say("Limit ")
            .does_not_say("secret.");
    }
    browser
        .get(&format!("/keys/{}/revoke", key.key.id))
        .await
        .says("Diesen Schlüssel widerrufen?");
    browser
        .post("/keys/new", &[("name", "")])
        .await
        .expect(400)
        .says("Ein Schlüssel braucht einen Namen");
}
