//! A new secret for a key.

use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;

use super::super::Console;
use super::super::fields::Fields;
use super::super::page::page;
use super::super::trouble::Trouble;
use super::super::visit::Visit;
use super::make::Secret;
use super::{find, may_mint, owner};
use crate::api::keys::grace;

/// How long the old secret can stay good.
pub(super) const GRACES: [&str; 5] = ["0s", "1h", "1d", "7d", "30d"];

pub(super) async fn rotate(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Trouble> {
    may_mint(owner(&visit)?)?;
    let key = find(&console, &visit, &id).await?;
    let asked = fields.some("grace").filter(|text| GRACES.contains(text));
    let wrong = || Trouble::new(StatusCode::BAD_REQUEST, "error-key-grace");
    let grace = grace(Some(asked.ok_or_else(wrong)?)).map_err(|_| wrong())?;
    let rotated = console.auth.rotate_key(&visit.caller, key.id, grace).await?;
    Ok(page(&Secret {
        frame: visit.frame(&console, "keys-rotated"),
        name: key.name,
        id: key.id.to_string(),
        text: rotated.plain.expose(),
        old_until: Some(rotated.grace_until).filter(|_| !grace.is_zero()),
        is_new: false,
    }))
}
