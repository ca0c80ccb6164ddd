//! Which upstream a request goes to.

use std::{sync::Arc, time::Duration};

use http::request::Parts;
use localauth_core::policy::Rule;
use localauth_tower::Inspected;

use super::{Inner, failure::Failure, models::Listing, server::Server, watch};

/// How long a request waits for a look at the models when it names one that is not known.
pub(super) const LOOK: Duration = Duration::from_secs(5);

/// What a request asks for.
pub(super) enum Asked {
    /// Nobody looked into it: it is about no model.
    NotRead,
    /// It could be about a model, and names none.
    Nothing,
    /// This one, which was judged.
    Model(String),
}

impl Asked {
    pub(super) fn of(head: &Parts) -> Self {
        match head.extensions.get::<Inspected>().map(Inspected::model) {
            None => Self::NotRead,
            Some(None) => Self::Nothing,
            Some(Some(model)) => Self::Model(model.to_owned()),
        }
    }
}

impl Inner {
    /// The upstreams that a request to a route may go to, the best first.
    pub(super) async fn servers_for(&self, rule: &Rule, asked: Asked) -> Result<Vec<Arc<Server>>, Failure> {
        let with_route = self.servers.iter().filter(|server| server.answers(rule));
        let servers: Vec<_> = with_route.cloned().collect();
        match asked {
            Asked::NotRead if servers.is_empty() => Err(Failure::UnknownRoute),
            Asked::NotRead => Ok(servers),
            Asked::Nothing => {
                // An upstream would take one of its own choice, which nobody has judged.
                let is_open = |server: &Arc<Server>| matches!(**server.listing.load(), Listing::Open);
                let open: Vec<_> = servers.into_iter().filter(is_open).collect();
                if open.is_empty() {
                    Err(Failure::NoModel)
                } else {
                    Ok(open)
                }
            }
            Asked::Model(model) => {
                let found = having(&servers, &model);
                if found.is_ok() {
                    return found;
                }
                // It may have come since.
                let looks = servers.iter().map(|server| watch::look_once(server, LOOK));
                futures_util::future::join_all(looks).await;
                having(&servers, &model)
            }
        }
    }
}

/// Those of some upstreams that have a model: first who says so, then who has no list. For who was not reached so far
/// nobody can say.
fn having(servers: &[Arc<Server>], model: &str) -> Result<Vec<Arc<Server>>, Failure> {
    let (mut found, mut open, mut is_unknown) = (Vec::new(), Vec::new(), false);
    for server in servers {
        match &**server.listing.load() {
            Listing::Known(known) if known.models.contains_key(model) => found.push(Arc::clone(server)),
            Listing::Known(_) => {}
            Listing::Open => open.push(Arc::clone(server)),
            Listing::Unknown => is_unknown = true,
        }
    }
    found.append(&mut open);
    match (found.is_empty(), is_unknown) {
        (false, _) => Ok(found),
        (true, true) => Err(Failure::Unreachable),
        (true, false) => Err(Failure::unknown_model(model)),
    }
}
