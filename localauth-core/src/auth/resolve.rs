//! From what a request carries to an [`Identity`].
//!
//! A credential that was seen lately is found by the digest of its secret end, without lock, store or future. Anything
//! else is taken apart strictly and looked up, once for however many requests ask at the same time.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use http::HeaderMap;
use zeroize::Zeroizing;

use super::question::{KnownId, Question};
use super::sync::Freshness;
use super::vitals::Count;
use super::{Auth, Inner};
use crate::cache::DigestKey;
use crate::clock::Timestamp;
use crate::credential::{Carrier, Credential, Credentials};
use crate::error::Denial;
use crate::identity::{Identity, Source};
use crate::key::{self, KEY_PREFIX, KeyUse, PublicId, TAIL_CHARS};
use crate::session::{self, SESSION_PREFIX};

/// Uses of a key closer together than this are noted as one.
const TOUCH_EVERY: Duration = Duration::from_mins(1);
/// The longest token worth a look.
const MAX_TOKEN: usize = 512;

pub(super) type Answer = Result<Arc<Identity>, Denial>;
type Load = Shared<BoxFuture<'static, Answer>>;
pub(super) type WeakLoad = WeakShared<BoxFuture<'static, Answer>>;

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
        self.authenticate_from(headers, None)
    }

    /// The same for a request from this address, which is noted as where a key was last used.
    ///
    /// What a key's own scope says about routes and addresses is asked by [`Identity::admit_request`].
    ///
    /// # Errors
    ///
    /// As [`authenticate`](Self::authenticate).
    pub fn authenticate_from(&self, headers: &HeaderMap, address: Option<IpAddr>) -> Authentication {
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
            return match self.0.check(first, address, now) {
                Checked::Done(answer) => Authentication::Ready(self.0.counted(answer)),
                Checked::Ask(load) => {
                    let inner = Arc::clone(&self.0);
                    Authentication::Pending(Lookup(Box::pin(async move { inner.answered(load.await) })))
                }
            };
        }
        let checked: Vec<Checked> = credentials.iter().map(|c| self.0.check(c, address, now)).collect();
        let inner = Arc::clone(&self.0);
        Authentication::Pending(Lookup(Box::pin(async move {
            let mut answers = Vec::with_capacity(checked.len());
            for one in checked {
                answers.push(match one {
                    Checked::Done(answer) => inner.counted(answer),
                    Checked::Ask(load) => inner.answered(load.await),
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
    /// What is known without the store.
    fn counted(&self, answer: Answer) -> Answer {
        if answer.is_ok() {
            self.counters.count(Count::Hit);
        }
        answer
    }

    /// What the store's answer comes to.
    fn answered(&self, answer: Answer) -> Answer {
        self.counters.count(Count::Lookup);
        if answer.is_ok() {
            self.counters.count(Count::LookupFound);
        }
        self.admit(answer?)
    }

    fn admit(&self, identity: Arc<Identity>) -> Answer {
        identity.admit(self.clock.now())?;
        Ok(identity)
    }

    fn check(self: &Arc<Self>, credential: &Credential<'_>, address: Option<IpAddr>, now: Timestamp) -> Checked {
        let token: &[u8] = &credential.token;
        let Some(shape) = shape(token) else {
            return self.check_shared(credential, now);
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
        if let Some(identity) = self.remembered(&digest, shape.head, address, now) {
            return Checked::Done(identity.admit(now).map(|()| identity));
        }
        self.ask(token, &shape, digest, credential, address, now)
    }

    /// Whether it is a shared key.
    fn check_shared(self: &Arc<Self>, credential: &Credential<'_>, now: Timestamp) -> Checked {
        let denial = credential.denial();
        if credential.carrier == Carrier::Foreign || credential.token.len() > MAX_TOKEN {
            return Checked::Done(Err(denial));
        }
        match self.shared.find(&credential.token, &self.ring) {
            Some(known) if known.is_configured => return Checked::Done(Ok(known.identity)),
            // One of the run time may be gone: as with any other credential, only who followed lately can tell.
            Some(known) if known.identity.is_current() && self.is_believable(now) => {
                return Checked::Done(Ok(known.identity));
            }
            None if self.shared.is_complete() => return Checked::Done(Err(denial)),
            // Nobody followed lately, or we just started and those of the run time are not known yet.
            Some(_) | None => {}
        }
        let inner = Arc::clone(self);
        let token = Zeroizing::new(credential.token.to_vec());
        let load = async move {
            if let Err(error) = inner.load_shared_keys().await {
                tracing::error!("the shared keys could not be read: {error}");
                return Err(Denial::StoreUnavailable);
            }
            let known = inner.shared.find(&token, &inner.ring);
            known.map(|known| known.identity).ok_or(denial)
        };
        Checked::Ask(load.boxed().shared())
    }

    /// Whether somebody followed the store lately enough for what is remembered.
    fn is_believable(&self, now: Timestamp) -> bool {
        self.sync.freshness(now, self.stale_limit) != Freshness::Unknown
    }

    /// The identity of a credential seen before, if it may still be believed.
    fn remembered(
        &self,
        digest: &DigestKey,
        head: &[u8],
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Option<Arc<Identity>> {
        let (identity, touch, is_previous) = self.identities.with(digest, |cached| {
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
            Some((Arc::clone(&cached.identity), touch, cached.is_previous))
        })??;
        if !self.is_believable(now) {
            return None;
        }
        if touch {
            match identity.source() {
                Source::ApiKey { id, .. } => self.writer.touch_key(KeyUse {
                    id: *id,
                    at: now,
                    ip: address.map(|ip| ip.to_canonical().to_string()).unwrap_or_default(),
                    previous: is_previous,
                }),
                Source::Session { id } => self.writer.touch_session(*id, now),
                Source::SharedKey => {}
            }
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
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Checked {
        let denial = credential.denial();
        let public_id = if shape.is_key {
            match key::parse(token, &self.ring) {
                Ok(id) => Some(id),
                Err(_) => return self.check_shared(credential, now),
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
        Checked::Ask(self.load(token, shape, digest, public_id, address))
    }

    fn is_known_wrong(&self, id: &PublicId, tail: &[u8], now: Timestamp) -> bool {
        match self.public_ids.get(id) {
            Some(KnownId::Absent { until }) => !now.is_past(until),
            Some(KnownId::Present { digest, epoch, cell }) => {
                cell.newest() == epoch && self.is_believable(now) && self.ring.verify(tail, &digest) == Some(false)
            }
            None => false,
        }
    }

    /// The question to the store about this token: a new one, or the one that somebody asks already.
    fn load(
        self: &Arc<Self>,
        token: &[u8],
        shape: &Shape<'_>,
        digest: DigestKey,
        public_id: Option<PublicId>,
        address: Option<IpAddr>,
    ) -> Load {
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
                address,
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
