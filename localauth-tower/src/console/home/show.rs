//! The page itself.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use localauth_core::{CreatedKey, UserId};
use tokio::time::timeout;

use super::super::Console;
use super::super::frame::Frame;
use super::super::keys::may_mint;
use super::super::page::page_with;
use super::super::trouble::Trouble;
use super::super::visit::Visit;
use super::glance::Glance;
use super::models::{PATIENCE, usable};
use super::snippets::Snippets;
use super::walk::Walk;
use crate::CurrentUser;

#[derive(Template)]
#[template(path = "home/home.html")]
struct Home<'p> {
    frame: Frame,
    /// None where no account stands behind the visitor.
    glance: Option<Glance>,
    may_mint: bool,
    /// The key that was made just now.
    key: Option<&'p str>,
    /// What is in the field for its name.
    name: String,
    snippets: Snippets,
    models: Vec<String>,
    chat: Chat,
    talk: Talk<'p>,
}

/// Whether there is a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chat {
    Here,
    /// The visitor may not.
    Refused,
    /// No model answers here.
    Nowhere,
}

impl Home<'_> {
    fn is_chat(&self) -> bool {
        self.chat == Chat::Here
    }

    fn is_chat_refused(&self) -> bool {
        self.chat == Chat::Refused
    }
}

/// What was said without scripts.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Talk<'t> {
    pub(super) model: &'t str,
    pub(super) message: &'t str,
    pub(super) answer: Option<&'t str>,
}

/// What happened before the page is shown.
#[derive(Debug, Default)]
pub(super) struct Before<'b> {
    pub(super) made: Option<&'b CreatedKey>,
    /// The name that was typed for a key that was not made.
    pub(super) name: Option<&'b str>,
    pub(super) talk: Talk<'b>,
    pub(super) trouble: Option<&'b Trouble>,
}

impl Before<'_> {
    /// Whether something was done that cannot be done again, or told again.
    fn is_done(&self) -> bool {
        self.made.is_some() || self.talk.answer.is_some() || self.trouble.is_some()
    }
}

pub(super) async fn show(State(console): State<Console>, visit: Visit, walk: Walk) -> Result<Response, Trouble> {
    home(&console, &visit, &walk, Before::default()).await
}

/// The page, after what happened before.
pub(super) async fn home(
    console: &Console,
    visit: &Visit,
    walk: &Walk,
    before: Before<'_>,
) -> Result<Response, Trouble> {
    let user = visit.user()?;
    let (models, listed) = usable(console, user, walk).await;
    let glance = match user.id() {
        UserId::SHARED => None,
        // What was done is told all the same, and soon: an answer that counts, a key that nobody can see again.
        _ if before.is_done() => timeout(PATIENCE, Glance::of(console, user))
            .await
            .ok()
            .and_then(Result::ok),
        _ => Some(Glance::of(console, user).await?),
    };
    let mut frame = visit.frame(console, "home-title");
    if let Some(trouble) = before.trouble {
        frame = frame.told(trouble);
    }
    let key = before.made.map(|made| made.plain.expose());
    let model = models.first().map_or("MODEL", String::as_str);
    let page = Home {
        may_mint: user.id() != UserId::SHARED && may_mint(user).is_ok(),
        glance,
        key,
        name: before.name.map_or_else(|| frame.t("home-key-name"), str::to_owned),
        snippets: Snippets::new(&visit.url, model, key),
        chat: chat(console, user),
        models,
        talk: before.talk,
        frame,
    };
    let status = before.trouble.map_or(StatusCode::OK, Trouble::status);
    let mut response = page_with(status, &page);
    if let Some(answer) = listed {
        answer.hand_on(&mut response);
    }
    Ok(response)
}

fn chat(console: &Console, user: &CurrentUser) -> Chat {
    let is_known = console.auth.features().get("chat").is_some();
    match &console.openai {
        None => Chat::Nowhere,
        Some(_) if is_known && !user.may("chat") => Chat::Refused,
        Some(_) => Chat::Here,
    }
}
