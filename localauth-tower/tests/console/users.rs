//! The users' pages of administrators.

mod access;
mod account;
mod keys;
mod limits;
mod list;

use axum::body::Body;
use http::Request;
use localauth_core::{Role, User};

use crate::support::{Browser, Seen, World};

/// Signs in over the API, whose cookie the pages take.
pub(crate) async fn sign_in(browser: &mut Browser<'_>, path: &str, body: String) {
    let request = Request::post(path)
        .header("content-type", "application/json")
        .header("origin", "http://house.example")
        .header("sec-fetch-site", "same-origin");
    browser.send(request, Body::from(body)).await.expect(200);
}

/// A browser of an administrator.
pub(crate) async fn admin(world: &World) -> (User, Browser<'_>) {
    world.visitor("root", Role::Admin).await
}

/// The page of a user, or one below it.
pub(crate) fn of(user: &User, below: &str) -> String {
    format!("/admin/users/{}{below}", user.id)
}

/// Sends the form that goes to `action` as the page at `page` has it now, filled in with `fields`.
pub(crate) async fn fill_in(browser: &mut Browser<'_>, page: &str, action: &str, fields: &[(&str, &str)]) -> Seen {
    let seen = browser.get(page).await.expect(200);
    let revision = revision(&seen, action);
    let mut fields = fields.to_vec();
    fields.push(("revision", &revision));
    browser.post(action, &fields).await
}

/// What the form that goes to `action` was filled in from.
pub(crate) fn revision(seen: &Seen, action: &str) -> String {
    let (_, form) = seen.text.split_once(&format!("action=\"{action}\"")).unwrap();
    let (form, _) = form.split_once("</form>").unwrap();
    let (_, revision) = form.split_once("name=\"revision\" value=\"").unwrap();
    revision.split('"').next().unwrap().to_owned()
}
