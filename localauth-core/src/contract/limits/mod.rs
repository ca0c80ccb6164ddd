//! Rules of [`LimitStore`], with the users of the same store.

mod crowded;
mod house;
mod moved;
mod users;

use uuid::Uuid;

pub use self::crowded::*;
pub use self::house::*;
pub use self::moved::*;
pub use self::users::*;
use super::fixture::hash;
use crate::id::{Epoch, LimitId, UserId};
use crate::limit::{HouseRules, Limit, LimitRule, Tier, TierName};
use crate::store::{LimitStore, PutLimit, ReplaceHouseRules, UserStore};

group!(__contract_limits: UserStore, LimitStore);

/// More than any rule gives one user.
const MANY: usize = 1_000;

fn limit_id(n: usize) -> LimitId {
    LimitId::from_uuid(Uuid::from_u128(0x4c00_0000 + n as u128))
}

/// Limit number `n`, of `n` requests a minute.
fn limit(n: usize, model: &str) -> Limit {
    let window = crate::limit::Window::Rolling(std::time::Duration::from_mins(1));
    Limit {
        id: limit_id(n),
        rule: LimitRule::per(window).requests(n as u64).of_model(model),
    }
}

fn tier(name: &str) -> TierName {
    name.parse().expect("the name of a tier")
}

/// Rules with these tiers, each with limits of its own.
fn house(tiers: &[&str]) -> HouseRules {
    let with_limit = |(n, name): (usize, &&str)| {
        let limits = vec![limit(700 + n, "")];
        (
            tier(name),
            Tier {
                limits,
                ..Tier::default()
            },
        )
    };
    HouseRules {
        tiers: tiers.iter().enumerate().map(with_limit).collect(),
        ..HouseRules::default()
    }
}

async fn put<S: LimitStore + ?Sized>(store: &S, user: UserId, limit: &Limit) -> (LimitId, Epoch) {
    match store
        .put_user_limit(user, limit, MANY)
        .await
        .expect("the store answers")
    {
        PutLimit::Put(id, epoch) => (id, epoch),
        other => panic!("a limit that may be put is refused: {other:?}"),
    }
}

/// Replaces the house rules, whatever they were.
async fn furnish<S: LimitStore + ?Sized>(store: &S, rules: &HouseRules) -> Epoch {
    let (_, since) = store.house_rules().await.expect("the store answers");
    match store
        .replace_house_rules(rules, since)
        .await
        .expect("the store answers")
    {
        ReplaceHouseRules::Replaced(epoch) => epoch,
        other => panic!("house rules that nobody else changes are refused: {other:?}"),
    }
}

async fn limits<S: LimitStore + ?Sized>(store: &S, user: UserId) -> Vec<Limit> {
    store.user_limits(user).await.expect("the store answers").limits
}

/// Moves the user's epoch, in no way that has to do with limits.
async fn touch<S: UserStore + ?Sized>(store: &S, user: UserId) -> Epoch {
    let moved = store
        .set_password(user, None, &hash(1))
        .await
        .expect("the store answers");
    moved.expect("the user is there")
}
