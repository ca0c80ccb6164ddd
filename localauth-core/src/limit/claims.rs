//! Which limits bind a request.

use std::sync::Arc;

use super::ledger::{Claim, CounterId, Holder, Subject};
use super::rule::{Limit, LimitRule};
use super::tier::{HouseRules, Tier};
use crate::id::{KeyId, UserId};
use crate::scope::KeyScope;
use crate::store::UserLimits;

/// Whose request it is.
pub(crate) struct Bound<'a> {
    pub(crate) user: UserId,
    /// What limits the user by name.
    pub(crate) limits: &'a UserLimits,
    /// The tier they are in, by name or by default.
    pub(crate) tier: Option<&'a Tier>,
    /// The key the request comes with, and what it is narrowed to.
    pub(crate) key: Option<(KeyId, &'a KeyScope)>,
    /// Whether only the key's limits hold.
    pub(crate) is_exempt: bool,
}

impl Bound<'_> {
    /// All limits that may bind a request, sorted as the ledger wants them.
    pub(crate) fn claims(&self, house: &HouseRules) -> Arc<[Claim]> {
        let mut claims = Vec::new();
        if !self.is_exempt {
            let user = Holder::User(self.user);
            claims.extend(claims_of(&house.everyone, Subject::Everyone, Holder::Everyone));
            claims.extend(claims_of(&self.limits.limits, Subject::User, user));
            if let Some(tier) = self.tier {
                claims.extend(claims_of(&tier.limits, Subject::Tier, user));
            }
        }
        if let Some((key, scope)) = self.key {
            for limit in &scope.limits {
                let holder = limit.holder.unwrap_or(key);
                claims.push(of_key(&limit.limit, Subject::Key, holder, key));
            }
            let tier = scope.tier.as_ref();
            if let Some((tier, known)) = tier.and_then(|tier| Some((tier, house.tiers.get(&tier.name)?))) {
                let holder = tier.holder.unwrap_or(key);
                claims.extend(
                    known
                        .limits
                        .iter()
                        .map(|limit| of_key(limit, Subject::Key, holder, key)),
                );
            }
        }
        claims.sort_unstable_by_key(|claim| claim.counter);
        claims.dedup_by_key(|claim| claim.counter);
        claims.into()
    }
}

/// Limits as they bind whoever `holder` is.
pub(crate) fn claims_of(limits: &[Limit], subject: Subject, holder: Holder) -> impl Iterator<Item = Claim> + '_ {
    limits
        .iter()
        .map(move |limit| claim(limit, subject, holder, Vec::new()))
}

fn of_key(limit: &Limit, subject: Subject, holder: KeyId, key: KeyId) -> Claim {
    let keys = if holder == key { vec![key] } else { vec![holder, key] };
    claim(limit, subject, Holder::Key(holder), keys)
}

fn claim(limit: &Limit, subject: Subject, holder: Holder, keys: Vec<KeyId>) -> Claim {
    Claim {
        counter: CounterId {
            limit: limit.id,
            holder,
            window: limit.rule.window,
        },
        rule: LimitRule::clone(&limit.rule),
        subject,
        keys,
    }
}
