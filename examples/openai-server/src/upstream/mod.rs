//! Stands in front of other model servers: what the walk let pass is forwarded, as it was judged, to the one that has the
//! model.
//!
//! - `forward` is the handler: what becomes of a request, and of its answer; `choose` says which upstream.
//! - `target` and `headers` say what of a request reaches an upstream: the path to the byte, and a list of headers.
//! - `server` is one upstream with its connections; `models` knows what it has; `watch` asks it now and then.
//! - `list` says what there is, to each caller what the caller may use.
//! - `responses` holds what upstreams store to its owner; `socket` passes `WebSockets`.

mod answer;
mod breaker;
mod choose;
mod connect;
mod failure;
mod forward;
mod headers;
mod hidden;
mod lent;
mod list;
mod measure;
mod models;
mod responses;
mod server;
mod shape;
mod slots;
mod socket;
mod target;
mod watch;

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Weak},
};

use axum::{
    Router,
    extract::{Request, State},
};
use localauth_core::{
    Auth,
    policy::{RouteTable, RouteTableError},
};
use localauth_tower::{Proxies, ResolveModel};
use tokio::{sync::watch as signal, task::JoinSet};

use self::{failure::Voice, hidden::Hidden, measure::Measure, models::Listing, server::Server, slots::Slots};
use crate::{
    app, connections,
    metrics::UpstreamMetrics,
    settings::{Settings, UpstreamSettings},
};

pub use self::connect::TlsError;

/// Why the upstreams cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The packs do not go together, which is a mistake in this program.
    #[error(transparent)]
    Table(#[from] RouteTableError),
}

/// The servers that this one stands in front of. Clones are handles to the same.
#[derive(Clone)]
pub struct Upstreams(Arc<Inner>);

struct Inner {
    servers: Vec<Arc<Server>>,
    metrics: Arc<UpstreamMetrics>,
    /// Requests that may be under way at once.
    slots: Arc<Slots>,
    /// Which route is whose.
    table: RouteTable,
    auth: Option<Auth>,
    voice: Voice,
    hidden: Hidden,
    base_url: Option<String>,
    proxies: Proxies,
    max_body: usize,
    /// One for each server. They end with this.
    _watches: JoinSet<()>,
    /// Sockets end with this.
    closing: signal::Sender<()>,
}

impl fmt::Debug for Upstreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstreams")
            .field("servers", &self.0.servers)
            .finish_non_exhaustive()
    }
}

/// How the upstreams are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// How many there are.
    pub configured: usize,
    /// How many of them answered when they were asked last.
    pub reachable: usize,
}

impl Upstreams {
    /// Sets them up, and asks each for its models once. One that is away is asked again later: the server starts without
    /// it. `auth` says who may use what; without, auth is off.
    ///
    /// # Errors
    ///
    /// [`UpstreamError`], for what no later try would mend.
    pub async fn start(
        upstream: &UpstreamSettings,
        settings: &Settings,
        auth: Option<&Auth>,
    ) -> Result<Self, UpstreamError> {
        let names = upstream.servers.iter().map(|server| server.origin.to_string());
        let metrics = Arc::new(UpstreamMetrics::new(names));
        let servers = upstream.servers.iter().enumerate().map(|(place, server)| {
            let measure = Measure::new(Arc::clone(&metrics), place);
            Server::new(server, place, upstream, measure).map(Arc::new)
        });
        let servers: Vec<_> = servers.collect::<Result<_, _>>()?;
        let features = auth.map_or_else(localauth_core::FeatureRegistry::preset, |auth| auth.features().clone());
        let table = app::routes(&upstream.engines(), false).build(&features)?;
        futures_util::future::join_all(servers.iter().map(|server| watch::first_look(server))).await;
        let mut watches = JoinSet::new();
        for server in &servers {
            watches.spawn(watch::watch(Arc::clone(server), upstream.health_interval));
        }
        Ok(Self(Arc::new(Inner {
            servers,
            metrics,
            slots: Slots::new(connections::most_forwarded()),
            table,
            auth: auth.cloned(),
            voice: Voice {
                style: settings.error_code,
                opaque: settings.opaque_errors,
            },
            hidden: Hidden::of(&upstream.servers),
            base_url: settings.base_url.clone(),
            proxies: Proxies::new(settings.trusted_proxies.iter().copied()),
            max_body: settings.max_body,
            _watches: watches,
            closing: signal::Sender::default(),
        })))
    }

    /// What answers behind the walk.
    pub fn routes(&self) -> Router {
        let forward = async |State(by): State<Self>, request: Request| forward::forward(&by, request).await;
        let routes = Router::new().fallback(forward).with_state(self.clone());
        responses::hold_to_owners(routes, self)
    }

    /// What knows the names of their models, for as long as there are any.
    pub fn names(&self) -> Arc<dyn ResolveModel> {
        Arc::new(Names(Arc::downgrade(&self.0)))
    }

    /// The exact names of the models that are known now.
    pub fn models(&self) -> Vec<String> {
        let listings: Vec<_> = self.0.servers.iter().map(|server| server.listing.load()).collect();
        let known = listings.iter().filter_map(|listing| listing.known());
        let names: BTreeSet<_> = known.flat_map(|known| known.models.keys()).collect();
        names.into_iter().map(ToString::to_string).collect()
    }

    /// What requests to them came to.
    pub fn metrics(&self) -> &Arc<UpstreamMetrics> {
        &self.0.metrics
    }

    /// How they are.
    pub fn health(&self) -> Health {
        let servers = &self.0.servers;
        Health {
            configured: servers.len(),
            reachable: servers.iter().filter(|server| server.is_reachable()).count(),
        }
    }
}

/// The same for who is not to hold them: they hold the accounts.
struct Names(Weak<Inner>);

impl Names {
    fn upstreams(&self) -> Option<Upstreams> {
        self.0.upgrade().map(Upstreams)
    }
}

impl ResolveModel for Names {
    fn resolve(&self, name: &str) -> Option<Arc<str>> {
        self.upstreams()?.resolve(name)
    }

    fn default_model(&self) -> Option<Arc<str>> {
        self.upstreams()?.default_model()
    }

    fn known(&self) -> Vec<Arc<str>> {
        self.upstreams().map(|upstreams| upstreams.known()).unwrap_or_default()
    }
}

impl ResolveModel for Upstreams {
    fn resolve(&self, name: &str) -> Option<Arc<str>> {
        let servers = &self.0.servers;
        let among = |name: &str| {
            let listings = servers.iter().map(|server| server.listing.load());
            let exact = |listing: &Listing| models::exact(listing.known()?, name);
            // To the letter before any other spelling, whoever has it.
            let is_there = servers.iter().any(|server| server.listing.load().has(name));
            if is_there {
                return Some(Arc::from(name));
            }
            listings.into_iter().find_map(|listing| exact(&listing))
        };
        let alias = servers.iter().find_map(|server| server.settings.aliases.get(name));
        match alias {
            Some(model) => Some(among(model).unwrap_or_else(|| model.as_str().into())),
            None => among(name),
        }
    }

    fn known(&self) -> Vec<Arc<str>> {
        self.models().into_iter().map(Arc::from).collect()
    }

    fn default_model(&self) -> Option<Arc<str>> {
        let mut only: Option<Arc<str>> = None;
        for server in &self.0.servers {
            let listing = server.listing.load();
            // Where one may have others, nobody can say.
            for model in listing.known()?.models.keys() {
                if only.as_ref().is_some_and(|only| only != model) {
                    return None;
                }
                only = Some(Arc::clone(model));
            }
        }
        only
    }
}
