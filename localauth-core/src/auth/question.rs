//! Asking the store about a credential that is not remembered.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use tokio::time::timeout;

use super::house::InForce;
use super::resolve::Answer;
use super::{Cached, Inner};
use crate::cache::{DigestKey, EpochCell};
use crate::clock::Timestamp;
use crate::error::{Denial, StoreError};
use crate::id::{Epoch, KeyId, SessionId, UserId};
use crate::identity::{Identity, Proof, Source, Terms, Watch};
use crate::key::{ApiKey, KeyUse, PublicId};
use crate::secret::StoredDigest;
use crate::session::{FoundSession, RENEW_AFTER, SESSION_LIFETIME, Session};
use crate::store::UserLimits;
use crate::user::{Role, Status, User};

/// How long a credential that was found to be no good is not asked for again.
const REFUSED_FOR: Duration = Duration::from_secs(10);
/// Reads that may be overtaken by changes before we give up.
const TRIES: usize = 4;

/// What is known of a public id that came with a wrong secret.
#[derive(Clone)]
pub(super) enum KnownId {
    /// Nobody has it, as of a moment ago.
    Absent { until: Timestamp },
    /// Somebody has it, with this digest: other secrets are wrong without asking again.
    Present {
        digest: StoredDigest,
        epoch: Epoch,
        cell: Arc<EpochCell>,
    },
}

/// A credential that was found to be no good, and until when that is believed.
#[derive(Clone, Copy)]
pub(super) struct Refused {
    pub(super) denial: Denial,
    pub(super) until: Timestamp,
}

/// One question to the store.
pub(super) struct Question<'a> {
    pub(super) inner: &'a Arc<Inner>,
    pub(super) head: &'a [u8],
    pub(super) tail: &'a [u8],
    pub(super) digest: DigestKey,
    pub(super) address: Option<IpAddr>,
}

/// What a look at the store came to.
enum Look {
    /// An identity, and what to note about the key's use.
    Found(Arc<Identity>, Option<KeyUse>),
    /// Overtaken by a change: look again.
    Again,
}

/// What holds for a user besides what their row says, as it was read.
pub(super) struct OwnTerms {
    house: InForce,
    limits: UserLimits,
}

impl OwnTerms {
    pub(super) fn borrow(&self, inner: &Inner) -> Result<Terms<'_>, Denial> {
        Ok(Terms {
            house: self.house.rules().ok_or(Denial::StoreUnavailable)?,
            watch: self.house.watch.clone(),
            limits: &self.limits,
            limit_admins: inner.limit_admins,
        })
    }
}

/// What holds for a user besides what their row says, for however long the store takes.
pub(super) async fn terms_of(inner: &Inner, user: UserId) -> Result<OwnTerms, StoreError> {
    Ok(OwnTerms {
        house: inner.house().await?,
        limits: inner.stores.limits.user_limits(user).await?,
    })
}

impl Question<'_> {
    pub(super) async fn key(&self, id: PublicId) -> Answer {
        for _ in 0..TRIES {
            let followed = self.inner.sync.has_begun();
            let found = self.within(self.inner.stores.keys.find_key(&id)).await?;
            let now = self.inner.clock.now();
            let Some((key, user)) = found else {
                let until = now + REFUSED_FOR;
                self.inner.public_ids.insert(id, KnownId::Absent { until });
                return Err(Denial::InvalidApiKey);
            };
            let terms = self.terms(user.id).await?;
            if let Look::Found(identity, used) = self.look_at_key(&key, user, &terms, now)? {
                return Ok(self.remember(identity, used, now, followed));
            }
        }
        Err(Denial::StoreUnavailable)
    }

    /// The key that a request came with, looked at again without its secret; it ends at `end` at the latest.
    pub(super) async fn key_again(&self, id: KeyId, public_id: &PublicId, end: Timestamp) -> Answer {
        let inner = self.inner;
        for _ in 0..TRIES {
            let found = self.within(inner.stores.keys.find_key(public_id)).await?;
            let now = inner.clock.now();
            let good = |key: &ApiKey| key.id == id && key.revoked_at.is_none();
            let (key, owner) = found.filter(|(key, _)| good(key)).ok_or(Denial::InvalidApiKey)?;
            let terms = self.terms(owner.id).await?;
            let cell = inner.epochs.observe(owner.id, owner.epoch, now);
            let end = key.expires_at.map_or(end, |keys| keys.min(end));
            let proof = Proof::of_key(&key, end);
            let identity = Identity::of_user(proof, owner, &inner.features, cell, &terms.borrow(inner)?);
            if identity.is_current() {
                return Ok(Arc::new(identity));
            }
        }
        Err(Denial::StoreUnavailable)
    }

    /// The session that a request came with, looked at again without its token.
    pub(super) async fn session_again(&self, user_id: UserId, id: SessionId) -> Answer {
        let inner = self.inner;
        for _ in 0..TRIES {
            let shared = inner
                .epochs
                .observe(UserId::SHARED, Epoch::default(), inner.clock.now());
            let shared = Watch {
                epoch: shared.newest(),
                cell: shared,
            };
            let now = inner.clock.now();
            let sessions = self.within(inner.stores.sessions.list_sessions(user_id, now)).await?;
            let session = sessions.into_iter().find(|session| session.id == id);
            let session = session.ok_or(Denial::InvalidSession)?;
            let digest = session.digest;
            let found = self.within(inner.stores.sessions.find_session(&[digest])).await?;
            let found = found.ok_or(Denial::InvalidSession)?;
            let terms = self.terms(user_id).await?;
            if let Look::Found(identity, _) = self.look_at_session(found, &[digest], shared, &terms, now)? {
                return Ok(identity);
            }
        }
        Err(Denial::StoreUnavailable)
    }

    fn look_at_key(&self, key: &ApiKey, owner: User, terms: &OwnTerms, now: Timestamp) -> Result<Look, Denial> {
        let inner = self.inner;
        let cell = inner.epochs.observe(owner.id, owner.epoch, now);
        if cell.newest() != owner.epoch {
            return Ok(Look::Again);
        }
        let is_previous = match inner.ring.verify(self.tail, &key.digest) {
            Some(true) => false,
            present => {
                let previous = key
                    .previous
                    .as_ref()
                    .filter(|old| inner.ring.verify(self.tail, &old.digest) == Some(true));
                match (previous, present) {
                    (Some(old), _) if !now.is_past(old.until) => true,
                    (Some(_), _) => return Err(self.refuse(Denial::ExpiredApiKey, now)),
                    // An old secret is tried for real, not by what is known of the present one.
                    (None, Some(_)) if key.previous.is_some() => {
                        return Err(self.refuse(Denial::InvalidApiKey, now));
                    }
                    (None, Some(_)) => {
                        let known = KnownId::Present {
                            digest: key.digest,
                            epoch: owner.epoch,
                            cell,
                        };
                        inner.public_ids.insert(key.public_id, known);
                        return Err(Denial::InvalidApiKey);
                    }
                    (None, None) => {
                        let id = key.public_id;
                        tracing::error!(key = %id, "this key was made under a server secret that is not known any more");
                        return Err(self.refuse(Denial::InvalidApiKey, now));
                    }
                }
            }
        };
        if key.revoked_at.is_some() {
            return Err(self.refuse(Denial::InvalidApiKey, now));
        }
        if key.expires_at.is_some_and(|end| now.is_past(end)) {
            return Err(self.refuse(Denial::ExpiredApiKey, now));
        }
        let end = key.expires_at.unwrap_or(Timestamp::MAX);
        let end = match &key.previous {
            Some(old) if is_previous => end.min(old.until),
            _ => end,
        };
        let used = KeyUse {
            id: key.id,
            at: now,
            ip: self.address.map(|ip| ip.to_canonical().to_string()).unwrap_or_default(),
            previous: is_previous,
        };
        let mut proof = Proof::of_key(key, end);
        if is_previous {
            // Whoever has only the old secret must not make anything that outlives it: no child, no new secret.
            proof.key = Some((key.id, Some(end)));
        }
        let identity = Identity::of_user(proof, owner, &inner.features, cell, &terms.borrow(inner)?);
        if identity.is_current() {
            Ok(Look::Found(Arc::new(identity), Some(used)))
        } else {
            Ok(Look::Again)
        }
    }

    pub(super) async fn session(&self) -> Answer {
        let digests = self.inner.ring.all_digests(self.tail);
        for _ in 0..TRIES {
            let followed = self.inner.sync.has_begun();
            // The synthetic administrator is in no store: what is known of them before the question is what counts.
            let shared = self
                .inner
                .epochs
                .observe(UserId::SHARED, Epoch::default(), self.inner.clock.now());
            let shared = Watch {
                epoch: shared.newest(),
                cell: shared,
            };
            let found = self.within(self.inner.stores.sessions.find_session(&digests)).await?;
            let now = self.inner.clock.now();
            let Some(found) = found else {
                return Err(self.refuse(Denial::InvalidSession, now));
            };
            if found.session.shared_key.is_some() && !self.inner.shared.is_complete_at(shared.epoch) {
                // Just started, or about to follow a change: whether its shared key is still there is not known yet.
                self.within(self.inner.load_shared_keys()).await?;
            }
            let terms = self.terms(found.session.user_id).await?;
            if let Look::Found(identity, _) = self.look_at_session(found, &digests, shared, &terms, now)? {
                return Ok(self.remember(identity, None, now, followed));
            }
        }
        Err(Denial::StoreUnavailable)
    }

    fn look_at_session(
        &self,
        found: FoundSession,
        digests: &[StoredDigest],
        shared: Watch,
        terms: &OwnTerms,
        now: Timestamp,
    ) -> Result<Look, Denial> {
        let inner = self.inner;
        let FoundSession {
            session,
            user,
            key,
            impersonator,
        } = found;
        let over = || self.refuse(Denial::InvalidSession, now);
        let mut proof = session_proof(&session, key.as_ref(), digests, now).ok_or_else(over)?;
        if let Some(digest) = &session.shared_key
            && !inner.shared.holds(digest)
        {
            return Err(over());
        }
        match (&session.impersonator, impersonator) {
            (None, _) => {}
            (Some(by), None) if by.id == UserId::SHARED => proof.also = Some(shared.clone()),
            (Some(_), Some(admin))
                if admin.role == Role::Admin
                    && admin.status == Status::Active
                    && admin.sign_in_epoch == session.impersonator_epoch =>
            {
                let cell = inner.epochs.observe(admin.id, admin.epoch, now);
                if cell.newest() != admin.epoch {
                    return Ok(Look::Again);
                }
                proof.also = Some(Watch {
                    cell,
                    epoch: admin.epoch,
                });
            }
            (Some(_), _) => return Err(over()),
        }
        let identity = match user {
            Some(user) => {
                let cell = inner.epochs.observe(user.id, user.epoch, now);
                if cell.newest() != user.epoch {
                    return Ok(Look::Again);
                }
                if user.sign_in_epoch != session.sign_in_epoch {
                    return Err(over());
                }
                Identity::of_user(proof, user, &inner.features, cell, &terms.borrow(inner)?)
            }
            None if session.user_id == UserId::SHARED && session.shared_key.is_some() => {
                Identity::of_shared(proof, &inner.features, shared)
            }
            None => return Err(over()),
        };
        if identity.is_current() {
            Ok(Look::Found(Arc::new(identity), None))
        } else {
            Ok(Look::Again)
        }
    }

    async fn terms(&self, user: UserId) -> Result<OwnTerms, Denial> {
        Ok(OwnTerms {
            house: self.within(self.inner.house()).await?,
            limits: self.within(self.inner.stores.limits.user_limits(user)).await?,
        })
    }

    async fn within<T>(&self, question: impl Future<Output = Result<T, StoreError>>) -> Result<T, Denial> {
        let answer = match timeout(self.inner.store_timeout, question).await {
            Ok(answer) => answer,
            Err(_) => Err(StoreError::unavailable("no answer in time")),
        };
        answer.map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(cause, "a credential could not be checked: {error}");
            Denial::StoreUnavailable
        })
    }

    fn remember(&self, identity: Arc<Identity>, used: Option<KeyUse>, now: Timestamp, followed: bool) -> Arc<Identity> {
        let is_previous = used.as_ref().is_some_and(|used| used.previous);
        match (used, identity.source()) {
            (Some(used), _) => self.inner.writer.touch_key(used),
            (None, Source::Session { id }) => self.inner.writer.touch_session(*id, now),
            (None, _) => {}
        }
        if followed {
            let cached = Cached {
                head: self.head.into(),
                identity: Arc::clone(&identity),
                is_previous,
                touched: Arc::new(AtomicI64::new(now.as_millis())),
            };
            self.inner.identities.insert(self.digest, cached);
        }
        identity
    }

    fn refuse(&self, denial: Denial, now: Timestamp) -> Denial {
        let until = now + REFUSED_FOR;
        self.inner.refused.insert(self.digest, Refused { denial, until });
        denial
    }
}

/// What a session proves, unless it, its token or its key is over.
fn session_proof(session: &Session, key: Option<&ApiKey>, digests: &[StoredDigest], now: Timestamp) -> Option<Proof> {
    let is_present = digests.contains(&session.digest);
    let mut end = session.expires_at;
    if !is_present {
        end = end.min(session.previous.as_ref()?.until);
    }
    let mut proof = Proof::new(Source::Session { id: session.id }, end);
    if session.key_id.is_some() {
        let key = key.filter(|key| key.revoked_at.is_none())?;
        // Who acts as somebody else does so with all that other may do; the key only has to be good.
        if session.impersonator.is_none() {
            proof = Proof {
                source: proof.source,
                ..Proof::of_key(key, end)
            };
            // A session made shorter than others was made with what ends then: so does all that is made with it.
            if session.expires_at < session.created_at + SESSION_LIFETIME {
                let keys_end = key.expires_at.unwrap_or(Timestamp::MAX);
                proof.key = Some((key.id, Some(session.expires_at.min(keys_end))));
            }
        }
        proof.expires_at = end.min(key.expires_at.unwrap_or(Timestamp::MAX));
    }
    proof.shared_key.clone_from(&session.shared_key);
    proof.impersonator.clone_from(&session.impersonator);
    proof.renew_at = is_present.then(|| session.renewed_at + RENEW_AFTER);
    (!now.is_past(proof.expires_at)).then_some(proof)
}
