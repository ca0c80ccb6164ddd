//! Why somebody was refused, and what to change.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::Method;
use ipnet::IpNet;
use localauth_core::policy::{RouteTable, Rule};
use localauth_core::{Denial, Identity, KEY_PREFIX, LimitStatus, PublicId, UserId};

use super::limits::LimitRow;
use crate::api::why::{Judged, Request, described, judge};
use crate::console::Console;
use crate::console::fields::Fields;
use crate::console::frame::Frame;
use crate::console::page::{page, page_with};
use crate::console::trouble::Trouble;
use crate::console::users::find;
use crate::console::visit::Visit;

const METHODS: [&str; 5] = ["POST", "GET", "PUT", "PATCH", "DELETE"];

#[derive(Template)]
#[template(path = "house/why.html")]
struct Why {
    frame: Frame,
    methods: &'static [&'static str],
    /// What can be chosen as a path.
    paths: BTreeSet<String>,
    models: Vec<String>,
    who: String,
    method: String,
    path: String,
    model: String,
    /// From where the request would come.
    address: String,
    answer: Option<Answer>,
}

/// What would become of the request.
struct Answer {
    name: String,
    /// Whose page has the switches; the owner's, for a key.
    user_id: Option<String>,
    denial: Option<Refusal>,
    rule: Option<String>,
    limit: Option<LimitRow>,
    /// Whether it holds for a request from one of the key's networks, as no address was given.
    is_from_inside: bool,
}

struct Refusal {
    status: u64,
    code: &'static str,
    /// What to change.
    advice: String,
}

impl Why {
    fn new(console: &Console, visit: &Visit) -> Self {
        let rules = console.policy.iter().flat_map(|table| table.rules());
        Self {
            frame: visit.frame(console, "house-why-title"),
            methods: &METHODS,
            paths: rules.map(|rule| rule.pattern().to_owned()).collect(),
            models: console.known_models(),
            who: shown(&visit.query("user").unwrap_or_default()),
            method: "POST".to_owned(),
            path: "/v1/chat/completions".to_owned(),
            model: String::new(),
            address: String::new(),
            answer: None,
        }
    }
}

pub(super) async fn show(State(console): State<Console>, visit: Visit) -> Response {
    page(&Why::new(&console, &visit))
}

pub(super) async fn ask(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Trouble> {
    let mut why = Why::new(&console, &visit);
    why.who = shown(fields.text("who"));
    why.method = fields.text("method").to_ascii_uppercase();
    fields.text("path").clone_into(&mut why.path);
    fields.text("model").clone_into(&mut why.model);
    fields.text("address").clone_into(&mut why.address);
    match answer(&console, &visit, &fields, &why).await {
        Ok(answer) => {
            why.answer = Some(answer);
            Ok(page(&why))
        }
        Err(trouble) => {
            why.frame = why.frame.told(&trouble);
            Ok(page_with(trouble.status(), &why))
        }
    }
}

/// The part of a key that is no secret, whatever was pasted.
fn key_id(text: &str) -> Option<&str> {
    let rest = text.strip_prefix(KEY_PREFIX)?;
    Some(rest.split('-').next().unwrap_or(rest))
}

/// What was typed, without what is secret of it.
fn shown(text: &str) -> String {
    match key_id(text) {
        Some(id) => format!("{KEY_PREFIX}{id}"),
        None => text.to_owned(),
    }
}

/// Who is asked about.
struct Whose {
    identity: Arc<Identity>,
    /// An address that the key may be used from, where it is bound to networks.
    inside: Option<IpAddr>,
}

/// Who is asked about; `Err` is what they meet before any rule.
async fn whose(console: &Console, visit: &Visit, text: &str) -> Result<Result<Whose, Denial>, Trouble> {
    let Some(id) = key_id(text) else {
        let id = find::person(console, text).await?;
        if id == UserId::SHARED {
            return Err(Trouble::bad("error-why-shared"));
        }
        return Ok(Ok(Whose {
            identity: console.auth.identity_of(&visit.caller, id).await?,
            inside: None,
        }));
    };
    let id: PublicId = id.parse().map_err(|_| Trouble::missing("error-no-such-key"))?;
    let key = console.auth.find_key(&id).await?;
    let key = key.ok_or_else(|| Trouble::missing("error-no-such-key"))?;
    if key.revoked_at.is_some() {
        return Ok(Err(Denial::InvalidApiKey));
    }
    let networks = key.scope.ips.iter().flatten();
    Ok(Ok(Whose {
        identity: console.auth.identity_of_key(&visit.caller, &id).await?,
        inside: networks.map(IpNet::addr).next(),
    }))
}

async fn answer(console: &Console, visit: &Visit, fields: &Fields, why: &Why) -> Result<Answer, Trouble> {
    let method = Method::from_bytes(why.method.as_bytes()).map_err(|_| Trouble::bad("error-why-method"))?;
    let path = why.path.split(['?', '#']).next().unwrap_or_default();
    if !path.starts_with('/') {
        return Err(Trouble::bad("error-why-path"));
    }
    if fields.some("who").is_none() {
        return Err(Trouble::bad("error-why-who"));
    }
    let address = fields.some("address").map(str::parse::<IpAddr>).transpose();
    let address = address.map_err(|_| Trouble::bad("error-why-address"))?;
    let Whose { identity, inside } = match whose(console, visit, fields.text("who")).await? {
        Ok(whose) => whose,
        Err(denial) => return Ok(Answer::of(&why.frame, None, &refused(denial))),
    };
    let request = Request {
        method: &method,
        path,
        // Without an address the networks are left out: as if it came from one of them.
        address: address.or(inside),
        model: Some(&why.model),
        default_model: console.default_model.as_deref(),
    };
    let judged = match identity.admit(console.auth.now()) {
        Ok(()) => {
            let own = own_routes(console)?;
            let rule = console.policy.as_ref().and_then(|table| table.find(&method, path));
            let rule = rule.or_else(|| own.find(&method, path));
            judge(&console.auth, &identity, rule, &request).await?
        }
        Err(denial) => refused(denial),
    };
    Ok(Answer {
        is_from_inside: address.is_none() && inside.is_some(),
        ..Answer::of(&why.frame, Some(&identity), &judged)
    })
}

/// What is refused before the route is looked at.
const fn refused(denial: Denial) -> Judged {
    Judged {
        verdict: Err(denial),
        rule: None,
        limit: None,
    }
}

/// The routes of API and console, where nobody told those of the whole server.
fn own_routes(console: &Console) -> Result<RouteTable, Trouble> {
    let table = crate::api::routes(RouteTable::builder());
    let table = crate::console::routes(table, &console.home);
    table.build(console.auth.features()).map_err(|error| {
        tracing::error!(%error, "the console's own routes");
        Trouble::new(http::StatusCode::INTERNAL_SERVER_ERROR, "error-internal")
    })
}

impl Answer {
    fn of(frame: &Frame, identity: Option<&Arc<Identity>>, judged: &Judged) -> Self {
        let denial = judged.verdict.err().map(|denial| Refusal {
            status: denial.status().as_u16().into(),
            code: denial.code(),
            advice: advice(frame, denial, judged.rule.as_deref()),
        });
        Self {
            name: identity.map(|identity| identity.name().to_owned()).unwrap_or_default(),
            user_id: identity.map(|identity| identity.user_id().to_string()),
            denial,
            rule: judged.rule.as_deref().map(described),
            limit: judged
                .limit
                .as_ref()
                .map(|status: &LimitStatus| LimitRow::standing(frame, status)),
            is_from_inside: false,
        }
    }
}

/// What to change, so that it would pass.
fn advice(frame: &Frame, denial: Denial, rule: Option<&Rule>) -> String {
    let feature = rule.map(|rule| rule.access().to_string()).unwrap_or_default();
    match denial {
        Denial::UnknownRoute => frame.t("house-why-unknown-route"),
        Denial::AdminRequired => frame.t("house-why-admin"),
        Denial::FeatureDisabled => frame.t1("house-why-feature", "feature", feature),
        Denial::ModelNotAllowed => frame.t("house-why-model"),
        Denial::KeyScope => frame.t("house-why-key-scope"),
        Denial::AccountInactive => frame.t("house-why-inactive"),
        Denial::ExpiredApiKey => frame.t("house-why-expired"),
        Denial::InvalidApiKey => frame.t("house-why-revoked"),
        Denial::QuotaExceeded => frame.t("house-why-quota"),
        Denial::RateLimited => frame.t("house-why-limit"),
        _ => frame.t("house-why-other"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_of_a_key_is_shown_than_its_name() {
        assert_eq!(shown("sk-local-abc123-thesecretend"), "sk-local-abc123");
        assert_eq!(shown("sk-local-abc123"), "sk-local-abc123");
        assert_eq!(shown("ada@example.org"), "ada@example.org");
    }
}
