//! Features, models and tiers of a user.

use localauth_core::{Caller, LimitError, Role, Tier};

use super::{admin, of};
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
    let saved = browser.post(&of(&ada, "/permissions"), &fields).await;
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
        browser.post(&of(&ada, "/permissions"), &wrong).await.expect(400);
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
    let saved = browser.post(&of(&ada, "/models"), &fields).await;
    saved.leads_to(&format!("{}?done=user-models", of(&ada, "")));
    let now = world.auth.find_user(ada.id).await.unwrap().unwrap();
    assert!(now.models.enabled && now.models.allows("demo") && now.models.allows("own-model"));
    assert!(!now.models.allows("llama"));
    let page = browser.get(&of(&ada, "")).await.expect(200).shows_markup_as_text();
    page.says("value=\"own-model\" checked")
        .says("value=\"demo\" checked")
        .says("value=\"llama\">");
    // None at all is a list too; saying nothing opens nothing.
    browser.post(&of(&ada, "/models"), &[("models", "some")]).await;
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
    let refused = browser
        .post(&of(&ada, "/models"), &[("models", "some"), ("model", &long)])
        .await;
    refused.expect(400).says("at most 1,000 models");
    browser.post(&of(&ada, "/models"), &[("models", "all")]).await;
    assert!(!world.auth.find_user(ada.id).await.unwrap().unwrap().models.enabled);
}
