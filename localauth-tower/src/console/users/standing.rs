//! Asks before somebody's standing or role changes.

use axum::extract::{Path, State};
use axum::response::Response;
use localauth_core::{Role, Status, User};

use super::{HERE, find};
use crate::console::Console;
use crate::console::frame::Frame;
use crate::console::house::confirm::Confirm;
use crate::console::page::{page, see};
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;

/// The ids of what is asked.
struct Question {
    title: &'static str,
    says: &'static str,
    parts: [&'static str; 2],
    button: &'static str,
}

const DISABLE: Question = Question {
    title: "users-disable-title",
    says: "users-disable-ask",
    parts: ["users-disable-at-once", "users-disable-back"],
    button: "users-disable",
};
const DECLINE: Question = Question {
    title: "users-decline-title",
    says: "users-decline-ask",
    parts: ["users-decline-stays", "users-disable-back"],
    button: "users-decline",
};
const PROMOTE: Question = Question {
    title: "users-make-admin",
    says: "users-promote-ask",
    parts: ["users-promote-all", "users-role-sessions"],
    button: "users-make-admin",
};
const DEMOTE: Question = Question {
    title: "users-make-user",
    says: "users-demote-ask",
    parts: ["users-demote-pages", "users-role-sessions"],
    button: "users-make-user",
};

/// To shut somebody out is asked about; what else the form does, is not.
pub(super) async fn status(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Trouble> {
    let user = find::by_id(&console, &id).await?;
    let wanted = visit.query("status").and_then(|name| name.parse().ok());
    let question = match (wanted, user.status) {
        (Some(Status::Disabled), Status::Active) => DISABLE,
        (Some(Status::Disabled), Status::Pending) => DECLINE,
        _ => return Ok(see(&format!("{HERE}/{}", user.id))),
    };
    let sent = ("status", Status::Disabled.as_str());
    Ok(ask(
        &visit.frame(&console, question.title),
        &user,
        &question,
        "status",
        sent,
    ))
}

pub(super) async fn role(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Trouble> {
    let user = find::by_id(&console, &id).await?;
    let wanted: Option<Role> = visit.query("role").and_then(|name| name.parse().ok());
    let (question, wanted) = match wanted {
        Some(role @ Role::Admin) if user.role != role => (PROMOTE, role),
        Some(role @ Role::User) if user.role != role => (DEMOTE, role),
        _ => return Ok(see(&format!("{HERE}/{}", user.id))),
    };
    let sent = ("role", wanted.as_str());
    Ok(ask(
        &visit.frame(&console, question.title),
        &user,
        &question,
        "role",
        sent,
    ))
}

fn ask(frame: &Frame, user: &User, question: &Question, what: &str, sent: (&'static str, &str)) -> Response {
    let back = format!("{HERE}/{}", user.id);
    page(&Confirm {
        says: frame.t2(question.says, "name", user.name.as_str(), "email", user.email.as_str()),
        parts: question.parts.iter().map(|part| frame.t(part)).collect(),
        frame: frame.clone(),
        action: &format!("{back}/{what}"),
        fields: &[sent],
        button: question.button,
        back: &back,
        type_this: None,
    })
}
