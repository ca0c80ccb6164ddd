//! Invites.

use std::collections::BTreeSet;
use std::time::Duration;

use localauth_core::{Caller, NewAccount, Password, Registered, Role};

use crate::support::{MARKUP, NOBODY, World};
use crate::users::admin;

#[tokio::test]
async fn an_invite_is_made_and_its_code_is_shown_once() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    browser
        .get("/admin/invites")
        .await
        .expect(200)
        .says("There are no invites.");
    let made = browser.post("/admin/invites", &[("hours", "24")]).await.expect(200);
    let link = made.after("<code>http://house.example/invite/");
    let made = made
        .says("data-once=\"/admin/invites\"")
        .says(&format!("<code>{link}</code>"));
    made.says("data-copy");
    let list = browser.get("/admin/invites").await.expect(200).does_not_say(&link);
    list.says(&link[..8]).says("Open").says("root");
    let invite = world.auth.list_invites().await.unwrap().remove(0).invite;
    assert_eq!(invite.expires_at, world.auth.now() + Duration::from_hours(24));
    assert!(world.auth.is_invite_open(&link).await.unwrap());
    for wrong in ["8761", "x", "99999999999999999999"] {
        let refused = browser.post("/admin/invites", &[("hours", wrong)]).await.expect(400);
        refused.says("role=\"alert\"");
    }
    assert_eq!(world.auth.list_invites().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_invite_is_revoked_after_a_question_and_a_used_one_cannot_be() {
    let world = World::new();
    let (_, mut browser) = world.visitor(MARKUP, Role::Admin).await;
    let open = browser.post("/admin/invites", &[]).await.expect(200).after("invite/");
    world.clock.advance(Duration::from_millis(1));
    let used = browser.post("/admin/invites", &[]).await.expect(200).after("invite/");
    let account = NewAccount {
        invite_code: used.clone(),
        name: MARKUP.to_owned(),
        ..NewAccount::local("ada@example.org", Password::new("a-rather-long-password-of-ada"))
    };
    let came = world.auth.register(account, &Caller::anonymous()).await.unwrap();
    assert!(matches!(came, Registered::SignedIn(_)));
    let list = browser.get("/admin/invites").await.expect(200).shows_markup_as_text();
    list.says("Used");
    let all = world.auth.list_invites().await.unwrap();
    let (used, opened) = (all[0].invite.id, all[1].invite.id);
    assert!(all[0].invite.used_at.is_some());
    let path = |id: localauth_core::InviteId| format!("/admin/invites/{id}/revoke");
    browser.get(&path(used)).await.expect(400).says("used already");
    browser.post(&path(used), &[]).await.expect(400).says("used already");
    browser.get(&path(opened)).await.expect(200).says(&open[..8]);
    assert!(world.auth.is_invite_open(&open).await.unwrap(), "to ask is not to do");
    browser
        .post(&path(opened), &[])
        .await
        .leads_to("/admin/invites?done=invite-revoked");
    assert!(!world.auth.is_invite_open(&open).await.unwrap());
    for gone in [opened.to_string(), NOBODY.to_owned(), "x".to_owned()] {
        let path = format!("/admin/invites/{gone}/revoke");
        browser.get(&path).await.expect(404).says("no such invite");
        browser.post(&path, &[]).await.expect(404);
    }
}

#[tokio::test]
async fn many_invites_come_in_pages() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    for n in 0..130 {
        if n % 7 == 0 {
            // Several in one millisecond.
            world.clock.advance(Duration::from_millis(1));
        }
        browser.post("/admin/invites", &[]).await.expect(200);
    }
    let mut seen = Vec::new();
    let mut path = "/admin/invites".to_owned();
    loop {
        let page = browser.get(&path).await.expect(200);
        let links = page.text.split("href=\"/admin/invites/").skip(1);
        seen.extend(links.map(|rest| rest.split('/').next().unwrap().to_owned()));
        if !page.text.contains("rel=\"next\"") {
            break;
        }
        path = page.after("rel=\"next\" href=\"");
    }
    assert_eq!((seen.len(), seen.iter().collect::<BTreeSet<_>>().len()), (130, 130));
}
