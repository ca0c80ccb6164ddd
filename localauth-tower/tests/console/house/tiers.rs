//! Tiers, limits of everyone, prices.

use localauth_core::{Caller, HouseRules, NewKey, Price, Role, TierName};

use crate::support::{MARKUP, NOBODY, World};
use crate::users::{admin, fill_in};

async fn house(world: &World) -> HouseRules {
    world.auth.house_rules().await.unwrap().0
}

fn pro() -> TierName {
    "pro".parse().unwrap()
}

#[tokio::test]
async fn a_tier_is_made_and_changed() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    browser
        .get("/admin/tiers")
        .await
        .expect(200)
        .says("There are no tiers.");
    for wrong in ["", "Pro plan", MARKUP, &"x".repeat(65)] {
        let refused = browser.post("/admin/tiers", &[("name", wrong)]).await.expect(400);
        refused.says("A tier is named by").does_not_say("<script>alert");
    }
    browser
        .post("/admin/tiers", &[("name", MARKUP)])
        .await
        .shows_markup_as_text();
    browser
        .post("/admin/tiers", &[("name", "pro")])
        .await
        .leads_to("/admin/tiers/pro");
    browser
        .post("/admin/tiers", &[("name", "pro")])
        .await
        .expect(400)
        .says("already a tier");
    browser
        .get("/admin/tiers/pro")
        .await
        .expect(200)
        .says("Tier pro")
        .says("This tier limits nothing.");
    let fields = [
        ("default", "on"),
        ("weight", "3"),
        ("models", "some"),
        ("model", "demo"),
        ("more", MARKUP),
        ("feature-agents", "on"),
        ("feature-chat", ""),
    ];
    fill_in(&mut browser, "/admin/tiers/pro", "/admin/tiers/pro", &fields)
        .await
        .leads_to("/admin/tiers/pro?done=tier-saved");
    let now = house(&world).await;
    let tier = &now.tiers[&pro()];
    assert_eq!(now.default_tier, Some(pro()));
    assert_eq!((tier.weight(), tier.features.len()), (3, 1));
    assert!(tier.models.as_ref().unwrap().contains("demo"));
    browser.get("/admin/tiers/pro").await.expect(200).shows_markup_as_text();
    browser
        .get("/admin/tiers")
        .await
        .expect(200)
        .says("Default")
        .says("2 models")
        .says("One switched");
    for wrong in [
        [("weight", "0"), ("models", "all")],
        [("weight", "65536"), ("models", "all")],
        [("weight", "x"), ("models", "all")],
        [("weight", "1"), ("models", "")],
        [("feature-nothing", "on"), ("models", "all")],
    ] {
        fill_in(&mut browser, "/admin/tiers/pro", "/admin/tiers/pro", &wrong)
            .await
            .expect(400)
            .says("role=\"alert\"");
    }
    assert_eq!(house(&world).await, now);
}

#[tokio::test]
async fn a_refused_tier_form_keeps_what_was_chosen() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    browser.post("/admin/tiers", &[("name", "pro")]).await;
    let fields = [
        ("default", "on"),
        ("weight", "1.5x"),
        ("models", "some"),
        ("model", "demo"),
        ("more", "own-model"),
        ("feature-chat", "off"),
    ];
    let refused = fill_in(&mut browser, "/admin/tiers/pro", "/admin/tiers/pro", &fields).await;
    refused
        .expect(400)
        .says("value=\"1.5x\"")
        .says("name=\"default\" value=\"on\" checked")
        .says("value=\"some\" checked")
        .says("value=\"demo\" checked")
        .says("value=\"own-model\" checked")
        .says("value=\"off\" selected");
    assert_eq!(house(&world).await.default_tier, None);
}

#[tokio::test]
async fn a_tier_goes_when_nobody_and_nothing_is_in_it() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    browser.post("/admin/tiers", &[("name", "pro")]).await;
    let default = [("default", "on"), ("models", "all")];
    fill_in(&mut browser, "/admin/tiers/pro", "/admin/tiers/pro", &default)
        .await
        .expect(303);
    // The default one stays, and so does one that somebody is in.
    browser
        .get("/admin/tiers/pro/delete")
        .await
        .expect(200)
        .says("Delete the tier pro?");
    browser
        .post("/admin/tiers/pro/delete", &[])
        .await
        .expect(409)
        .says("New users come into this tier");
    let none = [("models", "all"), ("weight", "1")];
    fill_in(&mut browser, "/admin/tiers/pro", "/admin/tiers/pro", &none).await;
    assert_eq!(house(&world).await.default_tier, None);
    let ada = world.user("ada", Role::User).await;
    world
        .auth
        .set_user_tier(&Caller::operator(), ada.id, Some(&pro()))
        .await
        .unwrap();
    browser
        .post("/admin/tiers/pro/delete", &[])
        .await
        .expect(409)
        .says("still has users");
    world
        .auth
        .set_user_tier(&Caller::operator(), ada.id, None)
        .await
        .unwrap();
    let scope = localauth_core::KeyScope {
        tier: Some(localauth_core::KeyTier {
            name: pro(),
            holder: None,
        }),
        ..localauth_core::KeyScope::default()
    };
    let key = world
        .auth
        .create_key(ada.id, NewKey::named("x").scoped(scope))
        .await
        .unwrap()
        .key;
    browser
        .post("/admin/tiers/pro/delete", &[])
        .await
        .expect(409)
        .says("still keys in this tier");
    world.auth.revoke_key(&Caller::operator(), key.id).await.unwrap();
    browser
        .post("/admin/tiers/pro/delete", &[])
        .await
        .leads_to("/admin/tiers?done=tier-deleted");
    for (path, status) in [
        ("/admin/tiers/pro", 404),
        ("/admin/tiers/pro/delete", 404),
        ("/admin/tiers/A%20b", 404),
    ] {
        browser.get(path).await.expect(status).says("no such tier");
        browser.post(path, &[("models", "all")]).await.expect(status);
    }
    browser.get("/admin/tiers/pro/limits/new").await.expect(404);
}

#[tokio::test]
async fn limits_of_tiers_and_of_everyone_go_on_counting_when_they_change() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    browser.post("/admin/tiers", &[("name", "pro")]).await;
    browser
        .get("/admin/tiers")
        .await
        .says("Everyone together is not limited.");
    for (at, back) in [
        ("/admin/tiers/pro/limits", "/admin/tiers/pro"),
        ("/admin/limits", "/admin/tiers"),
    ] {
        let limits = async || {
            let house = house(&world).await;
            if at == "/admin/limits" {
                house.everyone
            } else {
                house.tiers[&pro()].limits.clone()
            }
        };
        let new = format!("{at}/new");
        browser.get(&new).await.expect(200);
        let empty = [("window", "1h"), ("model", MARKUP)];
        let refused = browser.post(&new, &empty).await.expect(400).shows_markup_as_text();
        refused.says("at least one maximum");
        let fields = [("window", "1h"), ("model", MARKUP), ("max_requests", "5")];
        browser
            .post(&new, &fields)
            .await
            .leads_to(&format!("{back}?done=limit-saved"));
        let other = [("window", "month"), ("max_concurrent", "2")];
        browser
            .post(&new, &other)
            .await
            .leads_to(&format!("{back}?done=limit-saved"));
        browser.get(back).await.expect(200).shows_markup_as_text();
        let before = limits().await;
        assert_eq!(before.len(), 2);
        let path = format!("{at}/{}", before[0].id);
        browser.get(&path).await.expect(200).shows_markup_as_text();
        let changed = [("window", "6h"), ("model", "demo"), ("max_requests", "6")];
        fill_in(&mut browser, &path, &path, &changed)
            .await
            .leads_to(&format!("{back}?done=limit-saved"));
        let after = limits().await;
        assert_eq!((after[0].id, after[0].rule.max_requests), (before[0].id, Some(6)));
        assert_eq!(after[1], before[1]);
        browser
            .get(&path)
            .await
            .says(&format!("href=\"{path}/remove\""))
            .does_not_say(&format!("action=\"{path}/remove\""));
        let asked = browser.get(&format!("{path}/remove")).await.expect(200);
        asked
            .says(&format!("action=\"{path}/remove\""))
            .says("Requests: 6, 6 hours");
        assert_eq!(limits().await, after, "to look changes nothing");
        browser
            .post(&format!("{path}/remove"), &[])
            .await
            .leads_to(&format!("{back}?done=limit-removed"));
        assert_eq!(limits().await, before[1..]);
        for gone in [path, format!("{at}/{NOBODY}"), format!("{at}/x")] {
            browser.get(&gone).await.expect(404).says("no such limit");
            browser.get(&format!("{gone}/remove")).await.expect(404);
            browser.post(&format!("{gone}/remove"), &[]).await;
        }
        assert_eq!(limits().await, before[1..]);
    }
}

#[tokio::test]
async fn prices_are_money_for_a_million_tokens() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    browser.get("/admin/tiers").await.says("Nothing costs anything.");
    let fields = [
        ("model", MARKUP),
        ("prompt", "3"),
        ("completion", "15.5"),
        ("second", "0.0001"),
    ];
    browser
        .post("/admin/prices", &fields)
        .await
        .leads_to("/admin/tiers?done=price-saved");
    browser
        .post("/admin/prices", &[("model", ""), ("cached_prompt", "0.3")])
        .await;
    let price = house(&world).await.prices[MARKUP];
    let wanted = Price {
        prompt: 3_000_000,
        cached_prompt: None,
        completion: 15_500_000,
        second: 100,
    };
    assert_eq!(price, wanted);
    assert_eq!(house(&world).await.prices[""].cached_prompt, Some(300_000));
    let list = browser.get("/admin/tiers").await.expect(200).shows_markup_as_text();
    let list = list.says("3.00").says("15.50").says("0.0001").says("All other models");
    let path = list.after("href=\"/admin/prices?model=%22");
    let page = browser
        .get(&format!("/admin/prices?model=%22{path}"))
        .await
        .expect(200)
        .shows_markup_as_text();
    page.says("value=\"15.5\"")
        .says("Remove this price")
        .does_not_say("action=\"/admin/prices/remove\"");
    let asked = browser.get(&format!("/admin/prices/remove?model=%22{path}")).await;
    asked
        .expect(200)
        .shows_markup_as_text()
        .says("action=\"/admin/prices/remove\"");
    browser.get("/admin/prices/remove?model=none").await.expect(404);
    for wrong in [("prompt", "x"), ("second", "1.0000001"), ("completion", "-1")] {
        let refused = browser
            .post("/admin/prices", &[("model", "demo"), wrong])
            .await
            .expect(400);
        refused.says("Write an amount").says("value=\"demo\"");
    }
    let long = "x".repeat(257);
    browser
        .post("/admin/prices", &[("model", &long)])
        .await
        .expect(400)
        .says("at most 256 characters");
    assert_eq!(house(&world).await.prices.len(), 2);
    let gone = browser.post("/admin/prices/remove", &[("model", MARKUP)]).await;
    gone.leads_to("/admin/tiers?done=price-removed");
    browser
        .post("/admin/prices/remove", &[("model", MARKUP)])
        .await
        .expect(404)
        .says("no such price");
    assert_eq!(house(&world).await.prices.len(), 1);
}
