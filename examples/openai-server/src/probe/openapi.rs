//! What an engine publishes of its routes, against what its pack knows.

use localauth_core::policy::packs::{Engine, pack};
use serde::Serialize;
use serde_json::Value;

/// A route that the pack does not know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Unknown {
    pub(super) path: String,
    pub(super) method: String,
}

/// The methods that a published document tells of, in its own words.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// Those of the published routes that are in no pack of the engine, in order.
pub(super) fn unknown(document: &Value, engine: Engine) -> Vec<Unknown> {
    let Some(paths) = document.get("paths").and_then(Value::as_object) else {
        return Vec::new();
    };
    let published = paths.iter().flat_map(|(path, operations)| {
        let methods = METHODS.iter().filter(|method| operations.get(**method).is_some());
        methods.map(|method| Unknown {
            path: path.clone(),
            method: method.to_uppercase(),
        })
    });
    let mut unknown: Vec<Unknown> = published.filter(|route| !is_known(route, engine)).collect();
    unknown.sort();
    unknown
}

fn is_known(route: &Unknown, engine: Engine) -> bool {
    pack(engine)
        .routes()
        .any(|known| known.method().as_str() == route.method && shape(known.pattern()).eq(shape(&route.path)))
}

/// A path, whatever its parameters are called.
fn shape(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .map(|segment| if segment.starts_with('{') { "{}" } else { segment })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_route_is_known_by_its_shape_and_method() {
        let document = json!({"openapi": "3.1.0", "paths": {
            "/v1/responses/{response_id}": {"get": {}, "delete": {}, "parameters": []},
            "/v1/chat/completions": {"post": {}},
            "/sleep": {"post": {}, "get": {}},
            "/brand_new": {"post": {"summary": "?"}},
        }});
        let route = |method: &str, path: &str| Unknown {
            path: path.to_owned(),
            method: method.to_owned(),
        };
        assert_eq!(
            unknown(&document, Engine::Vllm),
            [
                route("POST", "/brand_new"),
                route("GET", "/sleep"),
                route("DELETE", "/v1/responses/{response_id}"),
            ]
        );
        for odd in [json!(null), json!([]), json!({"paths": 7}), json!({"paths": {"/x": 7}})] {
            assert_eq!(unknown(&odd, Engine::Vllm), [], "{odd}");
        }
    }
}
