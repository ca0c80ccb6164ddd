//! The models of the upstreams: which there are, what they are called, and who has which.

mod fetch;
mod names;
mod shown;

use std::{collections::BTreeMap, sync::Arc};

use localauth_core::Identity;
use serde_json::{Map, Value};

pub(super) use self::{
    fetch::fetch,
    names::exact,
    shown::{Language, shown, shown_one},
};

/// What is known of the models of one upstream.
#[derive(Clone, Debug)]
pub(super) enum Listing {
    /// Nothing yet: it did not answer so far.
    Unknown,
    /// It has no list. Whatever it is asked for, it may have.
    Open,
    /// These, and no others.
    Known(Known),
}

/// The models of one upstream.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// By their exact names.
    pub(super) models: BTreeMap<Arc<str>, Entry>,
    /// Whether it reads names as Ollama does: without case, and without a tag as the latest.
    pub(super) is_lenient: bool,
    /// Whether the settings say so, and not the upstream.
    is_fixed: bool,
}

/// What an upstream says of a model.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    /// In OpenAI's list.
    pub(super) object: Map<String, Value>,
    /// In Ollama's.
    pub(super) tag: Option<Map<String, Value>>,
}

impl Listing {
    /// As the settings say.
    pub(super) fn fixed(models: &[String]) -> Self {
        if models.is_empty() {
            return Self::Unknown;
        }
        let models = models.iter().map(|name| (name.as_str().into(), Entry::default()));
        Self::Known(Known {
            models: models.collect(),
            is_lenient: false,
            is_fixed: true,
        })
    }

    pub(super) fn known(&self) -> Option<&Known> {
        match self {
            Self::Known(known) => Some(known),
            Self::Unknown | Self::Open => None,
        }
    }

    /// Whether what the upstream says makes no difference.
    pub(super) fn is_fixed(&self) -> bool {
        self.known().is_some_and(|known| known.is_fixed)
    }

    /// Whether a model of exactly this name is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.known().is_some_and(|known| known.models.contains_key(name))
    }
}

/// A name under which a caller may ask for a model, and what is said of it.
pub(super) struct Offer<'a> {
    pub(super) name: &'a str,
    pub(super) entry: &'a Entry,
}

/// Whether a model may be shown to somebody. Without anybody auth is off, and nothing is held back.
pub(super) fn is_for(user: Option<&Identity>, model: &str) -> bool {
    user.is_none_or(|user| user.may_use_model(model))
}
