//! The house's pages of administrators.

mod audit;
mod health;
mod invites;
mod shared_keys;
mod stale;
mod tiers;
mod why;

use localauth_core::Role;

use crate::support::World;
use crate::users::{admin, visitor};

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
    let (_, mut browser) = visitor(&world, "ada", Role::User).await;
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
