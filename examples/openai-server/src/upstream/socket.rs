//! Sockets: `GET /v1/realtime`, upgraded to a `WebSocket`.
//!
//! Who may, which model, and from which site is judged before anything is sent; it counts as one request. From then on
//! bytes pass both ways unread, so what is said within the socket (another model, say) is the upstream's to judge.
//! It ends when one side ends it, when both are silent for too long, and within two seconds after the credential is no
//! longer good.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{body::Body, response::Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header, request::Parts, uri::PathAndQuery};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use localauth_core::{Allowance, Auth, Denial, Identity, Source, TokenAsk, UsageEvent};
use localauth_tower::{CurrentUser, ResolveModel as _};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional},
    sync::watch,
    time::{Instant, sleep},
};
use tracing::debug;

use super::{
    Upstreams,
    choose::Asked,
    failure::Failure,
    forward::{Ask, finish},
    headers::{self, Forwarded},
    lent::Loan,
    server::Via,
};

/// Where sockets are opened.
pub(super) const PATH: &str = "/v1/realtime";
/// Who may.
pub(super) const FEATURE: &str = "realtime";
/// How often it is looked whether the credential is still good.
const TICK: Duration = Duration::from_secs(1);
/// Languages that are spoken in sockets. In this place browsers send keys, too, which are for nobody but us.
const PROTOCOLS: [&str; 2] = ["realtime", "openai-beta.realtime-v1"];

/// Opens one.
pub(super) async fn open(by: &Upstreams, mut head: Parts) -> Result<Response, Failure> {
    let inner = &by.0;
    let ours = admit(&mut head)?;
    let user = head.extensions.get::<CurrentUser>().cloned();
    let seen = inner.seen(&head);
    check_origin(&head.headers, &seen)?;
    let (named, intent) = query(head.uri.query().unwrap_or_default())?;
    let model = by.resolve(&named).map_or(named, |exact| exact.to_string());
    if let Some(user) = &user {
        user.require_model(&model).map_err(Failure::Denied)?;
    }
    let speaks = |server: &&Arc<super::Server>| server.speaks_openai();
    let servers = inner.servers.iter().filter(speaks).cloned().collect();
    let servers = inner.servers_among(servers, Asked::Model(model.clone())).await?;

    let counted = match (&inner.auth, user) {
        (Some(auth), Some(user)) => Some(Counted::hold(auth, user, &model).await?),
        _ => None,
    };
    let mut sent = headers::asked(&head.headers, &seen, None);
    sent.extend(headers::of_socket(&head.headers));
    speak(&mut sent);
    let path = path(&model, intent.as_deref()).ok_or(Failure::UnknownRoute)?;
    let ask = Ask {
        method: &Method::GET,
        path: &path,
        headers: &sent,
        via: Via::Socket,
    };
    let nothing = Loan::new(Body::empty());
    let (server, mut answer) = ask.first_that_answers(&servers, &nothing).await?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return finish(inner, &server, &head.uri, answer, None).await;
    }
    let theirs = hyper::upgrade::on(&mut answer);
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = headers::of_socket(answer.headers());
    let closing = inner.closing.subscribe();
    let watched = counted.map(|counted| counted.begin(&model));
    let idle = server.idle_timeout;
    tokio::spawn(async move {
        if let (Ok(ours), Ok(theirs)) = (ours.await, theirs.await) {
            pass(ours, theirs, idle, watched, closing).await;
        }
    });
    Ok(response)
}

/// Whether it is a request for a `WebSocket` (RFC 6455, section 4.2.1); and our end of it.
fn admit(head: &mut Parts) -> Result<OnUpgrade, Failure> {
    let one = |name: &str| {
        let mut values = head.headers.get_all(name).iter();
        values
            .next()
            .filter(|_| values.next().is_none())
            .map(HeaderValue::as_bytes)
    };
    let connection = head.headers.get_all(header::CONNECTION).iter();
    let mut options = connection.flat_map(|value| value.as_bytes().split(|&b| b == b','));
    let fits = head.method == Method::GET
        && head.version == Version::HTTP_11
        && one("upgrade").is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"websocket"))
        && options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
        && one("sec-websocket-version") == Some(b"13")
        && one("sec-websocket-key").is_some_and(|key| key.len() == 24);
    let upgrade = head.extensions.remove::<OnUpgrade>();
    upgrade.filter(|_| fits).ok_or(Failure::Invalid(
        "This route opens a WebSocket over HTTP/1.1, and nothing else.",
    ))
}

/// Whether it is no other site that acts in a browser's name. No rule of browsers holds sockets back, and cookies go with
/// them. A credential in a header, which no browser adds by itself, stands for itself.
fn check_origin(headers: &HeaderMap, seen: &Forwarded) -> Result<(), Failure> {
    if [header::AUTHORIZATION.as_str(), "x-api-key", "xi-api-key"]
        .iter()
        .any(|name| headers.contains_key(*name))
    {
        return Ok(());
    }
    let scheme = if seen.is_https { "https" } else { "http" };
    let own = seen.host.as_ref().and_then(|host| {
        let host = host.to_str().ok()?;
        crate::settings::UpstreamOrigin::parse(&format!("{scheme}://{host}")).ok()
    });
    let is_own = |origin: &HeaderValue| {
        let origin = origin
            .to_str()
            .ok()
            .and_then(|origin| crate::settings::UpstreamOrigin::parse(origin).ok());
        let place =
            |origin: &crate::settings::UpstreamOrigin| (origin.is_tls(), origin.host().to_owned(), origin.port());
        origin.is_some_and(|origin| own.as_ref().is_some_and(|own| place(own) == place(&origin)))
    };
    let is_at_home = |site: &HeaderValue| matches!(site.as_bytes(), b"same-origin" | b"none");
    let fits =
        headers.get_all(header::ORIGIN).iter().all(is_own) && headers.get_all("sec-fetch-site").iter().all(is_at_home);
    if fits {
        Ok(())
    } else {
        Err(Failure::Denied(Denial::CrossSite))
    }
}

/// The model, once, and what it is for. What is not known could name another model.
fn query(query: &str) -> Result<(String, Option<String>), Failure> {
    if query.contains(';') {
        return Err(Failure::Ambiguous("the query can be parted in two ways"));
    }
    let (mut model, mut intent) = (None, None);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let place = match &*name {
            "model" => &mut model,
            "intent" => &mut intent,
            _ => {
                return Err(Failure::Invalid(
                    "The query of a socket has a `model`, and an `intent` at most.",
                ));
            }
        };
        let is_plain = !value.contains(char::is_control) && !value.contains(char::REPLACEMENT_CHARACTER);
        if value.is_empty() || !is_plain || place.replace(value.into_owned()).is_some() {
            return Err(Failure::Ambiguous("the query names the model twice, or not at all"));
        }
    }
    Ok((model.ok_or(Failure::NoModel)?, intent))
}

fn path(model: &str, intent: Option<&str>) -> Option<PathAndQuery> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("model", model);
    if let Some(intent) = intent {
        query.append_pair("intent", intent);
    }
    format!("{PATH}?{}", query.finish()).parse().ok()
}

/// Leaves of the languages that were offered those that are known.
fn speak(headers: &mut HeaderMap) {
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let offered = offered
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    let known: Vec<_> = offered
        .map(str::trim)
        .filter(|language| PROTOCOLS.contains(language))
        .collect();
    let known = HeaderValue::try_from(known.join(", "));
    headers.remove(header::SEC_WEBSOCKET_PROTOCOL);
    if let Ok(known) = known
        && !known.is_empty()
    {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, known);
    }
}

/// A request that counts once its socket is open. Dropped before, it does not.
struct Counted {
    auth: Auth,
    user: CurrentUser,
    allowance: Option<Allowance>,
    has_begun: bool,
}

impl Counted {
    async fn hold(auth: &Auth, user: CurrentUser, model: &str) -> Result<Self, Failure> {
        let held = auth.reserve(user.identity(), model, TokenAsk::default()).wait().await;
        let allowance = held.map_err(|refusal| Failure::Limited(refusal.denial, refusal.retry_after))?;
        Ok(Self {
            auth: auth.clone(),
            user,
            allowance,
            has_begun: false,
        })
    }

    fn begin(mut self, model: &str) -> Watched {
        self.has_begun = true;
        if let Some(allowance) = &self.allowance {
            allowance.commit();
        }
        let key = match self.user.source() {
            Source::ApiKey { id, name, .. } => Some((*id, name.to_string())),
            _ => None,
        };
        // Now, and not at its end: it counts, however that comes.
        self.auth.record_usage(UsageEvent {
            request_id: self.auth.new_request_id(),
            at: self.auth.now(),
            user_id: self.user.user_id(),
            user_name: self.user.name().to_owned(),
            key,
            source: self.user.usage_source(),
            model: model.to_owned(),
            endpoint: PATH.to_owned(),
            prompt_tokens: 0,
            cached_tokens: 0,
            completion_tokens: 0,
            cost_micros: 0,
            // What was said within it nobody counted.
            estimated: true,
        });
        Watched {
            identity: Arc::clone(self.user.identity()),
            model: model.to_owned(),
            counted: self,
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(allowance) = &self.allowance {
            if self.has_begun {
                allowance.settle(0, 0, 0);
            } else {
                allowance.release();
            }
        }
    }
}

/// Who has a socket, for as long as they may.
struct Watched {
    identity: Arc<Identity>,
    model: String,
    counted: Counted,
}

impl Watched {
    /// Ends when they may no longer.
    async fn until_denied(&mut self) -> Denial {
        loop {
            sleep(TICK).await;
            if self.identity.is_current() {
                if let Err(denial) = self.identity.admit(self.counted.auth.now()) {
                    return denial;
                }
                continue;
            }
            let still = self.counted.auth.recheck(&self.identity).await.and_then(|identity| {
                identity.require_feature(FEATURE)?;
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
async fn pass(
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_model_and_nothing_unknown() {
        let model = |text: &str| query(text).ok().map(|(model, _)| model);
        assert_eq!(model("model=gpt-realtime").as_deref(), Some("gpt-realtime"));
        assert_eq!(model("intent=transcription&model=a%2Fb").as_deref(), Some("a/b"));
        for wrong in [
            "",
            "model=",
            "model=a&model=b",
            "model=a&model=a",
            "Model=a",
            "model=a&Model=b",
            "model=a;model=b",
            "mod%65l=a&model=b",
            "model=a%00b",
            "model=%ff",
            "intent=x",
            "model=a&deployment=b",
            "model=a&call_id=c",
        ] {
            assert_eq!(model(wrong), None, "{wrong}");
        }
        assert_eq!(
            path("a/b c&model=x", None).unwrap().as_str(),
            "/v1/realtime?model=a%2Fb+c%26model%3Dx"
        );
    }

    #[test]
    fn a_key_among_the_languages_stays_here() {
        let mut headers = HeaderMap::new();
        let offered = "realtime, openai-insecure-api-key.sk-local-secret,openai-beta.realtime-v1";
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, offered.parse().unwrap());
        speak(&mut headers);
        assert_eq!(
            headers[header::SEC_WEBSOCKET_PROTOCOL],
            "realtime, openai-beta.realtime-v1"
        );
        headers.insert(
            header::SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::from_static("openai-insecure-api-key.x"),
        );
        speak(&mut headers);
        assert!(headers.is_empty());
    }

    #[test]
    fn a_foreign_site_does_not_open_sockets_with_a_cookie() {
        let seen = Forwarded {
            host: Some(HeaderValue::from_static("ai.example.org:8080")),
            ..Forwarded::default()
        };
        let may = |headers: &[(&'static str, &'static str)]| {
            let headers = headers
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
            check_origin(&headers.collect(), &seen).is_ok()
        };
        assert!(may(&[]) && may(&[("origin", "http://ai.example.org:8080")]));
        assert!(may(&[
            ("origin", "http://AI.example.org:8080"),
            ("sec-fetch-site", "same-origin")
        ]));
        for foreign in [
            "http://evil",
            "http://ai.example.org",
            "https://ai.example.org:8080",
            "null",
            "",
        ] {
            assert!(!may(&[("cookie", "session=x"), ("origin", foreign)]), "{foreign}");
            assert!(may(&[("authorization", "Bearer x"), ("origin", foreign)]), "{foreign}");
        }
        assert!(!may(&[("sec-fetch-site", "cross-site")]) && !may(&[("sec-fetch-site", "same-site")]));
    }
}
