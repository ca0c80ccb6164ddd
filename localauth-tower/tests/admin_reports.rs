//! What administrators read: usage, also as a table, and the audit log.
#![cfg(feature = "api")]

mod admin_support;

use std::collections::BTreeSet;

use admin_support::{NOBODY, SHARED, World};
use localauth_core::{KeyId, NewKey, Role, SeededEntropy, UsageEvent, UsageSource, User, UserId};
use serde_json::{Value, json};

const USAGE: &str = "/api/auth/admin/usage";
const SOURCES: &str = "/api/auth/admin/usage/sources";
const AUDIT: &str = "/api/auth/admin/audit";

fn event(world: &World, user_id: UserId, name: &str, source: UsageSource) -> UsageEvent {
    UsageEvent {
        request_id: world.auth.new_request_id(),
        at: world.auth.now(),
        user_id,
        user_name: name.to_owned(),
        key: None,
        source,
        model: "demo".to_owned(),
        endpoint: "/v1/chat/completions".to_owned(),
        prompt_tokens: 2,
        cached_tokens: 1,
        completion_tokens: 3,
        cost_micros: 7,
        estimated: false,
    }
}

fn key_id(world: &World, entropy: &SeededEntropy) -> KeyId {
    KeyId::generate(world.auth.now(), entropy).unwrap()
}

#[tokio::test]
async fn usage_of_everybody_by_user_key_and_source() {
    let world = World::new().await;
    let (root, session) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    let laptop = key_id(&world, &SeededEntropy::insecure(1));
    world
        .auth
        .record_usage(event(&world, root.id, "root", UsageSource::Web));
    world.auth.record_usage(UsageEvent {
        key: Some((laptop, "laptop".to_owned())),
        estimated: true,
        ..event(&world, ada.id, "ada", UsageSource::ApiKey)
    });
    let shared = event(&world, UserId::SHARED, "API Key User", UsageSource::Legacy);
    world.auth.record_usage(shared);

    let all = world.get(USAGE, &session).await.expect(200).body;
    let totals = json!({"prompt_tokens": 6, "completion_tokens": 9, "total_tokens": 15, "request_count": 3,
                        "estimated_requests": 1, "cached_tokens": 3, "cost_micros": 21});
    assert_eq!(all["totals"], totals);
    let ids: BTreeSet<&str> = all["usage"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["user_id"].as_str().unwrap())
        .collect();
    let (root_id, ada_id) = (root.id.to_string(), ada.id.to_string());
    assert_eq!(
        ids,
        BTreeSet::from([root_id.as_str(), ada_id.as_str(), "legacy-api-key"])
    );

    let one = world
        .get(&format!("{USAGE}?period=day&user_id={ada_id}"), &session)
        .await
        .expect(200)
        .body;
    assert_eq!(one["usage"].as_array().unwrap().len(), 1);
    assert_eq!(one["usage"][0]["bucket"], "2027-01-15 08:00");
    let one = world
        .get(&format!("{USAGE}?user_id=legacy-api-key"), &session)
        .await
        .expect(200)
        .body;
    assert_eq!(one["usage"][0]["user_name"], "API Key User");
    let none = world
        .get(&format!("{USAGE}?user_id={NOBODY}"), &session)
        .await
        .expect(200)
        .body;
    assert_eq!(none["usage"], json!([]));

    let sources = world.get(SOURCES, &session).await.expect(200).body;
    let by_source = &sources["totals"]["by_source"];
    for source in ["web", "apikey", "legacy"] {
        assert_eq!(by_source[source]["request_count"], 1, "{source}");
    }
    assert_eq!(sources["totals"]["by_user_source"].as_array().unwrap().len(), 3);
    let row = &sources["totals"]["by_key"][0];
    assert_eq!(
        (&row["api_key_id"], &row["tokens"], &row["cost_micros"]),
        (&json!(laptop.to_string()), &json!(5), &json!(7))
    );
    assert_eq!(
        (&sources["truncated"], &sources["totals"]["grand_total"]),
        (&json!(false), &totals)
    );
    let one = world
        .get(&format!("{SOURCES}?api_key_id={laptop}"), &session)
        .await
        .expect(200)
        .body;
    assert_eq!(one["totals"]["grand_total"]["request_count"], 1);
}

#[tokio::test]
async fn wrong_questions_about_usage_are_400_and_never_everybodys() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    for path in [USAGE, SOURCES] {
        for wrong in [
            "period=year",
            "period=Day",
            "user_id=x",
            "user_id=%00",
            "format=xml",
            "period=day&period=week",
        ] {
            world.get(&format!("{path}?{wrong}"), &root).await.expect(400);
        }
        world
            .get(&format!("{path}?period=&user_id=&api_key_id=&format="), &root)
            .await
            .expect(200);
    }
    world.get(&format!("{SOURCES}?api_key_id=x"), &root).await.expect(400);
}

#[tokio::test]
async fn keys_beyond_200_are_told_of_as_truncated() {
    let world = World::new().await;
    let (root, session) = world.admin("root").await;
    let entropy = SeededEntropy::insecure(1);
    for n in 0..201 {
        world.auth.record_usage(UsageEvent {
            key: Some((key_id(&world, &entropy), format!("k{n}"))),
            prompt_tokens: n,
            ..event(&world, root.id, "root", UsageSource::ApiKey)
        });
    }
    let sources = world.get(SOURCES, &session).await.expect(200).body;
    assert_eq!(sources["truncated"], true);
    let by_key = sources["totals"]["by_key"].as_array().unwrap();
    assert_eq!((by_key.len(), &by_key[0]["api_key_name"]), (200, &json!("k200")));
    assert_eq!(sources["totals"]["grand_total"]["request_count"], 201);
}

#[tokio::test]
async fn no_cell_of_a_table_is_a_formula() {
    let world = World::new().await;
    let (root, session) = world.admin("root").await;
    let id = root.id;
    world.auth.record_usage(UsageEvent {
        model: "@SUM(1,1)".to_owned(),
        key: Some((key_id(&world, &SeededEntropy::insecure(1)), "+\"k\"".to_owned())),
        ..event(&world, id, "=cmd|' /C calc'!A0", UsageSource::ApiKey)
    });
    let table = world.get(&format!("{USAGE}?format=csv"), &session).await.expect(200);
    assert_eq!(
        table.text,
        format!(
            "bucket,model,user_id,user_name,prompt_tokens,completion_tokens,total_tokens,request_count,estimated_requests,\
             cached_tokens,cost_micros\r\n\
             2027-01-15,\"'@SUM(1,1)\",{id},'=cmd|' /C calc'!A0,2,3,5,1,0,1,7\r\n"
        )
    );
    assert!(table.headers["content-type"].to_str().unwrap().starts_with("text/csv"));
    assert_eq!(
        table.headers["content-disposition"],
        "attachment; filename=\"usage.csv\""
    );
    let table = world.get(&format!("{SOURCES}?format=csv"), &session).await.expect(200);
    let mut lines = table.text.split("\r\n");
    assert_eq!(
        lines.next().unwrap(),
        "bucket,source,api_key_id,api_key_name,user_id,user_name,prompt_tokens,completion_tokens,total_tokens,\
         request_count,estimated_requests,cached_tokens,cost_micros"
    );
    let row = lines.next().unwrap();
    assert!(
        row.contains(&format!(",\"'+\"\"k\"\"\",{id},'=cmd|' /C calc'!A0,2,3,5,1,0,1,7")),
        "{row}"
    );
    assert_eq!(
        table.headers["content-disposition"],
        "attachment; filename=\"usage-sources.csv\""
    );
}

async fn events(world: &World, query: &str, token: &str) -> Vec<Value> {
    let answer = world.get(&format!("{AUDIT}{query}"), token).await.expect(200);
    answer.body["events"].as_array().unwrap().clone()
}

/// Does one of everything, as an administrator, to `ada`.
async fn do_everything(world: &World, session: &str, ada: &User) {
    let user = format!("/api/auth/admin/users/{}", ada.id);
    let login = json!({"email": "ada@example.org", "password": "wrong"});
    world.post("/api/auth/login", "", login).await.expect(401);
    world
        .put(&format!("{user}/role"), session, json!({"role": "admin"}))
        .await
        .expect(200);
    world
        .put(&format!("{user}/role"), session, json!({"role": "user"}))
        .await
        .expect(200);
    world
        .put(&format!("{user}/permissions"), session, json!({"chat": false}))
        .await
        .expect(200);
    world
        .put(
            &format!("{user}/models"),
            session,
            json!({"enabled": true, "models": ["demo"]}),
        )
        .await
        .expect(200);
    let invite = world
        .post("/api/auth/admin/invites", session, json!({}))
        .await
        .expect(201);
    world.secret(&invite.text("code"));
    let keys = json!({"keys": [world.secret("a-key-that-everybody-shares")]});
    world.put("/api/auth/admin/shared-keys", SHARED, keys).await.expect(200);
    let key = world
        .post(
            "/api/auth/admin/keys",
            session,
            json!({"userId": ada.id.to_string(), "name": "k"}),
        )
        .await;
    world.secret(&key.text("key"));
    world
        .delete(&format!("/api/auth/admin/keys/{}", key.text("id")), session)
        .await
        .expect(200);
    let acting = world.act_as(session, ada).await;
    let profile = json!({"name": "Countess"});
    world.put("/api/auth/profile", &acting, profile).await.expect(200);
    world.delete(&user, session).await.expect(200);
}

#[tokio::test]
async fn the_audit_log_says_who_did_what_to_what() {
    let world = World::new().await;
    let (root, session) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    do_everything(&world, &session, &ada).await;
    let found = events(&world, "?since=2027-01-15T08:00:00Z", &session).await;
    let actions: Vec<&str> = found.iter().map(|e| e["action"].as_str().unwrap()).collect();
    let expected = [
        "user.delete",
        "user.profile",
        "session.impersonate",
        "key.revoke",
        "key.create",
        "shared_keys.replace",
        "invite.create",
        "user.models",
        "user.permissions",
        "user.role",
        "user.role",
        "session.sign_in",
    ];
    assert_eq!(actions[..expected.len()], expected, "newest first");
    let names: BTreeSet<&str> = found[0].as_object().unwrap().keys().map(String::as_str).collect();
    let fields = "id at actor impersonator action target address userAgent outcome detail";
    assert_eq!(names, fields.split(' ').collect());
    let root_person = json!({"id": root.id.to_string(), "name": "root"});
    let ada_person = json!({"id": ada.id.to_string(), "name": "ada"});
    assert_eq!(
        (&found[0]["actor"], &found[0]["target"]),
        (&root_person, &json!(ada.id.to_string()))
    );
    assert_eq!(
        (&found[1]["actor"], &found[1]["impersonator"]),
        (&ada_person, &root_person),
        "both names"
    );
    assert_eq!(
        found[5]["actor"],
        json!({"id": "legacy-api-key", "name": "API Key User"})
    );
    let failed = &found[11];
    assert_eq!(
        (&failed["actor"], &failed["outcome"], &failed["target"]),
        (&Value::Null, &json!("failure"), &json!("ada@example.org"))
    );

    let by = |actor: &str| format!("?actor={actor}");
    assert_eq!(events(&world, &by("legacy-api-key"), &session).await.len(), 1);
    let as_root = events(&world, &by(&root.id.to_string()), &session).await;
    assert!(as_root.contains(&found[1]), "what was done as somebody else too");
    let profiles = events(&world, "?action=user.profile", &session).await;
    assert_eq!(profiles, [found[1].clone()]);
    assert!(
        events(&world, "?since=2030-01-01T00:00:00%2B02:00", &session)
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn paging_the_audit_log_shows_each_line_once() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let invite = async || {
        let made = world
            .post("/api/auth/admin/invites", &root, json!({}))
            .await
            .expect(201);
        world.secret(&made.text("code"));
    };
    for _ in 0..120 {
        invite().await;
    }
    let before: BTreeSet<String> = {
        let all = events(&world, "?limit=1000", &root).await;
        all.iter().map(|e| e["id"].as_str().unwrap().to_owned()).collect()
    };
    assert!(before.len() > 120);
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = world
            .get(&format!("{AUDIT}?cursor={cursor}"), &root)
            .await
            .expect(200)
            .body;
        let shown = page["events"].as_array().unwrap();
        assert!(shown.len() <= 100, "the default limit");
        seen.extend(shown.iter().map(|e| e["id"].as_str().unwrap().to_owned()));
        invite().await;
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(seen.len(), before.len(), "none twice");
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), before);
}

#[tokio::test]
async fn wrong_questions_about_the_audit_log_are_400() {
    let world = World::new().await;
    let (root, session) = world.admin("root").await;
    world.key(&root, NewKey::named("k")).await;
    for wrong in [
        "since=yesterday",
        "since=2027-01-15",
        "since=2027-13-15T00:00:00Z",
        "since=1800000000",
        "actor=x",
        "actor=%ff",
        "action=nothing",
        "action=user",
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=x",
        "limit=18446744073709551616",
        "cursor=x",
        "cursor=%00",
    ] {
        let answer = world.get(&format!("{AUDIT}?{wrong}"), &session).await;
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.text);
    }
    for fine in [
        "since=&actor=&action=&limit=&cursor=",
        "since=0001-01-01T00:00:00Z",
        "limit=1000",
        "limit=1",
    ] {
        world.get(&format!("{AUDIT}?{fine}"), &session).await.expect(200);
    }
}
