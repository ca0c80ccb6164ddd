//! Models: their names, and lists of those that somebody may use.

use std::collections::BTreeSet;
use std::sync::Arc;

/// Knows the models there are, and what else they are called.
///
/// A limit, a price and a list of models go by one name. Where an engine takes others for the same model (`llama` for
/// `llama:latest`, any case, an alias from the settings), all of them have to come to that one before anybody judges
/// (`Inspect::resolve_models` in `localauth-tower`), and when a limit, a price or a list is made
/// ([`Auth::resolve_models`](crate::Auth::resolve_models)).
///
/// ```
/// use std::sync::Arc;
/// use localauth_core::ResolveModel;
///
/// struct Aliases;
/// impl ResolveModel for Aliases {
///     fn resolve(&self, name: &str) -> Option<Arc<str>> {
///         matches!(name, "llama" | "llama:latest").then(|| "llama:latest".into())
///     }
/// }
/// assert_eq!(Aliases.resolve("llama").as_deref(), Some("llama:latest"));
/// assert_eq!(Aliases.resolve("gpt"), None, "not known, and so no other name of anything");
/// ```
pub trait ResolveModel: Send + Sync {
    /// The one exact name of the model that `name` means, if it is another spelling or an alias of one that is known.
    fn resolve(&self, name: &str) -> Option<Arc<str>>;

    /// The model that a request without one is for, where only one can be meant now.
    fn default_model(&self) -> Option<Arc<str>> {
        None
    }

    /// The exact names of the models that are known now: what an administrator chooses from.
    fn known(&self) -> Vec<Arc<str>> {
        Vec::new()
    }
}

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
