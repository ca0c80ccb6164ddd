//! Holding a request against its limits: before, while and after it is answered.

use std::fmt;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::vitals::Count;
use super::{Auth, Inner};
use crate::clock::Timestamp;
use crate::error::{Denial, StoreError};
use crate::id::{RequestId, UserId};
use crate::identity::Identity;
use crate::limit::{Amounts, Ask, Claim, Holder, OnOutage, Price, RateLimits, Reply, Reserved};
use crate::store::UserQuery;
use crate::user::Role;

/// What a request asks of its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenAsk {
    /// Tokens that are read, as far as is known.
    pub prompt_tokens: u64,
    /// Tokens to write: so many at least, or it is refused.
    pub least_completion: u64,
    /// And so many if there is room.
    pub most_completion: u64,
}

/// A request that a limit refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitRefusal {
    /// What to answer with.
    pub denial: Denial,
    /// After how long it would pass.
    pub retry_after: Option<Duration>,
    /// How the limits stand.
    pub limits: RateLimits,
}

/// The limits' answer: there, or on its way.
#[must_use]
pub enum Decision<T> {
    /// There.
    Ready(T),
    /// On its way. To give it up is safe: what comes to be held is let go.
    Pending(BoxFuture<'static, T>),
}

impl<T> fmt::Debug for Decision<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ready(_) => "Ready",
            Self::Pending(_) => "Pending",
        })
    }
}

impl<T> Decision<T> {
    /// Waits for it.
    pub async fn wait(self) -> T {
        match self {
            Self::Ready(answer) => answer,
            Self::Pending(answer) => answer.await,
        }
    }
}

/// What is held for one request under all limits that bind it. Clones are handles on the same.
///
/// Dropped without having been [settled](Self::settle), everything is let go.
#[derive(Clone)]
pub struct Allowance(Arc<Held>);

struct Held {
    auth: Auth,
    hold: RequestId,
    claims: Arc<[Claim]>,
    price: Price,
    began: Timestamp,
    limits: RateLimits,
    limits_tokens: bool,
    limits_time: bool,
    state: Mutex<State>,
}

struct State {
    held: Amounts,
    /// What time has cost that is held already.
    held_for_time: u64,
    is_committed: bool,
    is_closed: bool,
}

impl fmt::Debug for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Allowance").finish_non_exhaustive()
    }
}

impl Auth {
    /// Holds a request of `identity` for `model` against every limit that binds it: all of them, or none. `None` when
    /// none does.
    ///
    /// # Errors
    ///
    /// Decides for a [`LimitRefusal`] when a limit is used up, or nobody can tell and the limit says to refuse then.
    pub fn reserve(
        &self,
        identity: &Identity,
        model: &str,
        ask: TokenAsk,
    ) -> Decision<Result<Option<Allowance>, LimitRefusal>> {
        let all = identity.claims();
        if all.is_empty() {
            return Decision::Ready(Ok(None));
        }
        // Mostly all speak of all models.
        let claims: Arc<[Claim]> = if all.iter().all(|claim| claim.rule.covers(model)) {
            Arc::clone(all)
        } else {
            all.iter().filter(|claim| claim.rule.covers(model)).cloned().collect()
        };
        if claims.is_empty() {
            return Decision::Ready(Ok(None));
        }
        let price = self.0.house.price(model);
        let hold = self.new_request_id();
        let ask = Ask {
            prompt_tokens: ask.prompt_tokens,
            least_completion: ask.least_completion,
            most_completion: ask.most_completion,
            price,
            extra_cost: if limits_time(&claims, &price) {
                price.of_time(AHEAD)
            } else {
                0
            },
            ..Ask::REQUEST
        };
        let now = self.now();
        let first = match self.0.ledger.reserve(hold, &claims, &ask, now) {
            Reply::Ready(answer) if !matches!(answer, Ok(Reserved::Unknown(_))) => {
                return Decision::Ready(self.decided(answer, hold, claims, &ask, now));
            }
            first => first,
        };
        let (auth, user) = (self.clone(), identity.user_id());
        // On a task of its own, so that what comes to be held is let go though nobody waits any more.
        let task = tokio::spawn(async move {
            let answer = auth.0.reserve(first, user, hold, &claims, &ask).await;
            let now = auth.now();
            auth.decided(answer, hold, claims, &ask, now)
        });
        Decision::Pending(Box::pin(async move {
            task.await.unwrap_or_else(|_| Err(LimitRefusal::outage()))
        }))
    }

    fn decided(
        &self,
        answer: Result<Reserved, StoreError>,
        hold: RequestId,
        claims: Arc<[Claim]>,
        ask: &Ask,
        now: Timestamp,
    ) -> Result<Option<Allowance>, LimitRefusal> {
        self.0.counters.count(match &answer {
            Ok(Reserved::Granted { .. }) => Count::Reserved,
            Ok(Reserved::Refused { .. }) => Count::Limited,
            Ok(Reserved::Unknown(_)) | Err(_) => Count::LimitsUnknown,
        });
        match answer {
            Ok(Reserved::Granted { held, standings }) => {
                let limits = RateLimits::of(&claims, &standings, now);
                let limits_tokens = claims
                    .iter()
                    .any(|claim| !claim.rule.soft && claim.rule.limits_tokens());
                let limits_time = limits_time(&claims, &ask.price);
                Ok(Some(Allowance(Arc::new(Held {
                    auth: self.clone(),
                    hold,
                    claims,
                    price: ask.price,
                    began: now,
                    limits,
                    limits_tokens,
                    limits_time,
                    state: Mutex::new(State {
                        held,
                        held_for_time: ask.extra_cost,
                        is_committed: false,
                        is_closed: false,
                    }),
                }))))
            }
            Ok(Reserved::Refused {
                by,
                retry_after,
                standings,
            }) => Err(LimitRefusal {
                denial: claims.get(by).map_or(Denial::RateLimited, Claim::denial),
                // What waits for others to end is worth another try soon.
                retry_after: Some(retry_after.unwrap_or(Duration::from_secs(1))),
                limits: RateLimits::of(&claims, &standings, now),
            }),
            Ok(Reserved::Unknown(_)) => Err(LimitRefusal::outage()),
            Err(error) => {
                tracing::error!(%error, "limits could not be checked");
                let all_open = claims
                    .iter()
                    .all(|claim| claim.rule.soft || claim.rule.on_outage == OnOutage::Open);
                if all_open {
                    Ok(None)
                } else {
                    Err(LimitRefusal::outage())
                }
            }
        }
    }

    /// What a request costs that no limit binds.
    pub fn cost(&self, model: &str, prompt: u64, cached: u64, completion: u64, took: Duration) -> u64 {
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.0.house.price(model).cost(prompt, cached, completion, millis)
    }
}

/// So much time is held ahead of what has gone by, where time costs.
const AHEAD: Duration = Duration::from_secs(2);

/// Whether a budget that is kept goes by time, too.
fn limits_time(claims: &[Claim], price: &Price) -> bool {
    let is_budget = |claim: &Claim| !claim.rule.soft && claim.rule.max_cost_micros.is_some();
    price.second > 0 && claims.iter().any(is_budget)
}

impl LimitRefusal {
    fn outage() -> Self {
        Self {
            denial: Denial::StoreUnavailable,
            retry_after: Some(Duration::from_secs(1)),
            limits: RateLimits::default(),
        }
    }
}

/// How often to ask again when counters turn out to be unknown.
const TRIES: usize = 4;

impl Inner {
    /// Carries on with what the ledger said `first`, until it knows all counters.
    async fn reserve(
        self: &Arc<Self>,
        first: Reply<Reserved>,
        user: UserId,
        hold: RequestId,
        claims: &Arc<[Claim]>,
        ask: &Ask,
    ) -> Result<Reserved, StoreError> {
        let mut reply = first;
        for _ in 0..TRIES {
            match reply.wait().await? {
                Reserved::Unknown(unknown) => {
                    let unknown = unknown.into_iter().filter_map(|index| claims.get(index));
                    self.make_known(user, unknown.cloned().collect()).await?;
                    reply = self.ledger.reserve(hold, claims, ask, self.clock.now());
                }
                decided => return Ok(decided),
            }
        }
        Err(StoreError::unavailable(
            "counters are forgotten faster than they are made known",
        ))
    }

    /// Begins the counters of `claims` with what was used before.
    pub(super) async fn make_known(self: &Arc<Self>, user: UserId, claims: Vec<Claim>) -> Result<(), StoreError> {
        for mut claim in claims {
            let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(claim.counter);
            let index = usize::try_from(hash % self.seeding.len() as u64).unwrap_or(0);
            let Some(lock) = self.seeding.get(index) else { continue };
            let _turn = lock.lock().await;
            let one: Arc<[Claim]> = Arc::new([claim.clone()]);
            if let [Some(_)] = self.ledger.standings(&one, self.clock.now()).wait().await?[..] {
                continue;
            }
            // What was answered a moment ago counts too.
            Auth(Arc::clone(self)).flush().await?;
            if !claim.keys.is_empty() {
                self.add_sharers(user, &mut claim).await?;
            }
            let now = self.clock.now();
            let mut asked = claim.history(now);
            if claim.counter.holder == Holder::Everyone && !self.limit_admins {
                asked.without = self.those_exempt().await?;
            }
            let history = self.stores.usage_reader.usage_since(&asked).await?;
            let history = history
                .iter()
                .map(|(at, totals)| (*at, Amounts::from(totals)))
                .collect();
            self.ledger.seed(&claim, history, now).wait().await?;
        }
        Ok(())
    }

    /// Whom the limits of everyone do not bind, so that what they used does not count for these.
    async fn those_exempt(&self) -> Result<Vec<UserId>, StoreError> {
        let admins = UserQuery {
            role: Some(Role::Admin),
            ..UserQuery::default()
        };
        let admins = self.stores.users.list_users(&admins).await?;
        Ok(admins
            .into_iter()
            .map(|admin| admin.id)
            .chain([UserId::SHARED])
            .collect())
    }

    /// All keys that share the limit of a key.
    async fn add_sharers(&self, user: UserId, claim: &mut Claim) -> Result<(), StoreError> {
        let Holder::Key(holder) = claim.counter.holder else {
            return Ok(());
        };
        let keys = &self.stores.keys;
        // A key that was revoked has used what it used.
        let revoked = keys.list_revoked_keys(user).await?;
        for key in keys.list_keys(Some(user)).await?.into_iter().chain(revoked) {
            let limits = key.scope.limits.iter().map(|limit| limit.holder);
            let tier = key.scope.tier.iter().map(|tier| tier.holder);
            let shares = limits.chain(tier).any(|shared| shared == Some(holder));
            if shares && !claim.keys.contains(&key.id) {
                claim.keys.push(key.id);
            }
        }
        Ok(())
    }
}

impl Allowance {
    /// How the limits stand, this request included.
    pub fn limits(&self) -> &RateLimits {
        &self.0.limits
    }

    /// The request's name: what it used is recorded under the same one.
    pub fn request_id(&self) -> RequestId {
        self.0.hold
    }

    /// Whether tokens are limited, so that an answer may have to be cut short.
    pub fn limits_tokens(&self) -> bool {
        self.0.limits_tokens
    }

    /// Whether a budget goes by time, so that an answer may take too long.
    pub fn limits_time(&self) -> bool {
        self.0.limits_time
    }

    /// How many tokens may be written as it stands.
    pub fn granted_completion(&self) -> u64 {
        self.0.lock().held.completion_tokens
    }

    /// The answer has begun: the request counts from now on.
    pub fn commit(&self) {
        let mut state = self.0.lock();
        if state.is_committed || state.is_closed {
            return;
        }
        state.is_committed = true;
        let one = Amounts {
            requests: state.held.requests,
            ..Amounts::ZERO
        };
        state.held = state.held.minus(one);
        self.0.post(one, one, false);
    }

    /// Holds `more` tokens to write, or as many as there is room for; decides for how many may be written in all.
    pub fn extend(&self, more: u64) -> Decision<u64> {
        let held = &self.0;
        let now = held.auth.now();
        let ask = {
            let state = held.lock();
            if state.is_closed {
                return Decision::Ready(0);
            }
            Ask {
                requests: 0,
                places: 0,
                least_completion: 1,
                most_completion: more,
                price: held.price,
                extra_cost: held.more_time(&state, now),
                ..Ask::REQUEST
            }
        };
        match held.auth.0.ledger.reserve(held.hold, &held.claims, &ask, now) {
            Reply::Ready(answer) => Decision::Ready(held.extended(answer, &ask)),
            Reply::Pending(answer) => {
                let held = Arc::clone(held);
                // On a task of its own, and with a handle: what comes to be held is known, or let go.
                let task = tokio::spawn(async move {
                    let answer = answer.await;
                    held.extended(answer, &ask)
                });
                Decision::Pending(Box::pin(async move { task.await.unwrap_or(0) }))
            }
        }
    }

    /// Holds more time, if what is held will soon have gone by; decides for whether the answer may go on. To be asked about
    /// twice a second, where [time is limited](Self::limits_time).
    pub fn extend_time(&self) -> Decision<bool> {
        let held = &self.0;
        let now = held.auth.now();
        let ask = {
            let state = held.lock();
            let soon = held.price.of_time(now.since(held.began).saturating_add(AHEAD / 2));
            if !held.limits_time || state.is_closed || soon <= state.held_for_time {
                return Decision::Ready(true);
            }
            Ask {
                requests: 0,
                places: 0,
                extra_cost: held.more_time(&state, now),
                ..Ask::REQUEST
            }
        };
        match held.auth.0.ledger.reserve(held.hold, &held.claims, &ask, now) {
            Reply::Ready(answer) => Decision::Ready(held.extended_by_time(answer, &ask)),
            Reply::Pending(answer) => {
                let held = Arc::clone(held);
                let task = tokio::spawn(async move {
                    let answer = answer.await;
                    held.extended_by_time(answer, &ask)
                });
                Decision::Pending(Box::pin(async move { task.await.unwrap_or(false) }))
            }
        }
    }

    /// The request is over, and used so much; what was held beyond it is let go. Returns what it cost. Only the first
    /// time counts.
    pub fn settle(&self, prompt: u64, cached: u64, completion: u64) -> u64 {
        let held = &self.0;
        let took = u64::try_from(held.auth.now().since(held.began).as_millis()).unwrap_or(u64::MAX);
        let cost_micros = held.price.cost(prompt, cached, completion, took);
        let used = Amounts {
            prompt_tokens: prompt,
            completion_tokens: completion,
            cost_micros,
            ..Amounts::ZERO
        };
        self.commit();
        held.close(used);
        cost_micros
    }

    /// There was no answer that counts: everything is let go.
    pub fn release(&self) {
        self.0.close(Amounts::ZERO);
    }
}

impl Held {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn post(&self, release: Amounts, used: Amounts, last: bool) {
        let inner = &self.auth.0;
        inner
            .ledger
            .post(self.hold, &self.claims, release, used, last, inner.clock.now());
    }

    /// What time costs that is not held yet: what has gone by, and ahead of it where a budget goes by time.
    fn more_time(&self, state: &State, now: Timestamp) -> u64 {
        let ahead = if self.limits_time { AHEAD } else { Duration::ZERO };
        let time = self.price.of_time(now.since(self.began).saturating_add(ahead));
        time.saturating_sub(state.held_for_time)
    }

    fn extended_by_time(&self, answer: Result<Reserved, StoreError>, ask: &Ask) -> bool {
        let is_granted = matches!(answer, Ok(Reserved::Granted { .. }));
        let is_open = answer.is_err() && self.is_open_on_outage();
        self.extended(answer, ask);
        is_granted || is_open
    }

    fn is_open_on_outage(&self) -> bool {
        let is_open = |claim: &Claim| claim.rule.soft || claim.rule.on_outage == OnOutage::Open;
        self.claims.iter().all(is_open)
    }

    fn close(&self, used: Amounts) {
        let mut state = self.lock();
        if !std::mem::replace(&mut state.is_closed, true) {
            let release = std::mem::take(&mut state.held);
            self.post(release, used, true);
        }
    }

    /// Takes note of what an extension came to; says how much may be written in all.
    fn extended(&self, answer: Result<Reserved, StoreError>, ask: &Ask) -> u64 {
        let mut state = self.lock();
        match answer {
            Ok(Reserved::Granted { held, .. }) if state.is_closed => {
                self.post(held, Amounts::ZERO, true);
                return 0;
            }
            Ok(Reserved::Granted { held, .. }) => {
                state.held = state.held.plus(held);
                state.held_for_time = state.held_for_time.saturating_add(ask.extra_cost);
            }
            Ok(Reserved::Refused { .. } | Reserved::Unknown(_)) => {}
            Err(error) => {
                let all_open = self.is_open_on_outage();
                tracing::error!(%error, all_open, "limits could not be checked while an answer was written");
                if all_open {
                    state.held.completion_tokens = state.held.completion_tokens.saturating_add(ask.most_completion);
                }
            }
        }
        state.held.completion_tokens
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.close(Amounts::ZERO);
    }
}
