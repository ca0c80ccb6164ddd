//! How limits stand.

use std::sync::Arc;

use super::Auth;
use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::id::UserId;
use crate::identity::Identity;
use crate::limit::{Amounts, Ask, Claim, Holder, Limit, Price, Standing, Subject, claims_of};

/// A limit, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitStatus {
    /// The limit.
    pub limit: Limit,
    /// Whose it is.
    pub subject: Subject,
    /// How it stands.
    pub standing: Standing,
}

impl LimitStatus {
    /// When the next request would pass again; `None` while one passes, and where none ever will.
    ///
    /// What waits for requests under way to end may pass at any time: that is the present.
    pub fn resets_at(&self) -> Option<Timestamp> {
        let rule = &self.limit.rule;
        // A soft limit refuses nothing, and one of zero always.
        if rule.soft || !rule.has_room(&one_token(Price::FREE), Amounts::ZERO) {
            return None;
        }
        self.standing.requests_at.max(self.standing.tokens_at)
    }
}

/// The least that a request for an answer asks for.
const fn one_token(price: Price) -> Ask {
    Ask {
        least_completion: 1,
        most_completion: 1,
        price,
        ..Ask::REQUEST
    }
}

impl Auth {
    /// A user's own limits, and how they stand.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when store or ledger could not answer.
    pub async fn quota_status(&self, user: UserId) -> Result<Vec<LimitStatus>, StoreError> {
        let limits = self.user_limits(user).await?.limits;
        self.status_in_order(user, &limits, Subject::User, Holder::User(user))
            .await
    }

    /// The limits of everyone together, and how they stand.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when store or ledger could not answer.
    pub async fn everyone_status(&self) -> Result<Vec<LimitStatus>, StoreError> {
        let (house, _) = self.house_rules().await?;
        self.status_in_order(UserId::HOUSE, &house.everyone, Subject::Everyone, Holder::Everyone)
            .await
    }

    /// All limits that bind requests of `identity`, and how they stand.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when store or ledger could not answer.
    pub async fn limit_status(&self, identity: &Identity) -> Result<Vec<LimitStatus>, StoreError> {
        self.status_of(identity.user_id(), Arc::clone(identity.claims())).await
    }

    /// The limit that would refuse a request of `identity` for an answer of `model` now; of several, the one that does so
    /// longest. Without a model, of those that are of all models.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when store or ledger could not answer.
    pub async fn used_up(&self, identity: &Identity, model: &str) -> Result<Option<LimitStatus>, StoreError> {
        let ask = one_token(self.0.house.price(model));
        let refuses = |status: &LimitStatus| {
            let (rule, standing) = (&status.limit.rule, &status.standing);
            rule.covers(model) && !rule.has_room(&ask, standing.used.plus(standing.held))
        };
        let all = self.limit_status(identity).await?;
        Ok(all
            .into_iter()
            .filter(refuses)
            .max_by_key(|status| status.standing.requests_at.max(status.standing.tokens_at)))
    }

    /// How limits of one holder stand, in their own order.
    async fn status_in_order(
        &self,
        user: UserId,
        limits: &[Limit],
        subject: Subject,
        holder: Holder,
    ) -> Result<Vec<LimitStatus>, StoreError> {
        let mut claims: Vec<Claim> = claims_of(limits, subject, holder).collect();
        claims.sort_unstable_by_key(|claim| claim.counter);
        let mut status = self.status_of(user, claims.into()).await?;
        status.sort_by_key(|status| limits.iter().position(|limit| limit.id == status.limit.id));
        Ok(status)
    }

    async fn status_of(&self, user: UserId, claims: Arc<[Claim]>) -> Result<Vec<LimitStatus>, StoreError> {
        let inner = &self.0;
        let mut standings = inner.ledger.standings(&claims, self.now()).wait().await?;
        if standings.iter().any(Option::is_none) {
            let unknown = claims.iter().zip(&standings).filter(|(_, standing)| standing.is_none());
            inner
                .make_known(user, unknown.map(|(claim, _)| claim.clone()).collect())
                .await?;
            standings = inner.ledger.standings(&claims, self.now()).wait().await?;
        }
        let status = |(claim, standing): (&Claim, Option<Standing>)| LimitStatus {
            limit: Limit {
                id: claim.counter.limit,
                rule: claim.rule.clone(),
            },
            subject: claim.subject,
            standing: standing.unwrap_or_default(),
        };
        Ok(claims.iter().zip(standings).map(status).collect())
    }
}
