//! Where the addresses that forms go to lead when they are got: a page that answered a form is loaded again, read in
//! another language, or come back to after a sign-in.

use axum::extract::{Path, State};
use axum::response::Response;

use super::{HERE, find};
use crate::console::Console;
use crate::console::page::see;
use crate::console::trouble::Trouble;

/// To the page of the user that the form is on.
pub(super) async fn to_user(State(console): State<Console>, Path(id): Path<String>) -> Result<Response, Trouble> {
    let user = find::by_id(&console, &id).await?;
    Ok(see(&format!("{HERE}/{}", user.id)))
}

/// To the list.
pub(super) async fn to_list() -> Response {
    see(HERE)
}
