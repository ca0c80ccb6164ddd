use std::sync::Arc;

use localauth_core::FairQueue;
use tower_layer::Layer;

use super::service::FairShareService;
use crate::reject::ContractErrors;

/// Lets only so many requests work at once, and the others wait for their turn: by user and weight, so that nobody who
/// asks a thousand times holds up somebody who asks once. See [`FairQueue`].
///
/// Belongs inside [`RequireAuth`](crate::RequireAuth), and outside of what counts, and takes the same requests as
/// [`MeterUsage`](crate::MeterUsage): those of somebody known that ask a model for something. Administrators wait like
/// everybody.
///
/// A place is held until the answer's body has ended or is dropped. It is in the request's extensions too, as
/// `Arc<`[`Place`](localauth_core::Place)`>`: whoever goes on working when the client has left keeps it from there. A
/// client that goes away while it waits leaves the queue.
///
/// Who finds the queue full, or waits longer than its patience, is answered 429 `rate_limit_exceeded` with `Retry-After`.
/// That and each answer that had to wait tell `x-queue-position`, the place in the queue at entry (1 is next), and
/// `x-queue-wait-ms`.
///
/// ```
/// use std::sync::Arc;
/// use http::{Request, Response, StatusCode};
/// use localauth_core::{Auth, FairQueue, MemoryStore, NewAccount, NewKey, Password};
/// use localauth_tower::{FairShare, RequireAuth};
/// use tower::{ServiceBuilder, ServiceExt as _, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let auth = Auth::builder(MemoryStore::new()).build()?;
/// let ada = auth.add_user(NewAccount::local("ada@example.org", Password::new("correct-horse-battery"))).await?;
/// let key = auth.create_key(ada.id, NewKey::named("laptop")).await?;
///
/// // One at a time, and nobody waits:
/// let queue = Arc::new(FairQueue::new(1).waiting(0));
/// let service = ServiceBuilder::new()
///     .layer(RequireAuth::new(&auth))
///     .layer(FairShare::new(Arc::clone(&queue)))
///     .service(service_fn(async |_: Request<String>| {
///         Ok::<_, std::convert::Infallible>(Response::new("an answer".to_owned()))
///     }));
/// let ask = || Request::post("/").header("x-api-key", key.plain.expose()).body(String::new());
///
/// // Accepted, and at work as long as the answer is not read:
/// let answer = service.clone().oneshot(ask()?).await?;
/// assert_eq!((answer.status(), queue.in_use()), (StatusCode::OK, 1));
///
/// // Refused meanwhile:
/// let refused = service.clone().oneshot(ask()?).await?;
/// assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
/// assert_eq!((&refused.headers()["retry-after"], &refused.headers()["x-queue-position"]), (&"1".parse()?, &"1".parse()?));
///
/// drop(answer);
/// assert_eq!(service.oneshot(ask()?).await?.status(), StatusCode::OK);
/// # Ok(())
/// # }
/// ```
///
/// The inner service is asked whether it is ready before the wait, and kept: a `ConcurrencyLimit` inside would give a
/// permit to requests that wait.
#[derive(Debug, Clone)]
#[must_use]
pub struct FairShare<R = ContractErrors> {
    queue: Arc<FairQueue>,
    reject: R,
}

impl FairShare {
    /// Shares the places of `queue`, which several layers may have in common.
    pub fn new(queue: Arc<FairQueue>) -> Self {
        Self {
            queue,
            reject: ContractErrors::default(),
        }
    }
}

impl<R> FairShare<R> {
    /// Answers refusals with `reject`.
    pub fn with_reject<R2>(self, reject: R2) -> FairShare<R2> {
        FairShare {
            queue: self.queue,
            reject,
        }
    }
}

impl<S, R: Clone> Layer<S> for FairShare<R> {
    type Service = FairShareService<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        FairShareService::new(inner, Arc::clone(&self.queue), self.reject.clone())
    }
}
