//! What the address of a request says about its model.

use std::borrow::Cow;

use http::Uri;
use localauth_core::Denial;

use super::fields::{Field, names_further, reads_as};

/// The model in the path: what the rule's `pattern` calls `{model}`, or what follows `/engines/`.
///
/// # Errors
///
/// [`Denial::AmbiguousRequest`] where it cannot be read.
pub(super) fn model_in_path<'a>(path: &'a str, pattern: Option<&str>) -> Result<Option<Cow<'a, str>>, Denial> {
    let segments = || path.split('/');
    let declared = pattern.and_then(|pattern| {
        let place = pattern.split('/').position(|segment| segment == "{model}")?;
        segments().nth(place)
    });
    let segment = declared.or_else(|| segments().skip_while(|segment| *segment != "engines").nth(1));
    segment.map(decoded).transpose()
}

/// One segment without its percent-encoding. Forms mean a space by `+`; paths do not.
fn decoded(segment: &str) -> Result<Cow<'_, str>, Denial> {
    if !segment.contains('%') {
        return Ok(Cow::Borrowed(segment));
    }
    let literal = segment.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    let mut pairs = form_urlencoded::parse(literal.as_bytes());
    match pairs.next() {
        Some((name, _)) if !name.contains(char::REPLACEMENT_CHARACTER) && !name.contains(char::is_control) => {
            Ok(Cow::Owned(name.into_owned()))
        }
        _ => Err(Denial::AmbiguousRequest),
    }
}

/// The model that the query names, once and to the letter.
///
/// # Errors
///
/// [`Denial::AmbiguousRequest`] where it names several, or one that cannot be read. Another spelling of the field is for
/// [`check_query`], to which it is another model.
pub(super) fn model_in_query(uri: &Uri) -> Result<Option<String>, Denial> {
    let query = uri.query().unwrap_or_default();
    let mut models = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == Field::Model.name());
    match (models.next(), models.next()) {
        (None, _) => Ok(None),
        (Some((_, name)), None) if !name.contains(|c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER) => {
            Ok(Some(name.into_owned()))
        }
        _ => Err(Denial::AmbiguousRequest),
    }
}

/// Whether the query names no other model, in no spelling and no other field, than `is_it` says. Some servers part a query at `;` too.
///
/// # Errors
///
/// [`Denial::AmbiguousRequest`].
pub(super) fn check_query(uri: &Uri, is_it: impl Fn(&str) -> bool) -> Result<(), Denial> {
    let Some(query) = uri.query() else {
        return Ok(());
    };
    let agrees = |query: &str| {
        form_urlencoded::parse(query.as_bytes()).all(|(name, value)| match &*name {
            name if reads_as(name, Field::Model.name()) => is_it(&value),
            name => value.is_empty() || !names_further(name),
        })
    };
    if agrees(query) && (!query.contains(';') || agrees(&query.replace(';', "&"))) {
        Ok(())
    } else {
        Err(Denial::AmbiguousRequest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_may_name_a_model() {
        let pattern = Some("/v1/engines/{model}/completions");
        for (path, pattern, expected) in [
            ("/v1/engines/a/completions", pattern, Ok(Some("a"))),
            ("/v1/engines/a/completions", None, Ok(Some("a"))),
            ("/v1/engines/a/completions", Some("/v1/engines/{*rest}"), Ok(Some("a"))),
            ("/deployments/b/chat", Some("/deployments/{model}/chat"), Ok(Some("b"))),
            ("/v1/engines/x%2Fy+z%26/completions", pattern, Ok(Some("x/y+z&"))),
            ("/v1/engines/%61/completions", pattern, Ok(Some("a"))),
            ("/v1/engines/%ff/completions", pattern, Err(Denial::AmbiguousRequest)),
            ("/v1/engines/a%00/completions", pattern, Err(Denial::AmbiguousRequest)),
            ("/v1/completions", Some("/v1/completions"), Ok(None)),
            ("/v1/completions", None, Ok(None)),
        ] {
            let model = model_in_path(path, pattern);
            assert_eq!(
                model.as_ref().map(Option::as_deref),
                expected.as_ref().copied(),
                "{path}"
            );
        }
    }

    #[test]
    fn a_query_may_name_a_model() {
        let model = |query: &str| model_in_query(&format!("/v1/realtime{query}").parse().unwrap());
        for (query, expected) in [
            ("", Ok(None)),
            ("?intent=transcription", Ok(None)),
            ("?model=a", Ok(Some("a"))),
            ("?x=1&mod%65l=x%2fy+z", Ok(Some("x/y z"))),
            ("?model=", Ok(Some(""))),
            ("?model=a&model=a", Err(Denial::AmbiguousRequest)),
            ("?model=a&model=b", Err(Denial::AmbiguousRequest)),
            ("?model=%ff", Err(Denial::AmbiguousRequest)),
            ("?model=a%00", Err(Denial::AmbiguousRequest)),
        ] {
            assert_eq!(
                model(query),
                expected.map(|name: Option<&str>| name.map(str::to_owned)),
                "{query}"
            );
        }
    }

    #[test]
    fn a_query_may_only_repeat_what_is_known() {
        let check = |query: &str| check_query(&format!("/v1/completions{query}").parse().unwrap(), |name| name == "a");
        for query in [
            "",
            "?",
            "?model=a",
            "?x=1&model=%61&Model=a",
            "?models=",
            "?x;y=1",
            "?mode=model=b",
        ] {
            assert_eq!(check(query), Ok(()), "{query}");
        }
        for query in [
            "?model=b",
            "?model=a&model=b",
            "?mod%65l=b",
            "?MODEL=b",
            "?models=b",
            "?model=a&fallbacks%5B%5D=b",
            "?model=a&model[]=b",
            "?model=a;model[0]=b",
            "?model",
            "?model%00=b",
            "?model=a;x=1",
            "?x=1;model=b",
            "?model=%ff",
        ] {
            assert_eq!(check(query), Err(Denial::AmbiguousRequest), "{query}");
        }
    }
}
