//! An invite's link.

use localauth_core::{RegistrationMode, Role};

use crate::support::{MARKUP, PASSWORD, World};

#[tokio::test]
async fn the_link_fills_the_code_in() {
    let world = World::new();
    let invite = super::invite(&world).await;
    let code = invite.as_str();
    let mut browser = world.browser();
    let page = browser
        .get(&format!("/invite/{code}"))
        .await
        .expect(200)
        .says("Your invite is good");
    assert_eq!(page.after("id=\"invite\" name=\"invite\" value=\""), code);
    let fields = [("email", "ada@example.org"), ("password", PASSWORD), ("invite", code)];
    browser.post("/register", &fields).await.leads_to("/");
    // Used up.
    let seen = world.browser().get(&format!("/invite/{code}")).await.expect(404);
    seen.says("was used already").says(code).does_not_say("name=\"invite\"");
}

#[tokio::test]
async fn a_code_that_is_none_is_shown_as_text() {
    let world = World::new();
    world.user("Root", Role::Admin).await;
    let mut browser = world.browser();
    let code: String = form_urlencoded::byte_serialize(MARKUP.as_bytes()).collect();
    let seen = browser.get(&format!("/invite/{}", code.replace('+', "%20"))).await;
    seen.expect(404).shows_markup_as_text().does_not_say("Register without");
    browser.get("/invite/%ff").await.expect(404).says("was used already");
}

#[tokio::test]
async fn without_users_nobody_can_have_invited() {
    let world = World::new();
    world.browser().get("/invite/whatever").await.leads_to("/register");
}

#[tokio::test]
async fn where_invites_are_not_needed_one_goes_on_without() {
    let world = World::with(|auth| auth.registration(RegistrationMode::Approval), |console| console);
    world.user("Root", Role::Admin).await;
    let seen = world.browser().get("/invite/whatever").await.expect(404);
    seen.says("Register without an invite");
}
