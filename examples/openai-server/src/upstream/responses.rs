//! Responses that an upstream stores, each its owner's.
//!
//! Upstreams hand a stored response to whoever knows its id, and go on with it for them. [`Stored`] notes who asked for
//! which; what nobody is known to have asked for is nobody's, and does not exist. Here it is only made sure that the
//! upstream reads the same fields as `Stored` does.

use std::fmt;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use http::Method;
use http_body_util::{BodyExt as _, Limited};
use localauth_core::Denial;
use localauth_tower::CurrentUser;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::{
    Upstreams,
    failure::{Failure, Voice},
    hidden::Hidden,
    shape,
};
use crate::model::stored::{Stored, keep_owners, refuse_ownerless};

const PATH: &str = "/v1/responses";
/// As llama.cpp has it too.
const BARE: &str = "/responses";
/// What decides whose a response is, and whether it is kept.
const FIELDS: [&str; 4] = ["previous_response_id", "conversation", "store", "background"];

#[derive(Clone, Copy)]
struct By {
    max_body: usize,
    voice: Voice,
}

/// `routes`, with each stored response held to its owner. Without accounts there are none.
pub(super) fn hold_to_owners(routes: Router, upstreams: &Upstreams) -> Router {
    let inner = &upstreams.0;
    let Some(auth) = &inner.auth else { return routes };
    let by = By {
        max_body: inner.max_body,
        voice: inner.voice,
    };
    let stored = Stored::new(routes.clone(), "", inner.max_body)
        .style(inner.voice.style, inner.voice.opaque)
        .auth(Some(auth));
    // One layer of the router, which puts what it has in a box for each.
    routes.layer((
        from_fn_with_state(by, read_alike),
        from_fn_with_state(stored, keep_owners),
    ))
}

async fn read_alike(State(by): State<By>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_ours = path.starts_with(PATH) || path.starts_with(BARE);
    if !is_ours || request.extensions().get::<CurrentUser>().is_none() {
        return next.run(request).await;
    }
    let request = if *request.method() == Method::POST && [PATH, BARE].contains(&path) {
        let (head, body) = request.into_parts();
        let refuse = |failure: Failure| failure.answer(by.voice, &head.uri);
        let Ok(read) = Limited::new(body, by.max_body).collect().await else {
            return refuse(Failure::BodyTooLarge);
        };
        let bytes = read.to_bytes();
        // Whose a response is, is asked and noted at the one address only.
        let is_bare = head.uri.path() == BARE;
        if let Err(failure) = check(&bytes, is_bare) {
            return refuse(failure);
        }
        Request::from_parts(head, Body::from(bytes))
    } else {
        request
    };
    let response = next.run(request).await;
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if is_error && response.extensions().get::<Denial>().is_none() {
        // Words of ours; an upstream's were retold where they came in.
        return shape::retell(response, by.voice, &Hidden::default()).await;
    }
    response
}

/// Whether everybody reads the same out of a body. Where nobody asks whose a response is, none can be gone on with.
fn check(body: &[u8], is_bare: bool) -> Result<(), Failure> {
    let Ok(Fields(fields)) = serde_json::from_slice::<Fields>(body) else {
        return Err(Failure::Invalid("The request body is no JSON object."));
    };
    for name in FIELDS {
        let mut spellings = fields.iter().filter(|(field, _)| field.to_lowercase() == name);
        let one = spellings.next();
        if spellings.next().is_some() || one.is_some_and(|(field, _)| field != name) {
            return Err(Failure::Ambiguous(
                "a field that stored responses depend on is there in two ways",
            ));
        }
    }
    let fields: Map<_, _> = fields.into_iter().collect();
    if is_bare && fields.get("previous_response_id").is_some_and(|id| !id.is_null()) {
        return Err(Failure::Invalid("Go on with a stored response at `/v1/responses`."));
    }
    refuse_ownerless(&fields).map_err(Failure::Invalid)
}

/// The fields of an object as they come, those that come twice too.
struct Fields(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(All)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_could_read_differently_is_refused() {
        for (body, fits) in [
            (r#"{"model":"m","input":"x"}"#, true),
            (r#"{"previous_response_id":"resp_1","store":false}"#, true),
            (r#"{"background":false,"conversation":null}"#, true),
            (r#"{"previous_response_id":"a","previous_response_id":"b"}"#, false),
            (r#"{"previous_response_id":"a","Previous_Response_Id":"b"}"#, false),
            (r#"{"Previous_Response_Id":"b"}"#, false),
            (r#"{"previous\u005fresponse_id":"a","previous_response_id":"b"}"#, false),
            (r#"{"previou\u017f_response_id":"b","previous_response_id":"a"}"#, true),
            (r#"{"store":false,"store":true}"#, false),
            (r#"{"background":true}"#, false),
            (r#"{"conversation":"conv_1"}"#, false),
            (r#"["model"]"#, false),
            ("", false),
        ] {
            assert_eq!(check(body.as_bytes(), false).is_ok(), fits, "{body}");
        }
        for (body, fits) in [
            (r#"{"model":"m","input":"x"}"#, true),
            (r#"{"previous_response_id":null}"#, true),
            (r#"{"previous_response_id":"resp_1"}"#, false),
            (r#"{"conversation":"conv_1"}"#, false),
        ] {
            assert_eq!(check(body.as_bytes(), true).is_ok(), fits, "{body}");
        }
    }
}
