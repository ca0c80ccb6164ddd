//! The house rules as they are changed, and how limits stand.

mod support;

use localauth_core::limit::Subject;
use localauth_core::{
    Denial, HouseRules, KeyScope, KeyTier, LimitError, LimitRule, NewKey, Price, Tier, TierName, TokenAsk,
};
use support::{World, operator};

fn pro() -> TierName {
    "pro".parse().unwrap()
}

fn per(window: &str) -> LimitRule {
    LimitRule::per(window.parse().unwrap())
}

async fn with_pro(world: &World) {
    let insert = |rules: &mut HouseRules| {
        rules.tiers.insert(pro(), Tier::default());
        Ok(rules.tiers.len())
    };
    let made = world.auth.change_house_rules(&operator(), insert).await;
    assert_eq!(made.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_quicker_is_not_overwritten() {
    let world = World::new().await;
    let auth = world.auth.clone();
    let mut tries = 0;
    let change = |rules: &mut HouseRules| {
        tries += 1;
        if tries <= 2 {
            // Somebody else, between the look and the change.
            let free = format!("free{tries}").parse().unwrap();
            let other = async {
                let (mut rules, since) = auth.house_rules().await.unwrap();
                rules.tiers.insert(free, Tier::default());
                auth.replace_house_rules(&operator(), &rules, since).await.unwrap();
            };
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(other));
        }
        rules.tiers.insert(pro(), Tier::default());
        Ok(())
    };
    world.auth.change_house_rules(&operator(), change).await.unwrap();
    assert_eq!(tries, 3);
    let names: Vec<String> = world
        .auth
        .house_rules()
        .await
        .unwrap()
        .0
        .tiers
        .keys()
        .map(ToString::to_string)
        .collect();
    assert_eq!(names, ["free1", "free2", "pro"]);
}

#[tokio::test]
async fn a_change_that_is_refused_changes_nothing() {
    let world = World::new().await;
    let before = world.auth.house_rules().await.unwrap();
    let refuse = |rules: &mut HouseRules| {
        rules.prices.insert("demo".to_owned(), Price::FREE);
        Err::<(), _>(LimitError::NoSuchTier)
    };
    let refused = world.auth.change_house_rules(&operator(), refuse).await;
    assert!(matches!(refused, Err(LimitError::NoSuchTier)));
    let ada = world.user("ada@example.org").await;
    let key = world.key(&ada).await;
    let caller = world.by(key.expose()).await;
    let asked = world.auth.change_house_rules(&caller, |_| -> Result<(), _> {
        panic!("nobody asked whether they may")
    });
    assert!(matches!(asked.await, Err(LimitError::Denied(Denial::AdminRequired))));
    assert_eq!(world.auth.house_rules().await.unwrap(), before);
}

#[tokio::test]
async fn a_tier_goes_when_nothing_is_in_it() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    with_pro(&world).await;
    let delete = async || world.auth.delete_tier(&operator(), &pro()).await;
    let scope = KeyScope {
        tier: Some(KeyTier {
            name: pro(),
            holder: None,
        }),
        ..KeyScope::default()
    };
    let ends = world.auth.now() + std::time::Duration::from_secs(1);
    let new = NewKey::named("k").scoped(scope).expiring(ends);
    world.auth.create_key(ada.id, new).await.unwrap();
    assert!(matches!(delete().await, Err(LimitError::TierHasKeys(tier, 1)) if tier == pro()));
    world.pass(std::time::Duration::from_secs(1)).await;
    world
        .auth
        .set_user_tier(&operator(), ada.id, Some(&pro()))
        .await
        .unwrap();
    assert!(matches!(delete().await, Err(LimitError::TierInUse(tier)) if tier == pro()));
    world.auth.set_user_tier(&operator(), ada.id, None).await.unwrap();
    let default = async |tier: Option<TierName>| {
        let change = |rules: &mut HouseRules| {
            rules.default_tier.clone_from(&tier);
            Ok(())
        };
        world.auth.change_house_rules(&operator(), change).await
    };
    default(Some(pro())).await.unwrap();
    assert!(matches!(delete().await, Err(LimitError::TierIsDefault(tier)) if tier == pro()));
    default(None).await.unwrap();
    delete().await.unwrap();
    assert!(matches!(delete().await, Err(LimitError::NoSuchTier)));
}

#[tokio::test]
async fn a_key_in_a_tier_is_not_for_the_house() {
    let world = World::new().await;
    let root = world.admin("root@example.org").await;
    with_pro(&world).await;
    let scope = KeyScope {
        can_mint: true,
        tier: Some(KeyTier {
            name: pro(),
            holder: None,
        }),
        ..KeyScope::default()
    };
    let key = world.key_with(&root, scope).await.plain;
    let me = world.ask(key.expose()).await.unwrap();
    assert_eq!(me.require_admin(), Err(Denial::KeyScope));
}

#[tokio::test]
async fn what_is_used_up_is_told_by_model_and_price() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    let price = Price {
        completion: 1_000_000,
        ..Price::FREE
    };
    let everyone = world.auth.new_limit(per("1h").requests(3)).unwrap();
    world
        .auth
        .change_house_rules(&operator(), |rules| {
            rules.prices.insert("dear".to_owned(), price);
            rules.everyone = vec![everyone.clone()];
            Ok(())
        })
        .await
        .unwrap();
    let rule = per("1d").cost_micros(5);
    world.auth.set_user_limit(&operator(), ada.id, rule).await.unwrap();
    let key = world.key(&ada).await;
    let me = world.ask(key.expose()).await.unwrap();
    let used_up = async |model| {
        let found = world.auth.used_up(&me, model).await.unwrap();
        found.map(|status| (status.subject, status.resets_at().is_some()))
    };
    let answered = async || {
        let ask = TokenAsk {
            prompt_tokens: 1,
            least_completion: 1,
            most_completion: 5,
        };
        let held = world.auth.reserve(&me, "dear", ask).wait().await.unwrap();
        held.unwrap().settle(1, 0, 5);
    };
    assert_eq!(used_up("dear").await, None);
    answered().await;
    assert_eq!(used_up("dear").await, Some((Subject::User, true)));
    assert_eq!(used_up("free").await, None, "what costs nothing passes");
    let status = world.auth.everyone_status().await.unwrap();
    assert_eq!((status[0].limit.id, status[0].standing.used.requests), (everyone.id, 1));
}
