//! localauth's layers around a plain `tower` service: no axum, any body.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body_util::Full;
use localauth_core::Auth;
use localauth_core::policy::{RouteTable, RouteTableError};
use localauth_tower::{CurrentUser, MeterUsage, RequireAuth, ResponseBody, RoutePolicy};
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt as _, service_fn};

/// The body of an answer: ours, metered, or a refusal.
pub type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, Infallible>;

/// The whole application: one table says who may reach what, the rest is denied.
///
/// # Errors
///
/// [`RouteTableError`] when the table is wrong.
pub fn app<B>(auth: &Auth) -> Result<BoxCloneSyncService<Request<B>, Response<Body>, Infallible>, RouteTableError>
where
    B: http_body_util::BodyExt + Send + 'static,
{
    let table = RouteTable::builder()
        .public(Method::GET, "/")
        .feature(Method::POST, "/v1/chat/completions", "chat")
        .build(auth.features())?;
    let service = ServiceBuilder::new()
        .layer(RequireAuth::new(auth).allow_anonymous())
        .layer(RoutePolicy::new(table))
        .layer(MeterUsage::new(auth))
        .service(service_fn(answer))
        .map_response(|response| response.map(boxed));
    Ok(BoxCloneSyncService::new(service))
}

fn boxed<B>(body: ResponseBody<B>) -> Body
where
    ResponseBody<B>: http_body_util::BodyExt<Data = Bytes, Error = Infallible> + Send + 'static,
{
    http_body_util::BodyExt::boxed_unsync(body)
}

async fn answer<B>(request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    let who = request
        .extensions()
        .get::<CurrentUser>()
        .map_or("stranger", |user| user.name());
    let text = format!(
        r#"{{"model":"echo","choices":[{{"message":{{"role":"assistant","content":"Hello {who}"}}}}],"usage":{{"prompt_tokens":2,"completion_tokens":3}}}}"#
    );
    let mut response = Response::new(Full::new(Bytes::from(text)));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json"),
    );
    Ok(response)
}
