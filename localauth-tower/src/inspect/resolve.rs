//! Models that have several names.

use std::fmt;
use std::sync::Arc;

use localauth_core::ResolveModel;

/// What resolves names, in a judge that can be shown.
#[derive(Clone)]
pub(super) struct Names(Arc<dyn ResolveModel>);

impl Names {
    pub(super) const fn new(models: Arc<dyn ResolveModel>) -> Self {
        Self(models)
    }

    /// A name with control characters is none, wherever it comes from: in a form it could be more than a name.
    pub(super) fn resolve(&self, name: &str) -> Option<Arc<str>> {
        self.0.resolve(name).filter(|exact| !exact.contains(char::is_control))
    }

    pub(super) fn default_model(&self) -> Option<Arc<str>> {
        self.0.default_model().filter(|exact| !exact.contains(char::is_control))
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names")
    }
}
