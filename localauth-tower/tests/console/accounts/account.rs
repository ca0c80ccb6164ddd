//! One's own account.

use http::Request;
use localauth_core::{Caller, NewKey, Role};

use crate::support::{Browser, MARKUP, NOBODY, PASSWORD, World};

const NEW: &str = "another-good-password-of-mine";

#[tokio::test]
async fn name_and_picture_are_changed() {
    let world = World::new();
    let (ada, mut browser) = world.visitor("Ada", Role::User).await;
    let fields = [("name", "  Ada Lovelace "), ("avatar", "https://example.org/a.png")];
    let seen = browser.post("/account/profile", &fields).await;
    seen.leads_to("/account?done=account-profile");
    let page = browser.get("/account?done=account-profile").await.expect(200);
    let page = page.says("Your profile is saved.").says("value=\"Ada Lovelace\"");
    page.says("<img class=\"avatar\" src=\"https://example.org/a.png\" alt=\"\"");
    let user = world.auth.find_user(ada.id).await.unwrap().unwrap();
    assert_eq!(user.name, "Ada Lovelace");
    // And the picture taken away again.
    let fields = [("name", "Ada"), ("avatar", "")];
    browser
        .post("/account/profile", &fields)
        .await
        .leads_to("/account?done=account-profile");
    browser
        .get("/account")
        .await
        .expect(200)
        .does_not_say("class=\"avatar\"");
}

#[tokio::test]
async fn what_cannot_be_is_told_and_what_was_typed_stays() {
    let world = World::new();
    let (_, mut browser) = world.visitor("Ada", Role::User).await;
    let seen = browser.post("/account/profile", &[("name", " "), ("avatar", "")]).await;
    seen.expect(400)
        .says("A name is needed")
        .says("action=\"/account/profile\"");
    for bad in [
        "javascript:alert(1)",
        "data:image/png;base64,AAAA",
        "//example.org/a.png",
        MARKUP,
    ] {
        let seen = browser
            .post("/account/profile", &[("name", "Ada"), ("avatar", bad)])
            .await;
        seen.expect(400)
            .says("begins with http://")
            .does_not_say("<img class")
            .does_not_say("<script>alert");
    }
    browser.get("/account/profile").await.leads_to("/account");
    browser.get("/account/password").await.leads_to("/account");
}

#[tokio::test]
async fn names_and_user_agents_are_shown_as_text() {
    let world = World::new();
    let (_, mut browser) = world.visitor(MARKUP, Role::User).await;
    browser.get("/account").await.expect(200).shows_markup_as_text();
    let user = world.user("Bob", Role::User).await;
    let caller = Caller::anonymous().with_user_agent(MARKUP);
    let password = localauth_core::Password::new(PASSWORD);
    world
        .auth
        .sign_in(user.email.as_str(), password, &caller)
        .await
        .unwrap();
    let mut browser = world.signed_in(&user).await;
    browser.get("/account").await.expect(200).shows_markup_as_text();
    assert_eq!(world.auth.list_sessions(user.id).await.unwrap().len(), 2);
}

#[tokio::test]
async fn the_password_is_changed_and_other_devices_are_out() {
    let world = World::new();
    let (ada, mut browser) = world.visitor("Ada", Role::User).await;
    let mut other = world.signed_in(&ada).await;
    let before = browser.cookie("session").unwrap().to_owned();
    let seen = browser
        .post("/account/password", &[("current", "wrong"), ("new", NEW)])
        .await;
    seen.expect(401)
        .says("The present password is wrong.")
        .does_not_say(NEW);
    other.get("/account").await.expect(200);
    let seen = browser
        .post("/account/password", &[("current", PASSWORD), ("new", NEW)])
        .await;
    seen.leads_to("/account?done=account-password");
    assert_ne!(browser.cookie("session").unwrap(), before);
    browser
        .get("/account?done=account-password")
        .await
        .expect(200)
        .says("Your password is changed.");
    other.get("/account").await.leads_to("/login?next=%2Faccount");
    let mut fresh = world.browser();
    let old = [("email", ada.email.as_str()), ("password", PASSWORD)];
    fresh.post("/login", &old).await.expect(401);
    let new = [("email", ada.email.as_str()), ("password", NEW)];
    fresh.post("/login", &new).await.leads_to("/");
}

#[tokio::test]
async fn a_weak_new_password_has_to_be_acknowledged() {
    let world = World::new();
    let (_, mut browser) = world.visitor("Ada", Role::User).await;
    browser
        .get("/account")
        .await
        .expect(200)
        .does_not_say("name=\"acknowledge\"");
    let weak = [("current", PASSWORD), ("new", "hunter2")];
    let seen = browser.post("/account/password", &weak).await.expect(400);
    seen.says("at least 12 characters")
        .says("name=\"acknowledge\"")
        .does_not_say("hunter2");
    let seen = browser
        .post("/account/password", &[("current", PASSWORD), ("new", "")])
        .await;
    seen.expect(400).does_not_say("name=\"acknowledge\"");
    let all_the_same = [("current", PASSWORD), ("new", "hunter2"), ("acknowledge", "1")];
    browser
        .post("/account/password", &all_the_same)
        .await
        .leads_to("/account?done=account-password");
}

#[tokio::test]
async fn devices_are_listed_and_signed_out_one_by_one() {
    let world = World::new();
    let (ada, mut browser) = world.visitor("Ada", Role::User).await;
    let page = browser
        .get("/account")
        .await
        .expect(200)
        .says("this one")
        .says("Tester/1.0");
    page.does_not_say("Sign out all others");
    world.clock.advance(std::time::Duration::from_secs(1));
    let mut other = world.signed_in(&ada).await;
    let sessions = world.auth.list_sessions(ada.id).await.unwrap();
    let [other_id, this_id] = [0, 1].map(|n| sessions[n].id.to_string());
    browser.get("/account").await.expect(200).says("Sign out all others");
    let end = |id: &str| format!("/account/sessions/{id}/end");
    browser
        .post(&end(&other_id), &[])
        .await
        .leads_to("/account?done=account-session-ended");
    other.get("/account").await.leads_to("/login?next=%2Faccount");
    browser
        .post(&end(&other_id), &[])
        .await
        .expect(404)
        .says("signed out already");
    // This one: that is a sign-out.
    browser
        .post(&end(&this_id), &[])
        .await
        .leads_to("/login?done=signed-out");
    assert!(browser.cookie("session").is_none());
}

#[tokio::test]
async fn devices_of_others_are_nothing_to_anybody() {
    let world = World::new();
    let (eve, mut evil) = world.visitor("Eve", Role::Admin).await;
    let (ada, mut browser) = world.visitor("Ada", Role::User).await;
    let id = world.auth.list_sessions(ada.id).await.unwrap()[0].id.to_string();
    for id in [id.as_str(), NOBODY, "nothing", "%3Cscript%3E"] {
        let seen = evil.post(&format!("/account/sessions/{id}/end"), &[]).await;
        seen.expect(404).says("signed out already");
    }
    browser
        .get("/account")
        .await
        .expect(200)
        .does_not_say(eve.email.as_str());
}

#[tokio::test]
async fn all_others_are_signed_out_after_a_question() {
    let world = World::new();
    let (ada, mut browser) = world.visitor("Ada", Role::User).await;
    let mut other = world.signed_in(&ada).await;
    let page = browser.get("/account/sessions/others").await.expect(200);
    page.says("will be signed out").says("<button class=\"button danger\">");
    other.get("/account").await.expect(200);
    let seen = browser.post("/account/sessions/others", &[]).await;
    seen.leads_to("/account?done=account-sessions-ended");
    other.get("/account").await.leads_to("/login?next=%2Faccount");
    browser.get("/account").await.expect(200);
}

/// What each way to change something ends with.
async fn changes(browser: &mut Browser<'_>, session: &str) -> Vec<(String, u16)> {
    let end = format!("/account/sessions/{session}/end");
    let mut seen = Vec::new();
    for path in [
        "/account/profile",
        "/account/password",
        "/account/sessions/others",
        "/account/providers/github/link",
        "/account/providers/github/unlink",
        &end,
    ] {
        let fields = [("name", "Eve"), ("current", PASSWORD), ("new", NEW)];
        seen.push((path.to_owned(), browser.post(path, &fields).await.status));
    }
    seen
}

#[tokio::test]
async fn who_acts_as_somebody_leaves_their_account_alone() {
    let world = World::new();
    let (_, mut browser) = world.visitor("Root", Role::Admin).await;
    let (ada, mut own) = world.visitor("Ada", Role::User).await;
    let session = world.auth.list_sessions(ada.id).await.unwrap()[0].id.to_string();
    let path = format!("/api/auth/admin/users/{}/impersonate", ada.id);
    browser.post(&path, &[]).await.expect(200);
    let page = browser.get("/account").await.expect(200);
    let page = page.says("Not while you act as somebody else.").says("ada@example.org");
    page.does_not_say("action=\"/account/").does_not_say("href=\"/account/");
    for (what, status) in changes(&mut browser, &session).await {
        assert_eq!(status, 403, "{what}");
    }
    browser.get("/account/sessions/others").await.expect(403);
    // Whom it happens to sees it.
    own.get("/account")
        .await
        .expect(200)
        .says("Root acts as you")
        .says("value=\"Ada\"");
}

#[tokio::test]
async fn behind_a_shared_key_stands_no_account() {
    const SHARED: &str = "a-shared-key-for-these-tests";
    let world = World::with(|auth| auth.shared_key(SHARED), |console| console);
    let mut browser = world.browser();
    browser.post("/login/key", &[("key", SHARED)]).await.leads_to("/");
    let page = browser
        .get("/account")
        .await
        .expect(200)
        .says("there stands no account".trim_start_matches("there "));
    page.does_not_say("action=\"/account/");
    for (what, status) in changes(&mut browser, NOBODY).await {
        assert_eq!(status, 403, "{what}");
    }
}

/// A session that was made from a key can do no more than the key.
#[tokio::test]
async fn a_key_does_not_take_an_account_over() {
    let world = World::new();
    let (ada, mut own) = world.visitor("Ada", Role::User).await;
    let session = world.auth.list_sessions(ada.id).await.unwrap()[0].id.to_string();
    let key = world.auth.create_key(ada.id, NewKey::named("laptop")).await.unwrap();
    let mut browser = world.browser();
    browser
        .post("/login/key", &[("key", key.plain.expose())])
        .await
        .leads_to("/");
    let page = browser
        .get("/account")
        .await
        .expect(200)
        .says("Sign in with your account instead.");
    page.does_not_say("action=\"/account/").does_not_say("href=\"/account/");
    for (what, status) in changes(&mut browser, &session).await {
        assert_eq!(status, 403, "{what}");
    }
    // Nor does the key itself.
    let request = Request::post("/account/profile")
        .header("authorization", format!("Bearer {}", key.plain.expose()))
        .header("content-type", "application/x-www-form-urlencoded");
    world.browser().send(request, "name=Eve".into()).await.expect(403);
    own.get("/account")
        .await
        .expect(200)
        .says("value=\"Ada\"")
        .says("made from a key");
}

#[tokio::test]
async fn who_is_not_signed_in_changes_nothing() {
    let world = World::new();
    world.user("Ada", Role::User).await;
    for (what, status) in changes(&mut world.browser(), NOBODY).await {
        assert_eq!(status, 401, "{what}");
    }
}

#[tokio::test]
async fn who_comes_with_a_key_in_a_header_sees_an_empty_list() {
    let world = World::new();
    let ada = world.user("Ada", Role::User).await;
    let key = world.auth.create_key(ada.id, NewKey::named("laptop")).await.unwrap();
    let request = Request::get("/account").header("authorization", format!("Bearer {}", key.plain.expose()));
    let seen = world.browser().send(request, axum::body::Body::empty()).await;
    seen.expect(200).says("No browser is signed in");
}
