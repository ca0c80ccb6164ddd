//! From what a request carries to an [`Identity`].
//!
//! A credential that was seen lately is found by the digest of its secret end, without lock, store or future. Anything
//! else is taken apart strictly and looked up, once for however many requests ask at the same time.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use http::HeaderMap;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::sync::Freshness;
use super::{Auth, Cached, Inner};
use crate::cache::{DigestKey, EpochCell};
use crate::clock::Timestamp;
use crate::credential::{Carrier, Credential, Credentials};
use crate::error::{Denial, StoreError};
use crate::id::Epoch;
use crate::identity::{Identity, Source};
use crate::key::{self, KEY_PREFIX, PublicId, TAIL_CHARS};
use crate::secret::StoredDigest;
use crate::session::{self, SESSION_PREFIX};
use crate::user::User;

/// How long a credential that was found to be no good is not asked for again.
const REFUSED_FOR: Duration = Duration::from_secs(10);
/// Uses of a key closer together than this are noted as one.
const TOUCH_EVERY: Duration = Duration::from_mins(1);
/// Reads that may be overtaken by changes before we give up.
const TRIES: usize = 4;
/// The longest token worth a look.
const MAX_TOKEN: usize = 512;

type Answer = Result<Arc<Identity>, Denial>;
type Load = Shared<BoxFuture<'static, Answer>>;
pub(super) type WeakLoad = WeakShared<BoxFuture<'static, Answer>>;

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
    denial: Denial,
    until: Timestamp,
}

/// What [`Auth::authenticate`] found. Await it for the answer; or look first, to do without a future when the answer is
/// there.
#[must_use]
pub enum Authentication {
    /// The answer was at hand.
    Ready(Answer),
    /// The store must be asked.
    Pending(Lookup),
}

impl fmt::Debug for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(answer) => f.debug_tuple("Ready").field(answer).finish(),
            Self::Pending(_) => f.write_str("Pending"),
        }
    }
}

impl IntoFuture for Authentication {
    type Output = Answer;
    type IntoFuture = futures_util::future::Either<std::future::Ready<Answer>, Lookup>;

    fn into_future(self) -> Self::IntoFuture {
        match self {
            Self::Ready(answer) => futures_util::future::Either::Left(std::future::ready(answer)),
            Self::Pending(lookup) => futures_util::future::Either::Right(lookup),
        }
    }
}

/// A question to the store that is under way.
pub struct Lookup(BoxFuture<'static, Answer>);

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lookup")
    }
}

impl Future for Lookup {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<Answer> {
        self.0.as_mut().poll(cx)
    }
}

/// A token of ours, taken apart by its form alone.
struct Shape<'t> {
    head: &'t [u8],
    tail: &'t [u8],
    is_key: bool,
}

fn shape(token: &[u8]) -> Option<Shape<'_>> {
    const KEY_LEN: usize = KEY_PREFIX.len() + 18 + 1 + TAIL_CHARS;
    const SESSION_LEN: usize = SESSION_PREFIX.len() + TAIL_CHARS;
    let is_key = match token.len() {
        KEY_LEN if token.starts_with(KEY_PREFIX.as_bytes()) => true,
        SESSION_LEN if token.starts_with(SESSION_PREFIX.as_bytes()) => false,
        _ => return None,
    };
    let (head, tail) = token.split_at(token.len() - TAIL_CHARS);
    Some(Shape { head, tail, is_key })
}

/// What one credential came to, before the store is asked.
enum Checked {
    Done(Answer),
    Ask(Load),
}

impl Auth {
    /// Finds out who a request with these headers comes from.
    ///
    /// Of several credentials the first valid one wins, by the order of [`Carrier`](crate::Carrier). Invalid ones beside
    /// it are passed over; valid ones of different users are refused. When none is valid, the first says why.
    ///
    /// # Errors
    ///
    /// Awaiting gives a [`Denial`] when there is no valid credential, when its user may not come in, or when the store
    /// could not answer.
    pub fn authenticate(&self, headers: &HeaderMap) -> Authentication {
        let credentials = Credentials::from_headers(headers);
        if credentials.too_many() {
            return Authentication::Ready(Err(Denial::ConflictingCredentials));
        }
        let mut all = credentials.iter();
        let Some(first) = all.next() else {
            return Authentication::Ready(Err(Denial::MissingCredentials));
        };
        let now = self.now();
        if credentials.len() == 1 {
            return match self.0.check(first, now) {
                Checked::Done(answer) => Authentication::Ready(answer),
                Checked::Ask(load) => {
                    let inner = Arc::clone(&self.0);
                    Authentication::Pending(Lookup(Box::pin(async move { inner.admit(load.await?) })))
                }
            };
        }
        let checked: Vec<Checked> = credentials.iter().map(|c| self.0.check(c, now)).collect();
        let inner = Arc::clone(&self.0);
        Authentication::Pending(Lookup(Box::pin(async move {
            let mut answers = Vec::with_capacity(checked.len());
            for one in checked {
                answers.push(match one {
                    Checked::Done(answer) => answer,
                    Checked::Ask(load) => load.await.and_then(|identity| inner.admit(identity)),
                });
            }
            agree(answers)
        })))
    }
}

/// One answer for several credentials.
fn agree(answers: Vec<Answer>) -> Answer {
    let mut winner: Option<Arc<Identity>> = None;
    let mut denial = None;
    for answer in answers {
        match answer {
            // What could not be checked might belong to somebody else: no answer is better than a wrong one.
            Err(Denial::StoreUnavailable) => return Err(Denial::StoreUnavailable),
            Err(reason) => denial = denial.or(Some(reason)),
            Ok(identity) => match &winner {
                Some(first) if first.user_id() != identity.user_id() => return Err(Denial::ConflictingCredentials),
                Some(_) => {}
                None => winner = Some(identity),
            },
        }
    }
    winner.ok_or(denial.unwrap_or(Denial::MissingCredentials))
}

impl Inner {
    fn admit(&self, identity: Arc<Identity>) -> Answer {
        identity.admit(self.clock.now())?;
        Ok(identity)
    }

    fn check(self: &Arc<Self>, credential: &Credential<'_>, now: Timestamp) -> Checked {
        let token: &[u8] = &credential.token;
        let Some(shape) = shape(token) else {
            return Checked::Done(self.shared(credential).ok_or(credential.denial()));
        };
        let welcome = if shape.is_key {
            credential.carrier.takes_keys()
        } else {
            credential.carrier.takes_sessions()
        };
        if !welcome {
            return Checked::Done(Err(credential.denial()));
        }
        let digest = DigestKey(*self.ring.digest(shape.tail).as_bytes());
        if let Some(identity) = self.remembered(&digest, shape.head, now) {
            return Checked::Done(identity.admit(now).map(|()| identity));
        }
        self.ask(token, &shape, digest, credential, now)
    }

    fn shared(&self, credential: &Credential<'_>) -> Option<Arc<Identity>> {
        if self.shared_keys.is_empty() || credential.carrier == Carrier::Foreign || credential.token.len() > MAX_TOKEN {
            return None;
        }
        self.shared_keys
            .get(self.ring.digest(&credential.token).as_bytes())
            .cloned()
    }

    /// The identity of a credential seen before, if it may still be believed.
    fn remembered(&self, digest: &DigestKey, head: &[u8], now: Timestamp) -> Option<Arc<Identity>> {
        let (identity, touch) = self.identities.with(digest, |cached| {
            // The digest covers the secret end only: the rest is compared, so that exactly the token that was issued
            // passes.
            if *cached.head != *head || !cached.identity.is_current() {
                return None;
            }
            let last = cached.touched.load(Ordering::Relaxed);
            let touch = now.as_millis().saturating_sub(last) >= i64::try_from(TOUCH_EVERY.as_millis()).unwrap_or(0)
                && cached
                    .touched
                    .compare_exchange(last, now.as_millis(), Ordering::Relaxed, Ordering::Relaxed)
                    .is_ok();
            Some((Arc::clone(&cached.identity), touch))
        })??;
        match self.sync.freshness(now, self.stale_limit) {
            Freshness::Fresh | Freshness::Outage => {}
            Freshness::Unknown => return None,
        }
        if touch && let Source::ApiKey { id, .. } = identity.source() {
            self.writer.touch(*id, now);
        }
        Some(identity)
    }

    /// What is to be done about a credential that is not remembered.
    fn ask(
        self: &Arc<Self>,
        token: &[u8],
        shape: &Shape<'_>,
        digest: DigestKey,
        credential: &Credential<'_>,
        now: Timestamp,
    ) -> Checked {
        let denial = credential.denial();
        let public_id = if shape.is_key {
            match key::parse(token, &self.ring) {
                Ok(id) => Some(id),
                Err(_) => return Checked::Done(self.shared(credential).ok_or(denial)),
            }
        } else {
            if session::parse(token, &self.ring).is_none() {
                return Checked::Done(Err(denial));
            }
            None
        };
        if let Some(refused) = self.refused.get(&digest)
            && !now.is_past(refused.until)
        {
            return Checked::Done(Err(refused.denial));
        }
        if let Some(id) = public_id
            && self.is_known_wrong(&id, shape.tail, now)
        {
            return Checked::Done(Err(denial));
        }
        Checked::Ask(self.load(token, shape, digest, public_id))
    }

    fn is_known_wrong(&self, id: &PublicId, tail: &[u8], now: Timestamp) -> bool {
        match self.public_ids.get(id) {
            Some(KnownId::Absent { until }) => !now.is_past(until),
            Some(KnownId::Present { digest, epoch, cell }) => {
                cell.newest() == epoch
                    && self.sync.freshness(now, self.stale_limit) != Freshness::Unknown
                    && self.ring.verify(tail, &digest) == Some(false)
            }
            None => false,
        }
    }

    /// The question to the store about this token: a new one, or the one that somebody asks already.
    fn load(self: &Arc<Self>, token: &[u8], shape: &Shape<'_>, digest: DigestKey, public_id: Option<PublicId>) -> Load {
        let name = *self.ring.digest(token).as_bytes();
        let mut loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(load) = loading.get(&name).and_then(WeakShared::upgrade) {
            return load;
        }
        let inner = Arc::clone(self);
        let head: Box<[u8]> = shape.head.into();
        let tail = Zeroizing::new(shape.tail.to_vec());
        let load = async move {
            let question = Question {
                inner: &inner,
                head: &head,
                tail: &tail,
                digest,
            };
            let answer = match public_id {
                Some(id) => question.key(id).await,
                None => question.session().await,
            };
            inner
                .loading
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&name);
            answer
        }
        .boxed()
        .shared();
        // Those whose every asker went away before the answer are in nobody's way, but must not pile up.
        if loading.len() >= 1_024 {
            loading.retain(|_, load| load.upgrade().is_some());
        }
        if let Some(weak) = load.downgrade() {
            loading.insert(name, weak);
        }
        load
    }
}

/// One question to the store.
struct Question<'a> {
    inner: &'a Arc<Inner>,
    head: &'a [u8],
    tail: &'a [u8],
    digest: DigestKey,
}

impl Question<'_> {
    async fn key(&self, id: PublicId) -> Answer {
        let inner = self.inner;
        for _ in 0..TRIES {
            let followed = inner.sync.has_begun();
            let found = self.within(inner.stores.keys.find_key(&id)).await?;
            let now = inner.clock.now();
            let Some((key, user)) = found else {
                inner.public_ids.insert(
                    id,
                    KnownId::Absent {
                        until: now + REFUSED_FOR,
                    },
                );
                return Err(Denial::InvalidApiKey);
            };
            let cell = inner.epochs.observe(user.id, user.epoch, now);
            if cell.newest() != user.epoch {
                continue;
            }
            match inner.ring.verify(self.tail, &key.digest) {
                Some(true) => {}
                Some(false) => {
                    let known = KnownId::Present {
                        digest: key.digest,
                        epoch: user.epoch,
                        cell,
                    };
                    inner.public_ids.insert(id, known);
                    return Err(Denial::InvalidApiKey);
                }
                None => {
                    tracing::error!(key = %id, "this key was made under a server secret that is not known any more");
                    return Err(self.refuse(Denial::InvalidApiKey, now));
                }
            }
            if key.revoked_at.is_some() {
                return Err(self.refuse(Denial::InvalidApiKey, now));
            }
            if key.expires_at.is_some_and(|end| now.is_past(end)) {
                return Err(self.refuse(Denial::ExpiredApiKey, now));
            }
            inner.writer.touch(key.id, now);
            return Ok(self.remember(Identity::from_key(&key, user, &inner.features, cell), now, followed));
        }
        Err(Denial::StoreUnavailable)
    }

    async fn session(&self) -> Answer {
        let inner = self.inner;
        let digests = inner.ring.all_digests(self.tail);
        for _ in 0..TRIES {
            let followed = inner.sync.has_begun();
            let found = self.within(inner.stores.sessions.find_session(&digests)).await?;
            let now = inner.clock.now();
            let Some((session, user)) = found else {
                return Err(self.refuse(Denial::InvalidSession, now));
            };
            let cell = inner.epochs.observe(user.id, user.epoch, now);
            if cell.newest() != user.epoch {
                continue;
            }
            if now.is_past(session.expires_at) || ended(&user, session.sign_in_epoch) {
                return Err(self.refuse(Denial::InvalidSession, now));
            }
            return Ok(self.remember(
                Identity::from_session(&session, user, &inner.features, cell),
                now,
                followed,
            ));
        }
        Err(Denial::StoreUnavailable)
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

    fn remember(&self, identity: Identity, now: Timestamp, followed: bool) -> Arc<Identity> {
        let identity = Arc::new(identity);
        if !followed {
            return identity;
        }
        let cached = Cached {
            head: self.head.into(),
            identity: Arc::clone(&identity),
            touched: Arc::new(AtomicI64::new(now.as_millis())),
        };
        self.inner.identities.insert(self.digest, cached);
        identity
    }

    fn refuse(&self, denial: Denial, now: Timestamp) -> Denial {
        self.inner.refused.insert(
            self.digest,
            Refused {
                denial,
                until: now + REFUSED_FOR,
            },
        );
        denial
    }
}

/// Whether the user's sessions were ended all at once after this one was made.
fn ended(user: &User, made_at: Epoch) -> bool {
    user.sign_in_epoch != made_at
}
