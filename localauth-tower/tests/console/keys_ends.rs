//! New secrets for keys, and their end.

use std::time::Duration;

use localauth_core::Role;

use crate::keys::{key_of, lets_in, secret};
use crate::support::World;

#[tokio::test]
async fn a_new_secret_is_shown_once_and_the_old_one_ends_as_chosen() {
    let world = World::new();
    let (user, mut browser) = world.visitor("ada", Role::User).await;
    let old = key_of(&world, &user, "laptop").await;
    let path = format!("/keys/{}", old.key.id);
    let mark = browser.get(&path).await.after("name=\"secret\" value=\"");
    let first = [("grace", "1h"), ("secret", mark.as_str())];
    let rotated = browser.post(&format!("{path}/rotate"), &first).await.expect(200);
    assert_eq!(rotated.headers["cache-control"], "no-store");
    let new = secret(&rotated);
    rotated.says("The old secret is good until");
    assert!(lets_in(&world, &new).await && lets_in(&world, old.plain.expose()).await);
    browser
        .get(&path)
        .await
        .expect(200)
        .says("The old secret is good until")
        .does_not_say(&new);
    browser.get("/keys").await.says("The old secret is good until");
    // A double click, or a page that stood open: neither secret is touched.
    for again in [&first[..], &[first[0], first[1], ("confirmed", "yes")], &first[..1]] {
        let refused = browser.post(&format!("{path}/rotate"), again).await;
        refused.expect(409).says("another new secret meanwhile");
    }
    browser.get(&format!("{path}/rotate")).await.leads_to(&path);
    // While the one before is good, what would go is asked about.
    let mark = browser.get(&path).await.after("name=\"secret\" value=\"");
    let asked = browser
        .post(&format!("{path}/rotate"), &[("grace", "7d"), ("secret", &mark)])
        .await
        .expect(200)
        .says("it ends at once")
        .says("name=\"grace\" value=\"7d\"")
        .says("name=\"confirmed\"");
    assert_eq!(asked.after("name=\"secret\" value=\""), mark);
    assert!(lets_in(&world, &new).await && lets_in(&world, old.plain.expose()).await);
    world.clock.advance(Duration::from_hours(1));
    assert!(lets_in(&world, &new).await && !lets_in(&world, old.plain.expose()).await);
    browser.get(&path).await.says("It was good until");
    browser.get("/keys").await.does_not_say("The old secret is good until");

    let newest = secret(
        &browser
            .post(&format!("{path}/rotate"), &[("grace", "0s"), ("secret", &mark)])
            .await
            .says("good no more"),
    );
    assert!(lets_in(&world, &newest).await && !lets_in(&world, &new).await);
    for wrong in ["", "1000y", "-1d", "2h"] {
        let refused = browser.post(&format!("{path}/rotate"), &[("grace", wrong)]).await;
        refused.expect(400).says("Choose from the list");
    }
    assert!(lets_in(&world, &newest).await);
}

#[tokio::test]
async fn a_new_secret_while_the_one_before_is_good_comes_after_a_question() {
    let world = World::new();
    let (user, mut browser) = world.visitor("ada", Role::User).await;
    let old = key_of(&world, &user, "laptop").await;
    let path = format!("/keys/{}", old.key.id);
    let mut secrets = Vec::new();
    for _ in 0..2 {
        let mark = browser.get(&path).await.after("name=\"secret\" value=\"");
        let fields = [("grace", "7d"), ("secret", mark.as_str()), ("confirmed", "yes")];
        secrets.push(secret(
            &browser.post(&format!("{path}/rotate"), &fields).await.expect(200),
        ));
    }
    assert!(!lets_in(&world, old.plain.expose()).await);
    for secret in &secrets {
        assert!(lets_in(&world, secret).await);
    }
}

#[tokio::test]
async fn a_key_is_revoked_after_a_question_that_says_when_it_was_used() {
    let world = World::new();
    let (user, mut browser) = world.visitor("ada", Role::User).await;
    let key = key_of(&world, &user, "laptop").await;
    assert!(lets_in(&world, key.plain.expose()).await);
    let path = format!("/keys/{}/revoke", key.key.id);
    browser
        .get(&path)
        .await
        .expect(200)
        .says("laptop")
        .says("<time datetime=\"2027-01-15T08:00")
        .says(&format!("action=\"{path}\""));
    assert!(lets_in(&world, key.plain.expose()).await, "a look ends nothing");
    browser.post_from_elsewhere(&path, &[]).await.expect(403);
    assert!(lets_in(&world, key.plain.expose()).await);
    browser.post(&path, &[]).await.leads_to("/keys?done=key-revoked");
    assert!(!lets_in(&world, key.plain.expose()).await);
    browser.get("/keys?done=key-revoked").await.says("The key is revoked.");
    browser.post(&path, &[]).await.expect(404).says("There is no such key");
}
