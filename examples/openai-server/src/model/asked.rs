//! The body of a request to the model, and the one model that it names.
//!
//! A body that is no JSON object, or that cannot be read to its end, is refused here. mistral.rs reads less of it than we
//! do: it takes an array as the fields in their order, and does not look into what it ignores (numbers beyond all bounds,
//! broken escapes, any depth). Handed on, such a body could ask for what nobody judged.

use std::fmt;

use axum::extract::Query;
use http::Uri;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

/// What was asked: fields by name, the last of each name.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) fields: Map<String, Value>,
    /// Whether `model` is there twice, or in a spelling that some read as `model` and others do not.
    model_is_unclear: bool,
}

/// The model is named twice, or differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ambiguous(pub(super) &'static str);

const FIELD: &str = "model";

fn is_model(name: &str) -> bool {
    name.eq_ignore_ascii_case(FIELD)
}

impl Asked {
    /// The model that is asked for, `default` where none is named; `None` where what is named is no name.
    ///
    /// # Errors
    ///
    /// [`Ambiguous`] when the body names it twice, or `uri` another one.
    pub(super) fn model<'a>(&'a self, uri: &Uri, default: &'a str) -> Result<Option<&'a str>, Ambiguous> {
        if self.model_is_unclear {
            return Err(Ambiguous("name the model once, as `model`"));
        }
        let model = match self.fields.get(FIELD) {
            None | Some(Value::Null) => Some(default),
            Some(Value::String(name)) => Some(resolve(name, default)),
            Some(_) => None,
        };
        let differs = Ambiguous("the `model` in the address is not the one in the body: name it in the body only");
        let Query(query) = Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(|_| differs)?;
        let mut named = query.iter().filter(|(name, _)| is_model(name));
        if named.all(|(_, name)| Some(resolve(name, default)) == model) {
            Ok(model)
        } else {
            Err(differs)
        }
    }
}

/// What mistral.rs makes of a name.
pub(super) fn resolve<'a>(name: &'a str, default: &'a str) -> &'a str {
    if name == "default" { default } else { name }
}

impl<'de> Deserialize<'de> for Asked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Asked;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Asked, A::Error> {
                let mut fields = Map::new();
                let mut model_is_unclear = false;
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    model_is_unclear |= is_model(&name) && (name != FIELD || fields.contains_key(FIELD));
                    fields.insert(name, value);
                }
                Ok(Asked {
                    fields,
                    model_is_unclear,
                })
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(body: &str, query: &str) -> Result<Option<String>, &'static str> {
        let asked: Asked = serde_json::from_str(body).unwrap();
        let uri = format!("/v1/completions{query}").parse().unwrap();
        asked
            .model(&uri, "demo")
            .map(|model| model.map(str::to_owned))
            .map_err(|Ambiguous(_)| "ambiguous")
    }

    #[test]
    fn the_model_is_named_once_or_not_at_all() {
        let named = |name: &str| Ok(Some(name.to_owned()));
        for (body, query, expected) in [
            (r#"{"model":"a"}"#, "", named("a")),
            (r#"{"mod\u0065l":"a"}"#, "", named("a")),
            (r#"{"model":"\u0061"}"#, "", named("a")),
            (r#"{"model":""}"#, "", named("")),
            (r#"{"model":"Default"}"#, "", named("Default")),
            ("{}", "", named("demo")),
            (r#"{"model":null}"#, "", named("demo")),
            (r#"{"model":"default"}"#, "", named("demo")),
            (r#"{"model":7}"#, "", Ok(None)),
            (r#"{"model":["a"]}"#, "", Ok(None)),
            (r#"{"metadata":{"model":"b","Model":"c"},"model":"a"}"#, "", named("a")),
        ] {
            assert_eq!(model(body, query), expected, "{body} {query}");
        }
        for body in [
            r#"{"model":"a","model":"b"}"#,
            r#"{"model":"a","model":"a"}"#,
            r#"{"model":null,"model":"a"}"#,
            r#"{"model":"a","mod\u0065l":"b"}"#,
            r#"{"model":"a","Model":"b"}"#,
            r#"{"MODEL":"b","model":"a"}"#,
            r#"{"Model":"a"}"#,
            r#"{"\u004dodel":"a"}"#,
        ] {
            assert_eq!(model(body, ""), Err("ambiguous"), "{body}");
        }
    }

    #[test]
    fn the_address_names_the_same_model_or_none() {
        let named = |name: &str| Ok(Some(name.to_owned()));
        for (body, query, expected) in [
            (r#"{"model":"a"}"#, "?model=a", named("a")),
            (r#"{"model":"a"}"#, "?x=1&model=%61&Model=a", named("a")),
            (r#"{"model":"a"}"#, "?models=b", named("a")),
            ("{}", "?model=demo", named("demo")),
            (r#"{"model":"demo"}"#, "?model=default", named("demo")),
        ] {
            assert_eq!(model(body, query), expected, "{body} {query}");
        }
        for (body, query) in [
            (r#"{"model":"a"}"#, "?model=b"),
            (r#"{"model":"a"}"#, "?model=a&model=b"),
            (r#"{"model":"a"}"#, "?mod%65l=b"),
            (r#"{"model":"a"}"#, "?MODEL=b"),
            (r#"{"model":"a"}"#, "?model"),
            ("{}", "?model=b"),
            (r#"{"model":7}"#, "?model=a"),
        ] {
            assert_eq!(model(body, query), Err("ambiguous"), "{body} {query}");
        }
    }

    #[test]
    fn what_is_no_object_to_its_end_is_nothing() {
        for body in [
            "",
            "1",
            r#"["hello","a"]"#,
            "{",
            "{} {}",
            r#"{"x":1e999,"model":"a"}"#,
            r#"{"x":"\ud800","model":"a"}"#,
        ] {
            assert!(serde_json::from_str::<Asked>(body).is_err(), "{body}");
        }
        let deep = format!(r#"{{"x":{}{},"model":"a"}}"#, "[".repeat(1000), "]".repeat(1000));
        assert!(serde_json::from_str::<Asked>(&deep).is_err());
    }
}
