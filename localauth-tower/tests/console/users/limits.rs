//! Limits of a user.

use localauth_core::{Caller, Role, TokenAsk};

use super::{admin, fill_in, of, revision};
use crate::support::{MARKUP, NOBODY, World};

async fn limits(world: &World, user: &localauth_core::User) -> Vec<localauth_core::Limit> {
    world.auth.user_limits(user.id).await.unwrap().limits
}

#[tokio::test]
async fn a_limit_is_added_changed_and_removed() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    let ada = world.user("ada", Role::User).await;
    browser.get(&of(&ada, "")).await.says("No limits of their own");
    browser
        .get(&of(&ada, "/limits/new"))
        .await
        .expect(200)
        .does_not_say("Remove this limit");
    let fields = [
        ("model", MARKUP),
        ("window", "1h"),
        ("max_requests", "1000"),
        ("max_cost", "1.5"),
        ("soft", "on"),
        ("on_outage", "open"),
    ];
    let done = format!("{}?done=limit-saved", of(&ada, ""));
    browser.post(&of(&ada, "/limits/new"), &fields).await.leads_to(&done);
    let page = browser.get(&of(&ada, "")).await.expect(200).shows_markup_as_text();
    page.says("0 of 1,000")
        .says("0.00 of 1.50")
        .says("Warns only")
        .says("<meter");
    let limit = limits(&world, &ada).await.remove(0);
    assert!(limit.rule.soft && limit.rule.max_cost_micros == Some(1_500_000));
    let path = of(&ada, &format!("/limits/{}", limit.id));
    let page = browser.get(&path).await.expect(200).shows_markup_as_text();
    page.says("value=\"1000\"")
        .says("value=\"1.5\"")
        .says("Remove this limit")
        .does_not_say("name=\"model\"");
    // Of another model it would be another limit: that is not asked for here.
    let changed = [("model", "other"), ("window", "day"), ("max_total_tokens", "5")];
    fill_in(&mut browser, &path, &path, &changed).await.leads_to(&done);
    let now = limits(&world, &ada).await;
    assert_eq!(
        (now.len(), now[0].id, now[0].rule.model.as_str()),
        (1, limit.id, MARKUP)
    );
    assert_eq!(
        (now[0].rule.max_requests, now[0].rule.max_total_tokens),
        (None, Some(5))
    );
    browser.get(&of(&ada, "")).await.says("Calendar day (UTC)");
    // Asked about first, with what goes.
    browser
        .get(&path)
        .await
        .says(&format!("href=\"{path}/remove\""))
        .does_not_say(&format!("action=\"{path}/remove\""));
    let asked = browser.get(&format!("{path}/remove")).await.expect(200);
    asked
        .shows_markup_as_text()
        .says(&format!("action=\"{path}/remove\""))
        .says("Tokens: 5, Calendar day (UTC)")
        .says("Limit of ada");
    assert_eq!(limits(&world, &ada).await.len(), 1);
    let removed = browser.post(&format!("{path}/remove"), &[]).await;
    removed.leads_to(&format!("{}?done=limit-removed", of(&ada, "")));
    assert!(limits(&world, &ada).await.is_empty());
    for gone in [&path, &of(&ada, &format!("/limits/{NOBODY}")), &of(&ada, "/limits/x")] {
        browser.get(gone).await.expect(404).says("no such limit");
        browser.post(gone, &changed).await.expect(404);
        browser.get(&format!("{gone}/remove")).await.expect(404);
        browser.post(&format!("{gone}/remove"), &[]).await.expect(404);
    }
    browser.post(&of(&ada, "/limits/new/remove"), &[]).await.expect(404);
}

#[tokio::test]
async fn what_is_no_limit_is_shown_again_as_it_was_typed() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    let ada = world.user("ada", Role::User).await;
    for (fields, says) in [
        (
            [("window", "1h"), ("model", "demo"), ("soft", "on")],
            "at least one maximum",
        ),
        (
            [("window", "31d"), ("model", "demo"), ("max_requests", "7")],
            "needs a window",
        ),
        (
            [("window", ""), ("model", "demo"), ("max_requests", "7")],
            "needs a window",
        ),
        (
            [("window", "1h"), ("model", "demo"), ("max_requests", "x7")],
            "whole numbers",
        ),
        (
            [("window", "1h"), ("model", "demo"), ("max_cost", "1.0000001")],
            "amount such as",
        ),
        (
            [("window", "1h"), ("model", "demo"), ("max_cost", "-1")],
            "amount such as",
        ),
        (
            [("max_requests", "7"), ("model", "demo"), ("on_outage", "odd")],
            "needs a window",
        ),
    ] {
        let refused = browser.post(&of(&ada, "/limits/new"), &fields).await.expect(400);
        refused.says(says).says("value=\"demo\"").says("role=\"alert\"");
    }
    assert!(limits(&world, &ada).await.is_empty());
    let typed = [("window", MARKUP), ("model", MARKUP), ("max_requests", MARKUP)];
    browser
        .post(&of(&ada, "/limits/new"), &typed)
        .await
        .expect(400)
        .shows_markup_as_text();
}

#[tokio::test]
async fn a_form_from_before_another_change_undoes_nothing() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    let ada = world.user("ada", Role::User).await;
    let five = [("window", "1h"), ("max_requests", "5")];
    browser.post(&of(&ada, "/limits/new"), &five).await.expect(303);
    let id = limits(&world, &ada).await[0].id;
    let path = of(&ada, &format!("/limits/{id}"));
    let seen = browser.get(&path).await.expect(200);
    let old = revision(&seen, &path);
    let three = [("window", "1h"), ("max_requests", "3")];
    fill_in(&mut browser, &path, &path, &three).await.expect(303);
    for from in ["", old.as_str()] {
        let stale = [("window", "1h"), ("max_requests", "500"), ("revision", from)];
        let refused = browser.post(&path, &stale).await.expect(409);
        refused
            .says("Somebody else changed this")
            .says("name=\"max_requests\" type=\"number\" min=\"0\" step=\"1\" value=\"3\"");
    }
    assert_eq!(limits(&world, &ada).await[0].rule.max_requests, Some(3));
}

#[tokio::test]
async fn adding_a_limit_replaces_none() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    let ada = world.user("ada", Role::User).await;
    let new = of(&ada, "/limits/new");
    for model in ["", "demo"] {
        let limit =
            |window: &'static str, most: &'static str| [("window", window), ("model", model), ("max_requests", most)];
        browser.post(&new, &limit("1h", "5")).await.expect(303);
        let before = limits(&world, &ada).await;
        for window in ["1h", "1d"] {
            let refused = browser.post(&new, &limit(window, "500")).await.expect(400);
            refused.says("already has a limit for this model").says("value=\"500\"");
        }
        assert_eq!(limits(&world, &ada).await, before);
    }
}

/// An administrator sees what the user sees: what requests under way hold counts like what was used.
#[tokio::test]
async fn what_is_held_is_shown_as_used() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    let (ada, mut hers) = world.visitor("ada", Role::User).await;
    let limit = [
        ("window", "1h"),
        ("max_requests", "7"),
        ("max_total_tokens", "1000"),
        ("max_concurrent", "3"),
    ];
    browser.post(&of(&ada, "/limits/new"), &limit).await.expect(303);
    let identity = world.auth.identity_of(&Caller::operator(), ada.id).await.unwrap();
    let ask = TokenAsk {
        prompt_tokens: 40,
        least_completion: 1,
        most_completion: 200,
    };
    let under_way = world.auth.reserve(&identity, "demo", ask).wait().await.unwrap();
    for page in [
        browser.get(&of(&ada, "")).await.expect(200),
        hers.get("/usage").await.expect(200),
    ] {
        page.says("1 of 7").says("240 of 1,000").says("1 of 3");
    }
    drop(under_way);
}
