//! What browsers are told with every answer.
//!
//! One step for all of them, and not a layer of `tower-http` for each: it also takes away what says which software this is,
//! which those cannot.

use http::{HeaderMap, HeaderName, HeaderValue, Response, header};

/// Set where an answer has not its own, such as that of a page: nothing is loaded from here, no form of what an engine
/// calls a page goes anywhere (one to ourselves would go in the reader's name), and nothing shows us in a frame; no
/// address of ours is told to others; what we call JSON is not taken for a page.
const DEFAULTS: [(HeaderName, HeaderValue); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
];
/// Two years, as the preload list asks for. Not for the names below ours, which are none of our business.
const STRICT: HeaderValue = HeaderValue::from_static("max-age=63072000");
/// Which software answers.
const TELLTALES: [HeaderName; 2] = [header::SERVER, HeaderName::from_static("x-powered-by")];

/// Adds them; `is_https`: whether the server speaks TLS itself.
pub fn secure<B>(is_https: bool) -> impl Fn(Response<B>) -> Response<B> + Clone {
    move |mut response| {
        harden(response.headers_mut(), is_https);
        response
    }
}

fn harden(headers: &mut HeaderMap, is_https: bool) {
    for (name, value) in &DEFAULTS {
        headers.entry(name).or_insert_with(|| value.clone());
    }
    if is_https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, STRICT);
    }
    for name in &TELLTALES {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_them_and_a_page_may_have_its_own() {
        let plain = secure(false)(Response::new(()));
        for (name, value) in &DEFAULTS {
            assert_eq!(plain.headers()[name], value);
        }
        assert!(!plain.headers().contains_key("strict-transport-security"));
        let page = Response::builder()
            .header("content-security-policy", "default-src 'self'")
            .header("server", "uvicorn")
            .header("x-powered-by", "Express")
            .body(())
            .unwrap();
        let page = secure(true)(page);
        assert_eq!(page.headers()["content-security-policy"], "default-src 'self'");
        assert_eq!(page.headers()["strict-transport-security"], "max-age=63072000");
        assert!(!page.headers().contains_key("server") && !page.headers().contains_key("x-powered-by"));
    }
}
