//! Forms from before somebody else's change.

use std::sync::Arc;

use localauth_core::{Caller, HouseRules, LimitError, ResolveModel, TierName};

use crate::support::{MARKUP, World};
use crate::users::{admin, fill_in, revision};

const PRO: &str = "/admin/tiers/pro";

async fn house(world: &World) -> HouseRules {
    world.auth.house_rules().await.unwrap().0
}

async fn change(world: &World, change: impl Fn(&mut HouseRules)) {
    let by = Caller::operator();
    let changed = world.auth.change_house_rules(&by, |house| {
        change(house);
        Ok::<_, LimitError>(())
    });
    changed.await.unwrap();
}

#[tokio::test]
async fn a_tier_form_undoes_nobodys_work() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    let pro: TierName = "pro".parse().unwrap();
    browser.post("/admin/tiers", &[("name", "pro")]).await.expect(303);
    let old = revision(&browser.get(PRO).await, PRO);
    // Somebody else makes it the default one, and narrows it.
    change(&world, |house| {
        house.default_tier = Some(pro.clone());
        let tier = house.tiers.get_mut(&pro).unwrap();
        tier.models = Some([MARKUP.to_owned()].into());
        tier.weight = Some(7);
    })
    .await;
    let before = house(&world).await;
    for from in ["", "x", old.as_str()] {
        let stale = [("models", "all"), ("weight", "1"), ("revision", from)];
        let refused = browser.post(PRO, &stale).await.expect(409).shows_markup_as_text();
        let refused = refused.says("Somebody else changed this").says("value=\"7\"");
        assert_eq!(revision(&refused, PRO), revision(&browser.get(PRO).await, PRO));
    }
    assert_eq!(house(&world).await, before);
    // What is wrong with a form that is up to date does not make it old, nor an old one new.
    for from in [revision(&browser.get(PRO).await, PRO), old] {
        let wrong = [("models", "all"), ("weight", "x"), ("revision", from.as_str())];
        assert_eq!(revision(&browser.post(PRO, &wrong).await.expect(400), PRO), from);
    }
    // A limit of the tier is not in this form: it is in nobody's way.
    let seen = revision(&browser.get(PRO).await, PRO);
    let limit = [("window", "1h"), ("max_requests", "5")];
    browser.post("/admin/tiers/pro/limits/new", &limit).await.expect(303);
    let fresh = [("models", "all"), ("weight", "2"), ("revision", seen.as_str())];
    browser.post(PRO, &fresh).await.expect(303);
    assert_eq!(house(&world).await.tiers[&pro].limits.len(), 1);
}

#[tokio::test]
async fn neither_do_those_of_limits_and_prices() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    browser.post("/admin/tiers", &[("name", "pro")]).await;
    for at in ["/admin/tiers/pro/limits", "/admin/limits"] {
        let five = [("window", "1h"), ("max_requests", "5")];
        browser.post(&format!("{at}/new"), &five).await.expect(303);
        let now = house(&world).await;
        let of_tier = &now.tiers.values().next().unwrap().limits;
        let id = now.everyone.first().unwrap_or(&of_tier[0]).id;
        let path = format!("{at}/{id}");
        let old = revision(&browser.get(&path).await, &path);
        fill_in(&mut browser, &path, &path, &[("window", "1h"), ("max_requests", "3")])
            .await
            .expect(303);
        let before = house(&world).await;
        let stale = [("window", "1h"), ("max_requests", "500"), ("revision", &old)];
        let refused = browser.post(&path, &stale).await.expect(409);
        refused
            .says("Somebody else changed this")
            .does_not_say("value=\"500\"")
            .says("value=\"3\"");
        assert_eq!(house(&world).await, before);
    }
    let (page, action) = ("/admin/prices?model=demo", "/admin/prices");
    let price = |amount: &'static str| [("model", "demo"), ("prompt", amount)];
    browser.post(action, &price("1")).await.expect(303);
    let old = revision(&browser.get(page).await, action);
    let there = |amount: &'static str| [("model", "demo"), ("there", "yes"), ("prompt", amount)];
    fill_in(&mut browser, page, action, &there("2")).await.expect(303);
    let mut stale = there("9").to_vec();
    stale.push(("revision", &old));
    let refused = browser.post(action, &stale).await.expect(409);
    refused.says("Somebody else changed this").says("value=\"2\"");
    assert_eq!(house(&world).await.prices["demo"].prompt, 2_000_000);
    // Nor does one come back that was taken away.
    change(&world, |house| house.prices.clear()).await;
    browser.post(action, &stale).await.expect(409);
    assert!(house(&world).await.prices.is_empty());
}

#[tokio::test]
async fn what_is_there_is_neither_replaced_nor_doubled_by_adding_it() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    browser.post("/admin/tiers", &[("name", "pro")]).await;
    for at in ["/admin/tiers/pro/limits/new", "/admin/limits/new"] {
        let limit = |most: &'static str| [("window", "1h"), ("model", "demo"), ("max_requests", most)];
        browser.post(at, &limit("5")).await.expect(303);
        let before = house(&world).await;
        let refused = browser.post(at, &limit("500")).await.expect(400);
        refused
            .says("already a limit for this model over this time")
            .says("value=\"500\"");
        assert_eq!(house(&world).await, before);
        // Over another time, or for another model, it is another limit.
        for other in [("window", "1d"), ("model", "llama")] {
            let mut fields = limit("9").to_vec();
            fields.retain(|(name, _)| *name != other.0);
            fields.push(other);
            browser.post(at, &fields).await.expect(303);
        }
    }
    for model in ["demo", ""] {
        let price = |amount: &'static str| [("model", model), ("prompt", amount)];
        browser.post("/admin/prices", &price("1")).await.expect(303);
        let refused = browser.post("/admin/prices", &price("9")).await.expect(400);
        refused.says("already a price of this model").says("value=\"9\"");
        assert_eq!(house(&world).await.prices[model].prompt, 1_000_000);
    }
}

/// By another name of its model a second price would be kept, and never count; a second limit would be one too many.
#[tokio::test]
async fn a_model_is_one_whatever_it_is_called() {
    struct Cases;
    impl ResolveModel for Cases {
        fn resolve(&self, name: &str) -> Option<Arc<str>> {
            let name = name.to_lowercase();
            (name == "demo").then(|| name.into())
        }
    }
    let world = World::new();
    world.auth.resolve_models(Arc::new(Cases));
    let (_, mut browser) = admin(&world).await;
    let price = |model: &'static str, amount: &'static str| [("model", model), ("prompt", amount)];
    browser.post("/admin/prices", &price("DEMO", "1")).await.expect(303);
    let refused = browser.post("/admin/prices", &price("Demo", "9")).await.expect(400);
    refused.says("already a price of this model");
    let prices = house(&world).await.prices;
    assert_eq!((prices.len(), prices["demo"].prompt), (1, 1_000_000));

    let limit = |model: &'static str| [("window", "1h"), ("model", model), ("max_requests", "5")];
    let at = "/admin/limits/new";
    browser.post(at, &limit("DEMO")).await.expect(303);
    let refused = browser.post(at, &limit("demo")).await.expect(400);
    refused.says("already a limit for this model");
    assert_eq!(house(&world).await.everyone.len(), 1);
}
