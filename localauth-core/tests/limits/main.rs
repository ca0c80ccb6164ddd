//! Limits as they bind requests.

mod restart;
#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use localauth_core::limit::{Amounts, Ask, Claim, KeyLimit, Reply, Reserved, Standing, Subject};
use localauth_core::{
    Allowance, Auth, Denial, HouseRules, Identity, KeyScope, KeyTier, Ledger, LimitError, LimitRefusal, LimitRule,
    MemoryLedger, OnOutage, Price, RequestId, Tier, TierName, Timestamp, TokenAsk, UsageEvent,
};
use support::{World, operator};

const ASK: TokenAsk = TokenAsk {
    prompt_tokens: 10,
    least_completion: 1,
    most_completion: 5,
};

fn per(window: &str) -> LimitRule {
    LimitRule::per(window.parse().unwrap())
}

async fn reserve(auth: &Auth, who: &Identity) -> Result<Option<Allowance>, LimitRefusal> {
    auth.reserve(who, "demo", ASK).wait().await
}

/// A request that is answered: held, counted and recorded.
async fn answered(world: &World, who: &Identity) -> Result<(), LimitRefusal> {
    let allowance = reserve(&world.auth, who).await?;
    if let Some(allowance) = allowance {
        allowance.commit();
        allowance.settle(10, 0, 5);
    }
    world.auth.record_usage(UsageEvent {
        request_id: world.auth.new_request_id(),
        at: world.auth.now(),
        user_id: who.user_id(),
        user_name: who.name().to_owned(),
        key: who.via_key().map(|(id, name)| (id, name.to_owned())),
        source: who.usage_source(),
        model: "demo".into(),
        endpoint: "/v1/chat/completions".into(),
        prompt_tokens: 10,
        cached_tokens: 0,
        completion_tokens: 5,
        cost_micros: 0,
        estimated: false,
    });
    Ok(())
}

async fn house(world: &World, change: impl FnOnce(&mut HouseRules)) {
    let (mut rules, since) = world.auth.house_rules().await.unwrap();
    change(&mut rules);
    world
        .auth
        .replace_house_rules(&operator(), &rules, since)
        .await
        .unwrap();
}

fn free() -> TierName {
    "free".parse().unwrap()
}

#[tokio::test]
async fn a_quota_holds_for_the_next_request_and_says_when_it_passes_again() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    let key = world.key(&ada).await;
    let me = world.ask(key.expose()).await.unwrap();
    assert!(reserve(&world.auth, &me).await.unwrap().is_none(), "nothing limits her");
    answered(&world, &me).await.unwrap();

    let rule = per("1m").requests(2);
    world.auth.set_user_limit(&operator(), ada.id, rule).await.unwrap();
    assert!(!me.is_current());
    let me = world.ask(key.expose()).await.unwrap();
    // What was used before the rule existed counts.
    answered(&world, &me).await.unwrap();
    let refusal = answered(&world, &me).await.unwrap_err();
    assert_eq!(refusal.denial, Denial::QuotaExceeded);
    let after = refusal.retry_after.unwrap();
    assert!(
        (Duration::from_mins(1)..=Duration::from_secs(61)).contains(&after),
        "{after:?}"
    );
    let requests = refusal.limits.requests.unwrap();
    assert_eq!((requests.limit, requests.remaining), (2, 0));

    let status = &world.auth.quota_status(ada.id).await.unwrap()[0];
    assert_eq!(status.standing.used.requests, 2);
    assert_eq!(status.standing.used.total_tokens(), 30);
    assert_eq!(status.standing.requests_at, Some(world.auth.now() + after));

    world
        .clock
        .advance(after.checked_sub(Duration::from_millis(1)).unwrap());
    world.pass(Duration::ZERO).await;
    answered(&world, &me).await.unwrap_err();
    world.pass(Duration::from_millis(1)).await;
    answered(&world, &me).await.unwrap();
}

#[tokio::test]
async fn what_is_not_answered_does_not_count() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    world
        .auth
        .set_user_limit(&operator(), ada.id, per("1h").requests(1).total_tokens(15))
        .await
        .unwrap();
    let key = world.key(&ada).await;
    let me = world.ask(key.expose()).await.unwrap();
    for _ in 0..3 {
        let allowance = reserve(&world.auth, &me).await.unwrap().unwrap();
        reserve(&world.auth, &me).await.unwrap_err();
        allowance.release();
        drop(reserve(&world.auth, &me).await.unwrap().unwrap());
    }
    answered(&world, &me).await.unwrap();
    answered(&world, &me).await.unwrap_err();
}

#[tokio::test]
async fn tokens_are_granted_as_far_as_they_reach() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    world
        .auth
        .set_user_limit(&operator(), ada.id, per("1d").total_tokens(20))
        .await
        .unwrap();
    let key = world.key(&ada).await;
    let me = world.ask(key.expose()).await.unwrap();
    let allowance = reserve(&world.auth, &me).await.unwrap().unwrap();
    assert!(allowance.limits_tokens());
    assert_eq!(allowance.granted_completion(), 5);
    assert_eq!(allowance.extend(100).wait().await, 10, "10 are read, 10 may be written");
    assert_eq!(allowance.extend(100).wait().await, 10);
    reserve(&world.auth, &me).await.unwrap_err();
    allowance.settle(10, 0, 4);
    assert_eq!(allowance.extend(100).wait().await, 0, "it is over");
    let refusal = reserve(&world.auth, &me).await.unwrap_err();
    assert_eq!(refusal.limits.tokens.unwrap().remaining, 6);
    let less = TokenAsk {
        prompt_tokens: 2,
        ..ASK
    };
    let allowance = world.auth.reserve(&me, "demo", less).wait().await.unwrap().unwrap();
    assert_eq!(allowance.granted_completion(), 4);
}

#[tokio::test]
async fn a_tier_gives_limits_features_and_models_and_the_user_by_name_goes_before() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    let bob = world.user("bob@example.org").await;
    let (ada_key, bob_key) = (world.key(&ada).await, world.key(&bob).await);
    let limit = world.auth.new_limit(per("1m").requests(1)).unwrap();
    house(&world, |rules| {
        rules.tiers.insert(
            free(),
            Tier {
                limits: vec![limit],
                features: [("chat".to_owned(), false), ("agents".to_owned(), true)].into(),
                models: Some(["demo".to_owned()].into()),
                weight: Some(3),
            },
        );
    })
    .await;
    let me = world.ask(ada_key.expose()).await.unwrap();
    assert!(me.may("chat") && me.tier().is_none() && me.weight() == 1);

    house(&world, |rules| rules.default_tier = Some(free())).await;
    assert!(!me.is_current(), "house rules are in force for the next request");
    let me = world.ask(ada_key.expose()).await.unwrap();
    assert!(!me.may("chat") && me.may("agents") && me.weight() == 3);
    assert!(me.may_use_model("demo") && !me.may_use_model("other"));
    answered(&world, &me).await.unwrap();
    assert_eq!(answered(&world, &me).await.unwrap_err().denial, Denial::RateLimited);
    // Each user by themselves.
    let other = world.ask(bob_key.expose()).await.unwrap();
    answered(&world, &other).await.unwrap();

    let said = [("chat".to_owned(), true)].into();
    world.auth.set_permissions(&operator(), ada.id, &said).await.unwrap();
    assert!(world.ask(ada_key.expose()).await.unwrap().may("chat"));

    // A tier with somebody in it stays.
    world
        .auth
        .set_user_tier(&operator(), ada.id, Some(&free()))
        .await
        .unwrap();
    let (_, since) = world.auth.house_rules().await.unwrap();
    let none = HouseRules::default();
    let error = world
        .auth
        .replace_house_rules(&operator(), &none, since)
        .await
        .unwrap_err();
    assert!(matches!(error, LimitError::TierInUse(tier) if tier == free()));
    world.auth.set_user_tier(&operator(), ada.id, None).await.unwrap();
    world.auth.replace_house_rules(&operator(), &none, since).await.unwrap();
    let error = world
        .auth
        .replace_house_rules(&operator(), &none, since)
        .await
        .unwrap_err();
    assert!(matches!(error, LimitError::Outdated));
}

#[tokio::test]
async fn administrators_are_exempt_but_not_their_keys() {
    let world = World::new().await;
    let root = world.admin("root@example.org").await;
    let everyone = world.auth.new_limit(per("1h").requests(0)).unwrap();
    house(&world, |rules| rules.everyone.push(everyone)).await;
    world
        .auth
        .set_user_limit(&operator(), root.id, per("1h").requests(0))
        .await
        .unwrap();
    let key = world.key(&root).await;
    let me = world.ask(key.expose()).await.unwrap();
    answered(&world, &me).await.unwrap();

    let limit = world.auth.new_limit(per("1h").requests(1)).unwrap();
    let scope = KeyScope {
        limits: vec![KeyLimit { holder: None, limit }],
        ..KeyScope::default()
    };
    let key = world.key_with(&root, scope).await.plain;
    let me = world.ask(key.expose()).await.unwrap();
    answered(&world, &me).await.unwrap();
    assert_eq!(answered(&world, &me).await.unwrap_err().denial, Denial::RateLimited);

    let strict = World::with(|b| b.limit_admins(true)).await;
    let root = strict.admin("root@example.org").await;
    let rule = per("1h").requests(0);
    strict.auth.set_user_limit(&operator(), root.id, rule).await.unwrap();
    let key = strict.key(&root).await;
    let me = strict.ask(key.expose()).await.unwrap();
    answered(&strict, &me).await.unwrap_err();
}

#[tokio::test]
async fn an_outage_closes_what_is_not_known_unless_the_rule_says_open() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    let bob = world.user("bob@example.org").await;
    let closed = per("1h").requests(5);
    let open = LimitRule {
        on_outage: OnOutage::Open,
        ..closed.clone()
    };
    world.auth.set_user_limit(&operator(), ada.id, closed).await.unwrap();
    world.auth.set_user_limit(&operator(), bob.id, open).await.unwrap();
    let (ada_key, bob_key) = (world.key(&ada).await, world.key(&bob).await);
    let (ada, bob) = (
        world.ask(ada_key.expose()).await.unwrap(),
        world.ask(bob_key.expose()).await.unwrap(),
    );
    world.store.set_outage(true);
    world.auth.follow_changes().await.unwrap_err();
    let refusal = reserve(&world.auth, &ada).await.unwrap_err();
    assert_eq!(refusal.denial, Denial::StoreUnavailable);
    assert!(reserve(&world.auth, &bob).await.unwrap().is_none());
    world.store.set_outage(false);
    world.auth.follow_changes().await.unwrap();
    drop(reserve(&world.auth, &ada).await.unwrap().unwrap());
    world.store.set_outage(true);
    // Who is known is held in memory.
    drop(reserve(&world.auth, &ada).await.unwrap().unwrap());
}

#[tokio::test]
async fn a_budget_in_money_is_kept_in_whole_millionths() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    house(&world, |rules| {
        let price = Price {
            prompt: 1_000_000,
            completion: 10_000_000,
            ..Price::FREE
        };
        rules.prices.insert("demo".into(), price);
    })
    .await;
    // A token read costs 1, one written 10.
    world
        .auth
        .set_user_limit(&operator(), ada.id, per("month").cost_micros(100))
        .await
        .unwrap();
    let key = world.key(&ada).await;
    let me = world.ask(key.expose()).await.unwrap();
    let allowance = reserve(&world.auth, &me).await.unwrap().unwrap();
    assert_eq!(allowance.granted_completion(), 5);
    assert_eq!(allowance.extend(100).wait().await, 9, "10 + 9 * 10 <= 100");
    assert_eq!(allowance.settle(10, 0, 9), 100);
    reserve(&world.auth, &me).await.unwrap_err();
    assert!(
        world.auth.reserve(&me, "free", ASK).wait().await.is_ok(),
        "what costs nothing passes"
    );
}

#[tokio::test]
async fn many_at_once_on_an_unknown_counter_are_exactly_as_many_as_may() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    world
        .auth
        .set_user_limit(&operator(), ada.id, per("1h").requests(100))
        .await
        .unwrap();
    let key = world.key(&ada).await;
    let me = world.ask(key.expose()).await.unwrap();
    let tasks: Vec<_> = (0..500)
        .map(|_| {
            let (auth, me) = (world.auth.clone(), me.clone());
            tokio::spawn(async move {
                match reserve(&auth, &me).await {
                    Ok(allowance) => {
                        allowance.unwrap().settle(1, 0, 1);
                        true
                    }
                    Err(refusal) => {
                        assert_eq!(refusal.denial, Denial::QuotaExceeded);
                        false
                    }
                }
            })
        })
        .collect();
    let mut passed = 0;
    for task in tasks {
        passed += usize::from(task.await.unwrap());
    }
    assert_eq!(passed, 100);
}

#[tokio::test]
async fn what_is_asked_and_given_up_is_let_go() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    world
        .auth
        .set_user_limit(&operator(), ada.id, per("1h").concurrent(1))
        .await
        .unwrap();
    let key = world.key(&ada).await;
    let me = world.ask(key.expose()).await.unwrap();
    // The first has to ask the store: its answer comes to nobody.
    drop(world.auth.reserve(&me, "demo", ASK));
    let mut held = None;
    while held.is_none() {
        tokio::task::yield_now().await;
        held = reserve(&world.auth, &me).await.ok().flatten();
    }
    let refusal = reserve(&world.auth, &me).await.unwrap_err();
    assert_eq!(refusal.retry_after, Some(Duration::from_secs(1)));
    assert!(world.auth.limit_status(&me).await.unwrap()[0].subject == Subject::User);
}

#[tokio::test]
async fn a_credential_is_looked_at_again_long_after() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    let key = world.key(&ada).await;
    let by_key = world.ask(key.expose()).await.unwrap();
    let session = world.session("ada@example.org").await;
    let by_session = world.ask(&session).await.unwrap();
    // A harmless change.
    let said = [("agents".to_owned(), true)].into();
    world.auth.set_permissions(&operator(), ada.id, &said).await.unwrap();
    for before in [&by_key, &by_session] {
        assert!(!before.is_current());
        let now = world.auth.recheck(before).await.unwrap();
        assert!(now.is_current() && now.may("agents") && now.source() == before.source());
    }
    world.auth.revoke_key(&operator(), key_id(&by_key)).await.unwrap();
    assert_eq!(world.auth.recheck(&by_key).await.unwrap_err(), Denial::InvalidApiKey);
    assert!(world.auth.recheck(&by_session).await.is_ok());
    world
        .auth
        .set_status(&operator(), ada.id, localauth_core::Status::Disabled)
        .await
        .unwrap();
    assert!(world.auth.recheck(&by_session).await.is_err());
}

fn key_id(identity: &Identity) -> localauth_core::KeyId {
    match identity.source() {
        localauth_core::Source::ApiKey { id, .. } => *id,
        other => panic!("{other:?} is no key"),
    }
}

/// A ledger that has to be asked over a distance, and counts how often it was.
#[derive(Clone, Default)]
struct Distant {
    ledger: Arc<MemoryLedger>,
    asked: Arc<AtomicUsize>,
}

impl Ledger for Distant {
    fn reserve(&self, hold: RequestId, claims: &Arc<[Claim]>, ask: &Ask, now: Timestamp) -> Reply<Reserved> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        // Asked is asked, whether or not somebody waits for the answer.
        let answer = self.ledger.reserve(hold, claims, ask, now);
        Reply::Pending(Box::pin(answer.wait()))
    }

    fn post(
        &self,
        hold: RequestId,
        claims: &Arc<[Claim]>,
        release: Amounts,
        used: Amounts,
        last: bool,
        now: Timestamp,
    ) {
        self.ledger.post(hold, claims, release, used, last, now);
    }

    fn standings(&self, claims: &Arc<[Claim]>, now: Timestamp) -> Reply<Vec<Option<Standing>>> {
        self.ledger.standings(claims, now)
    }

    fn seed(&self, claim: &Claim, history: Vec<(Timestamp, Amounts)>, now: Timestamp) -> Reply<()> {
        self.ledger.seed(claim, history, now)
    }

    fn sweep(&self, now: Timestamp) -> Reply<()> {
        self.ledger.sweep(now)
    }
}

#[tokio::test]
async fn a_distant_ledger_is_asked_once_for_a_request() {
    let ledger = Distant::default();
    let world = World::with(|b| b.ledger(ledger.clone())).await;
    let ada = world.user("ada@example.org").await;
    world
        .auth
        .set_user_limit(&operator(), ada.id, per("1h").requests(3))
        .await
        .unwrap();
    let key = world.key(&ada).await;
    let me = world.ask(key.expose()).await.unwrap();
    // The first has to make the counter known.
    answered(&world, &me).await.unwrap();
    assert_eq!(ledger.asked.swap(0, Ordering::SeqCst), 2);
    answered(&world, &me).await.unwrap();
    assert_eq!(ledger.asked.swap(0, Ordering::SeqCst), 1);
    answered(&world, &me).await.unwrap();
    answered(&world, &me).await.unwrap_err();
    let standing = world.auth.limit_status(&me).await.unwrap()[0].standing;
    assert_eq!((standing.used.requests, standing.held.requests), (3, 0));
}
