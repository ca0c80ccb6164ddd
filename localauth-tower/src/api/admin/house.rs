//! What holds for everyone together: limits and prices.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use localauth_core::Price;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::super::Api;
use super::super::caller::Asker;
use super::super::error::ApiError;
use super::super::json::JsonBody;
use super::super::quota::Quota;
use super::super::refusals::{ChangeRefusals, Refusals};
use super::super::rules::{Rule, Wished, number};

/// The limits of everyone together, and how they stand.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LimitList {
    limits: Vec<Quota>,
}

/// All limits of everyone together.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct NewLimits {
    /// One that was there before, by id or by model and window, goes on counting. Empty for none.
    #[schema(required = true)]
    limits: Option<Vec<Rule>>,
}

/// What a model costs, in millionths of a currency: whichever all prices are in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PriceView {
    /// Of a million tokens read.
    #[schema(required = false)]
    prompt: u64,
    /// Of a million tokens read that were in the model server's cache; null is as any other.
    cached_prompt: Option<u64>,
    /// Of a million tokens written.
    #[schema(required = false)]
    completion: u64,
    /// Of a second, from the request to the end of its answer.
    #[schema(required = false)]
    second: u64,
}

/// What models cost.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PriceList {
    /// By the name of the model; the empty name stands for all others.
    prices: BTreeMap<String, PriceView>,
}

/// All prices.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct NewPrices {
    /// By the name of the model; the empty name stands for all others. What is left out of a price is 0. Empty for none.
    #[schema(required = true, value_type = BTreeMap<String, PriceView>)]
    prices: Option<BTreeMap<String, BTreeMap<String, Value>>>,
}

impl From<&Price> for PriceView {
    fn from(price: &Price) -> Self {
        Self {
            prompt: price.prompt,
            cached_prompt: price.cached_prompt,
            completion: price.completion,
            second: price.second,
        }
    }
}

fn price(mut fields: BTreeMap<String, Value>) -> Result<Price, ApiError> {
    let mut part = |name: &str| number(name, fields.remove(name));
    let price = Price {
        prompt: part("prompt")?.unwrap_or(0),
        cached_prompt: part("cached_prompt")?,
        completion: part("completion")?.unwrap_or(0),
        second: part("second")?.unwrap_or(0),
    };
    // A slip of the pen must not make a model free.
    if fields.is_empty() {
        Ok(price)
    } else {
        Err(ApiError::bad(
            "a price has the fields prompt, cached_prompt, completion and second, and no others",
        ))
    }
}

async fn present_limits(api: &Api) -> Result<Json<LimitList>, ApiError> {
    let limits = api.auth.everyone_status().await?;
    Ok(Json(LimitList {
        limits: limits.into_iter().map(Quota::from).collect(),
    }))
}

/// The limits of everyone together, and how they stand.
#[utoipa::path(get, path = "/api/auth/admin/limits", tag = "admin",
    responses((status = 200, body = LimitList), Refusals))]
pub(super) async fn limits_of_everyone(State(api): State<Api>) -> Result<Json<LimitList>, ApiError> {
    present_limits(&api).await
}

/// Replace the limits of everyone together. In force for everybody's next request.
#[utoipa::path(put, path = "/api/auth/admin/limits", tag = "admin", request_body = NewLimits,
    responses((status = 200, body = LimitList), ChangeRefusals))]
pub(super) async fn replace_limits_of_everyone(
    State(api): State<Api>,
    asker: Asker,
    JsonBody(body): JsonBody<NewLimits>,
) -> Result<Json<LimitList>, ApiError> {
    let limits = body
        .limits
        .ok_or_else(|| ApiError::bad("limits is required: a list of rules, `[]` for none"))?;
    let wished = Wished::parse(limits)?;
    api.auth
        .change_house_rules(&asker.caller, |house| {
            house.everyone = wished.in_place_of(&house.everyone, &api.auth)?;
            Ok(())
        })
        .await?;
    present_limits(&api).await
}

/// What models cost.
#[utoipa::path(get, path = "/api/auth/admin/prices", tag = "admin",
    responses((status = 200, body = PriceList), Refusals))]
pub(super) async fn prices(State(api): State<Api>) -> Result<Json<PriceList>, ApiError> {
    let (house, _) = api.auth.house_rules().await?;
    Ok(Json(list(&house.prices)))
}

fn list(prices: &BTreeMap<String, Price>) -> PriceList {
    PriceList {
        prices: prices
            .iter()
            .map(|(model, price)| (model.clone(), price.into()))
            .collect(),
    }
}

/// Replace what models cost. What was answered before keeps the price it had.
#[utoipa::path(put, path = "/api/auth/admin/prices", tag = "admin", request_body = NewPrices,
    responses((status = 200, body = PriceList), ChangeRefusals))]
pub(super) async fn replace_prices(
    State(api): State<Api>,
    asker: Asker,
    JsonBody(body): JsonBody<NewPrices>,
) -> Result<Json<PriceList>, ApiError> {
    let prices = body
        .prices
        .ok_or_else(|| ApiError::bad("prices is required: a price for each model, `{}` for none"))?;
    let read = prices.into_iter().map(|(model, fields)| Ok((model, price(fields)?)));
    let prices: BTreeMap<String, Price> = read.collect::<Result<_, ApiError>>()?;
    api.auth
        .change_house_rules(&asker.caller, |house| {
            house.prices.clone_from(&prices);
            Ok(())
        })
        .await?;
    Ok(Json(list(&prices)))
}
