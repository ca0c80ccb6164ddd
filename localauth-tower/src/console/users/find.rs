//! Which user is meant.

use localauth_core::{Email, User, UserId, UserQuery};

use crate::console::Console;
use crate::console::trouble::Trouble;

const MISSING: &str = "error-no-such-user";

/// The user with the id of an address. What can be nobody's with an account is a 404: the synthetic administrator has
/// none.
pub(super) async fn by_id(console: &Console, id: &str) -> Result<User, Trouble> {
    let missing = || Trouble::missing(MISSING);
    let id: UserId = id.parse().map_err(|_| missing())?;
    let user = console.auth.find_user(id).await?;
    user.filter(|user| user.id != UserId::SHARED).ok_or_else(missing)
}

/// Whom an administrator means by an id, an address, or a part of a name or address that only one user has.
pub(crate) async fn person(console: &Console, text: &str) -> Result<UserId, Trouble> {
    if text == "legacy-api-key" {
        return Ok(UserId::SHARED);
    }
    if let Ok(id) = text.parse::<UserId>() {
        return Ok(id);
    }
    if let Ok(email) = text.parse::<Email>()
        && let Some(user) = console.auth.find_user_by_email(&email).await?
    {
        return Ok(user.id);
    }
    let query = UserQuery {
        search: Some(text.to_owned()),
        limit: Some(2),
        ..UserQuery::default()
    };
    match console.auth.list_users(&query).await?.as_slice() {
        [] => Err(Trouble::missing(MISSING)),
        [one] => Ok(one.id),
        _ => Err(Trouble::bad("error-several-users")),
    }
}
