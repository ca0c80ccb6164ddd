//! A question to a model, without scripts.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderValue, Method, StatusCode, header};
use localauth_core::Denial;
use serde::Deserialize;
use serde_json::json;

use super::super::Console;
use super::super::fields::Fields;
use super::super::trouble::Trouble;
use super::super::visit::Visit;
use super::show::{Before, Talk, home};
use super::walk::{Answer, Walk};

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
}

pub(super) async fn ask(
    State(console): State<Console>,
    visit: Visit,
    walk: Walk,
    fields: Fields,
) -> Result<Response, Trouble> {
    visit.user()?;
    let Some(routes) = &console.openai else {
        return Err(Trouble::missing("error-try-nowhere"));
    };
    let (model, message) = (fields.text("model"), fields.text("message"));
    let mut talk = Talk {
        model,
        message,
        answer: None,
    };
    if message.is_empty() {
        let trouble = Trouble::bad("error-try-empty");
        let before = Before {
            talk,
            trouble: Some(&trouble),
            ..Before::default()
        };
        return home(&console, &visit, &walk, before).await;
    }
    let body = json!({"model": model, "messages": [{"role": "user", "content": message}], "stream": false});
    let body = body.to_string().into_bytes();
    let answer = walk.ask(routes, Method::POST, "/v1/chat/completions", Some(body)).await;
    let said = said(&answer);
    let trouble = match &said {
        Ok(text) => {
            talk.answer = Some(text);
            None
        }
        Err(trouble) => Some(trouble),
    };
    let mut response = home(
        &console,
        &visit,
        &walk,
        Before {
            talk,
            trouble,
            ..Before::default()
        },
    )
    .await?;
    answer.hand_on(&mut response);
    if let Some(seconds) = answer.retry_after.filter(|_| trouble.is_some()) {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(response)
}

/// What the model said, or why it did not.
fn said(answer: &Answer) -> Result<String, Trouble> {
    let body = answer.body.as_deref();
    if !answer.status.is_success() {
        return Err(refused(answer));
    }
    let unread = || Trouble::new(StatusCode::BAD_GATEWAY, "error-try-unread");
    let completion: Completion = serde_json::from_slice(body.ok_or_else(unread)?).map_err(|_| unread())?;
    let choice = completion.choices.into_iter().next().ok_or_else(unread)?;
    Ok(choice.message.content.unwrap_or_default())
}

/// By the reason itself, and not by the answer's words: those are as whoever runs the server wants them.
fn refused(answer: &Answer) -> Trouble {
    let status = answer.status;
    let id = match (status.as_u16(), answer.denial) {
        (401, _) => "error-signed-out",
        (403, Some(Denial::FeatureDisabled)) => "error-try-feature",
        (403, Some(Denial::ModelNotAllowed)) => "error-try-model",
        (403, Some(Denial::KeyScope)) => "error-key-scope",
        (403, _) => "error-refused",
        (404, _) => "error-try-no-model",
        (429, _) if answer.retry_after.is_some() => "error-try-limited",
        (429, _) => "error-try-used-up",
        (400..500, _) => "error-try-bad",
        _ => "error-try-server",
    };
    let trouble = Trouble::new(status, id);
    match answer.retry_after {
        Some(seconds) if id == "error-try-limited" => trouble.with("seconds", seconds.to_string()),
        _ => trouble,
    }
}
