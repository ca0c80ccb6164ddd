//! Lists of limits, one of which is changed.

use localauth_core::{Auth, Limit, LimitError, LimitId, LimitRule};

use super::revision;
use crate::console::trouble::Trouble;

/// Stands in an address for the id of a limit that is to be made.
pub(crate) const NEW: &str = "new";

/// The limit that an address names; [`NEW`] is one to be made.
pub(crate) fn limit_id(text: &str) -> Result<Option<LimitId>, Trouble> {
    if text == NEW {
        return Ok(None);
    }
    text.parse()
        .map(Some)
        .map_err(|_| Trouble::missing("error-no-such-limit"))
}

/// The limit with this id; none is asked for without one.
pub(crate) fn known(limits: &[Limit], id: Option<LimitId>) -> Result<Option<&Limit>, Trouble> {
    let Some(id) = id else { return Ok(None) };
    let found = limits.iter().find(|limit| limit.id == id);
    found.map(Some).ok_or_else(|| Trouble::missing("error-no-such-limit"))
}

/// Gives the limit with this id another rule, if it still has the one of the revision `shown`; or adds one.
pub(super) fn put(
    limits: &mut Vec<Limit>,
    id: Option<LimitId>,
    shown: &str,
    rule: &LimitRule,
    auth: &Auth,
) -> Result<(), LimitError> {
    // As it will be kept: another name of a model is the same model.
    let rule = &LimitRule {
        model: auth.exact_model(&rule.model).into_owned(),
        ..rule.clone()
    };
    let Some(id) = id else {
        // Both would hold, and only the narrower one would ever be seen to.
        if limits.iter().any(|limit| is_for_the_same(&limit.rule, rule)) {
            return Err(LimitError::SameId);
        }
        limits.push(auth.new_limit(rule.clone())?);
        return Ok(());
    };
    let limit = limits.iter_mut().find(|limit| limit.id == id);
    let limit = limit.ok_or(LimitError::NoSuchLimit)?;
    revision::check(shown, &limit.rule)?;
    limit.rule.clone_from(rule);
    Ok(())
}

/// Whether two limits of one list are about the same, so that one of them is one too many.
fn is_for_the_same(one: &LimitRule, other: &LimitRule) -> bool {
    one.model == other.model && one.window == other.window
}

/// Why a limit was not put: [`put`] calls a new one that is there already the same.
pub(super) fn not_put(error: LimitError) -> Trouble {
    match error {
        LimitError::SameId => Trouble::bad("error-limit-there"),
        error => error.into(),
    }
}

/// Takes the limit with this id out.
pub(super) fn take(limits: &mut Vec<Limit>, id: Option<LimitId>) -> Result<(), LimitError> {
    let place = limits.iter().position(|limit| Some(limit.id) == id);
    limits.remove(place.ok_or(LimitError::NoSuchLimit)?);
    Ok(())
}
