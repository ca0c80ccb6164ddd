//! Standing, role, passwords, acting as somebody, the end of an account.

use localauth_core::{Caller, Role, Status};

use super::{admin, of, sign_in};
use crate::support::{MARKUP, World};

const SHARED: &str = "a-shared-key-of-the-configuration";

#[tokio::test]
async fn standing_and_role_change_with_a_button() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    let ada = world.user("ada", Role::User).await;
    let at = |what: &str| format!("{}?done={what}", of(&ada, ""));
    browser
        .post(&of(&ada, "/status"), &[("status", "disabled")])
        .await
        .leads_to(&at("user-disabled"));
    let page = browser.get(&at("user-disabled")).await.expect(200);
    page.says("The account is disabled.")
        .says("Enable")
        .does_not_say("Act as this user");
    browser
        .post(&of(&ada, "/status"), &[("status", "active")])
        .await
        .leads_to(&at("user-active"));
    browser
        .post(&of(&ada, "/role"), &[("role", "admin")])
        .await
        .leads_to(&at("user-role"));
    let now = world.auth.find_user(ada.id).await.unwrap().unwrap();
    assert_eq!((now.role, now.status), (Role::Admin, Status::Active));
    browser
        .get(&of(&ada, ""))
        .await
        .says("Take the administrator role away");
    for (path, field) in [
        ("/role", ("role", "god")),
        ("/status", ("status", "odd")),
        ("/status", ("x", "y")),
    ] {
        browser.post(&of(&ada, path), &[field]).await.expect(400);
    }
    browser
        .post(&of(&ada, "/status"), &[("status", "pending")])
        .await
        .expect(400);
    assert_eq!(
        world.auth.find_user(ada.id).await.unwrap().unwrap().status,
        Status::Active
    );
}

#[tokio::test]
async fn nobody_changes_their_own_standing() {
    let world = World::new();
    let (root, mut browser) = admin(&world).await;
    world.user("second", Role::Admin).await;
    let page = browser.get(&of(&root, "")).await.expect(200);
    page.says("This is you")
        .does_not_say("/impersonate")
        .does_not_say("/role\"");
    for (path, field) in [
        ("/role", ("role", "user")),
        ("/status", ("status", "disabled")),
        ("/password", ("how", "made")),
        ("/impersonate", ("a", "b")),
        ("/delete", ("typed", "root@example.org")),
    ] {
        let refused = browser.post(&of(&root, path), &[field]).await.expect(400);
        refused
            .says("You cannot do this to your own account")
            .says("role=\"alert\"");
    }
    assert_eq!(world.auth.find_user(root.id).await.unwrap().unwrap().role, Role::Admin);
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let world = World::with(|auth| auth.shared_key(SHARED), |console| console);
    let root = world.user("root", Role::Admin).await;
    let mut browser = world.browser();
    sign_in(
        &mut browser,
        "/api/auth/token-login",
        format!(r#"{{"token":"{SHARED}"}}"#),
    )
    .await;
    for (path, field) in [
        ("/role", ("role", "user")),
        ("/status", ("status", "disabled")),
        ("/delete", ("typed", "root@example.org")),
    ] {
        let refused = browser.post(&of(&root, path), &[field]).await.expect(400);
        refused.says("the last active administrator");
    }
    let now = world.auth.find_user(root.id).await.unwrap().unwrap();
    assert_eq!((now.role, now.status), (Role::Admin, Status::Active));
}

#[tokio::test]
async fn a_password_is_made_up_and_shown_once() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    let (ada, mut hers) = world.visitor("ada", Role::User).await;
    browser
        .get(&of(&ada, "/password"))
        .await
        .expect(200)
        .does_not_say("I mean it");
    let made = browser
        .post(&of(&ada, "/password"), &[("how", "made")])
        .await
        .expect(200);
    let password = made.says("shown once").after("<code>");
    assert_eq!(password.len(), 20);
    hers.get("/console/session")
        .await
        .leads_to("/login?next=%2Fconsole%2Fsession");
    let body = format!(r#"{{"email":"{}","password":"{password}"}}"#, ada.email);
    sign_in(&mut hers, "/api/auth/login", body).await;
    browser.get(&of(&ada, "")).await.does_not_say(&password);
}

#[tokio::test]
async fn a_weak_password_has_to_be_meant() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    let ada = world.user("ada", Role::User).await;
    let weak = [("how", "typed"), ("password", "hunter2")];
    let refused = browser.post(&of(&ada, "/password"), &weak).await.expect(400);
    refused
        .says("at least 12 characters")
        .says("I mean it")
        .does_not_say("hunter2");
    let empty = [("how", "typed"), ("password", ""), ("weak", "on")];
    browser
        .post(&of(&ada, "/password"), &empty)
        .await
        .expect(400)
        .says("A password is needed");
    let mut meant = weak.to_vec();
    meant.push(("weak", "on"));
    let done = format!("{}?done=user-password", of(&ada, ""));
    browser.post(&of(&ada, "/password"), &meant).await.leads_to(&done);
    let body = format!(r#"{{"email":"{}","password":"hunter2"}}"#, ada.email);
    sign_in(&mut world.browser(), "/api/auth/login", body).await;
    let service = world
        .auth
        .add_service_account(&Caller::operator(), "bot")
        .await
        .unwrap();
    browser
        .get(&of(&service, "/password"))
        .await
        .expect(400)
        .says("has no password here");
    browser.post(&of(&service, "/password"), &weak).await.expect(400);
    browser.get(&of(&service, "")).await.does_not_say("/password\"");
}

#[tokio::test]
async fn who_acts_as_somebody_is_told_so_on_every_page_until_it_ends() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    let second = world.user("second", Role::Admin).await;
    browser.post(&of(&second, "/impersonate"), &[]).await.leads_to("/");
    for path in ["/", "/admin/users", "/admin/health", "/admin/audit", "/admin/tiers"] {
        let page = browser.get(path).await.expect(200);
        page.says("You are acting as second")
            .says("root")
            .says("action=\"/logout\"");
    }
    let ada = world.user("ada", Role::User).await;
    let disabled = [("status", "disabled")];
    browser.post(&of(&ada, "/status"), &disabled).await.expect(303);
    browser.get("/admin/audit").await.says("by root");
    // Nothing is handed out in another's name.
    browser.post("/admin/invites", &[]).await.expect(403);
    browser.post("/admin/shared-keys", &[]).await.expect(403);
    browser
        .post("/admin/users/service", &[("service", "bot")])
        .await
        .expect(403);
    let request = http::Request::post("/api/auth/logout").header("sec-fetch-site", "same-origin");
    browser.send(request, axum::body::Body::empty()).await.expect(200);
    browser
        .get("/admin/users")
        .await
        .leads_to("/login?next=%2Fadmin%2Fusers");
    let service = world
        .auth
        .add_service_account(&Caller::operator(), "bot")
        .await
        .unwrap();
    world
        .auth
        .set_status(&Caller::operator(), service.id, Status::Disabled)
        .await
        .unwrap();
    let (_, mut browser) = world.visitor("third", Role::Admin).await;
    let refused = browser.post(&of(&service, "/impersonate"), &[]).await;
    refused.expect(400).says("not active");
}

#[tokio::test]
async fn an_account_goes_when_its_address_was_typed() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    let (ada, _) = world.visitor("ada", Role::Admin).await;
    let caller = Caller::operator();
    for name in ["laptop", "phone"] {
        world
            .auth
            .create_key(ada.id, localauth_core::NewKey::named(name))
            .await
            .unwrap();
    }
    let rule = localauth_core::LimitRule::per("1h".parse().unwrap()).requests(5);
    world.auth.set_user_limit(&caller, ada.id, rule).await.unwrap();
    let page = browser.get(&of(&ada, "/delete")).await.expect(200);
    let page = page
        .says("2 API keys go")
        .says("One session ends")
        .says("One limit")
        .says("They made no invites");
    page.says("stays in the reports").says("type ada@example.org");
    for typed in ["", "root@example.org", "ad"] {
        let refused = browser
            .post(&of(&ada, "/delete"), &[("typed", typed)])
            .await
            .expect(400);
        refused.says("Type the address exactly");
    }
    world.auth.find_user(ada.id).await.unwrap().unwrap();
    let gone = browser
        .post(&of(&ada, "/delete"), &[("typed", "ADA@example.org ")])
        .await;
    gone.leads_to("/admin/users?done=user-deleted");
    assert!(world.auth.find_user(ada.id).await.unwrap().is_none());
    browser.get(&of(&ada, "")).await.expect(404);
}

/// What shuts out or raises somebody is asked about first; the page of a user does none of it with one click.
#[tokio::test]
async fn disabling_and_roles_are_asked_about_first() {
    let world = World::new();
    let (root, mut browser) = admin(&world).await;
    let ada = world.user(MARKUP, Role::User).await;
    let second = world.user("second", Role::Admin).await;
    for user in [&ada, &second] {
        let page = browser.get(&of(user, "")).await.expect(200);
        for form in ["/status\"", "/role\""] {
            page.text
                .split("<form")
                .for_each(|rest| assert!(!rest.split('>').next().unwrap().contains(form), "{rest}"));
        }
    }
    for (user, link, asks, sent) in [
        (
            &ada,
            "/status?status=disabled",
            "Disable the account of",
            ("status", "disabled"),
        ),
        (&ada, "/role?role=admin", "an administrator?", ("role", "admin")),
        (&second, "/role?role=user", "role away from", ("role", "user")),
    ] {
        browser.get(&of(user, "")).await.says(&of(user, link));
        let (path, _) = link.split_once('?').unwrap();
        let page = browser.get(&of(user, link)).await.expect(200);
        let page = page.says(asks).does_not_say("<script>alert");
        page.says(&format!("action=\"{}\"", of(user, path)))
            .says(&format!("name=\"{}\" value=\"{}\"", sent.0, sent.1));
    }
    browser.get(&of(&ada, "/role?role=admin")).await.shows_markup_as_text();
    // What is so already, and what is no wish at all, is not asked about.
    for link in [
        "/role?role=user",
        "/role?role=god",
        "/role",
        "/status?status=active",
        "/status?status=odd",
        "/status",
    ] {
        browser.get(&of(&ada, link)).await.leads_to(&of(&ada, ""));
    }
    for user in [&ada, &second, &root] {
        let now = world.auth.find_user(user.id).await.unwrap().unwrap();
        assert_eq!(
            (now.role, now.status),
            (user.role, user.status),
            "to look changes nothing"
        );
    }
}
