//! The names that models have, and by which limits, prices and lists of models are kept.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use super::Auth;
use crate::audit::Caller;
use crate::limit::{HouseRules, Limit};
use crate::model::ResolveModel;
use crate::scope::KeyScope;

/// Who knows them, once somebody does.
#[derive(Default)]
pub(super) struct Models(OnceLock<Arc<dyn ResolveModel>>);

impl Auth {
    /// Tells who knows the names of models. From now on a limit, a price or a list of models that is made with another
    /// name of a model is kept with its exact one: requests are judged by that, and one with any other would never bind.
    /// Names that nobody knows (yet) are kept as they are. Only the first one counts.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use localauth_core::{Auth, MemoryStore, ResolveModel};
    /// # struct Aliases;
    /// # impl ResolveModel for Aliases {
    /// #     fn resolve(&self, name: &str) -> Option<Arc<str>> {
    /// #         matches!(name, "llama" | "llama:latest").then(|| "llama:latest".into())
    /// #     }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), localauth_core::BuildError> {
    /// let auth = Auth::builder(MemoryStore::new()).build()?;
    /// assert_eq!(auth.exact_model("llama"), "llama");
    /// auth.resolve_models(Arc::new(Aliases));
    /// assert_eq!(auth.exact_model("llama"), "llama:latest");
    /// assert_eq!(auth.exact_model("gpt"), "gpt");
    /// # Ok(())
    /// # }
    /// ```
    pub fn resolve_models(&self, models: Arc<dyn ResolveModel>) {
        // A second one would judge otherwise than what was kept by the first.
        let _ = self.0.models.0.set(models);
    }

    /// The name by which a model is judged.
    pub fn exact_model<'n>(&self, name: &'n str) -> Cow<'n, str> {
        let exact = self.0.models.0.get().and_then(|models| models.resolve(name));
        match exact.filter(|exact| **exact != *name && !exact.contains(char::is_control)) {
            Some(exact) if !name.is_empty() => Cow::Owned(exact.to_string()),
            _ => Cow::Borrowed(name),
        }
    }

    /// The models that are known now, with those of `others` that are not, in order.
    pub fn known_models(&self, others: &[String]) -> Vec<String> {
        let known = self.0.models.0.get().map(|models| models.known()).unwrap_or_default();
        let mut all: Vec<String> = known.iter().map(ToString::to_string).chain(others.to_vec()).collect();
        all.sort();
        all.dedup();
        all
    }

    pub(super) fn name_exactly(&self, name: &mut String) {
        if let Cow::Owned(exact) = self.exact_model(name) {
            *name = exact;
        }
    }

    pub(super) fn all_exactly<'n>(
        &self,
        names: impl IntoIterator<Item = &'n String>,
    ) -> std::collections::BTreeSet<String> {
        names
            .into_iter()
            .map(|name| self.exact_model(name).into_owned())
            .collect()
    }

    /// By the names that `caller` may know: what an alias stands for is told to nobody who may not use that model, and to
    /// keep such a name as it was typed allows nothing.
    pub(super) fn scope_exactly(&self, caller: &Caller, scope: &mut KeyScope) {
        let may_know = |exact: &str| {
            let caller = caller.identity();
            caller.is_none_or(|identity| identity.require_admin().is_ok() || identity.require_model(exact).is_ok())
        };
        let exact = |name: &String| match self.exact_model(name) {
            Cow::Owned(exact) if may_know(&exact) => exact,
            _ => name.clone(),
        };
        if let Some(models) = &mut scope.models {
            *models = models.iter().map(exact).collect();
        }
        for limit in &mut scope.limits {
            limit.limit.rule.model = exact(&limit.limit.rule.model);
        }
    }

    pub(super) fn house_exactly(&self, rules: &HouseRules) -> HouseRules {
        let mut rules = rules.clone();
        let each = |limits: &mut Vec<Limit>| {
            for limit in limits {
                self.name_exactly(&mut limit.rule.model);
            }
        };
        each(&mut rules.everyone);
        for tier in rules.tiers.values_mut() {
            each(&mut tier.limits);
            if let Some(models) = &mut tier.models {
                *models = self.all_exactly(&*models);
            }
        }
        let names: Vec<String> = rules.prices.keys().cloned().collect();
        for name in names {
            let exact = self.exact_model(&name).into_owned();
            // A price that the exact name has already is the one that counts.
            if exact != name
                && !rules.prices.contains_key(&exact)
                && let Some(price) = rules.prices.remove(&name)
            {
                rules.prices.insert(exact, price);
            }
        }
        rules
    }
}
