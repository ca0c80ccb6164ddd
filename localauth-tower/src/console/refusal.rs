//! Refusals as pages.

use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{Method, StatusCode, header};
use localauth_core::Denial;

use super::Console;
use super::frame::{Frame, Visitor};
use super::language::Language;
use super::page::{page_with, see};
use super::trouble::Trouble;
use crate::CurrentUser;
use crate::local_path::local_path;

#[derive(Template)]
#[template(path = "refusal.html")]
struct Refusal {
    frame: Frame,
    text: String,
    /// Where to sign in, where that would help.
    sign_in: Option<String>,
    /// It was a form: what was typed still stands on the page before this one.
    go_back: bool,
}

/// Who was refused, for the page that says so: known inside of [`pages`] only.
#[derive(Clone)]
struct Refused(CurrentUser);

/// Notes in what is refused who asked for it.
///
/// For `axum::middleware::from_fn`, inside of `RequireAuth` and outside of what refuses those it knows.
pub(super) async fn note_visitor(request: Request, next: Next) -> Response {
    let user = request.extensions().get::<CurrentUser>().cloned();
    let mut response = next.run(request).await;
    if let Some(user) = user
        && (response.status().is_client_error() || response.status().is_server_error())
    {
        response.extensions_mut().insert(Refused(user));
    }
    response
}

/// Turns what layers and handlers refuse into a page in the reader's language; whoever is not signed in is led to where
/// they can be, and back.
///
/// For `axum::middleware::from_fn_with_state`, outside of everything that refuses.
pub(super) async fn pages(State(console): State<Console>, request: Request, next: Next) -> Response {
    let language = Language::of(request.headers());
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let target = target.to_owned();
    let is_get = matches!(*request.method(), Method::GET | Method::HEAD);
    let is_script = request
        .headers()
        .get("sec-fetch-dest")
        .is_some_and(|dest| dest == "empty");
    let before = page_before(&console, &request);
    let mut response = next.run(request).await;
    let visitor = response.extensions_mut().remove::<Refused>();
    let trouble = response.extensions_mut().remove::<Arc<Trouble>>();
    let denial = response.extensions().get::<Denial>().copied();
    let trouble = match (trouble, denial) {
        (Some(trouble), _) => {
            if let Some(denial) = trouble.denial() {
                response.extensions_mut().insert(denial);
            }
            trouble
        }
        (None, Some(denial)) => Arc::new(Trouble::from(denial)),
        (None, None) => return response,
    };
    if is_script {
        // Our own script wants to know the status only.
        return bare(trouble.status(), response);
    }
    let signed_out = trouble.status() == StatusCode::UNAUTHORIZED;
    if signed_out && is_get {
        return keep(see(&sign_in_address(&target)), response);
    }
    let visitor = visitor.map(|Refused(user)| Visitor::of(&user));
    let page = Refusal {
        frame: Frame::bare(&console.home, language, &target, "error-title", visitor),
        text: trouble.text(language),
        sign_in: signed_out.then(|| sign_in_address(before.as_deref().unwrap_or("/"))),
        go_back: !is_get,
    };
    keep(page_with(trouble.status(), &page), response)
}

/// The page of this server that a request comes from, when the browser says so.
fn page_before(console: &Console, request: &Request) -> Option<String> {
    let own = console
        .site
        .url(request.extensions(), request.headers(), request.uri())?;
    let before = request.headers().get(header::REFERER)?.to_str().ok()?;
    let path = before.strip_prefix(own.as_str())?;
    local_path(path).filter(|path| !path.starts_with("/login"))
}

/// Where to sign in, to come back to `target`.
fn sign_in_address(target: &str) -> String {
    if target == "/" {
        return "/login".to_owned();
    }
    let next: String = form_urlencoded::byte_serialize(target.as_bytes()).collect();
    format!("/login?next={next}")
}

/// `response` with what the refusal says in its head, cookies and when to come again, and with its reason for those who
/// log and count.
fn keep(mut response: Response, refusal: Response) -> Response {
    let (mut refusal, _) = refusal.into_parts();
    for name in [header::SET_COOKIE, header::RETRY_AFTER] {
        for value in refusal.headers.get_all(&name) {
            response.headers_mut().append(&name, value.clone());
        }
    }
    if let Some(denial) = refusal.extensions.remove::<Denial>() {
        response.extensions_mut().insert(denial);
    }
    response
}

fn bare(status: StatusCode, refusal: Response) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    keep(response, refusal)
}
