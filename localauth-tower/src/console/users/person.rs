//! The page of one user.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use localauth_core::{
    ApiKey, HouseRules, Period, Provider, Role, Session, Status, Tier, TierName, Timestamp, UsageFilter, UsageTotals,
    User, UserLimits,
};

use super::access::list_of;
use super::{HERE, find, words};
use crate::console::Console;
use crate::console::frame::Frame;
use crate::console::house::access::{self, Group, Models};
use crate::console::house::limits::LimitRow;
use crate::console::house::revision;
use crate::console::page::{page, page_with};
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;

#[derive(Template)]
#[template(path = "users/person.html")]
#[expect(clippy::struct_excessive_bools, reason = "what the page shows and leaves out")]
pub(super) struct Person {
    pub(super) frame: Frame,
    id: String,
    name: String,
    email: String,
    role: &'static str,
    status: &'static str,
    look: &'static str,
    provider: &'static str,
    made: Timestamp,
    /// Whether it is whoever looks, whose standing somebody else has to change.
    is_self: bool,
    is_admin: bool,
    is_active: bool,
    is_pending: bool,
    is_local: bool,
    is_service: bool,
    used: UsageTotals,
    total_tokens: u64,
    groups: Vec<Group>,
    /// Name what the forms were filled in from.
    pub(super) features_revision: String,
    pub(super) models_revision: String,
    models: Models,
    tiers: Vec<String>,
    /// The tier they were put into, or nothing.
    tier: String,
    /// The tier of whoever was put into none, or nothing.
    default_tier: String,
    limits: Vec<LimitRow>,
    /// Where they are changed.
    limits_at: String,
    keys: Vec<KeyRow>,
    sessions: Vec<SessionRow>,
    /// The name of a new key, as it was typed.
    pub(super) key_name: String,
}

struct KeyRow {
    id: String,
    name: String,
    prefix: String,
    made: Timestamp,
    last_used: Option<Timestamp>,
    expires: Option<Timestamp>,
    is_over: bool,
}

struct SessionRow {
    user_agent: String,
    ip: String,
    last_seen: Timestamp,
    made: Timestamp,
    /// The administrator whose session it is.
    by: String,
}

impl KeyRow {
    fn of(key: ApiKey, now: Timestamp) -> Self {
        Self {
            id: key.id.to_string(),
            prefix: key.public_id.key_prefix(),
            name: key.name,
            made: key.created_at,
            last_used: key.last_used_at,
            expires: key.expires_at,
            is_over: key.expires_at.is_some_and(|end| now.is_past(end)),
        }
    }
}

impl From<Session> for SessionRow {
    fn from(session: Session) -> Self {
        Self {
            user_agent: session.user_agent,
            ip: session.ip,
            last_seen: session.last_seen_at,
            made: session.created_at,
            by: session.impersonator.map(|by| by.name).unwrap_or_default(),
        }
    }
}

/// The features, with what holds for those about which nothing is said.
fn switches(console: &Console, frame: &Frame, user: &User, tier: Option<(&TierName, &Tier)>) -> Vec<Group> {
    access::groups(&console.auth, &user.permissions, |key, on| {
        let by_tier = tier.and_then(|(name, tier)| Some((name, *tier.features.get(key)?)));
        match by_tier {
            Some((name, true)) => frame.t1("users-by-tier-on", "tier", name.as_str()),
            Some((name, false)) => frame.t1("users-by-tier-off", "tier", name.as_str()),
            None => access::by_default(frame, on),
        }
    })
}

impl Person {
    pub(super) async fn of(console: &Console, visit: &Visit, user: &User) -> Result<Self, Trouble> {
        let auth = &console.auth;
        // So that a use just now is shown; without it the page is right all the same.
        if let Err(error) = auth.flush().await {
            tracing::debug!(%error, "a page is shown before the last uses are written");
        }
        let now = auth.now();
        let (house, _): (HouseRules, _) = auth.house_rules().await?;
        let own: UserLimits = auth.user_limits(user.id).await?;
        let limits = auth.quota_status(user.id).await?;
        let keys = auth.list_keys(user.id).await?;
        let sessions = auth.list_sessions(user.id).await?;
        let report = auth.usage_report(Period::Month, UsageFilter::of_user(user.id)).await?;
        let frame = visit.frame(console, "users-person-title");
        let me = visit.user()?;
        let acts = me.impersonator().is_some_and(|by| by.id == user.id);
        let (status, look) = words::status(user.status);
        Ok(Self {
            id: user.id.to_string(),
            name: user.name.clone(),
            email: user.email.to_string(),
            role: words::role(user.role),
            status,
            look,
            provider: words::provider(user.provider),
            made: user.created_at,
            is_self: me.id() == user.id || acts,
            is_admin: user.role == Role::Admin,
            is_active: user.status == Status::Active,
            is_pending: user.status == Status::Pending,
            is_local: user.provider == Provider::Local,
            is_service: user.provider == Provider::Service,
            total_tokens: report.totals.total_tokens(),
            used: report.totals,
            features_revision: revision::of(&user.permissions),
            models_revision: revision::of(&list_of(user)),
            groups: switches(console, &frame, user, house.tier_of(&own)),
            models: Models::of(&console.known_models(), !user.models.enabled, &user.models.models),
            tiers: house.tiers.keys().map(ToString::to_string).collect(),
            tier: own.tier.map(|tier| tier.to_string()).unwrap_or_default(),
            default_tier: house.default_tier.map(|tier| tier.to_string()).unwrap_or_default(),
            limits: limits.iter().map(|status| LimitRow::standing(&frame, status)).collect(),
            keys: keys.into_iter().map(|key| KeyRow::of(key, now)).collect(),
            sessions: sessions.into_iter().map(SessionRow::from).collect(),
            limits_at: format!("{HERE}/{}/limits", user.id),
            key_name: String::new(),
            frame,
        })
    }
}

pub(super) async fn show(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Trouble> {
    let user = find::by_id(&console, &id).await?;
    Ok(page(&Person::of(&console, &visit, &user).await?))
}

/// The page once more, with what went wrong with one of its forms; what was chosen in it where `change` says so.
pub(super) async fn again(
    console: &Console,
    visit: &Visit,
    user: &User,
    trouble: Trouble,
    change: impl FnOnce(&mut Person),
) -> Result<Response, Trouble> {
    // Whoever is gone has no page to come back to, and a store that is away makes none.
    if trouble.status() == http::StatusCode::NOT_FOUND || trouble.denial().is_some() {
        return Err(trouble);
    }
    let mut person = Person::of(console, visit, user).await?;
    person.frame = person.frame.told(&trouble);
    change(&mut person);
    Ok(page_with(trouble.status(), &person))
}
