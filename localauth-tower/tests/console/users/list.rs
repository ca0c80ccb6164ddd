//! The list.

use std::collections::BTreeSet;

use localauth_core::{Caller, NewAccount, Password, Provider, RegistrationMode, Role, Status, UserQuery};

use super::{admin, of};
use crate::support::{MARKUP, NOBODY, World};

#[tokio::test]
async fn users_are_found_by_name_address_and_status() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    let ada = world.user("Ada Lovelace", Role::User).await;
    let bob = world.user("Bob", Role::User).await;
    world
        .auth
        .set_status(&Caller::operator(), bob.id, Status::Disabled)
        .await
        .unwrap();
    let all = browser.get("/admin/users").await.expect(200);
    let all = all
        .says("Ada Lovelace")
        .says("ada-lovelace@example.org")
        .says("Bob")
        .says("Administrator");
    all.says("Waiting (0)").does_not_say("Waiting for approval</h2>");
    browser
        .get("/admin/users?q=LOVELACE")
        .await
        .says("Ada Lovelace")
        .does_not_say("Bob");
    browser
        .get("/admin/users?q=bob%40ex")
        .await
        .says("Bob")
        .does_not_say("Ada Lovelace");
    let disabled = browser.get("/admin/users?status=disabled").await.expect(200);
    disabled
        .says("Bob")
        .does_not_say("Ada Lovelace")
        .says("aria-current=\"page\">Disabled");
    // The search keeps the status, and the other way round.
    let both = browser.get("/admin/users?status=disabled&q=ada").await.expect(200);
    both.says("No user matches")
        .says("status=active")
        .says("name=\"status\" value=\"disabled\"");
    browser.get("/admin/users?status=odd").await.expect(400);
    browser.get("/admin/users?cursor=odd").await.expect(400);
    browser
        .get(&of(&ada, ""))
        .await
        .expect(200)
        .says("ada-lovelace@example.org");
}

#[tokio::test]
async fn paging_loses_and_repeats_nobody() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    for n in 0..119 {
        world.user(&format!("user {n:03}"), Role::User).await;
    }
    let mut seen = Vec::new();
    let mut path = "/admin/users".to_owned();
    let mut pages = 0;
    loop {
        let page = browser.get(&path).await.expect(200);
        assert!(page.text.len() < 70_000, "{} bytes", page.text.len());
        let ids = page.text.split("<a href=\"/admin/users/").skip(1);
        seen.extend(ids.map(|rest| rest.split('"').next().unwrap().to_owned()));
        pages += 1;
        assert_eq!(page.text.contains("First page"), pages > 1);
        if !page.text.contains("rel=\"next\"") {
            break;
        }
        path = page
            .after("rel=\"next\" href=\"")
            .replace("&#38;", "&")
            .replace("&amp;", "&");
    }
    assert_eq!(pages, 3);
    assert_eq!(seen.len(), 120);
    assert_eq!(
        seen.iter().collect::<BTreeSet<_>>().len(),
        120,
        "somebody is there twice"
    );
}

#[tokio::test]
async fn who_waits_stands_first_and_is_let_in_from_there() {
    let world = World::with(|auth| auth.registration(RegistrationMode::Approval), |console| console);
    let (_, mut browser) = admin(&world).await;
    let account = NewAccount {
        name: "Nora".to_owned(),
        ..NewAccount::local("nora@example.org", Password::new("a-rather-long-password-of-nora"))
    };
    world.auth.register(account, &Caller::anonymous()).await.unwrap();
    let nora = world
        .auth
        .find_user_by_email(&"nora@example.org".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(nora.status, Status::Pending);
    let list = browser.get("/admin/users").await.expect(200);
    list.says("Waiting for approval</h2>")
        .says("Waiting (1)")
        .says(&of(&nora, "/approve"));
    browser
        .get(&of(&nora, ""))
        .await
        .says("Approve")
        .says("Decline")
        // Not a form that makes anybody active who is not any more what the page shows.
        .says(&format!("action=\"{}\"", of(&nora, "/approve")))
        .does_not_say("value=\"active\"")
        .does_not_say("Act as this user");
    browser
        .post(&of(&nora, "/approve"), &[])
        .await
        .leads_to("/admin/users?done=user-approved");
    browser
        .get("/admin/users?done=user-approved")
        .await
        .says("they may sign in now");
    assert_eq!(
        world.auth.find_user(nora.id).await.unwrap().unwrap().status,
        Status::Active
    );
    // An old list lets nobody in who was shut out since.
    world
        .auth
        .set_status(&Caller::operator(), nora.id, Status::Disabled)
        .await
        .unwrap();
    browser
        .post(&of(&nora, "/approve"), &[])
        .await
        .expect(400)
        .says("does not wait for approval");
    assert_eq!(
        world.auth.find_user(nora.id).await.unwrap().unwrap().status,
        Status::Disabled
    );
}

#[tokio::test]
async fn a_service_account_comes_with_a_key_that_is_shown_once() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    let refused = browser.post("/admin/users/service", &[("service", " ")]).await;
    refused.expect(400).says("A name has at most 128 characters");
    let made = browser
        .post("/admin/users/service", &[("service", MARKUP)])
        .await
        .expect(200);
    let made = made.shows_markup_as_text().says("shown once");
    let key = made.after("<code>sk-local-");
    let next = made.after("data-once=\"");
    let page = browser.get(&next).await.expect(200).shows_markup_as_text();
    page.does_not_say(&key).says(&key[..18]).says("Keys only");
    let all = world.auth.list_users(&UserQuery::default()).await.unwrap();
    assert_eq!(all.iter().filter(|user| user.provider == Provider::Service).count(), 1);
}

#[tokio::test]
async fn names_are_text_on_every_page_about_users() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    let odd = world.user(MARKUP, Role::User).await;
    for path in [
        "/admin/users".to_owned(),
        of(&odd, ""),
        of(&odd, "/password"),
        of(&odd, "/delete"),
        of(&odd, "/limits/new"),
    ] {
        browser.get(&path).await.expect(200).shows_markup_as_text();
    }
    let query: String = form_urlencoded::byte_serialize(MARKUP.as_bytes()).collect();
    browser
        .get(&format!("/admin/users?q={query}"))
        .await
        .expect(200)
        .shows_markup_as_text();
    let none = browser
        .get(&format!("/admin/users?status=pending&q={query}"))
        .await
        .expect(200);
    none.says("No user matches").does_not_say("<script>alert");
}

#[tokio::test]
async fn nobody_else_gets_there_and_no_other_site() {
    let world = World::new();
    let (root, mut admin) = admin(&world).await;
    let (ada, mut browser) = world.visitor("ada", Role::User).await;
    for path in ["", "/delete", "/password", "/limits/new"] {
        browser
            .get(&of(&ada, path))
            .await
            .expect(403)
            .says("for administrators");
        let nobody = format!("/admin/users/{NOBODY}{path}");
        admin.get(&nobody).await.expect(404).says("no such user");
        admin.get(&format!("/admin/users/x{path}")).await.expect(404);
        admin
            .get(&format!("/admin/users/00000000-0000-0000-0000-000000000000{path}"))
            .await
            .expect(404);
    }
    let forms = [
        ("/role", ("role", "admin")),
        ("/status", ("status", "disabled")),
        ("/permissions", ("feature-chat", "off")),
        ("/models", ("models", "some")),
        ("/tier", ("tier", "")),
        ("/password", ("how", "made")),
        ("/delete", ("typed", "ada@example.org")),
        ("/impersonate", ("a", "b")),
        ("/keys", ("key_name", "x")),
        ("/limits/new", ("window", "1h")),
        ("/approve", ("a", "b")),
    ];
    for (path, field) in forms {
        browser.post(&of(&root, path), &[field]).await.expect(403);
        admin
            .post_from_elsewhere(&of(&ada, path), &[field])
            .await
            .expect(403)
            .says("another site");
        admin
            .post(&format!("/admin/users/{NOBODY}{path}"), &[field])
            .await
            .expect(404);
    }
    assert_eq!(world.auth.find_user(ada.id).await.unwrap().unwrap().role, Role::User);
    let own = world.auth.find_user(ada.id).await.unwrap().unwrap();
    assert!(own.permissions.is_empty() && own.status == Status::Active);
    world.auth.find_user(root.id).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_pages_are_in_german_too() {
    let world = World::new();
    let (root, mut browser) = admin(&world).await;
    let ada = world.user("ada", Role::User).await;
    browser.language = "de";
    let list = browser
        .get("/admin/users")
        .await
        .expect(200)
        .says("Dienstkonto")
        .says("Angelegt");
    for english in ["Search", "Active", "Signs in", "Made", "Waiting", "Disabled<"] {
        assert!(!list.text.contains(english), "{english}");
    }
    let page = browser
        .get(&of(&ada, ""))
        .await
        .expect(200)
        .says("Als dieser Benutzer handeln");
    for english in [
        "Standing",
        "Save",
        "Limits",
        "Sessions",
        "Default (",
        "Only these",
        "Delete",
    ] {
        assert!(!page.text.contains(english), "{english}");
    }
    browser.get(&of(&root, "")).await.says("Das sind Sie selbst");
    browser
        .get(&of(&ada, "/delete"))
        .await
        .says("endgültig gelöscht")
        .does_not_say("for good");
}
