//! The list of users, and of what can be switched for them.
#![cfg(feature = "api")]

mod admin_support;

use std::collections::BTreeSet;

use admin_support::World;
use localauth_core::Role;
use serde_json::json;

fn path(id: impl std::fmt::Display, what: &str) -> String {
    format!("/api/auth/admin/users/{id}{what}")
}

#[tokio::test]
async fn the_features_and_models_there_are() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let features = world.get("/api/auth/admin/features", &root).await.expect(200).body;
    let count = |group: &str| features[group].as_array().unwrap().len();
    assert_eq!(
        (
            count("agent_features"),
            count("general_features"),
            count("api_features")
        ),
        (5, 2, 22)
    );
    assert_eq!(
        features["api_features"][0],
        json!({"key": "chat", "label": "Chat Completions", "default": true})
    );
    assert_eq!(features["agent_features"][0]["default"], false);
    assert_eq!(features["models"], json!(["demo"]));
}

#[tokio::test]
async fn a_user_in_the_list_has_the_fields_of_the_contract() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    let list = world.get("/api/auth/admin/users", &root).await.expect(200).body;
    assert!(list.get("next").is_none(), "without a limit as LocalAI: {list}");
    let view = &list["users"][1];
    let names: BTreeSet<&str> = view.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = "id email name avatarUrl role status provider createdAt permissions allowed_models quotas tier";
    assert_eq!(names, expected.split(' ').collect());
    assert_eq!(view["id"], ada.id.to_string());
    assert_eq!(view["createdAt"], "2027-01-15T08:00:00Z");
    assert_eq!(view["allowed_models"], json!({"enabled": false, "models": []}));
    assert_eq!(
        (&view["status"], &view["provider"]),
        (&json!("active"), &json!("local"))
    );
    assert_eq!(
        (&view["permissions"]["chat"], &view["permissions"]["agents"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(view["quotas"], json!([]));
}

#[tokio::test]
async fn the_list_is_searched_and_filtered() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    world.user("Ada", Role::User).await;
    let bob = world.user("bob", Role::User).await;
    world
        .put(&path(bob.id, "/status"), &root, json!({"status": "disabled"}))
        .await
        .expect(200);
    for (query, names) in [
        ("", vec!["root", "Ada", "bob"]),
        ("?q=ADA", vec!["Ada"]),
        ("?q=aDa%40example", vec!["Ada"]),
        ("?q=%25", vec![]),
        ("?q=%00", vec![]),
        ("?q=&status=&limit=&cursor=", vec!["root", "Ada", "bob"]),
        ("?status=disabled", vec!["bob"]),
        ("?status=pending", vec![]),
        ("?q=example&status=active&limit=1000", vec!["root", "Ada"]),
    ] {
        let list = world
            .get(&format!("/api/auth/admin/users{query}"), &root)
            .await
            .expect(200)
            .body;
        let found: Vec<&str> = list["users"]
            .as_array()
            .unwrap()
            .iter()
            .map(|u| u["name"].as_str().unwrap())
            .collect();
        assert_eq!(found, names, "{query}");
    }
    let id = bob.id.to_string();
    for wrong in [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=1.5",
        "limit=x",
        "limit=99999999999999999999999",
        "limit=1&limit=2",
        "status=gone",
        "status=Active",
        "cursor=x",
        "limit=1&cursor=%00",
        &format!("cursor={id}"),
    ] {
        let answer = world.get(&format!("/api/auth/admin/users?{wrong}"), &root).await;
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.text);
    }
}

#[tokio::test]
async fn paging_shows_everybody_once_whoever_comes_and_goes() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let mut expected = BTreeSet::from(["root".to_owned()]);
    let mut users = Vec::new();
    for n in 0..10 {
        let name = format!("u{n}");
        users.push(world.user(&name, Role::User).await);
        expected.insert(name);
    }
    let mut seen: Vec<String> = Vec::new();
    let mut cursor = String::new();
    for page in 0.. {
        let list = world
            .get(&format!("/api/auth/admin/users?limit=3&cursor={cursor}"), &root)
            .await
            .expect(200)
            .body;
        let shown = list["users"].as_array().unwrap();
        assert!(shown.len() <= 3);
        seen.extend(shown.iter().map(|u| u["name"].as_str().unwrap().to_owned()));
        if page < 3 {
            let name = format!("late{page}");
            world.user(&name, Role::User).await;
            expected.insert(name);
            // The one the cursor points at, which was seen.
            let seen_last = users.iter().find(|u| Some(&u.name) == seen.last()).unwrap();
            world.delete(&path(seen_last.id, ""), &root).await.expect(200);
        }
        match list["next"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert!(list_is_unique(&seen), "{seen:?}");
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), expected);
}

fn list_is_unique(names: &[String]) -> bool {
    names.iter().collect::<BTreeSet<_>>().len() == names.len()
}
