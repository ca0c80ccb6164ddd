//! Health.

use std::time::Duration;

use crate::support::World;
use crate::users::admin;

#[tokio::test]
async fn a_healthy_server_says_so_and_what_it_is() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    world.auth.follow_changes().await.unwrap();
    let page = browser.get("/admin/health").await.expect(200);
    let page = page
        .says("It answered in")
        .says("By invite only")
        .says(env!("CARGO_PKG_VERSION"));
    page.says("data-refresh=\"10\"")
        .does_not_say("badge bad")
        .does_not_say("badge warn")
        .does_not_say("http-equiv");
}

#[tokio::test]
async fn what_is_wrong_comes_with_what_to_do() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    world.auth.follow_changes().await.unwrap();
    browser.get("/admin/health").await.expect(200);
    world.store.set_outage(true);
    let page = browser.get("/admin/health").await.expect(200);
    page.says("badge bad")
        .says("It does not answer.")
        .says("Check that it runs");
    // Pages that need the store say so, and no 401.
    browser
        .get("/admin/users")
        .await
        .expect(503)
        .says("database does not answer");
    world.store.set_outage(false);
    browser.get("/admin/health").await.expect(200).says("It answered in");
    world.clock.advance(Duration::from_mins(1));
    browser
        .get("/admin/health")
        .await
        .expect(200)
        .says("60 seconds ago")
        .says("Changes by other nodes are known late");
}
