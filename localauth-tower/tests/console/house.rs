//! The house's pages of administrators.

mod audit;
mod health;
mod invites;
mod shared_keys;
mod stale;
mod tiers;
mod why;

use http::Method;
use localauth_core::policy::RouteTable;
use localauth_core::{Caller, FeatureRegistry, NewKey, Role};

use crate::support::World;
use crate::users::admin;

const PAGES: [&str; 8] = [
    "/admin/invites",
    "/admin/tiers",
    "/admin/limits/new",
    "/admin/prices",
    "/admin/shared-keys",
    "/admin/audit",
    "/admin/health",
    "/admin/why",
];

#[tokio::test]
async fn nobody_else_gets_there_and_no_other_site() {
    let world = World::new();
    let (_, mut admin) = admin(&world).await;
    let (_, mut browser) = world.visitor("ada", Role::User).await;
    for path in PAGES {
        admin.get(path).await.expect(200).does_not_say("role=\"alert\"");
        browser.get(path).await.expect(403).says("for administrators");
    }
    let forms = [
        ("/admin/invites", ("hours", "1")),
        ("/admin/tiers", ("name", "pro")),
        ("/admin/limits/new", ("window", "1h")),
        ("/admin/prices", ("model", "x")),
        ("/admin/shared-keys", ("key", "")),
        ("/admin/why", ("who", "ada")),
    ];
    for (path, field) in forms {
        browser.post(path, &[field]).await.expect(403);
        admin
            .post_from_elsewhere(path, &[field])
            .await
            .expect(403)
            .says("another site");
    }
    assert!(world.auth.list_invites().await.unwrap().is_empty());
    assert!(world.auth.shared_keys().await.unwrap().is_empty());
    assert!(world.auth.house_rules().await.unwrap().0.tiers.is_empty());
}

/// No word of English on German pages, but for names and codes.
#[tokio::test]
async fn the_pages_are_in_german_too() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    browser.language = "de";
    let english = [
        "Save",
        "Cancel",
        "There ",
        "Made",
        "Limits",
        "Prices",
        "Invite",
        "Revoke",
        "Add ",
        "Actions",
        "Since",
        "Show",
        "Good<",
        "Database",
        "Usage",
        "Version is",
        "Refused",
        "Which",
        "Leave",
        "Method<",
        "Signed",
        "tier",
    ];
    for path in PAGES {
        let page = browser.get(path).await.expect(200);
        let (_, main) = page.text.split_once("<main").unwrap();
        // Names of fields and addresses are no words.
        let words: String = main
            .split('<')
            .filter_map(|tag| Some(tag.split_once('>')?.1))
            .collect::<Vec<_>>()
            .join("<");
        for word in english {
            assert!(!words.contains(word), "{path}: {word}: {words}");
        }
    }
}

#[tokio::test]
async fn no_page_is_large() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    let mut rest = 0;
    let page = browser.get("/admin/users").await;
    for kind in ["rel=\"stylesheet\" href=\"", "<script src=\""] {
        rest += browser.get(&page.after(kind)).await.text.len();
    }
    for _ in 0..120 {
        browser.post("/admin/invites", &[]).await.expect(200);
    }
    for path in PAGES {
        let size = browser.get(path).await.text.len();
        assert!(size + rest < 100_000, "{path}: {size} and {rest} bytes");
    }
}

/// Whoever loads the answer to a form again, reads it in another language or signs in again meanwhile gets a page.
#[tokio::test]
async fn what_a_form_goes_to_can_be_got() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    let ada = world.user("ada", Role::User).await;
    let by = Caller::operator();
    let key = world.auth.create_key(ada.id, NewKey::named("x")).await.unwrap().key;
    browser.post("/admin/invites", &[]).await.expect(200);
    let invite = world.auth.list_invites().await.unwrap().remove(0).invite;
    world.auth.add_shared_key(&by, None).await.unwrap();
    let shared = world.auth.shared_keys().await.unwrap().remove(0).id;
    browser.post("/admin/tiers", &[("name", "pro")]).await.expect(303);
    let limit = [("window", "1h"), ("max_requests", "5")];
    let user = format!("/admin/users/{}", ada.id);
    for new in [
        "/admin/limits/new",
        "/admin/tiers/pro/limits/new",
        &format!("{user}/limits/new"),
    ] {
        browser.post(new, &limit).await.expect(303);
    }
    let house = world.auth.house_rules().await.unwrap().0;
    let own = world.auth.user_limits(ada.id).await.unwrap().limits[0].id.to_string();
    let of_tier = house.tiers.values().next().unwrap().limits[0].id.to_string();
    let of_all = house.everyone[0].id.to_string();
    let table = localauth_tower::console::routes(RouteTable::builder(), "/");
    let table = table.build(&FeatureRegistry::preset()).unwrap();
    let mut seen = 0;
    for rule in table.rules() {
        let pattern = rule.pattern();
        if rule.method() != Method::POST || !pattern.starts_with("/admin/") {
            continue;
        }
        let (id, limit) = match pattern.split('/').nth(2).unwrap() {
            "users" => (ada.id.to_string(), &own),
            "invites" => (invite.id.to_string(), &own),
            "tiers" => (String::new(), &of_tier),
            "limits" => (String::new(), &of_all),
            _ => (shared.clone(), &own),
        };
        let path = pattern
            .replace("{id}", &id)
            .replace("{limit}", limit)
            .replace("{key}", &key.id.to_string())
            .replace("{name}", "pro");
        let got = browser.get(&path).await;
        assert!(matches!(got.status, 200 | 303), "{path}: {}", got.status);
        if got.status == 303 {
            let to = got.headers["location"].to_str().unwrap().to_owned();
            browser.get(&to).await.expect(200);
        }
        seen += 1;
    }
    assert!(seen > 20, "{seen} forms");
}
