//! The list of users.

use axum::Json;
use axum::extract::State;
use localauth_core::{Auth, HouseRules, Status, Timestamp, User, UserId, UserLimits, UserQuery};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::Api;
use super::super::error::ApiError;
use super::super::query::QueryOf;
use super::super::refusals::Refusals;
use super::super::rules::{RuleView, views};
use super::super::view::{UserView, time};
use super::filter::{bad_cursor, cut, given, limit};
use super::permissions::AllowedModels;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichUsers {
    /// A part of the address or name, in any case.
    q: Option<String>,
    /// `active`, `pending` or `disabled`.
    status: Option<String>,
    /// 1 to 1000; without it, all users come at once.
    limit: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// A user as administrators see them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ManagedUser {
    #[serde(flatten)]
    user: UserView,
    #[schema(pattern = "^(active|pending|disabled)$")]
    status: &'static str,
    #[serde(rename = "createdAt")]
    created_at: String,
    allowed_models: AllowedModels,
    /// The tier they were put into; null is the default one.
    tier: Option<String>,
    /// Their own limits. How they stand is told by `…/users/{id}/quotas`: to ask that for everybody would take long.
    quotas: Vec<RuleView>,
}

/// Users, oldest first.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::option_option, reason = "absent and null say different things")]
pub(super) struct UserList {
    users: Vec<ManagedUser>,
    /// The cursor of the next page, or null; only where there was a `limit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    next: Option<Option<String>>,
}

impl ManagedUser {
    fn of(auth: &Auth, user: &User, limits: &UserLimits, house: &HouseRules) -> Self {
        Self {
            user: UserView::in_tier(auth, user, house.tier_of(limits).map(|(_, tier)| tier)),
            status: user.status.as_str(),
            created_at: time(user.created_at),
            allowed_models: (&user.models).into(),
            tier: limits.tier.as_ref().map(ToString::to_string),
            quotas: views(&limits.limits),
        }
    }
}

/// Users come in the order of this, so that a page goes on where the last one ended whoever came or went since.
pub(crate) fn cursor(user: &User) -> String {
    format!(
        "{:016x}{}",
        user.created_at.as_millis().cast_unsigned(),
        user.id.as_uuid().simple()
    )
}

/// Reads it again; `None` where it is none of ours.
pub(crate) fn parse_cursor(text: &str) -> Option<(Timestamp, UserId)> {
    // Digits only: the parsers below would take signs, braces and dashes too.
    if text.len() != 48 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let (at, id) = text.split_at(16);
    let at = u64::from_str_radix(at, 16).ok()?.cast_signed();
    Some((Timestamp::from_millis(at), id.parse().ok()?))
}

/// The users, oldest first.
#[utoipa::path(get, path = "/api/auth/admin/users", tag = "admin", params(WhichUsers),
    responses((status = 200, body = UserList), Refusals))]
pub(super) async fn list_users(
    State(api): State<Api>,
    QueryOf(which): QueryOf<WhichUsers>,
) -> Result<Json<UserList>, ApiError> {
    let limit = limit(which.limit.as_deref())?;
    let status = given(which.status.as_deref()).map(str::parse::<Status>).transpose();
    let after = given(which.cursor.as_deref()).map(|text| parse_cursor(text).ok_or_else(bad_cursor));
    let query = UserQuery {
        search: given(which.q.as_deref()).map(str::to_owned),
        status: status.map_err(|e| ApiError::bad(format!("status: {e}")))?,
        role: None,
        limit: limit.map(|limit| limit + 1),
        after: after.transpose()?,
    };
    let mut found = api.auth.list_users(&query).await?;
    let next = limit.and_then(|limit| cut(&mut found, limit, cursor));
    let ids: Vec<UserId> = found.iter().map(|user| user.id).collect();
    let limits = api.auth.limits_of_users(&ids).await?;
    let (house, _) = api.auth.house_rules().await?;
    let none = UserLimits::default();
    let view = |user: &User| ManagedUser::of(&api.auth, user, limits.get(&user.id).unwrap_or(&none), &house);
    Ok(Json(UserList {
        users: found.iter().map(view).collect(),
        next: limit.is_some().then_some(next),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_one_of_ours_or_none() {
        let good = format!("{:016x}{}", 1_700_000_000_000_u64, "0192f0c1234578909bcdef0123456789");
        let (at, id) = parse_cursor(&good).unwrap();
        assert_eq!(at.as_millis(), 1_700_000_000_000);
        assert_eq!(id.to_string(), "0192f0c1-2345-7890-9bcd-ef0123456789");
        for bad in [
            "",
            "x",
            "0",
            &good[1..],
            &format!("{good}0"),
            &format!("+{}", &good[1..]),
            &"é".repeat(24),
        ] {
            assert!(parse_cursor(bad).is_none(), "{bad}");
        }
    }
}
