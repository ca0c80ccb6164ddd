//! What a name of a model means.

use std::sync::Arc;

/// Knows the models of a server by their exact names, and other names for them.
///
/// What passes under another spelling would be held against no allow-list, price or limit that says the exact one.
pub trait ResolveModel: Send + Sync {
    /// The one exact name of the model that `name` means, if it is another spelling or an alias of one that is known.
    fn resolve(&self, name: &str) -> Option<Arc<str>>;

    /// What a request means that names no model, where only one can be meant.
    fn default_model(&self) -> Option<Arc<str>> {
        None
    }
}
