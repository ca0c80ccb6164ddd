//! What answers a request: the model's routes, and around them who may ask.

use std::sync::Arc;

use axum::{
    BoxError, Json, Router,
    body::{Body, Bytes, HttpBody},
    middleware::{from_fn, from_fn_with_state},
    response::Response,
    routing::get,
};
use http::Method;
use localauth_core::{
    Auth, FairQueue,
    policy::{
        Access, RouteTable, RouteTableBuilder, RouteTableError, openai_routes, owned_responses,
        packs::{Engine, pack},
    },
};
use localauth_tower::{
    ContractErrors, CountPrompt, EnforceLimits, FairShare, Inspect, MeterUsage, Proxies, RequireAuth, RequireModel,
    RoutePolicy, Site,
    api::{self, ApiBuilder, CrossSite, Renewal},
    console::{self, ConsoleBuilder},
    oauth::OAuth,
};
use serde_json::json;
use tower::ServiceBuilder;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};

use crate::{
    body_memory::{BodyMemory, Budget},
    connections::Counts,
    front_page,
    health::{self, Readiness},
    metrics::{Metrics, Sources},
    model::{
        detach::detach,
        errors::{shutting_down, unknown_route},
    },
    observe::{Observe, with_sane_id},
    security_headers::secure,
    settings::{ErrorCode, Settings},
    upstream::Upstreams,
};

/// Who may ask for what.
#[derive(Clone, Debug)]
pub enum Doors {
    /// Accounts: everything under `/api/auth/`, and the model by role and feature.
    Accounts(Auth, OAuth),
    /// No accounts: whoever has one of the shared keys may do everything.
    SharedKeys(Auth),
    /// No layer is installed at all.
    Open,
}

impl Doors {
    /// Who knows who somebody is.
    pub const fn auth(&self) -> Option<&Auth> {
        match self {
            Self::Accounts(auth, _) | Self::SharedKeys(auth) => Some(auth),
            Self::Open => None,
        }
    }
}

/// What answers behind the doors.
#[derive(Clone, Default)]
pub struct Model {
    /// Its routes.
    pub routes: Router,
    /// The models it has.
    pub names: Vec<String>,
    /// The one that answers who names none.
    pub default: Option<String>,
    /// Counts prompts as the models would.
    pub prompts: Option<Arc<dyn CountPrompt>>,
    /// Whether its routes hold each stored response to its owner.
    pub keeps_owners: bool,
    /// The engines that answer, whose packs say which routes there are; none where the model is our own.
    pub engines: Vec<Engine>,
    /// The servers that this one stands in front of, if it does.
    pub upstreams: Option<Upstreams>,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model")
            .field("names", &self.names)
            .field("default", &self.default)
            .finish_non_exhaustive()
    }
}

/// The whole application around the routes of a model.
///
/// # Errors
///
/// When the table of routes is wrong, which is a mistake in this program.
pub fn compose(
    settings: &Settings,
    doors: Doors,
    readiness: Readiness,
    model: Model,
) -> Result<Router, RouteTableError> {
    compose_counted(settings, doors, readiness, model, Arc::default())
}

/// The same, with the counts of its connections among what is measured.
///
/// # Errors
///
/// As [`compose`].
pub fn compose_counted(
    settings: &Settings,
    doors: Doors,
    readiness: Readiness,
    model: Model,
    connections: Arc<Counts>,
) -> Result<Router, RouteTableError> {
    let style = settings.error_code;
    let upstreams = model.upstreams.clone();
    let site = site(settings);
    let names = model.names.clone();
    let default = model.default.clone();
    let in_front = !model.engines.is_empty();
    let model = if in_front {
        // They answer to every path, or say that it is unknown.
        model
    } else {
        let routes = model.routes.fallback(move || async move { unknown_route(style) });
        Model { routes, ..model }
    };
    if let (Some(auth), Some(upstreams)) = (doors.auth(), &model.upstreams) {
        auth.resolve_models(upstreams.names());
    }
    let table = routes(&model.engines, model.keeps_owners);
    let metrics = Metrics::new(Sources {
        rules: rules(&doors, &table).rules(),
        auth: doors.auth(),
        connections,
        upstreams: model
            .upstreams
            .as_ref()
            .map(|upstreams| Arc::clone(upstreams.metrics())),
    });
    let model = with_metrics(model, &doors, &metrics);
    let app = match &doors {
        Doors::Accounts(auth, providers) => {
            let table = Arc::new(table.build(auth.features())?);
            let mut api = ApiBuilder::new(auth)
                .site(site.clone())
                .models(names.clone())
                .policy(table.clone())
                .oauth(providers.clone());
            let mut console = ConsoleBuilder::new(auth)
                .site(site.clone())
                .models(names)
                .policy(table.clone())
                .oauth(providers);
            if let Some(default) = default {
                api = api.default_model(default.clone());
                console = console.default_model(default);
            }
            // Behind all routes: what it has at `/` would clash with the console's.
            let model = Model {
                routes: Router::new().fallback_service(model.routes),
                ..model
            };
            let model = guarded(settings, auth, &site, table, model);
            let mut console = console.openai(model.clone()).build();
            if in_front {
                // They have something of their own there.
                console = front_page::for_browsers(console, model.clone());
            }
            model.merge(api.build()).merge(console)
        }
        Doors::SharedKeys(auth) => {
            let table = Arc::new(table.build(auth.features())?);
            let api = ApiBuilder::new(auth).site(site.clone()).without_accounts();
            guarded(settings, auth, &site, table, model).merge(api.build())
        }
        Doors::Open => model.routes.merge(no_accounts(settings)),
    };
    let auth = match doors {
        Doors::Accounts(auth, _) => Some(auth),
        Doors::SharedKeys(_) | Doors::Open => None,
    };
    let every_answer = ServiceBuilder::new()
        .map_response(secure(settings.tls.is_some()))
        .map_request(with_sane_id)
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(Observe::new(Arc::clone(metrics.requests())));
    Ok(app
        .merge(health::router(readiness, auth, upstreams))
        .layer(every_answer))
}

/// What is left while the server stops: health, and for everything else the advice to come back.
pub fn stopping(settings: &Settings, readiness: Readiness) -> Router {
    let style = settings.error_code;
    health::router(readiness, None, None)
        .fallback(move || async move { shutting_down(style) })
        .layer(ServiceBuilder::new().map_response(secure(settings.tls.is_some())))
}

/// The model's routes behind the walk: who, what kind of door, what it asks for, whether they may, whose turn, whether
/// they still may, what it used.
fn guarded(settings: &Settings, auth: &Auth, site: &Site, table: Arc<RouteTable>, model: Model) -> Router {
    let errors = ContractErrors::default()
        .with_code(match settings.error_code {
            ErrorCode::String => localauth_tower::ErrorCode::Word,
            ErrorCode::Number => localauth_tower::ErrorCode::Number,
        })
        .opaque(settings.opaque_errors);
    let mut inspect = Inspect::new().max_body(settings.max_body);
    if let Some(default) = model.default {
        inspect = inspect.default_model(default);
    }
    if let Some(upstreams) = &model.upstreams {
        inspect = inspect.resolve_models(Arc::new(upstreams.clone()));
    }
    let mut limits = EnforceLimits::new(auth).default_completion(settings.limits.default_completion);
    if let Some(prompts) = model.prompts {
        limits = limits.count_prompts(prompts);
    }
    // An answer whose client has gone is generated all the same, and counts. An upstream is told that it may stop.
    let detached = model.upstreams.is_none().then(|| from_fn(detach));
    // Outside of that: a client that leaves while it waits leaves the queue.
    let share = fair_share(settings).map(|share| {
        ServiceBuilder::new()
            .map_response(whole)
            .layer(share.with_reject(errors))
    });
    // One layer of the router, so that a request is put into a box once, and not once for each of them.
    let walk = ServiceBuilder::new()
        .layer(from_fn_with_state(
            CrossSite::new().site(site.clone()).errors(errors),
            api::refuse_cross_site,
        ))
        .layer(
            RequireAuth::new(auth)
                .allow_anonymous()
                .trusted_proxies(site.proxies().clone())
                .with_reject(errors),
        )
        .layer(from_fn_with_state(
            Renewal::new(auth).site(site.clone()),
            api::renew_session,
        ))
        .layer(RoutePolicy::new(table).with_reject(errors))
        .layer(BodyMemory::new(
            Budget::new(settings.bounds.body_memory, settings.max_body),
            settings.error_code,
        ))
        .map_response(whole)
        .layer(inspect.with_reject(errors))
        .map_request(|request: http::Request<_>| request.map(Body::new))
        .layer(RequireModel::new().with_reject(errors))
        .option_layer(share)
        .option_layer(detached)
        .map_response(whole)
        .layer(limits.with_reject(errors))
        .layer(MeterUsage::new(auth));
    model.routes.layer(walk)
}

/// An answer of which only its body is known.
fn whole<B>(response: http::Response<B>) -> Response
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    response.map(Body::new)
}

/// The queue in front of the model, if there is to be one.
fn fair_share(settings: &Settings) -> Option<FairShare> {
    let queue = FairQueue::new(settings.queue_places)
        .waiting(settings.queue_waiting)
        .patience(settings.queue_patience);
    (settings.queue_places > 0).then(|| FairShare::new(Arc::new(queue)))
}

/// Which door is for whom.
/// The routes that there are, and for whom: those of the packs of `engines`, or where there are none, of our own model.
pub fn routes(engines: &[Engine], keeps_owners: bool) -> RouteTableBuilder {
    let table = RouteTable::builder();
    let mut table = match engines {
        [] => openai_routes(table),
        engines => engines.iter().fold(table, |table, engine| pack(*engine).declare(table)),
    };
    if keeps_owners {
        table = owned_responses(table);
    }
    table.redeclare(Method::GET, "/metrics", Access::Admin)
}

/// Every rule that a request can meet: those of the API, and those of the model.
fn rules(doors: &Doors, table: &RouteTableBuilder) -> RouteTableBuilder {
    let api = api::routes(RouteTable::builder());
    let rules = match doors {
        Doors::Accounts(_, providers) => console::routes(providers.routes(api), "/"),
        Doors::SharedKeys(_) => api,
        Doors::Open => return RouteTable::builder(),
    };
    table.rules().iter().fold(rules, |rules, rule| {
        rules.route(rule.method().clone(), rule.pattern().to_owned(), rule.access().clone())
    })
}

/// The model with what `/metrics` answers, which the route table keeps for administrators. Where nobody is asked who they
/// are, nobody is one: then it is not there.
fn with_metrics(model: Model, doors: &Doors, metrics: &Metrics) -> Model {
    if doors.auth().is_none() {
        return model;
    }
    let metrics = metrics.clone();
    let routes = model
        .routes
        .route("/metrics", get(move || std::future::ready(metrics.answer())));
    Model { routes, ..model }
}

/// How the server looks from outside.
fn site(settings: &Settings) -> Site {
    Site::new()
        .trusted_proxies(Proxies::new(settings.trusted_proxies.iter().copied()))
        .maybe_base_url(settings.base_url.clone())
}

/// What is left of `/api/auth/` without accounts.
fn no_accounts(settings: &Settings) -> Router {
    let status = json!({
        "authEnabled": false,
        "staticApiKeyRequired": !settings.api_keys.is_empty(),
        "providers": [],
        "hasUsers": false,
        "registrationMode": match settings.registration_mode {
            crate::settings::RegistrationMode::Open => "open",
            crate::settings::RegistrationMode::Approval => "approval",
            crate::settings::RegistrationMode::Invite => "invite",
        },
        "user": null,
    });
    Router::new().route("/api/auth/status", get(async move || Json(status)))
}
