//! Requests that the console makes in the visitor's name: they walk through the layers of the model's routes as theirs.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, FromRequestParts};
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use localauth_core::Denial;
use tower::ServiceExt as _;

use super::super::Console;
use crate::{OverTls, PeerAddress};

/// The longest answer that is read.
const MAX_ANSWER: usize = 1024 * 1024;

/// What says who the visitor is and where they come from: their credentials, what tells another site's request, and what
/// proxies say.
const CARRIED: [HeaderName; 8] = [
    header::COOKIE,
    header::AUTHORIZATION,
    header::HOST,
    header::ORIGIN,
    header::USER_AGENT,
    header::FORWARDED,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("xi-api-key"),
];
const CARRIED_TOO: [&str; 5] = [
    "sec-fetch-site",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    // So that the model's server names the request as our own log does.
    "x-request-id",
];

/// What of the visitor's own request goes with each that is made for them.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    headers: HeaderMap,
    extensions: Extensions,
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// Why it was refused, if one of our layers did.
    pub(super) denial: Option<Denial>,
    pub(super) retry_after: Option<u64>,
    /// None where it is too long, or broke off.
    pub(super) body: Option<Bytes>,
    /// A renewed session: it has to reach the browser, or the old one ends.
    cookies: Vec<HeaderValue>,
}

impl Walk {
    fn of(parts: &Parts) -> Self {
        let mut headers = HeaderMap::new();
        let more = CARRIED_TOO.map(HeaderName::from_static);
        for name in CARRIED.into_iter().chain(more) {
            for value in parts.headers.get_all(&name) {
                headers.append(name.clone(), value.clone());
            }
        }
        // HTTP/2 has it in `:authority` (RFC 9113, section 8.3.1).
        if !headers.contains_key(header::HOST)
            && let Some(authority) = parts.uri.authority()
            && let Ok(host) = HeaderValue::try_from(authority.as_str())
        {
            headers.insert(header::HOST, host);
        }
        // Of the connection, and nothing that our own layers found: those of the model's routes look for themselves.
        let mut extensions = Extensions::new();
        let from = &parts.extensions;
        from.get::<ConnectInfo<SocketAddr>>()
            .map(|peer| extensions.insert(*peer));
        from.get::<PeerAddress>().map(|peer| extensions.insert(*peer));
        from.get::<OverTls>().map(|tls| extensions.insert(*tls));
        Self { headers, extensions }
    }

    /// Asks `routes`.
    pub(super) async fn ask(
        &self,
        routes: &Router,
        method: Method,
        path: &'static str,
        json: Option<Vec<u8>>,
    ) -> Answer {
        let mut request = Request::new(json.map_or_else(Body::empty, Body::from));
        *request.method_mut() = method;
        *request.uri_mut() = http::Uri::from_static(path);
        *request.headers_mut() = self.headers.clone();
        *request.extensions_mut() = self.extensions.clone();
        request
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match routes.clone().oneshot(request).await {
            Ok(response) => Answer::of(response).await,
            Err(never) => match never {},
        }
    }
}

impl Answer {
    async fn of(response: Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        let retry_after = head.headers.get(header::RETRY_AFTER);
        Self {
            status: head.status,
            denial: head.extensions.get().copied(),
            retry_after: retry_after.and_then(|value| value.to_str().ok()?.parse().ok()),
            cookies: head.headers.get_all(header::SET_COOKIE).iter().cloned().collect(),
            body: to_bytes(body, MAX_ANSWER).await.ok(),
        }
    }

    /// Hands on to the browser what is for it.
    pub(super) fn hand_on(&self, response: &mut axum::response::Response) {
        for cookie in &self.cookies {
            response.headers_mut().append(header::SET_COOKIE, cookie.clone());
        }
    }
}

impl FromRequestParts<Console> for Walk {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Console) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}
