//! A new secret for a key.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use localauth_core::{ApiKey, Timestamp};

use super::super::Console;
use super::super::fields::Fields;
use super::super::frame::Frame;
use super::super::page::{page, see};
use super::super::trouble::Trouble;
use super::super::visit::Visit;
use super::make::Secret;
use super::{find, may_mint, owner};
use crate::api::keys;

/// How long the old secret can stay good.
pub(super) const GRACES: [&str; 5] = ["0s", "1h", "1d", "7d", "30d"];

/// Asked while the secret from before is still good: it would end at once.
#[derive(Template)]
#[template(path = "keys/rotate.html")]
struct Ask {
    frame: Frame,
    key: ApiKey,
    /// Until when the one from before is good.
    until: Timestamp,
    /// What was chosen.
    grace: &'static str,
}

/// For who loads the new secret's page again by its address.
pub(super) async fn back(Path(id): Path<String>) -> Response {
    let id: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
    see(&format!("/keys/{id}"))
}

pub(super) async fn rotate(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Trouble> {
    may_mint(owner(&visit)?)?;
    let key = find(&console, &visit, &id).await?;
    let asked = fields.text("grace");
    let wrong = || Trouble::new(StatusCode::BAD_REQUEST, "error-key-grace");
    let asked = GRACES.into_iter().find(|text| *text == asked).ok_or_else(wrong)?;
    let grace = keys::grace(Some(asked)).map_err(|_| wrong())?;
    let seen = fields.text("secret");
    if seen != key.secret_mark() {
        // Sent twice, or from a page from before another rotation.
        return Err(Trouble::new(StatusCode::CONFLICT, "error-key-rotated"));
    }
    let now = console.auth.now();
    if let Some(old) = &key.previous
        && !now.is_past(old.until)
        && !fields.has("confirmed")
    {
        return Ok(page(&Ask {
            frame: visit.frame(&console, "keys-rotate"),
            until: old.until,
            grace: asked,
            key,
        }));
    }
    let rotated = console.auth.rotate_seen_key(&visit.caller, key.id, seen, grace).await?;
    Ok(page(&Secret {
        frame: visit.frame(&console, "keys-rotated"),
        name: key.name,
        id: key.id.to_string(),
        text: rotated.plain.expose(),
        old_until: Some(rotated.grace_until).filter(|_| !grace.is_zero()),
        is_new: false,
    }))
}
