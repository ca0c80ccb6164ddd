//! What a form was filled in from: sent after somebody else's change, it is not to undo that.

use std::hash::{DefaultHasher, Hasher as _};

use http::StatusCode;
use localauth_core::LimitError;
use serde::Serialize;

use crate::console::fields::Fields;
use crate::console::trouble::Trouble;

/// A short name of something as it is; of another state it is another one. Not a secret, and no proof to anybody.
pub(crate) fn of(shown: &impl Serialize) -> String {
    let mut hasher = DefaultHasher::new();
    // What cannot be written has one name for all its states: such a form is always taken.
    hasher.write(&serde_json::to_vec(shown).unwrap_or_default());
    format!("{:016x}", hasher.finish())
}

/// The one that came with a form; nothing where it had none, which is the name of no state.
pub(crate) fn sent(fields: &Fields) -> &str {
    fields.text("revision")
}

/// Refuses a form that shows something else than there is.
pub(crate) fn check(sent: &str, present: &impl Serialize) -> Result<(), LimitError> {
    if sent == of(present) {
        Ok(())
    } else {
        Err(LimitError::Outdated)
    }
}

/// Whether somebody else was quicker: the form is then shown as things are now, not as they were typed.
pub(crate) fn is_outdated(trouble: &Trouble) -> bool {
    trouble.status() == StatusCode::CONFLICT
}
