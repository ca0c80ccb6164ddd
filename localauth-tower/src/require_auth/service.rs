use std::mem;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderMap, HeaderName, Request, Response, header};
use localauth_core::{Auth, Authentication, Denial, Identity};
use tower_service::Service;

use super::ResponseFuture;
use crate::client::Proxies;
use crate::current_user::{Anonymous, CurrentUser};
use crate::original::asked_route;
use crate::reject::{Reject, ResponseBody, refuse};
use crate::trail::Trail;

/// The service of [`RequireAuth`](super::RequireAuth).
#[derive(Debug, Clone)]
pub struct RequireAuthService<S, R> {
    inner: S,
    pub(super) door: Door<R>,
}

/// What is known at the door.
#[derive(Debug, Clone)]
pub(super) struct Door<R> {
    pub(super) auth: Auth,
    pub(super) anonymous: bool,
    pub(super) proxies: Proxies,
    pub(super) reject: R,
}

impl<S, R> RequireAuthService<S, R> {
    pub(super) const fn new(inner: S, door: Door<R>) -> Self {
        Self { inner, door }
    }

    /// The inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<R: Reject> Door<R> {
    /// Notes in the request what was found about its sender, or says how to refuse it.
    pub(super) fn enter<B, ResB>(
        &self,
        request: &mut Request<B>,
        answer: Result<Arc<Identity>, Denial>,
        address: Option<IpAddr>,
    ) -> Result<(), Box<Response<ResponseBody<ResB>>>> {
        let trail = request.extensions().get::<Trail>();
        if let (Some(trail), Some(address)) = (trail, address) {
            trail.note_address(address);
        }
        if let (Some(trail), Ok(identity)) = (trail, &answer) {
            trail.note_user(identity);
        }
        let answer = answer.and_then(|identity| {
            if identity.scope().is_some() {
                let (method, path) = asked_route(request);
                identity.admit_request(method, path, address)?;
            }
            Ok(identity)
        });
        match answer {
            Ok(identity) => {
                request.extensions_mut().insert(CurrentUser::new(identity, address));
                Ok(())
            }
            Err(denial) if self.anonymous => {
                // Nobody is whoever an outer layer may have found.
                request.extensions_mut().remove::<CurrentUser>();
                request.extensions_mut().insert(Anonymous(denial));
                Ok(())
            }
            Err(denial) => Err(Box::new(refuse(&self.reject, denial, request.uri()))),
        }
    }
}

static X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
static XI_API_KEY: HeaderName = HeaderName::from_static("xi-api-key");

/// Keeps secrets out of whatever prints the headers later.
fn hide_credentials(headers: &mut HeaderMap) {
    for (name, value) in headers.iter_mut() {
        if *name == header::AUTHORIZATION || *name == header::COOKIE || *name == X_API_KEY || *name == XI_API_KEY {
            value.set_sensitive(true);
        }
    }
}

impl<S, R, B, ResB> Service<Request<B>> for RequireAuthService<S, R>
where
    S: Service<Request<B>, Response = Response<ResB>> + Clone,
    R: Reject + Clone,
{
    type Response = Response<ResponseBody<ResB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, R, B, ResB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let address = self.door.proxies.client(request.extensions(), request.headers());
        let authentication = self.door.auth.authenticate_from(request.headers(), address);
        hide_credentials(request.headers_mut());
        match authentication {
            Authentication::Ready(answer) => match self.door.enter(&mut request, answer, address) {
                Ok(()) => ResponseFuture::forwarded(self.inner.call(request)),
                Err(response) => ResponseFuture::refused(response),
            },
            Authentication::Pending(lookup) => {
                // The service that `poll_ready` was asked about goes with the request; a clone need not be ready.
                // https://docs.rs/tower/latest/tower/trait.Service.html#be-careful-when-cloning-inner-services
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                ResponseFuture::looking_up(lookup, address, request, ready, self.door.clone())
            }
        }
    }
}
