//! One connection, from its first byte to its last.

use std::{io, net::SocketAddr, pin::pin, sync::Arc};

use axum::{Router, extract::ConnectInfo, response::IntoResponse as _};
use http::{HeaderMap, Request, StatusCode, header};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use localauth_tower::OverTls;
use tokio::{net::TcpStream, sync::watch, time::timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::either::Either;
use tower::ServiceExt as _;
use tracing::debug;

use super::{
    Counts, Ended, Limits, Manner, Place,
    activity::{Activity, Idle},
    pace::{self, Paced},
    stall::Unstalled,
};
use crate::tls::Pair;

/// What a plain HTTP client is told that a TLS server answers.
const SPEAK_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close\r\n\
    content-length: 43\r\n\r\nThis port speaks HTTPS: write https:// here";
/// What the one too many is told.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
/// The first byte of every TLS connection: a record of a handshake (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;

/// What answers connections.
#[derive(Debug)]
pub(super) struct Server {
    http: Builder<TokioExecutor>,
    limits: Limits,
    tls: Option<Arc<Pair>>,
    counts: Arc<Counts>,
    stopped: watch::Receiver<bool>,
    app: Router,
}

/// Tells the one too many so, where that can be done at once.
pub(super) fn refuse(stream: &TcpStream, speaks_tls: bool) {
    if !speaks_tls {
        // Whoever cannot even take that much is not told.
        let _ = stream.try_write(FULL);
    }
}

impl Server {
    pub(super) fn new(manner: Manner, stopped: watch::Receiver<bool>, app: Router) -> Self {
        let Manner { limits, tls, counts } = manner;
        Self {
            http: http(&limits),
            limits,
            tls,
            counts,
            stopped,
            app,
        }
    }

    /// Answers one request a connection.
    pub(super) fn once(mut self) -> Self {
        self.http.http1().keep_alive(false);
        self
    }

    pub(super) const fn speaks_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Answers until the client has enough, or the server.
    pub(super) async fn serve(&self, stream: TcpStream, peer: SocketAddr, place: Place) {
        // Tokens are small, and each is awaited by somebody.
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "a connection cannot be set to send at once");
        }
        let stream = match &self.tls {
            None => Either::Left(Unstalled::new(stream, self.limits.stall)),
            Some(pair) => match timeout(self.limits.handshake, self.shake_hands(stream, pair)).await {
                Ok(Ok(stream)) => Either::Right(stream),
                failed => {
                    self.counts.end(Ended::Handshake);
                    let error = failed.map_or_else(
                        |late| late.to_string(),
                        |error| error.map_or_else(|error| error.to_string(), |_| String::new()),
                    );
                    debug!(%peer, error, "no TLS connection came about");
                    return;
                }
            },
        };
        self.converse(stream, peer, place).await;
    }

    async fn shake_hands(
        &self,
        stream: TcpStream,
        pair: &Pair,
    ) -> io::Result<tokio_rustls::server::TlsStream<Unstalled<TcpStream>>> {
        let mut first = [0];
        if stream.peek(&mut first).await? == 1 && first[0] != HANDSHAKE {
            stream.writable().await?;
            let _ = stream.try_write(SPEAK_TLS);
            // What is still unread would turn the closing into a reset, and the answer would be lost.
            let mut rest = [0; 4096];
            while stream.try_read(&mut rest).is_ok_and(|read| read > 0) {}
            return Err(io::Error::other("it spoke plain HTTP"));
        }
        TlsAcceptor::from(pair.config())
            .accept(Unstalled::new(stream, self.limits.stall))
            .await
    }

    async fn converse<S>(&self, stream: S, peer: SocketAddr, place: Place)
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Activity::default();
        let (app, seen, limits, over_tls) = (self.app.clone(), activity.clone(), self.limits, self.speaks_tls());
        let service = service_fn(move |request: Request<Incoming>| {
            let (app, open, place) = (app.clone(), seen.begin(), place.clone());
            async move {
                let _open = open;
                if count(request.headers()) > limits.headers {
                    return Ok(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.into_response());
                }
                let (head, body) = request.into_parts();
                let (body, late) = Paced::new(body, &limits);
                let mut request = Request::from_parts(head, pace::boxed(body));
                request.extensions_mut().insert(ConnectInfo(peer));
                request.extensions_mut().insert(place);
                if over_tls {
                    request.extensions_mut().insert(OverTls);
                }
                app.oneshot(request).await.map(|response| late.answer(response))
            }
        });
        let mut connection = pin!(self.http.serve_connection_with_upgrades(TokioIo::new(stream), service));
        let mut idle = pin!(activity.idle(self.limits.head, self.limits.idle));
        let mut stopped = self.stopped.clone();
        let mut stop = pin!(async move {
            // A sender that is gone will never say so.
            if stopped.wait_for(|stopped| *stopped).await.is_err() {
                std::future::pending::<()>().await;
            }
        });
        let (mut is_idle, mut is_stopping) = (false, false);
        let ended = loop {
            tokio::select! {
                ended = connection.as_mut() => break ended,
                why = idle.as_mut(), if !is_idle => {
                    is_idle = true;
                    match why {
                        Idle::Silent => {
                            self.counts.end(Ended::Silent);
                            return debug!(%peer, "a connection without a request was ended");
                        }
                        Idle::Over => {
                            self.counts.end(Ended::Idle);
                            connection.as_mut().graceful_shutdown();
                        }
                    }
                }
                () = stop.as_mut(), if !is_stopping => {
                    is_stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        };
        if let Err(error) = ended {
            debug!(%peer, error, "a connection ended early");
        }
    }
}

/// How many headers a request has.
fn count(headers: &HeaderMap) -> usize {
    let pieces = headers.get_all(header::COOKIE).iter().count();
    headers.len() - pieces.saturating_sub(1)
}

/// HTTP/1.1 and HTTP/2 within their bounds. What hyper bounds by itself stays: 100 headers a head of HTTP/1.1; 20 streams that were
/// reset before anybody saw them, and 1,024 that were reset for an error, after which the connection ends.
fn http(limits: &Limits) -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(limits.head_size);
    http.http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.head_size).unwrap_or(u32::MAX))
        .max_concurrent_streams(limits.streams)
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(1_024)
        .keep_alive_interval(Some(limits.head));
    http
}
