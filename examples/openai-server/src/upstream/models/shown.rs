//! The lists of models, of all upstreams together: each caller sees what the caller may use.

use std::collections::BTreeMap;

use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, header};
use localauth_core::Identity;
use serde_json::{Map, Value, json};

use super::{Offer, is_for};

/// In whose words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Language {
    OpenAi,
    Ollama,
}

/// A list of what `user` may use. Each offer comes with the exact name of its model; of two with one name the first
/// counts, as it does when somebody asks for it.
pub(in super::super) fn shown<'a>(
    offers: impl IntoIterator<Item = (Offer<'a>, &'a str)>,
    user: Option<&Identity>,
    language: Language,
) -> Response {
    let mut by_name = BTreeMap::new();
    for (offer, model) in offers {
        let is_told = language == Language::OpenAi || offer.entry.tag.is_some();
        if is_told && is_for(user, model) {
            by_name.entry(offer.name).or_insert(offer.entry);
        }
    }
    let list = match language {
        Language::OpenAi => {
            let data: Vec<_> = by_name
                .iter()
                .map(|(name, entry)| object(name, &entry.object))
                .collect();
            json!({ "object": "list", "data": data })
        }
        Language::Ollama => {
            let tagged = by_name
                .iter()
                .filter_map(|(name, entry)| Some(tag(name, entry.tag.as_ref()?)));
            json!({ "models": tagged.collect::<Vec<_>>() })
        }
    };
    answer(list)
}

/// One model of the list, in OpenAI's words.
pub(in super::super) fn shown_one(offer: &Offer<'_>) -> Response {
    answer(object(offer.name, &offer.entry.object))
}

fn answer(said: Value) -> Response {
    let mut response = Json(said).into_response();
    // One address, another answer for each caller.
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What of an upstream's words about a model is for everybody. Where the weights lie, or what it was started with, is not.
const OBJECT: [&str; 7] = ["id", "object", "created", "owned_by", "max_model_len", "parent", "meta"];
const TAG: [&str; 7] = [
    "name",
    "model",
    "modified_at",
    "size",
    "digest",
    "details",
    "capabilities",
];

fn only(said: &Map<String, Value>, fields: &[&str]) -> Map<String, Value> {
    let pass = said.iter().filter(|(field, _)| fields.contains(&field.as_str()));
    pass.map(|(field, value)| (field.clone(), value.clone())).collect()
}

fn object(name: &str, said: &Map<String, Value>) -> Value {
    let mut object = only(said, &OBJECT);
    object.insert("id".to_owned(), name.into());
    for (field, usual) in [
        ("object", Value::from("model")),
        ("created", Value::from(0)),
        ("owned_by", Value::from("organization")),
    ] {
        object.entry(field).or_insert(usual);
    }
    object.into()
}

fn tag(name: &str, said: &Map<String, Value>) -> Value {
    let mut tag = only(said, &TAG);
    tag.insert("name".to_owned(), name.into());
    tag.insert("model".to_owned(), name.into());
    tag.into()
}
