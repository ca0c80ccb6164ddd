//! Shared keys.

use crate::support::{MARKUP, NOBODY, World};
use crate::users::{admin, sign_in};

const CONFIGURED: &str = "a-shared-key-of-the-configuration";

#[tokio::test]
async fn keys_come_and_go_one_by_one_and_none_is_shown_later() {
    let world = World::with(|auth| auth.shared_key(CONFIGURED), |console| console);
    let (_, mut browser) = admin(&world).await;
    let list = browser.get("/admin/shared-keys").await.expect(200);
    list.says("Configuration")
        .does_not_say(CONFIGURED)
        .does_not_say("/remove");
    let made = browser.post("/admin/shared-keys", &[("key", "")]).await.expect(200);
    let key = made.says("shown once").after("<code>sk-");
    let typed = "a-key-that-somebody-typed";
    let added = browser.post("/admin/shared-keys", &[("key", typed)]).await;
    added.leads_to("/admin/shared-keys?done=shared-key-added");
    let list = browser.get("/admin/shared-keys").await.expect(200);
    let list = list.does_not_say(&key).does_not_say(typed).says("a-k…yped");
    for text in [format!("sk-{key}"), typed.to_owned()] {
        let mut other = world.browser();
        sign_in(&mut other, "/api/auth/token-login", format!(r#"{{"token":"{text}"}}"#)).await;
        other.get("/admin/health").await.expect(200);
    }
    let id = list
        .text
        .split("/admin/shared-keys/")
        .skip(1)
        .map(|rest| rest.split('/').next().unwrap());
    let ids: Vec<String> = id.map(str::to_owned).collect();
    assert_eq!(ids.len(), 2);
    let before = world.auth.shared_keys().await.unwrap();
    let one = before.iter().find(|key| key.masked == "a-k…yped").unwrap();
    let path = format!("/admin/shared-keys/{}/remove", one.id);
    browser
        .get(&path)
        .await
        .expect(200)
        .says("a-k…yped")
        .says("locked out at once");
    browser
        .post(&path, &[])
        .await
        .leads_to("/admin/shared-keys?done=shared-key-removed");
    let after = world.auth.shared_keys().await.unwrap();
    assert_eq!(after.len(), 2, "the others stay");
    assert!(after.iter().all(|key| key.id != one.id));
    let gone = format!("/admin/shared-keys/{NOBODY}/remove");
    for gone in [
        path.as_str(),
        &gone,
        "/admin/shared-keys/env-1/remove",
        "/admin/shared-keys/x/remove",
    ] {
        browser.get(gone).await.expect(404).says("no such shared key");
        browser.post(gone, &[]).await.expect(404);
    }
    assert_eq!(world.auth.shared_keys().await.unwrap(), after);
}

#[tokio::test]
async fn what_cannot_be_one_is_refused_and_not_shown() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    browser
        .get("/admin/shared-keys")
        .await
        .says("There are no shared keys.");
    for wrong in ["short", "with spaces in the middle", MARKUP, NOBODY] {
        let refused = browser.post("/admin/shared-keys", &[("key", wrong)]).await.expect(400);
        refused
            .says("16 to 512 printable")
            .does_not_say("<script>alert")
            .does_not_say(wrong);
    }
    let twice = [("key", "a-key-that-is-there-twice")];
    browser
        .post("/admin/shared-keys", &twice)
        .await
        .leads_to("/admin/shared-keys?done=shared-key-added");
    browser
        .post("/admin/shared-keys", &twice)
        .await
        .expect(400)
        .says("there already");
    assert_eq!(world.auth.shared_keys().await.unwrap().len(), 1);
}
