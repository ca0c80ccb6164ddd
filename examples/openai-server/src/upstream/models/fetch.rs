//! Asks an upstream which models it has.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use localauth_core::policy::packs::Engine;
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::{
    super::{
        lent::Loan,
        server::{Server, Via},
        target,
    },
    Entry, Known, Listing,
};

/// The longest list that is read.
const LONGEST: usize = 4 * 1024 * 1024;
/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(in super::super) enum NoList {
    #[error("it cannot be reached")]
    NotReached,
    #[error("it does not answer in time")]
    TooSlow,
    #[error("it does not accept the key: set LOCALAUTH_UPSTREAM_KEY")]
    KeyRefused,
    #[error("it answers {0}")]
    Status(StatusCode),
    #[error("its list of models cannot be read")]
    Unreadable,
}

/// The models that an upstream has.
pub(in super::super) async fn fetch(server: &Server) -> Result<Listing, NoList> {
    timeout(PATIENCE, ask(server)).await.map_err(|_| NoList::TooSlow)?
}

async fn ask(server: &Server) -> Result<Listing, NoList> {
    let engines = server.settings.engines();
    if engines.contains(&Engine::Ollama)
        && let Some(list) = get(server, "/api/tags").await?
        && let Some(tags) = list.get("models").and_then(Value::as_array)
    {
        return Ok(known(tags, "name", true, of_ollama));
    }
    let Some(list) = get(server, "/v1/models").await? else {
        return Ok(Listing::Open);
    };
    let models = list.get("data").and_then(Value::as_array).ok_or(NoList::Unreadable)?;
    Ok(known(models, "id", false, |object| Entry {
        object: object.clone(),
        tag: None,
    }))
}

/// A document; none where the upstream does not know the path.
async fn get(server: &Server, path: &'static str) -> Result<Option<Value>, NoList> {
    let path = http::uri::PathAndQuery::from_static(path);
    let uri = target::at(server.origin(), path).map_err(|_| NoList::NotReached)?;
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(key) = &server.key {
        headers.insert(header::AUTHORIZATION, key.clone());
    }
    let nothing = Loan::new(axum::body::Body::empty());
    let response = server.send(Via::Any, (Method::GET, uri, headers), &nothing).await;
    let response = response.map_err(|_| NoList::NotReached)?;
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => return Ok(None),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(NoList::KeyRefused),
        other => return Err(NoList::Status(other)),
    }
    let read = Limited::new(response.into_body(), LONGEST).collect().await;
    let bytes = read.map_err(|_| NoList::Unreadable)?.to_bytes();
    serde_json::from_slice(&bytes).map(Some).map_err(|_| NoList::Unreadable)
}

fn known(list: &[Value], field: &str, is_lenient: bool, entry: impl Fn(&Map<String, Value>) -> Entry) -> Listing {
    let models = list.iter().filter_map(|model| {
        let model = model.as_object()?;
        let name = model.get(field)?.as_str()?;
        // No request can name another one. `default` is a word for one of the others (mistral.rs lists it): under that
        // name it would be held against no limit and no list of theirs.
        let is_name = !name.is_empty() && !name.contains(char::is_control) && name != "default";
        is_name.then(|| (Arc::from(name), entry(model)))
    });
    Listing::Known(Known {
        models: models.collect(),
        is_lenient,
        is_fixed: false,
    })
}

fn of_ollama(tag: &Map<String, Value>) -> Entry {
    let modified = tag.get("modified_at").and_then(Value::as_str);
    let created = modified.and_then(localauth_core::Timestamp::parse_rfc3339);
    let created = created.map_or(0, |at| at.as_millis() / 1000);
    let mut object = Map::new();
    object.insert("created".to_owned(), created.into());
    object.insert("owned_by".to_owned(), "library".into());
    Entry {
        object,
        tag: Some(tag.clone()),
    }
}
