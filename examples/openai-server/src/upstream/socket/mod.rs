//! Sockets: `GET /v1/realtime`, upgraded to a `WebSocket`.
//!
//! Who may, which model, and from which site is judged before anything is sent; it counts as one request, which lasts as
//! long as the socket does. From then on
//! bytes pass both ways unread, so what is said within the socket (another model, say) is the upstream's to judge.
//! It ends when one side ends it, when both are silent for too long, when the server stops, and within two seconds after
//! the credential is no longer good or a budget is used up; then the client is told why, by a frame that closes it.

mod frames;
mod handshake;
mod pass;

use std::sync::Arc;

use axum::{body::Body, response::Response};
use http::{Method, StatusCode, request::Parts};
use localauth_core::policy::Rule;
use localauth_tower::{CurrentUser, Inspected, Lasting};

use self::{
    handshake::{admit, check_origin, path, query, speak},
    pass::{Ends, Watched, pass},
};
use crate::connections::Place;

use super::{
    Inner,
    choose::Asked,
    failure::Failure,
    forward::{Ask, finish},
    headers,
    lent::Loan,
    server::Via,
};

/// Where sockets are opened.
pub(super) const PATH: &str = "/v1/realtime";

/// Opens one, as `rule` allows.
pub(super) async fn open(inner: &Inner, rule: &Arc<Rule>, mut head: Parts) -> Result<Response, Failure> {
    let ours = admit(&mut head)?;
    let user = head.extensions.get::<CurrentUser>().cloned();
    let seen = inner.seen(&head);
    check_origin(&head.headers, &seen)?;
    // To the letter: an address is not rewritten, so there are no other names for a model in it.
    let (model, intent) = query(head.uri.query().unwrap_or_default())?;
    if head
        .extensions
        .get::<Inspected>()
        .is_some_and(|asked| asked.model() != Some(&model))
    {
        return Err(Failure::Ambiguous("the query names the model in two ways"));
    }
    if let Some(user) = &user {
        // The walk has judged it. That nobody takes that part of it away, it is judged here too.
        user.require_model(&model).map_err(Failure::Denied)?;
    }
    let servers = inner.servers_for(rule, Asked::Model(model.clone())).await?;
    let mut sent = headers::asked(&head.headers, &seen, None);
    sent.extend(headers::of_socket(&head.headers));
    speak(&mut sent);
    let path = path(&model, intent.as_deref()).ok_or(Failure::UnknownRoute)?;
    let ask = Ask {
        method: &Method::GET,
        path: &path,
        headers: sent,
        via: Via::Socket,
    };
    // The client's connection goes on, and counts as one, when this request is over; so does that to the upstream.
    let places = (inner.slot(&head)?, head.extensions.get::<Place>().cloned());
    let nothing = Loan::new(Body::empty());
    let (server, mut answer) = ask.first_that_answers(&servers, &nothing).await?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return finish(inner, &server, &head.uri, answer, None).await;
    }
    let theirs = hyper::upgrade::on(&mut answer);
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = headers::of_socket(answer.headers());
    let lasting = Lasting::new();
    response.extensions_mut().insert(lasting.clone());
    let watched = inner.auth.clone().zip(user).map(|(auth, user)| Watched {
        auth,
        identity: Arc::clone(user.identity()),
        rule: Arc::clone(user.rule().unwrap_or(rule)),
        model,
    });
    let stopping = places.1.as_ref().map(Place::stopping);
    let ends = Ends {
        idle: server.idle_timeout,
        watched,
        lasting,
        stopping: Box::pin(async {
            match stopping {
                Some(stopping) => stopping.await,
                None => std::future::pending().await,
            }
        }),
        closing: inner.closing.subscribe(),
    };
    tokio::spawn(async move {
        if let (Ok(ours), Ok(theirs)) = (ours.await, theirs.await) {
            pass(ours, theirs, ends).await;
        }
        drop(places);
    });
    Ok(response)
}
