//! Model allow-lists.

use std::collections::BTreeSet;

/// Which models a user may use, as an administrator set it.
///
/// ```
/// use localauth_core::ModelAllowList;
///
/// let all = ModelAllowList::default();
/// assert!(all.allows("llama"));
///
/// let some = ModelAllowList { enabled: true, models: ["llama".to_owned()].into() };
/// assert!(some.allows("llama"));
/// assert!(!some.allows("gpt"));
/// assert!(!some.allows("LLAMA"), "names are compared to the letter");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModelAllowList {
    /// Whether the list counts at all. Off means every model.
    pub enabled: bool,
    /// The models allowed while the list is on. Empty then means none.
    pub models: BTreeSet<String>,
}

impl ModelAllowList {
    /// Whether `model` may be used.
    pub fn allows(&self, model: &str) -> bool {
        !self.enabled || self.models.contains(model)
    }
}
