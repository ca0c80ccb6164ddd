//! Why somebody was refused.

use std::sync::Arc;

use http::Method;
use localauth_core::policy::{RouteTable, openai_routes};
use localauth_core::{Caller, FeatureRegistry, KeyScope, LimitRule, ModelAllowList, NewKey, Role, Status, UserQuery};

use crate::support::{Browser, MARKUP, Seen, World};
use crate::users::admin;

fn world() -> World {
    World::with(
        |auth| auth,
        |console| {
            let table = openai_routes(RouteTable::builder()).admin(Method::GET, "/metrics");
            console
                .policy(Arc::new(table.build(&FeatureRegistry::preset()).unwrap()))
                .default_model("demo")
        },
    )
}

async fn ask(browser: &mut Browser<'_>, who: &str, request: &str, model: &str) -> Seen {
    let (method, path) = request.split_once(' ').unwrap();
    let fields = [("who", who), ("method", method), ("path", path), ("model", model)];
    browser.post("/admin/why", &fields).await
}

const CHAT: &str = "POST /v1/chat/completions";

#[tokio::test]
async fn each_refusal_says_what_to_change() {
    let world = world();
    let (_, mut browser) = admin(&world).await;
    let by = Caller::operator();
    let ada = world.user("ada", Role::User).await;
    let form = browser.get(&format!("/admin/why?user={}", ada.id)).await.expect(200);
    form.says(&format!("value=\"{}\"", ada.id))
        .says("<option value=\"/v1/chat/completions\">");
    let passes = ask(&mut browser, "ada@example.org", CHAT, "").await.expect(200);
    passes.says("would pass now").says("POST /v1/chat/completions: feature");
    for (request, model, code, advice) in [
        (
            "POST /v1/fine_tuning/jobs",
            "",
            "404 unknown_route",
            "Nobody declared this path",
        ),
        ("GET /metrics", "", "403 admin_required", "for administrators"),
        ("GET /admin/users", "", "403 admin_required", "for administrators"),
        (
            "PUT /api/auth/admin/prices",
            "",
            "403 admin_required",
            "for administrators",
        ),
        (
            "DELETE /v1/chat/completions",
            "",
            "404 unknown_route",
            "Nobody declared this path",
        ),
    ] {
        let answer = ask(&mut browser, "ada", request, model).await.expect(200);
        answer.says(code).says(advice);
    }
    let off = [("chat".to_owned(), false)].into();
    world.auth.set_permissions(&by, ada.id, &off).await.unwrap();
    ask(&mut browser, "ada", CHAT, "")
        .await
        .says("403 feature_disabled")
        .says("The feature is off");
    world.auth.set_permissions(&by, ada.id, &[].into()).await.unwrap();
    let list = ModelAllowList {
        enabled: true,
        models: ["llama".to_owned()].into(),
    };
    world.auth.set_models(&by, ada.id, list).await.unwrap();
    ask(&mut browser, "ada", CHAT, "llama").await.says("would pass now");
    ask(&mut browser, "ada", CHAT, "")
        .await
        .says("403 model_not_allowed")
        .says("not on the list");
    ask(&mut browser, "ada", CHAT, MARKUP)
        .await
        .shows_markup_as_text()
        .says("model_not_allowed");
    let rule = LimitRule::per("1h".parse().unwrap()).requests(0);
    world.auth.set_user_limit(&by, ada.id, rule).await.unwrap();
    ask(&mut browser, "ada", CHAT, "llama")
        .await
        .says("429 insufficient_quota")
        .says("Requests: 0, 1 hour");
    world.auth.set_status(&by, ada.id, Status::Disabled).await.unwrap();
    ask(&mut browser, "ada", CHAT, "llama")
        .await
        .says("403 account_inactive")
        .says("Approve or enable it");
    assert!(
        world.auth.list_sessions(ada.id).await.unwrap().is_empty(),
        "nobody was signed in for it"
    );
}

#[tokio::test]
async fn a_key_is_judged_by_its_scope_and_its_secret_is_never_shown() {
    let world = world();
    let (_, mut browser) = admin(&world).await;
    let ada = world.user("ada", Role::User).await;
    let scope = KeyScope {
        models: Some(["llama".to_owned()].into()),
        ..KeyScope::default()
    };
    let new = NewKey::named("laptop").scoped(scope);
    let made = world.auth.create_key(ada.id, new).await.unwrap();
    let prefix = made.key.public_id.key_prefix();
    ask(&mut browser, &prefix, CHAT, "llama")
        .await
        .expect(200)
        .says("would pass now");
    ask(&mut browser, &prefix, CHAT, "demo")
        .await
        .says("403 key_scope")
        .says("The key itself is too narrow");
    let (_, secret) = made.plain.expose().rsplit_once('-').unwrap();
    let whole = ask(&mut browser, made.plain.expose(), CHAT, "llama").await.expect(200);
    whole.does_not_say(secret).says(&prefix).says("would pass now");
    let used = world
        .auth
        .find_key(&made.key.public_id)
        .await
        .unwrap()
        .unwrap()
        .last_used_at;
    assert_eq!(used, None, "to ask about it is not to use it");
    world.clock.advance(std::time::Duration::from_secs(1));
    world.auth.revoke_key(&Caller::operator(), made.key.id).await.unwrap();
    ask(&mut browser, &prefix, CHAT, "llama")
        .await
        .says("401 invalid_api_key")
        .says("The key was revoked");
    let end = world.auth.now() + std::time::Duration::from_secs(5);
    let short = world
        .auth
        .create_key(ada.id, NewKey::named("short").expiring(end))
        .await
        .unwrap();
    world.clock.advance(std::time::Duration::from_secs(6));
    let prefix = short.key.public_id.key_prefix();
    ask(&mut browser, &prefix, CHAT, "")
        .await
        .says("401 expired_api_key")
        .says("The key has expired");
    for wrong in ["sk-local-", "sk-local-000000000000000000", "sk-local-x-y"] {
        ask(&mut browser, wrong, CHAT, "").await.expect(404).says("no such key");
    }
}

#[tokio::test]
async fn who_is_meant_has_to_be_clear() {
    let world = world();
    let (_, mut browser) = admin(&world).await;
    world.user("ada", Role::User).await;
    world.user("adam", Role::User).await;
    ask(&mut browser, "ada", CHAT, "")
        .await
        .expect(400)
        .says("Several users match");
    ask(&mut browser, "adam", CHAT, "").await.expect(200);
    ask(&mut browser, "nobody", CHAT, "")
        .await
        .expect(404)
        .says("no such user");
    ask(&mut browser, "legacy-api-key", CHAT, "")
        .await
        .expect(400)
        .says("Behind a shared key");
    ask(&mut browser, "", CHAT, "")
        .await
        .expect(400)
        .says("Say whose request");
    ask(&mut browser, "adam", "POST v1", "")
        .await
        .expect(400)
        .says("begins with a slash");
    ask(&mut browser, "adam", "PO(ST /v1", "")
        .await
        .expect(400)
        .says("Write a method");
    let odd = ask(&mut browser, MARKUP, CHAT, "").await.expect(404);
    odd.shows_markup_as_text();
    assert_eq!(world.auth.list_users(&UserQuery::default()).await.unwrap().len(), 3);
}

/// A key that is bound to networks is not called too narrow for want of an address.
#[tokio::test]
async fn networks_count_where_an_address_is_given() {
    let world = world();
    let (_, mut browser) = admin(&world).await;
    let ada = world.user("ada", Role::User).await;
    let scope = KeyScope {
        ips: Some(vec!["10.1.0.0/16".parse().unwrap(), "2001:db8::/32".parse().unwrap()]),
        ..KeyScope::default()
    };
    let made = world
        .auth
        .create_key(ada.id, NewKey::named("bound").scoped(scope))
        .await
        .unwrap();
    let prefix = made.key.public_id.key_prefix();
    let from = |who: &str, address: &str| {
        let fields = [
            ("who", who),
            ("method", "POST"),
            ("path", "/v1/chat/completions"),
            ("address", address),
        ];
        fields.map(|(name, value)| (name, value.to_owned()))
    };
    for (who, address, says, left_out) in [
        (prefix.as_str(), "", "would pass now", true),
        (prefix.as_str(), " 10.1.2.3 ", "would pass now", false),
        (prefix.as_str(), "2001:db8::7", "would pass now", false),
        (prefix.as_str(), "10.2.0.1", "403 key_scope", false),
        ("ada", "", "would pass now", false),
        ("ada", "10.2.0.1", "would pass now", false),
    ] {
        let fields = from(who, address);
        let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = browser.post("/admin/why", &fields).await.expect(200).says(says);
        assert_eq!(
            answer.text.contains("They are left out here"),
            left_out,
            "{who} {address}"
        );
    }
    let fields = from(&prefix, MARKUP);
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    let odd = browser.post("/admin/why", &fields).await.expect(400);
    odd.shows_markup_as_text().says("Write an address such as");
    // What else is too narrow is still said.
    let off = [("chat".to_owned(), false)].into();
    world
        .auth
        .set_permissions(&Caller::operator(), ada.id, &off)
        .await
        .unwrap();
    ask(&mut browser, &prefix, CHAT, "").await.says("403 feature_disabled");
}
