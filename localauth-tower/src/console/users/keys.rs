//! A user's keys, as administrators handle them.

use axum::extract::{Path, State};
use axum::response::Response;
use localauth_core::{ApiKey, NewKey, Provider, User, parse_duration};

use super::{HERE, find, person};
use crate::console::Console;
use crate::console::fields::Fields;
use crate::console::house::confirm::{Confirm, Once, Secret};
use crate::console::page::{done, page};
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;

/// Makes a key for a service account, which nobody signs in to to make one.
pub(super) async fn make(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Trouble> {
    let user = find::by_id(&console, &id).await?;
    let made = async {
        if user.provider != Provider::Service {
            return Err(Trouble::bad("error-not-a-service"));
        }
        let mut new = NewKey::named(fields.text("key_name"));
        if let Some(span) = fields.some("expires") {
            let span = parse_duration(span).map_err(|_| Trouble::bad("error-key-expired"))?;
            new.expires_at = Some(console.auth.now() + span);
        }
        Ok(console.auth.create_key_for(&visit.caller, user.id, new).await?)
    };
    let made = match made.await {
        Ok(made) => made,
        Err(trouble) => {
            let typed = fields.text("key_name");
            return person::again(&console, &visit, &user, trouble, |page| {
                typed.clone_into(&mut page.key_name);
            })
            .await;
        }
    };
    let frame = visit.frame(&console, "users-key-made-title");
    Ok(page(&Once {
        says: frame.t2(
            "users-key-made",
            "key",
            made.key.name.as_str(),
            "name",
            user.name.as_str(),
        ),
        frame,
        secrets: &[Secret {
            label: "users-key",
            text: made.plain.expose(),
        }],
        next: &format!("{HERE}/{}", user.id),
    }))
}

/// The user's key with this id; of somebody else there is none.
async fn key_of(console: &Console, user: &User, id: &str) -> Result<ApiKey, Trouble> {
    let keys = console.auth.list_keys(user.id).await?;
    let found = keys.into_iter().find(|key| key.id.to_string() == id);
    found.ok_or_else(|| Trouble::missing("error-no-such-key"))
}

pub(super) async fn confirm(
    State(console): State<Console>,
    visit: Visit,
    Path((id, key)): Path<(String, String)>,
) -> Result<Response, Trouble> {
    let user = find::by_id(&console, &id).await?;
    let key = key_of(&console, &user, &key).await?;
    let frame = visit.frame(&console, "users-key-revoke-title");
    let back = format!("{HERE}/{}", user.id);
    Ok(page(&Confirm {
        says: frame.t2("users-key-revoke", "key", key.name.as_str(), "name", user.name.as_str()),
        parts: vec![
            frame.t1("users-key-revoke-prefix", "prefix", key.public_id.key_prefix()),
            frame.t("users-key-revoke-at-once"),
        ],
        frame,
        action: &format!("{back}/keys/{}/revoke", key.id),
        fields: &[],
        button: "users-key-revoke-button",
        back: &back,
        type_this: None,
    }))
}

pub(super) async fn revoke(
    State(console): State<Console>,
    visit: Visit,
    Path((id, key)): Path<(String, String)>,
) -> Result<Response, Trouble> {
    let user = find::by_id(&console, &id).await?;
    let key = key_of(&console, &user, &key).await?;
    if console.auth.revoke_key(&visit.caller, key.id).await? {
        Ok(done(&format!("{HERE}/{}", user.id), "done-user-key-revoked"))
    } else {
        Err(Trouble::missing("error-no-such-key"))
    }
}
