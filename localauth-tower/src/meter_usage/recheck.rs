//! Whether whoever asked may still have the rest of the answer.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use localauth_core::policy::Rule;
use localauth_core::{Auth, Denial, Identity};
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep};

/// A stream looks at its identity with each frame, and this often while there is none.
const TICK: Duration = Duration::from_secs(1);

/// What is known of a credential now: the identity it stands for, or why it is no longer good.
pub(super) type Answer = Result<Arc<Identity>, Denial>;

/// An answer that is awaited.
pub(super) type Asking = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Finds out what has become of an identity that is no longer current. Ready within a second: until then the answer goes
/// on.
#[derive(Clone)]
pub(super) struct Recheck(Arc<dyn Fn(Arc<Identity>) -> Asking + Send + Sync>);

impl fmt::Debug for Recheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recheck")
    }
}

impl Recheck {
    pub(super) fn new(ask: impl Fn(Arc<Identity>) -> Asking + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    /// Asks `auth`.
    pub(super) fn of(auth: &Auth) -> Self {
        let auth = auth.clone();
        Self::new(move |identity| {
            let auth = auth.clone();
            Box::pin(async move { auth.recheck(&identity).await })
        })
    }

    /// The same for one request: the route and the model must still be for whoever asked.
    pub(super) fn for_request(&self, rule: Option<Arc<Rule>>, model: Option<Box<str>>) -> Self {
        let ask = Arc::clone(&self.0);
        Self::new(move |identity| {
            let (rule, model, asking) = (rule.clone(), model.clone(), ask(identity));
            Box::pin(async move {
                let identity = asking.await?;
                if let Some(rule) = rule {
                    rule.verify(Some(&identity))?;
                }
                if let Some(model) = model {
                    identity.require_model(&model)?;
                }
                Ok(identity)
            })
        })
    }
}

/// Whoever gets a stream, watched while it lasts.
pub(super) struct Watch {
    identity: Arc<Identity>,
    recheck: Recheck,
    // Nobody waits for this lock: it makes the body `Sync`, which a future need not be.
    asking: Option<Mutex<Asking>>,
    /// After an answer that left things as they were: not asked again before the next tick.
    resting: bool,
    denied: Option<Denial>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("identity", &self.identity)
            .field("denied", &self.denied)
            .finish_non_exhaustive()
    }
}

impl Watch {
    pub(super) const fn new(identity: Arc<Identity>, recheck: Recheck) -> Self {
        Self {
            identity,
            recheck,
            asking: None,
            resting: false,
            denied: None,
            timer: None,
        }
    }

    /// Whether it is being asked, or was answered with no.
    pub(super) const fn is_in_doubt(&self) -> bool {
        self.asking.is_some() || self.denied.is_some()
    }

    /// Looks at the identity; why its stream has to end, when it has to.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Option<Denial> {
        if self.denied.is_some() {
            return self.denied;
        }
        if self.resting && self.poll_tick(cx).is_pending() {
            return None;
        }
        if self.asking.is_none() && !self.identity.is_current() {
            let asking = (self.recheck.0)(Arc::clone(&self.identity));
            self.asking = Some(Mutex::new(asking));
        }
        let asking = self.asking.as_mut()?;
        let asking = asking.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Poll::Ready(answer) = asking.as_mut().poll(cx) {
            self.asking = None;
            match answer {
                Ok(identity) => {
                    self.resting = !identity.is_current();
                    self.identity = identity;
                }
                // Nobody knows. Whoever is known goes on while the store is away.
                Err(Denial::StoreUnavailable) => self.resting = true,
                Err(denial) => self.denied = Some(denial),
            }
        }
        self.denied
    }

    /// Ready when it is time to look again, which begins the next stretch.
    pub(super) fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.timer.is_none() && Handle::try_current().is_ok() {
            self.timer = Some(Box::pin(sleep(TICK)));
        }
        // Without a runtime there is no timer; then frames alone tell that time goes by.
        let Some(timer) = self.timer.as_mut() else {
            return Poll::Pending;
        };
        if timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        timer.as_mut().reset(Instant::now() + TICK);
        self.resting = false;
        Poll::Ready(())
    }
}
