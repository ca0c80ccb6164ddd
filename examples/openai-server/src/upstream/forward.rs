//! Forwards one request: which upstream, and what becomes of its answer.

use std::sync::Arc;

use axum::{
    body::{Body, HttpBody as _},
    extract::{ConnectInfo, Request},
    response::{IntoResponse as _, Response},
};
use http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, Uri, header, request::Parts};
use http_body_util::Limited;
use hyper::body::Incoming;
use localauth_core::{
    Denial, UserId,
    policy::{Access, Rule},
};
use localauth_tower::{CurrentUser, Inspected, OverTls};
use tokio::time::Instant;

use super::{
    Inner, Upstreams,
    answer::{AfterEnd, Answer, Stream},
    choose::Asked,
    failure::Failure,
    headers::{self, Forwarded},
    lent::Loan,
    list::Wanted,
    server::{NoAnswer, Server, Via},
    shape,
    slots::Slot,
    socket, target,
};

use crate::model::stored::MadeBy;

/// Where an administrator uploads what a model is made of, however large.
const BLOBS: &str = "/api/blobs/";

/// The answer to a request that may pass.
pub(super) async fn forward(by: &Upstreams, request: Request) -> Response {
    let uri = request.uri().clone();
    let mut response = match answer(by, request).await {
        Ok(response) => response,
        Err(failure) => failure.answer(by.0.voice, &uri),
    };
    // A cookie tells no cache that an answer is for one person only.
    let caching = response.headers_mut().entry(header::CACHE_CONTROL);
    caching.or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn answer(by: &Upstreams, request: Request) -> Result<Response, Failure> {
    let inner = &by.0;
    let (head, body) = request.into_parts();
    let path = target::path(&head.uri)?;
    target::check(&head, !body.is_end_stream())?;
    // The walk has asked a table with these rules too; where there is no walk, this one says what is known at all.
    let rule = inner
        .table
        .find(&head.method, path.path())
        .ok_or(Failure::UnknownRoute)?;
    if let Some(wanted) = Wanted::by(rule, path.path()) {
        return inner.tell(head.extensions.get::<CurrentUser>(), wanted).await;
    }
    if rule.pattern() == socket::PATH {
        return socket::open(inner, rule, head).await;
    }
    if target::is_upgrade(&head.headers) {
        return Err(Failure::Invalid("This route opens no socket."));
    }
    if head.extensions.get::<Inspected>().is_some_and(Inspected::names_itself) {
        // vLLM keeps answers by that name, of whomever.
        return Err(Failure::Invalid("`request_id` is not available: leave it out."));
    }
    let mut servers = inner.servers_for(rule, Asked::of(&head)).await?;
    if let Some(MadeBy(place)) = head.extensions.get() {
        // Only there it is stored.
        servers.retain(|server| server.place == *place);
        if servers.is_empty() {
            return Err(Failure::Denied(Denial::NotFound));
        }
    }
    let body = inner.bounded(rule, &head, body)?;
    let sent = headers::asked(&head.headers, &inner.seen(&head), None);
    let slot = inner.slot(&head)?;
    let loan = Loan::new(body);
    let ask = Ask {
        method: &head.method,
        path: &path,
        headers: sent,
        via: Via::Any,
    };
    let (server, response) = ask.first_that_answers(&servers, &loan).await?;
    let changed = if changes_models(rule) {
        inner.servers.clone()
    } else {
        Vec::new()
    };
    let after: AfterEnd = Box::new(move || {
        drop(slot);
        for server in changed {
            server.look.notify_one();
        }
    });
    finish(inner, &server, &head.uri, response, Some(after)).await
}

/// Whether there may be other models after it.
fn changes_models(rule: &Rule) -> bool {
    *rule.access() == Access::Admin && !matches!(*rule.method(), Method::GET | Method::HEAD)
}

/// A request, but for its body and for whom it is.
pub(super) struct Ask<'a> {
    pub(super) method: &'a Method,
    pub(super) path: &'a http::uri::PathAndQuery,
    pub(super) headers: HeaderMap,
    pub(super) via: Via,
}

impl Ask<'_> {
    /// Asks one after the other, as long as nothing of the request was sent.
    pub(super) async fn first_that_answers(
        mut self,
        servers: &[Arc<Server>],
        loan: &Loan,
    ) -> Result<(Arc<Server>, http::Response<Incoming>), Failure> {
        let mut failure = Failure::Unreachable;
        let mut left = servers.len();
        for server in servers {
            left -= 1;
            if !server.breaker.admits(Instant::now()) {
                continue;
            }
            let uri = target::at(server.origin(), self.path.clone())?;
            let mut headers = match left {
                0 => std::mem::take(&mut self.headers),
                _ => self.headers.clone(),
            };
            if let Some(key) = &server.key {
                headers.insert(header::AUTHORIZATION, key.clone());
            }
            let pending = server.measure.begin();
            let result = server.send(self.via, (self.method.clone(), uri, headers), loan).await;
            pending.ended(result.as_ref().map(http::Response::status).map_err(|why| *why));
            if result.is_err() {
                // So that it is known to be away, and found when it is back.
                server.look.notify_one();
            }
            match result {
                Ok(response) => return Ok((Arc::clone(server), response)),
                Err(NoAnswer::NotConnected) => failure = Failure::Unreachable,
                Err(NoAnswer::NotConnectedInTime) => failure = Failure::NotConnectedInTime,
                Err(NoAnswer::NoFiles) => return Err(Failure::Full),
                Err(NoAnswer::Broken) => return Err(Failure::Broken),
                Err(NoAnswer::TooSlow) => return Err(Failure::TooSlow),
                Err(NoAnswer::BodyTooLarge) => return Err(Failure::BodyTooLarge),
                Err(NoAnswer::BodyBroken) => return Err(Failure::Invalid("The request body broke off.")),
            }
            if !loan.is_back() {
                break;
            }
        }
        Err(failure)
    }
}

/// What a client gets of an answer.
pub(super) async fn finish(
    inner: &Inner,
    server: &Server,
    asked: &Uri,
    response: http::Response<Incoming>,
    after: Option<AfterEnd>,
) -> Result<Response, Failure> {
    let status = response.status();
    match status {
        // Ours is not what the client has to mend.
        StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED => return Err(Failure::KeyRefused),
        _ if status.is_informational() => return Err(Failure::Odd),
        StatusCode::NOT_MODIFIED => {}
        _ if status.is_redirection() => {
            let there = target::redirect(server.origin(), response.headers()).ok_or(Failure::Odd)?;
            let there = HeaderValue::from_str(there.as_str()).map_err(|_| Failure::Odd)?;
            return Ok((status, [(header::LOCATION, there)]).into_response());
        }
        _ if status.is_client_error() || status.is_server_error() => {
            return Ok(shape::retell(response, inner.voice, &inner.hidden).await);
        }
        _ => {}
    }
    let (theirs, body) = response.into_parts();
    let stream = Stream::of(asked.path(), &theirs.headers);
    let mut headers = headers::answered(&theirs.headers);
    if stream.is_some() {
        // It may end with a word of ours.
        headers.remove(header::CONTENT_LENGTH);
    }
    let body = Answer::new(body, server.idle_timeout, stream)
        .measured(server.measure.clone())
        .then(after);
    let mut response = Response::new(Body::new(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response.extensions_mut().insert(MadeBy(server.place));
    Ok(response)
}

impl Inner {
    /// A place among the requests that are under way to upstreams.
    pub(super) fn slot(&self, head: &Parts) -> Result<Slot, Failure> {
        let user = head.extensions.get::<CurrentUser>().map(CurrentUser::id);
        // Behind a shared key may be anybody.
        self.slots.take(user.filter(|user| *user != UserId::SHARED))
    }

    /// A body that is as long as it may be. One that was looked into is so already.
    fn bounded(&self, rule: &Rule, head: &Parts, body: Body) -> Result<Body, Failure> {
        let is_upload = *rule.access() == Access::Admin && rule.pattern().starts_with(BLOBS);
        if is_upload || head.extensions.get::<Inspected>().is_some() {
            return Ok(body);
        }
        let announced = body.size_hint().lower();
        if announced > self.max_body as u64 {
            return Err(Failure::BodyTooLarge);
        }
        Ok(if body.size_hint().exact().is_some() {
            body
        } else {
            Body::new(Limited::new(body, self.max_body))
        })
    }

    /// How the client looks, and what it takes this server for.
    pub(super) fn seen(&self, head: &Parts) -> Forwarded {
        let peer = peer(&head.extensions);
        let is_proxy = peer.is_some_and(|peer| self.proxies.contains(peer));
        let last = |name: &str| {
            let value = head.headers.get_all(name).iter().next_back().filter(|_| is_proxy)?;
            value.to_str().ok()?.rsplit(',').next().map(str::trim)
        };
        let host = || {
            let own = head.headers.get(header::HOST).and_then(|host| host.to_str().ok());
            own.or_else(|| head.uri.authority().map(http::uri::Authority::as_str))
        };
        let (is_https, host) = match self.base_url.as_deref().and_then(|url| url.split_once("://")) {
            Some((scheme, rest)) => (scheme.eq_ignore_ascii_case("https"), rest.split('/').next()),
            None => (
                last("x-forwarded-proto").map_or_else(
                    || head.extensions.get::<OverTls>().is_some(),
                    |proto| proto.eq_ignore_ascii_case("https"),
                ),
                last("x-forwarded-host").or_else(host),
            ),
        };
        // Where a proxy says what nobody can read, nobody knows who it is; the proxy it was not.
        let user = head.extensions.get::<CurrentUser>();
        Forwarded {
            address: user.map_or(peer, CurrentUser::address),
            is_https,
            host: host.and_then(|host| {
                let authority: http::uri::Authority = host.parse().ok()?;
                HeaderValue::from_str(authority.as_str())
                    .ok()
                    .filter(|_| !authority.as_str().contains('@'))
            }),
        }
    }
}

fn peer(extensions: &Extensions) -> Option<std::net::IpAddr> {
    let info = extensions.get::<ConnectInfo<std::net::SocketAddr>>()?;
    Some(info.0.ip().to_canonical())
}
