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
use localauth_tower::Lasting;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf, copy_bidirectional},
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tracing::debug;

use super::frames::{Code, Frames, close};

/// How often it is looked whether the credential is still good.
const TICK: Duration = Duration::from_secs(1);
/// How long a client has to hear that its socket is closed.
const FAREWELL: Duration = Duration::from_secs(1);

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

/// What ends a socket, besides its two sides.
pub(super) struct Ends {
    /// How long nobody may say anything.
    pub(super) idle: Duration,
    pub(super) watched: Option<Watched>,
    /// What the layers hold for it.
    pub(super) lasting: Lasting,
    /// The server stops.
    pub(super) stopping: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// The sender is gone with what answers.
    pub(super) closing: watch::Receiver<()>,
}

/// Passes bytes both ways until it is over.
pub(super) async fn pass(ours: Upgraded, theirs: Upgraded, ends: Ends) {
    let Ends {
        idle,
        mut watched,
        lasting,
        stopping,
        mut closing,
    } = ends;
    let last = Arc::new(Mutex::new(Instant::now()));
    let mut ours = Noted {
        inner: TokioIo::new(ours),
        last: Arc::clone(&last),
        told: Frames::default(),
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
    let why = tokio::select! {
        ended = copy_bidirectional(&mut ours, &mut theirs) => {
            debug!(is_whole = ended.is_ok(), "a socket ended");
            return;
        }
        denial = denied => {
            debug!(code = denial.code(), "a socket was cut");
            Code::NotAllowed
        }
        () = lasting.used_up() => {
            debug!("a socket was cut: its budget is used up");
            Code::NotAllowed
        }
        () = silent => {
            debug!("a socket was silent for too long");
            Code::GoingAway
        }
        () = stopping => Code::GoingAway,
        _ = closing.changed() => Code::GoingAway,
    };
    // The engine need not wait until the client has heard.
    drop(theirs);
    let _ = timeout(FAREWELL, ours.close(why)).await;
}

/// Notes when bytes went by, in either direction, and what the client was told.
struct Noted<S> {
    inner: S,
    last: Arc<Mutex<Instant>>,
    told: Frames,
}

impl<S> Noted<S> {
    fn note(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Noted<S> {
    /// Tells the client why it is over, unless it is within a frame, and waits until it has gone.
    async fn close(&mut self, code: Code) -> io::Result<()> {
        if self.told.is_between() {
            self.inner.write_all(&close(code)).await?;
        }
        self.inner.shutdown().await?;
        // What it still says would turn the closing into a reset, and the frame would be lost.
        let mut rest = [0; 1024];
        while self.inner.read(&mut rest).await? > 0 {}
        Ok(())
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
        if let Poll::Ready(Ok(written)) = polled {
            self.told.read(buf.get(..written).unwrap_or_default());
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
