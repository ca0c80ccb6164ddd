//! Keys of users, as administrators handle them; what else their page shows.

use localauth_core::{Caller, NewKey, Role, UsageEvent};

use super::{admin, of};
use crate::support::{MARKUP, World};

#[tokio::test]
async fn a_service_account_gets_another_key() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    let bot = world
        .auth
        .add_service_account(&Caller::operator(), "bot")
        .await
        .unwrap();
    browser
        .get(&of(&bot, ""))
        .await
        .expect(200)
        .says("There are no API keys.")
        .says("Make key");
    let fields = [("key_name", MARKUP), ("expires", "30d")];
    let made = browser
        .post(&of(&bot, "/keys"), &fields)
        .await
        .expect(200)
        .shows_markup_as_text();
    let key = made.after("<code>sk-local-");
    let page = browser
        .get(&of(&bot, ""))
        .await
        .expect(200)
        .shows_markup_as_text()
        .does_not_say(&key);
    page.says(&key[..18]);
    let keys = world.auth.list_keys(bot.id).await.unwrap();
    assert_eq!(
        keys[0].expires_at,
        Some(world.auth.now() + std::time::Duration::from_hours(30 * 24))
    );
    for fields in [
        [("key_name", ""), ("expires", "")],
        [("key_name", "x"), ("expires", "0d")],
    ] {
        browser
            .post(&of(&bot, "/keys"), &fields)
            .await
            .expect(400)
            .says("role=\"alert\"");
    }
    // Others make their own.
    let ada = world.user("ada", Role::User).await;
    browser.get(&of(&ada, "")).await.does_not_say("Make key");
    browser
        .post(&of(&ada, "/keys"), &[("key_name", "x")])
        .await
        .expect(400)
        .says("Only service accounts");
    assert!(world.auth.list_keys(ada.id).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_key_is_revoked_after_a_question() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    let ada = world.user("ada", Role::User).await;
    let bob = world.user("bob", Role::User).await;
    let key = world
        .auth
        .create_key(ada.id, NewKey::named("laptop"))
        .await
        .unwrap()
        .key;
    let path = of(&ada, &format!("/keys/{}/revoke", key.id));
    browser.get(&of(&ada, "")).await.says(&path);
    browser
        .get(&path)
        .await
        .expect(200)
        .says("laptop")
        .says(&key.public_id.key_prefix());
    // Under another user there is no such key.
    let elsewhere = of(&bob, &format!("/keys/{}/revoke", key.id));
    browser.get(&elsewhere).await.expect(404);
    browser.post(&elsewhere, &[]).await.expect(404);
    assert_eq!(world.auth.list_keys(ada.id).await.unwrap().len(), 1);
    browser
        .post(&path, &[])
        .await
        .leads_to(&format!("{}?done=user-key-revoked", of(&ada, "")));
    assert!(world.auth.list_keys(ada.id).await.unwrap().is_empty());
    browser.post(&path, &[]).await.expect(404).says("no such key");
    browser.get(&of(&ada, "/keys/x/revoke")).await.expect(404);
}

#[tokio::test]
async fn the_page_shows_usage_and_sessions_of_that_user_only() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    let (ada, _) = world.visitor("ada", Role::User).await;
    let bob = world.user("bob", Role::User).await;
    world.auth.record_usage(UsageEvent {
        request_id: world.auth.new_request_id(),
        at: world.auth.now(),
        user_id: ada.id,
        user_name: "ada".to_owned(),
        key: None,
        source: localauth_core::UsageSource::Web,
        model: "demo".to_owned(),
        endpoint: "/v1/chat/completions".to_owned(),
        prompt_tokens: 1_200,
        cached_tokens: 0,
        completion_tokens: 34,
        cost_micros: 1_500_000,
        estimated: false,
    });
    let page = browser.get(&of(&ada, "")).await.expect(200);
    page.says("<b>1,234</b>").says("<b>1.50</b>").says("Tester/1.0");
    let page = browser.get(&of(&bob, "")).await.expect(200);
    page.does_not_say("1,234").says("Nobody is signed in to this account.");
}
