//! Sockets: `GET /v1/realtime`, upgraded to a `WebSocket`.
//!
//! Who may, which model, and from which site is judged before anything is sent; it counts as one request. From then on
//! bytes pass both ways unread, so what is said within the socket (another model, say) is the upstream's to judge.
//! It ends when one side ends it, when both are silent for too long, and within two seconds after the credential is no
//! longer good.

mod handshake;
mod pass;

use std::sync::Arc;

use axum::{body::Body, response::Response};
use http::{Method, StatusCode, request::Parts};
use localauth_tower::{CurrentUser, ResolveModel as _};

use self::{
    handshake::{admit, check_origin, path, query, speak},
    pass::{Counted, pass},
};
use super::{
    Upstreams,
    choose::Asked,
    failure::Failure,
    forward::{Ask, finish},
    headers,
    lent::Loan,
    server::{Server, Via},
};

/// Where sockets are opened.
pub(super) const PATH: &str = "/v1/realtime";
/// Who may.
pub(super) const FEATURE: &str = "realtime";
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
    let speaks = |server: &&Arc<Server>| server.speaks_openai();
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
