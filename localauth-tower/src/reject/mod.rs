//! How a refusal looks on the wire.

mod body;
mod contract;
mod future;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, Uri, header};
use localauth_core::Denial;

pub use body::ResponseBody;
pub use contract::{ContractErrors, ErrorCode};
pub use future::ResponseFuture;

/// Turns a [`Denial`] into a response.
///
/// Every layer takes one with `with_reject`; the default is [`ContractErrors`]. Closures are accepted:
///
/// ```
/// use bytes::Bytes;
/// use http::{Response, Uri};
/// use localauth_core::Denial;
/// use localauth_tower::{RequireAdmin, Reject};
///
/// let plain = |denial: Denial, _: &Uri| {
///     let mut response = Response::new(Bytes::from(denial.to_string()));
///     *response.status_mut() = denial.status();
///     response
/// };
/// let layer = RequireAdmin::new().with_reject(plain);
/// # let _ = layer;
/// # assert_eq!(plain.reject(Denial::AdminRequired, &Uri::from_static("/")).status(), 403);
/// ```
///
/// Whatever it answers, the layer puts the [`Denial`] into the response's extensions, and into a 401 the challenge that
/// RFC 9110 (section 11.6.1) asks for, unless the response has one.
pub trait Reject {
    /// The response to a request to `uri` that is refused for `denial`.
    fn reject(&self, denial: Denial, uri: &Uri) -> Response<Bytes>;
}

impl<F: Fn(Denial, &Uri) -> Response<Bytes>> Reject for F {
    fn reject(&self, denial: Denial, uri: &Uri) -> Response<Bytes> {
        self(denial, uri)
    }
}

/// The whole refusal: what `reject` says, and what must not be missing.
pub(crate) fn refuse<R: Reject, B>(reject: &R, denial: Denial, uri: &Uri) -> Response<ResponseBody<B>> {
    tracing::debug!(code = denial.code(), path = uri.path(), "refused");
    let mut response = reject.reject(denial, uri);
    if response.status() == StatusCode::UNAUTHORIZED {
        response
            .headers_mut()
            .entry(header::WWW_AUTHENTICATE)
            .or_insert(challenge(denial));
    }
    response
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response.extensions_mut().insert(denial);
    response.map(ResponseBody::refused)
}

/// RFC 6750, section 3: without a credential the challenge names no error.
const fn challenge(denial: Denial) -> HeaderValue {
    HeaderValue::from_static(match denial {
        Denial::MissingCredentials => "Bearer realm=\"localauth\"",
        _ => "Bearer realm=\"localauth\", error=\"invalid_token\"",
    })
}
