//! One upstream: how it is asked, and what is known of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use localauth_core::policy::{Rule, packs::pack};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};
use tracing::debug;

use super::{
    breaker::Breaker,
    connect::{Connector, TlsError},
    lent::{Lent, Loan},
    measure::Measure,
    models::Listing,
};
use crate::settings::{UpstreamOrigin, UpstreamServer, UpstreamSettings};

/// How long a connection that nobody uses is kept.
const POOL_IDLE: Duration = Duration::from_mins(1);
/// And how many of them.
const POOL: usize = 256;
/// How often an HTTP/2 connection is asked whether it is still there.
const H2_ALIVE: Duration = Duration::from_secs(30);

/// One upstream.
pub(super) struct Server {
    /// Which of them it is.
    pub(super) place: usize,
    pub(super) settings: UpstreamServer,
    pub(super) idle_timeout: Duration,
    first_byte_timeout: Duration,
    /// Its key, as it is sent.
    pub(super) key: Option<HeaderValue>,
    client: Client<Connector, Lent>,
    /// For what becomes a socket, which HTTP/2 does not.
    sockets: Client<Connector, Lent>,
    pub(super) breaker: Breaker,
    pub(super) measure: Measure,
    /// The models it has.
    pub(super) listing: ArcSwap<Listing>,
    /// Asks for a look at its models.
    pub(super) look: Arc<Notify>,
    reachable: AtomicU8,
    /// When somebody last looked because of a request. Held while they do: others wait for what they find.
    pub(super) looked: tokio::sync::Mutex<Option<Instant>>,
}

/// What the last look found.
const NEVER: u8 = 0;
const AWAY: u8 = 1;
const THERE: u8 = 2;

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("origin", &self.settings.origin)
            .finish_non_exhaustive()
    }
}

/// By which connections a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Via {
    Any,
    /// Those that may become a socket.
    Socket,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// There is no connection, and nothing was sent.
    NotConnected,
    /// Nor was there one in time.
    NotConnectedInTime,
    /// Nor could there be: this process has no file left for it.
    NoFiles,
    /// The connection ended before an answer began.
    Broken,
    /// No answer began in time.
    TooSlow,
    /// The client's body is longer than is allowed.
    BodyTooLarge,
    /// The client's body broke off.
    BodyBroken,
}

impl Server {
    pub(super) fn new(
        server: &UpstreamServer,
        place: usize,
        all: &UpstreamSettings,
        measure: Measure,
    ) -> Result<Self, TlsError> {
        let client = |via: Via| {
            let connector = Connector::new(server, via, all.connect_timeout)?;
            let client = Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .timer(TokioTimer::new())
                .pool_idle_timeout(POOL_IDLE)
                .pool_max_idle_per_host(POOL)
                .http2_keep_alive_interval(H2_ALIVE)
                .build(connector);
            Ok::<_, TlsError>(client)
        };
        let key = server.key.as_ref().and_then(|key| {
            let mut value = HeaderValue::try_from(format!("Bearer {}", key.expose())).ok()?;
            value.set_sensitive(true);
            Some(value)
        });
        Ok(Self {
            place,
            listing: ArcSwap::from_pointee(Listing::fixed(&server.models)),
            settings: server.clone(),
            idle_timeout: all.idle_timeout,
            first_byte_timeout: all.first_byte_timeout,
            key,
            client: client(Via::Any)?,
            sockets: client(Via::Socket)?,
            breaker: Breaker::default(),
            measure,
            look: Arc::default(),
            reachable: AtomicU8::new(NEVER),
            looked: tokio::sync::Mutex::default(),
        })
    }

    pub(super) fn origin(&self) -> &UpstreamOrigin {
        &self.settings.origin
    }

    /// Whether it answered when it was asked last.
    pub(super) fn is_reachable(&self) -> bool {
        self.reachable.load(Ordering::Relaxed) == THERE
    }

    /// Whether it was asked at all.
    pub(super) fn was_asked(&self) -> bool {
        self.reachable.load(Ordering::Relaxed) != NEVER
    }

    pub(super) fn set_reachable(&self, is_there: bool) {
        self.reachable
            .store(if is_there { THERE } else { AWAY }, Ordering::Relaxed);
        self.measure.set_healthy(is_there);
    }

    /// Whether it answers what a rule of the table lets pass.
    pub(super) fn answers(&self, rule: &Rule) -> bool {
        self.settings.engines().iter().any(|engine| pack(*engine).answers(rule))
    }

    /// Sends a request, and waits until its answer begins. Dropped, it ends the request.
    pub(super) async fn send(
        &self,
        via: Via,
        (method, uri, headers): (Method, Uri, HeaderMap),
        loan: &Loan,
    ) -> Result<Response<Incoming>, NoAnswer> {
        let mut request = Request::new(loan.lend());
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        let sent = match via {
            Via::Any => self.client.request(request),
            Via::Socket => self.sockets.request(request),
        };
        tokio::pin!(sent);
        let result = loop {
            // What counts is silence after the last of the body: large ones take their time.
            let (_, last) = loan.progress();
            let until = last + self.first_byte_timeout;
            tokio::select! {
                result = &mut sent => break result,
                () = sleep_until(until) => {
                    if loan.progress().1 == last {
                        return Err(NoAnswer::TooSlow);
                    }
                }
            }
        };
        match result {
            Ok(response) => {
                self.breaker.succeeded();
                Ok(response)
            }
            Err(error) => {
                let why = Self::judge(&error);
                debug!(upstream = %self.origin(), ?why, cause = ?causes(&error).last().map(ToString::to_string), "no answer");
                if matches!(why, NoAnswer::NotConnected | NoAnswer::NotConnectedInTime) {
                    self.breaker.failed(Instant::now());
                }
                Err(why)
            }
        }
    }

    fn judge(error: &hyper_util::client::legacy::Error) -> NoAnswer {
        let is_late = |cause: &(dyn std::error::Error + 'static)| {
            let io = cause.downcast_ref::<std::io::Error>();
            io.is_some_and(|io| io.kind() == std::io::ErrorKind::TimedOut)
        };
        let has_no_file = |cause: &(dyn std::error::Error + 'static)| {
            let io = cause.downcast_ref::<std::io::Error>();
            // EMFILE and ENFILE.
            io.is_some_and(|io| matches!(io.raw_os_error(), Some(24 | 23)))
        };
        if error.is_connect() {
            if causes(error).any(has_no_file) {
                return NoAnswer::NoFiles;
            }
            return if causes(error).any(is_late) {
                NoAnswer::NotConnectedInTime
            } else {
                NoAnswer::NotConnected
            };
        }
        if causes(error).any(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>) {
            return NoAnswer::BodyTooLarge;
        }
        let is_users = |cause: &(dyn std::error::Error + 'static)| {
            cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_user)
        };
        if causes(error).any(is_users) {
            NoAnswer::BodyBroken
        } else {
            NoAnswer::Broken
        }
    }
}

/// What caused an error, and what caused that.
fn causes<'e>(
    error: &'e (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'e (dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |cause| cause.source())
}
