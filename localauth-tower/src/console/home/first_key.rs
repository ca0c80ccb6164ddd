//! A key in one click.

use axum::extract::State;
use axum::response::Response;
use localauth_core::{CreatedKey, NewKey, UserId};

use super::super::Console;
use super::super::fields::Fields;
use super::super::keys::may_mint;
use super::super::trouble::Trouble;
use super::super::visit::Visit;
use super::show::{Before, home};
use super::walk::Walk;

pub(super) async fn make(
    State(console): State<Console>,
    visit: Visit,
    walk: Walk,
    fields: Fields,
) -> Result<Response, Trouble> {
    let user = visit.user()?;
    if user.id() == UserId::SHARED {
        return Err(Trouble::bad("error-key-shared"));
    }
    may_mint(user)?;
    let name = fields.text("name");
    let made = create(&console, &visit, name).await;
    let before = match &made {
        Ok(made) => Before {
            made: Some(made),
            ..Before::default()
        },
        Err(trouble) => Before {
            name: Some(name),
            trouble: Some(trouble),
            ..Before::default()
        },
    };
    home(&console, &visit, &walk, before).await
}

async fn create(console: &Console, visit: &Visit, name: &str) -> Result<CreatedKey, Trouble> {
    Ok(console.auth.create_own_key(&visit.caller, NewKey::named(name)).await?)
}
