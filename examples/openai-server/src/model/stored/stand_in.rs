//! A stand-in for mistral.rs.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::Mutex,
};

use axum::{
    Json,
    extract::Path,
    routing::{get, post},
};
use futures_util::stream;
use serde_json::json;

use super::*;

/// Stands in for mistral.rs: keeps responses and conversations as version 0.8 does.
#[derive(Clone, Default)]
pub(super) struct Mistral(Arc<Mutex<Memory>>);

#[derive(Default)]
struct Memory {
    responses: BTreeMap<String, Value>,
    /// What was asked, turn after turn.
    conversations: BTreeMap<String, Vec<String>>,
    made: usize,
}

impl Memory {
    fn ids(&self) -> BTreeSet<&str> {
        let all = self.responses.keys().chain(self.conversations.keys());
        all.map(String::as_str).collect()
    }
}

impl Mistral {
    /// The ids of all that is kept.
    pub(super) fn ids(&self) -> Vec<String> {
        self.0.lock().unwrap().ids().into_iter().map(str::to_owned).collect()
    }

    pub(super) fn routes(&self) -> Router {
        let [create, read, delete, cancel] = [(); 4].map(|()| self.clone());
        Router::new()
            .route(RESPONSES, post(async move |Json(asked)| create.create(&asked)))
            .route(
                "/v1/responses/{id}",
                get(async move |Path(id): Path<String>| read.read(&id))
                    .delete(async move |Path(id): Path<String>| delete.delete(&id)),
            )
            .route(
                "/v1/responses/{id}/cancel",
                post(async move |Path(id): Path<String>| cancel.read(&id)),
            )
    }

    fn create(&self, asked: &Value) -> Response {
        let mut memory = self.0.lock().unwrap();
        memory.made += 1;
        let id = format!("resp_{}", memory.made);
        let stores = asked["store"].as_bool().unwrap_or(true);
        let input = asked["input"].as_str().unwrap_or_default().to_owned();
        let before = asked["previous_response_id"].as_str();
        let mut conversation = before
            .and_then(|id| memory.conversations.get(id).cloned())
            .unwrap_or_default();
        conversation.push(input.clone());
        let response = json!({
            "id": id, "object": "response", "model": asked["model"], "output_text": conversation.join(", "),
        });
        if input == "fail" {
            if stores {
                memory.responses.insert(id, response.clone());
            }
            let error = json!({ "message": "it failed", "partial_response": response });
            return (StatusCode::INTERNAL_SERVER_ERROR, Json(error)).into_response();
        }
        if asked["stream"] == true {
            drop(memory);
            return self
                .clone()
                .stream(id, &response, conversation, stores, input == "break");
        }
        if stores {
            memory.responses.insert(id.clone(), response.clone());
            memory.conversations.insert(id, conversation);
        }
        Json(response).into_response()
    }

    /// Stores the conversation when it is asked for more than there is.
    fn stream(self, id: String, response: &Value, conversation: Vec<String>, stores: bool, fails: bool) -> Response {
        let last = if fails { "response.failed" } else { "response.completed" };
        let event = |name: &str, data: Value| Bytes::from(format!("event: {name}\ndata: {data}\n\n"));
        let events = [
            event(
                "response.created",
                json!({ "type": "response.created", "response": { "id": id } }),
            ),
            event("response.output_text.delta", json!({ "delta": "x" })),
            event(last, json!({ "type": last, "response": response })),
            Bytes::from_static(b"data: [DONE]\n\n"),
        ];
        let mut events = events.into_iter();
        let mut conversation = Some(conversation).filter(|_| stores);
        let body = Body::from_stream(stream::poll_fn(move |_| {
            let next = events.next();
            if next.is_none()
                && let Some(conversation) = conversation.take()
            {
                self.0.lock().unwrap().conversations.insert(id.clone(), conversation);
            }
            std::task::Poll::Ready(next.map(Ok::<_, Infallible>))
        }));
        ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
    }

    fn read(&self, id: &str) -> Response {
        match self.0.lock().unwrap().responses.get(id) {
            Some(response) => Json(response).into_response(),
            None => missing(id),
        }
    }

    fn delete(&self, id: &str) -> Response {
        let mut memory = self.0.lock().unwrap();
        let both = (memory.responses.remove(id), memory.conversations.remove(id));
        match both {
            (None, None) => missing(id),
            _ => Json(json!({ "id": id, "deleted": true })).into_response(),
        }
    }
}

fn missing(id: &str) -> Response {
    let text = json!({ "message": format!("Response with ID '{id}' not found") });
    (StatusCode::NOT_FOUND, Json(text)).into_response()
}
