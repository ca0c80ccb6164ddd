//! Invites.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use localauth_core::{AuditActor, InviteId, InviteInfo, RevokeInvite, Timestamp};

use super::confirm::{Confirm, Once, Secret};
use crate::console::Console;
use crate::console::fields::Fields;
use crate::console::frame::Frame;
use crate::console::page::{done, page, page_with};
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;

const HERE: &str = "/admin/invites";
/// Invites of one page.
const PAGE: usize = 100;

#[derive(Template)]
#[template(path = "house/invites.html")]
struct Invites {
    frame: Frame,
    rows: Vec<Row>,
    /// The last one of this page, where there is another.
    next: Option<String>,
    /// Whether the first page is another one.
    is_further: bool,
}

struct Row {
    id: String,
    prefix: String,
    made_by: Option<AuditActor>,
    made_at: Timestamp,
    expires_at: Timestamp,
    used_by: Option<AuditActor>,
    used_at: Option<Timestamp>,
    is_open: bool,
}

impl Row {
    fn of(info: InviteInfo, now: Timestamp) -> Self {
        Self {
            id: info.invite.id.to_string(),
            is_open: info.invite.is_open(now),
            prefix: info.invite.code_prefix,
            made_by: info.created_by,
            made_at: info.invite.created_at,
            expires_at: info.invite.expires_at,
            used_by: info.used_by,
            used_at: info.invite.used_at,
        }
    }
}

async fn list(console: &Console, visit: &Visit) -> Result<Invites, Trouble> {
    let now = console.auth.now();
    let mut all = console.auth.list_invites().await?;
    let after: Option<InviteId> = visit.query("after").and_then(|id| id.parse().ok());
    if let Some(after) = after {
        // Newest first, and newer ones have greater ids: right also where that one is gone by now.
        all.retain(|info| info.invite.id < after);
    }
    let next = all
        .get(PAGE)
        .and_then(|_| Some(all.get(PAGE - 1)?.invite.id.to_string()));
    all.truncate(PAGE);
    Ok(Invites {
        frame: visit.frame(console, "house-invites-title"),
        rows: all.into_iter().map(|info| Row::of(info, now)).collect(),
        next,
        is_further: after.is_some(),
    })
}

pub(super) async fn show(State(console): State<Console>, visit: Visit) -> Result<Response, Trouble> {
    Ok(page(&list(&console, &visit).await?))
}

pub(super) async fn make(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Trouble> {
    let made = async {
        let hours = fields
            .number("hours")?
            .map(|hours| i64::try_from(hours).unwrap_or(i64::MAX));
        Ok::<_, Trouble>(console.auth.create_invite(&visit.caller, hours).await?)
    };
    let made = match made.await {
        Ok(made) => made,
        Err(trouble) => {
            let mut again = list(&console, &visit).await?;
            again.frame = again.frame.told(&trouble);
            return Ok(page_with(trouble.status(), &again));
        }
    };
    let code = made.code.expose();
    let link = format!("{}/invite/{code}", visit.url);
    let frame = visit.frame(&console, "house-invite-made-title");
    Ok(page(&Once {
        says: frame.t("house-invite-made"),
        frame,
        secrets: &[
            Secret {
                label: "house-invite-link",
                text: &link,
            },
            Secret {
                label: "house-invite-code",
                text: code,
            },
        ],
        next: HERE,
    }))
}

/// The invite with this id, if nobody has used it yet.
async fn unused(console: &Console, id: &str) -> Result<InviteInfo, Trouble> {
    let id = id.parse().map_err(|_| Trouble::missing("error-no-such-invite"))?;
    let all = console.auth.list_invites().await?;
    let found = all.into_iter().find(|info| info.invite.id == id);
    let found = found.ok_or_else(|| Trouble::missing("error-no-such-invite"))?;
    if found.invite.used_at.is_some() {
        return Err(Trouble::bad("error-invite-used"));
    }
    Ok(found)
}

pub(super) async fn confirm(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Trouble> {
    let info = unused(&console, &id).await?;
    let frame = visit.frame(&console, "house-invite-revoke-title");
    Ok(page(&Confirm {
        says: frame.t1("house-invite-revoke", "prefix", info.invite.code_prefix.as_str()),
        parts: Vec::new(),
        frame,
        action: &format!("{HERE}/{}/revoke", info.invite.id),
        fields: &[],
        button: "house-invite-revoke-button",
        back: HERE,
        type_this: None,
    }))
}

pub(super) async fn revoke(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Trouble> {
    let missing = || Trouble::missing("error-no-such-invite");
    let id: InviteId = id.parse().map_err(|_| missing())?;
    match console.auth.revoke_invite(&visit.caller, id).await? {
        RevokeInvite::Revoked => Ok(done(HERE, "done-invite-revoked")),
        RevokeInvite::Used => Err(Trouble::bad("error-invite-used")),
        _ => Err(missing()),
    }
}
