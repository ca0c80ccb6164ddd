//! Answers with pages, and answers that lead to them.

use askama::Template;
use axum::response::{Html, IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};

use super::trouble::Trouble;

/// A page.
pub(crate) fn page(template: &impl Template) -> Response {
    page_with(StatusCode::OK, template)
}

/// A page with another status: that of what went wrong, where a form is shown again.
pub(crate) fn page_with(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be made");
            Trouble::new(StatusCode::INTERNAL_SERVER_ERROR, "error-internal").into_response()
        }
    }
}

/// A form once more, with the status of what went wrong, and when to try again.
pub(crate) fn again(trouble: &Trouble, template: &impl Template) -> Response {
    let mut response = page_with(trouble.status(), template);
    if let Some(seconds) = trouble.retry_after() {
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Leads to another page, to be got (RFC 9110, section 15.4.4).
pub(crate) fn see(path: &str) -> Response {
    let Ok(location) = HeaderValue::try_from(path) else {
        return Trouble::new(StatusCode::INTERNAL_SERVER_ERROR, "error-internal").into_response();
    };
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}

/// Leads to a page of ours, which tells what was done: `text` is the id of that text, `done-…`.
pub(crate) fn done(path: &str, text: &'static str) -> Response {
    let joint = if path.contains('?') { '&' } else { '?' };
    let done = text.strip_prefix("done-").unwrap_or(text);
    see(&format!("{path}{joint}done={done}"))
}
