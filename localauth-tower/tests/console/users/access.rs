//! Features, models and tiers of a user.

use localauth_core::{Caller, LimitError, ModelAllowList, Role, Tier};

use super::{admin, fill_in, of, revision};
use crate::support::{MARKUP, World};

async fn tier(world: &World, name: &str, tier: Tier) {
    let name: localauth_core::TierName = name.parse().unwrap();
    let change = |house: &mut localauth_core::HouseRules| {
        house.tiers.insert(name.clone(), tier.clone());
        Ok::<_, LimitError>(())
    };
    world
        .auth
        .change_house_rules(&Caller::operator(), change)
        .await
        .unwrap();
}

#[tokio::test]
async fn features_are_on_off_or_as_they_are() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    let ada = world.user("ada", Role::User).await;
    let features = [("agents".to_owned(), true), ("images".to_owned(), false)].into();
    tier(
        &world,
        "pro",
        Tier {
            features,
            ..Tier::default()
        },
    )
    .await;
    let page = browser.get(&of(&ada, "")).await.expect(200);
    page.says("Default (on)")
        .says("Default (off)")
        .does_not_say("As tier pro");
    browser
        .post(&of(&ada, "/tier"), &[("tier", "pro")])
        .await
        .leads_to(&format!("{}?done=user-tier", of(&ada, "")));
    let page = browser.get(&of(&ada, "")).await.expect(200);
    page.says("As tier pro says: on").says("As tier pro says: off");
    let fields = [("feature-chat", "off"), ("feature-skills", "on"), ("feature-vad", "")];
    let saved = fill_in(&mut browser, &of(&ada, ""), &of(&ada, "/permissions"), &fields).await;
    saved.leads_to(&format!("{}?done=user-features", of(&ada, "")));
    let now = world.auth.find_user(ada.id).await.unwrap().unwrap();
    assert_eq!(
        now.permissions,
        [("chat".to_owned(), false), ("skills".to_owned(), true)].into()
    );
    let page = browser.get(&of(&ada, "")).await.expect(200).text;
    let chat = page
        .split("id=\"feature-chat\"")
        .nth(1)
        .unwrap()
        .split("</select>")
        .next()
        .unwrap();
    assert!(chat.contains("value=\"off\" selected"), "{chat}");
    for wrong in [[("feature-chat", "maybe")], [("feature-nothing", "on")]] {
        fill_in(&mut browser, &of(&ada, ""), &of(&ada, "/permissions"), &wrong)
            .await
            .expect(400);
    }
    assert_eq!(
        world.auth.find_user(ada.id).await.unwrap().unwrap().permissions,
        now.permissions
    );
    browser
        .post(&of(&ada, "/tier"), &[("tier", "gold")])
        .await
        .expect(400)
        .says("There is no such tier");
    browser.post(&of(&ada, "/tier"), &[]).await.expect(400);
    browser.post(&of(&ada, "/tier"), &[("tier", "")]).await;
    assert_eq!(world.auth.user_limits(ada.id).await.unwrap().tier, None);
}

#[tokio::test]
async fn models_are_all_or_those_of_a_list() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    let ada = world.user("ada", Role::User).await;
    let own = format!("{MARKUP}\r\nown-model\n");
    let fields = [("models", "some"), ("model", "demo"), ("more", own.as_str())];
    let saved = fill_in(&mut browser, &of(&ada, ""), &of(&ada, "/models"), &fields).await;
    saved.leads_to(&format!("{}?done=user-models", of(&ada, "")));
    let now = world.auth.find_user(ada.id).await.unwrap().unwrap();
    assert!(now.models.enabled && now.models.allows("demo") && now.models.allows("own-model"));
    assert!(!now.models.allows("llama"));
    let page = browser.get(&of(&ada, "")).await.expect(200).shows_markup_as_text();
    page.says("value=\"own-model\" checked")
        .says("value=\"demo\" checked")
        .says("value=\"llama\">");
    // None at all is a list too; saying nothing opens nothing.
    fill_in(&mut browser, &of(&ada, ""), &of(&ada, "/models"), &[("models", "some")]).await;
    assert!(
        !world
            .auth
            .find_user(ada.id)
            .await
            .unwrap()
            .unwrap()
            .models
            .allows("demo")
    );
    browser
        .post(&of(&ada, "/models"), &[])
        .await
        .expect(400)
        .says("Say whether all models");
    let long = "x".repeat(300);
    let too_long = [("models", "some"), ("model", long.as_str())];
    let refused = fill_in(&mut browser, &of(&ada, ""), &of(&ada, "/models"), &too_long).await;
    refused.expect(400).says("at most 1,000 models");
    fill_in(&mut browser, &of(&ada, ""), &of(&ada, "/models"), &[("models", "all")]).await;
    assert!(!world.auth.find_user(ada.id).await.unwrap().unwrap().models.enabled);
}

/// Whoever sends a page from before another administrator's change takes nothing back that was decided meanwhile.
#[tokio::test]
async fn a_page_from_before_another_change_opens_nothing_again() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    let ada = world.user("ada", Role::User).await;
    let by = Caller::operator();
    let seen = browser.get(&of(&ada, "")).await.expect(200);
    let (features, models) = (of(&ada, "/permissions"), of(&ada, "/models"));
    let (old_features, old_models) = (revision(&seen, &features), revision(&seen, &models));
    // Meanwhile somebody else takes the chat away, and all models but one.
    let off = [("chat".to_owned(), false)].into();
    world.auth.set_permissions(&by, ada.id, &off).await.unwrap();
    let list = ModelAllowList {
        enabled: true,
        models: ["demo".to_owned()].into(),
    };
    world.auth.set_models(&by, ada.id, list.clone()).await.unwrap();
    for from in ["", old_features.as_str()] {
        let stale = [("feature-chat", ""), ("feature-skills", "on"), ("revision", from)];
        let refused = browser.post(&features, &stale).await.expect(409);
        refused
            .says("Somebody else changed this")
            .says("value=\"off\" selected");
    }
    for from in ["", old_models.as_str()] {
        let stale = [("models", "all"), ("revision", from)];
        let refused = browser.post(&models, &stale).await.expect(409);
        refused
            .says("Somebody else changed this")
            .says("value=\"demo\" checked");
    }
    // A form that says nothing is no wish that nothing be said.
    let empty = fill_in(&mut browser, &of(&ada, ""), &features, &[]).await;
    empty.expect(400).says("said nothing about any feature");
    let now = world.auth.find_user(ada.id).await.unwrap().unwrap();
    assert_eq!((now.permissions, now.models), (off, list));
}

#[tokio::test]
async fn a_list_that_does_not_count_is_still_there_when_it_counts_again() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    let ada = world.user("ada", Role::User).await;
    let list = |enabled| ModelAllowList {
        enabled,
        models: ["demo".to_owned(), "own-model".to_owned()].into(),
    };
    let by = Caller::operator();
    world.auth.set_models(&by, ada.id, list(false)).await.unwrap();
    let page = browser.get(&of(&ada, "")).await.expect(200);
    let page = page
        .says("value=\"all\" checked")
        .says("value=\"own-model\" checked")
        .says("value=\"demo\" checked");
    // As a browser sends it once "only these" is chosen: with the boxes that are ticked.
    let ticked = page.text.split("name=\"model\" value=\"").skip(1);
    let ticked: Vec<&str> = ticked
        .filter(|rest| rest.split('>').next().unwrap().ends_with("checked"))
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    let mut fields = vec![("models", "some")];
    fields.extend(ticked.into_iter().map(|name| ("model", name)));
    let saved = fill_in(&mut browser, &of(&ada, ""), &of(&ada, "/models"), &fields).await;
    saved.expect(303);
    let now = world.auth.find_user(ada.id).await.unwrap().unwrap();
    assert_eq!(now.models, list(true));
}
