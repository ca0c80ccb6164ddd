//! Every route of the console, out of its own table: who gets through, and from where.

use http::Method;
use localauth_core::Role;
use localauth_core::policy::{Access, RouteTable, Rule};
use localauth_tower::console;

use crate::support::{NOBODY, World};

fn rules() -> Vec<Rule> {
    console::routes(RouteTable::builder(), "/").rules().to_vec()
}

/// An address of the route; what it is about does not exist.
fn address(rule: &Rule) -> String {
    let part = |part: &str| if part.starts_with('{') { NOBODY } else { part }.to_owned();
    let parts: Vec<String> = rule.pattern().split('/').map(part).collect();
    parts.join("/")
}

#[tokio::test]
async fn no_form_of_another_site_is_taken_anywhere() {
    let world = World::new();
    let (root, mut admin) = world.visitor("root", Role::Admin).await;
    let before = world.auth.list_sessions(root.id).await.unwrap();
    let mut forms = 0;
    for rule in rules().iter().filter(|rule| *rule.method() == Method::POST) {
        let path = address(rule);
        for browser in [&mut admin, &mut world.browser()] {
            let seen = browser
                .post_from_elsewhere(&path, &[("email", "root@example.org")])
                .await;
            assert_eq!(seen.status, 403, "{path}");
            assert!(seen.text.contains("came from another site"), "{path}: {}", seen.text);
            assert!(!seen.headers.contains_key("set-cookie"), "{path}");
        }
        forms += 1;
    }
    assert!(forms > 40, "{forms}");
    assert_eq!(world.auth.list_sessions(root.id).await.unwrap().len(), before.len());
}

#[tokio::test]
async fn every_address_has_its_door() {
    let world = World::new();
    world.user("root", Role::Admin).await;
    let (_, mut user) = world.visitor("ada", Role::User).await;
    let (mut of_admins, mut of_users) = (0, 0);
    for rule in &rules() {
        let path = address(rule);
        let shown = format!("{} {path}", rule.method());
        let is_page = *rule.method() == Method::GET;
        let mut stranger = world.browser();
        let asked = if is_page {
            stranger.get(&path).await
        } else {
            stranger.post(&path, &[]).await
        };
        match rule.access() {
            Access::Public => continue,
            Access::Admin => {
                let seen = if is_page {
                    user.get(&path).await
                } else {
                    user.post(&path, &[]).await
                };
                assert_eq!(seen.status, 403, "{shown}: {}", seen.text);
                assert!(seen.text.contains("for administrators"), "{shown}: {}", seen.text);
                of_admins += 1;
            }
            _ => of_users += 1,
        }
        if is_page {
            assert_eq!(asked.status, 303, "{shown}");
            let to = asked.headers["location"].to_str().unwrap();
            assert!(to.starts_with("/login"), "{shown}: {to}");
        } else {
            assert_eq!(asked.status, 401, "{shown}");
        }
    }
    assert!(of_admins > 50 && of_users > 25, "{of_admins} {of_users}");
}
