//! Usage on its way into the report.

mod support;

use localauth_core::{Period, UsageEvent, UsageFilter, UsageSource};
use support::World;

fn event(world: &World, user: &localauth_core::User, tokens: u64) -> UsageEvent {
    UsageEvent {
        request_id: world.auth.new_request_id(),
        at: world.auth.now(),
        user_id: user.id,
        user_name: user.name.clone(),
        key: None,
        source: UsageSource::Web,
        model: "demo".into(),
        endpoint: "/v1/chat/completions".into(),
        prompt_tokens: tokens,
        cached_tokens: 0,
        cost_micros: 0,
        completion_tokens: 1,
        estimated: false,
    }
}

#[tokio::test]
async fn a_report_has_everything_recorded_before_it() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada@example.org").await, world.user("bob@example.org").await);
    for n in 0..2_500 {
        world.auth.record_usage(event(&world, &ada, n % 7));
    }
    world.auth.record_usage(event(&world, &bob, 5));
    let report = world
        .auth
        .usage_report(Period::Day, UsageFilter::of_user(ada.id))
        .await
        .unwrap();
    assert_eq!(report.totals.requests, 2_500);
    assert_eq!(report.totals.prompt_tokens, (0..2_500_u64).map(|n| n % 7).sum());
    assert_eq!(report.rows.len(), 1);
    assert_eq!(
        world
            .auth
            .usage_report(Period::All, UsageFilter::default())
            .await
            .unwrap()
            .totals
            .requests,
        2_501
    );
    assert_eq!(world.auth.unrecorded(), 0);
}

#[tokio::test]
async fn an_outage_loses_nothing() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    world.store.set_outage(true);
    let twice = event(&world, &ada, 3);
    for _ in 0..2 {
        world.auth.record_usage(twice.clone());
    }
    world.store.set_outage(false);
    let report = world
        .auth
        .usage_report(Period::Month, UsageFilter::default())
        .await
        .unwrap();
    assert_eq!(
        (report.totals.requests, report.totals.prompt_tokens),
        (1, 3),
        "one request id counts once"
    );
}
