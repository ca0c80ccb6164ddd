//! Other names for the method of a request. Many servers, or what is built on them, take a request for one with another
//! method where a field or a header says so; whoever judges the method that is written judges another request.

#[cfg(feature = "api")]
use http::{HeaderMap, Method};

/// Fields of a query.
const FIELDS: [&str; 5] = [
    "_method",
    "method_override",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];
/// Headers.
#[cfg(feature = "api")]
const HEADERS: [&str; 3] = ["x-http-method", "x-http-method-override", "x-method-override"];

/// Whether `query` has a field that some servers take for the method. Some part a query at `;` too.
///
/// ```
/// assert!(localauth_tower::query_names_method("x=1&_method=DELETE"));
/// assert!(!localauth_tower::query_names_method("method=DELETE"));
/// ```
pub fn query_names_method(query: &str) -> bool {
    let names = |query: &str| {
        form_urlencoded::parse(query.as_bytes()).any(|(name, _)| {
            let name = name.split('[').next().unwrap_or_default();
            FIELDS.iter().any(|field| name.eq_ignore_ascii_case(field))
        })
    };
    names(query) || (query.contains(';') && names(&query.replace(';', "&")))
}

/// Whether a header names another method than `method`.
#[cfg(feature = "api")]
pub(crate) fn headers_name_other_method(headers: &HeaderMap, method: &Method) -> bool {
    HEADERS.iter().any(|name| {
        let mut values = headers.get_all(*name).iter();
        values.any(|value| !value.as_bytes().eq_ignore_ascii_case(method.as_str().as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_a_method_by_any_spelling() {
        for query in [
            "_method=DELETE",
            "a=1&_Method=GET",
            "a;_method=DELETE",
            "%5fmethod=DELETE",
            "_method[]=DELETE",
            "X-HTTP-Method-Override=PUT",
            "_method",
        ] {
            assert!(query_names_method(query), "{query}");
        }
        for query in ["", "method=x", "x=_method", "__method=x", "_methods=x"] {
            assert!(!query_names_method(query), "{query}");
        }
    }

    #[cfg(feature = "api")]
    #[test]
    fn a_header_may_repeat_the_method_and_no_more() {
        let other = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-http-method-override", value.parse().unwrap());
            headers_name_other_method(&headers, &Method::POST)
        };
        assert!(!other("POST") && !other("post"));
        assert!(other("DELETE") && other("POST, DELETE") && other(""));
        assert!(!headers_name_other_method(&HeaderMap::new(), &Method::POST));
    }
}
