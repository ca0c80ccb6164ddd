//! A socket that is open, and how long it lasts.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use localauth_core::{Auth, Denial, Identity, policy::Rule};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional},
    sync::watch,
    time::{Instant, sleep},
};
use tracing::debug;

/// How often it is looked whether the credential is still good.
const TICK: Duration = Duration::from_secs(1);
/// Who has a socket, for as long as they may.
pub(super) struct Watched {
    pub(super) auth: Auth,
    pub(super) identity: Arc<Identity>,
    pub(super) rule: Arc<Rule>,
    pub(super) model: String,
}

impl Watched {
    /// Ends when they may no longer.
    async fn until_denied(&mut self) -> Denial {
        loop {
            sleep(TICK).await;
            if self.identity.is_current() {
                if let Err(denial) = self.identity.admit(self.auth.now()) {
                    return denial;
                }
                continue;
            }
            let still = self.auth.recheck(&self.identity).await.and_then(|identity| {
                self.rule.verify(Some(&identity))?;
                identity.require_model(&self.model)?;
                Ok(identity)
            });
            match still {
                Ok(identity) => self.identity = identity,
                // Nobody knows. Whoever is known goes on while the store is away.
                Err(Denial::StoreUnavailable) => {}
                Err(denial) => return denial,
            }
        }
    }
}

/// Passes bytes both ways until it is over.
pub(super) async fn pass(
    ours: Upgraded,
    theirs: Upgraded,
    idle: Duration,
    mut watched: Option<Watched>,
    mut closing: watch::Receiver<()>,
) {
    let last = Arc::new(Mutex::new(Instant::now()));
    let mut ours = Noted {
        inner: TokioIo::new(ours),
        last: Arc::clone(&last),
    };
    let mut theirs = TokioIo::new(theirs);
    let denied = async {
        match &mut watched {
            Some(watched) => watched.until_denied().await,
            None => std::future::pending().await,
        }
    };
    let silent = async {
        loop {
            let until = *last.lock().unwrap_or_else(PoisonError::into_inner) + idle;
            if Instant::now() >= until {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    };
    tokio::select! {
        ended = copy_bidirectional(&mut ours, &mut theirs) => debug!(is_whole = ended.is_ok(), "a socket ended"),
        denial = denied => debug!(code = denial.code(), "a socket was cut"),
        () = silent => debug!("a socket was silent for too long"),
        // The sender is gone with the server.
        _ = closing.changed() => {}
    }
}

/// Notes when bytes went by, in either direction.
struct Noted<S> {
    inner: S,
    last: Arc<Mutex<Instant>>,
}

impl<S> Noted<S> {
    fn note(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Noted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        if polled.is_ready() {
            self.note();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Noted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, buf);
        if polled.is_ready() {
            self.note();
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
