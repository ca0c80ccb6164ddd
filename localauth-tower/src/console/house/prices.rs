//! What a model costs.

use std::borrow::Cow;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use localauth_core::{LimitError, Price};

use super::confirm::Confirm;
use super::limits::{money, plain_money};
use super::revision::{self, is_outdated};
use super::tiers::HERE;
use crate::console::Console;
use crate::console::fields::Fields;
use crate::console::frame::Frame;
use crate::console::page::{done, page, page_with, see};
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;

#[derive(Template)]
#[template(path = "house/price.html")]
struct PricePage {
    frame: Frame,
    /// Empty stands for all others.
    model: String,
    /// Whether there is a price of this model: then it can be taken away.
    is_there: bool,
    /// Names the price that is shown.
    revision: String,
    prompt: String,
    cached_prompt: String,
    completion: String,
    second: String,
    models: Vec<String>,
}

impl PricePage {
    fn new(console: &Console, visit: &Visit, model: String, price: Option<&Price>) -> Self {
        let text = |micros: Option<u64>| micros.map(plain_money).unwrap_or_default();
        Self {
            frame: visit.frame(console, "house-price-title"),
            model,
            is_there: price.is_some(),
            revision: price.map(revision::of).unwrap_or_default(),
            prompt: text(price.map(|price| price.prompt)),
            cached_prompt: text(price.and_then(|price| price.cached_prompt)),
            completion: text(price.map(|price| price.completion)),
            second: text(price.map(|price| price.second)),
            models: console.known_models(),
        }
    }
}

/// The price of the model in the query; a new one where there is none.
pub(super) async fn show(State(console): State<Console>, visit: Visit) -> Result<Response, Trouble> {
    let model = visit.query("model").unwrap_or_default();
    let (house, _) = console.auth.house_rules().await?;
    let price = house.prices.get(&model).filter(|_| visit.query("new").is_none());
    Ok(page(&PricePage::new(&console, &visit, model, price)))
}

fn price(fields: &Fields) -> Result<Price, Trouble> {
    Ok(Price {
        prompt: money(fields, "prompt")?.unwrap_or(0),
        cached_prompt: money(fields, "cached_prompt")?,
        completion: money(fields, "completion")?.unwrap_or(0),
        second: money(fields, "second")?.unwrap_or(0),
    })
}

pub(super) async fn save(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Trouble> {
    let is_there = fields.has("there");
    // Where one is made: the exact name may have a price already, which would be the one that counts.
    let model = match fields.text("model") {
        model if is_there => Cow::Borrowed(model),
        model => console.auth.exact_model(model),
    };
    let model = model.as_ref();
    let saved: Result<(), Trouble> = async {
        let price = price(&fields)?;
        let change = console.auth.change_house_rules(&visit.caller, |house| {
            if is_there {
                let present = house.prices.get(model).ok_or(LimitError::Outdated)?;
                revision::check(revision::sent(&fields), present)?;
            } else if house.prices.contains_key(model) {
                return Err(LimitError::SameId);
            }
            house.prices.insert(model.to_owned(), price);
            Ok(())
        });
        change.await.map_err(|error| match error {
            LimitError::SameId => Trouble::bad("error-price-there"),
            error => error.into(),
        })
    }
    .await;
    match saved {
        Ok(()) => Ok(done(HERE, "done-price-saved")),
        Err(trouble) if is_outdated(&trouble) => {
            let (house, _) = console.auth.house_rules().await?;
            let mut again = PricePage::new(&console, &visit, model.to_owned(), house.prices.get(model));
            again.frame = again.frame.told(&trouble);
            Ok(page_with(trouble.status(), &again))
        }
        Err(trouble) => {
            let text = |name: &str| fields.text(name).to_owned();
            let new = PricePage::new(&console, &visit, model.to_owned(), None);
            let again = PricePage {
                is_there,
                revision: revision::sent(&fields).to_owned(),
                prompt: text("prompt"),
                cached_prompt: text("cached_prompt"),
                completion: text("completion"),
                second: text("second"),
                frame: new.frame.clone().told(&trouble),
                ..new
            };
            Ok(page_with(trouble.status(), &again))
        }
    }
}

/// Asks whether the price of the model in the query is to go.
pub(super) async fn confirm(State(console): State<Console>, visit: Visit) -> Result<Response, Trouble> {
    if !visit.target.contains('?') {
        // The answer to the form, loaded again: it names no model.
        return Ok(see(HERE));
    }
    let model = visit.query("model").unwrap_or_default();
    let (house, _) = console.auth.house_rules().await?;
    if !house.prices.contains_key(&model) {
        return Err(Trouble::missing("error-no-such-price"));
    }
    let frame = visit.frame(&console, "house-price-remove-title");
    Ok(page(&Confirm {
        says: match model.as_str() {
            "" => frame.t("house-other-models"),
            model => model.to_owned(),
        },
        parts: vec![frame.t("house-price-remove")],
        frame,
        action: "/admin/prices/remove",
        fields: &[("model", &model)],
        button: "house-price-remove-button",
        back: HERE,
        type_this: None,
    }))
}

pub(super) async fn remove(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Trouble> {
    let model = fields.text("model");
    let change = console
        .auth
        .change_house_rules(&visit.caller, |house| Ok(house.prices.remove(model).is_some()));
    if change.await? {
        Ok(done(HERE, "done-price-removed"))
    } else {
        Err(Trouble::missing("error-no-such-price"))
    }
}
