//! The route table: which door is for whom.
//!
//! One table says it for every route; what nobody declared is denied, to administrators too. It is compiled once, looked
//! up without allocation, and matches paths exactly as axum does, with the same library: a path that the table does not
//! know is a path that is not routed.

pub mod packs;
mod path;
mod rule;

use std::borrow::Cow;

use http::Method;

use crate::error::Denial;
use crate::feature::FeatureRegistry;
use crate::identity::Identity;

pub use packs::{openai_routes, owned_responses};
pub use path::is_plain_path;
pub use rule::{Access, Asks, Dialect, ModelIn, Rule};

/// A table that cannot be: found at start, not by a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteTableError {
    /// Two rules for one method and pattern.
    #[error("{method} {pattern} is declared twice")]
    Twice {
        /// The method.
        method: Method,
        /// The pattern.
        pattern: String,
    },
    /// A pattern that is none, or that overlaps another ambiguously.
    #[error("{pattern} cannot be routed: {reason}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A rule names a feature that does not exist.
    #[error("{pattern} needs the feature `{feature}`, which the registry does not have")]
    UnknownFeature {
        /// The pattern.
        pattern: String,
        /// The feature.
        feature: String,
    },
}

/// Collects rules for a [`RouteTable`].
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct RouteTableBuilder(Vec<Rule>);

impl RouteTableBuilder {
    /// Declares a route.
    pub fn route(self, method: Method, pattern: impl Into<Cow<'static, str>>, access: Access) -> Self {
        self.rule(Rule::new(method, pattern, access))
    }

    /// Declares a route by its whole rule.
    pub fn rule(mut self, rule: Rule) -> Self {
        self.0.push(rule);
        self
    }

    /// Declares a route for everybody.
    pub fn public(self, method: Method, pattern: impl Into<Cow<'static, str>>) -> Self {
        self.route(method, pattern, Access::Public)
    }

    /// Declares a route for whoever is signed in.
    pub fn signed_in(self, method: Method, pattern: impl Into<Cow<'static, str>>) -> Self {
        self.route(method, pattern, Access::SignedIn)
    }

    /// Declares a route for whoever has `feature`.
    pub fn feature(
        self,
        method: Method,
        pattern: impl Into<Cow<'static, str>>,
        feature: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.route(method, pattern, Access::Feature(feature.into()))
    }

    /// Declares a route for administrators.
    pub fn admin(self, method: Method, pattern: impl Into<Cow<'static, str>>) -> Self {
        self.route(method, pattern, Access::Admin)
    }

    /// Declares a route anew: what was declared for this method and pattern before does not hold.
    pub fn redeclare(mut self, method: Method, pattern: impl Into<Cow<'static, str>>, access: Access) -> Self {
        let rule = Rule::new(method, pattern, access);
        self.0.retain(|known| !known.is_same_route(&rule));
        self.rule(rule)
    }

    /// Declares a route, or narrows one that is declared already: the stricter access of both holds, and a model that one
    /// of them knows to be named is looked for. Routes for two different features cannot be told apart like that, and are
    /// an error of [`build`](Self::build).
    ///
    /// ```
    /// use http::Method;
    /// use localauth_core::FeatureRegistry;
    /// use localauth_core::policy::{Access, RouteTable, Rule};
    ///
    /// let rule = |access| Rule::new(Method::GET, "/props", access);
    /// let builder = RouteTable::builder().narrow(rule(Access::Admin)).narrow(rule(Access::SignedIn));
    /// let table = builder.build(&FeatureRegistry::preset())?;
    /// assert_eq!(table.find(&Method::GET, "/props").map(|rule| rule.access()), Some(&Access::Admin));
    /// # Ok::<(), localauth_core::policy::RouteTableError>(())
    /// ```
    pub fn narrow(mut self, rule: Rule) -> Self {
        let known = self.0.iter_mut().find(|known| known.is_same_route(&rule));
        match known.map(|known| known.narrow(&rule)) {
            Some(true) => self,
            Some(false) | None => self.rule(rule),
        }
    }

    /// What was declared so far: for a test that walks every route, and to print them.
    pub fn rules(&self) -> &[Rule] {
        &self.0
    }

    /// Compiles the table.
    ///
    /// # Errors
    ///
    /// [`RouteTableError`] when a rule is declared twice, cannot be routed or names an unknown feature.
    pub fn build(self, features: &FeatureRegistry) -> Result<RouteTable, RouteTableError> {
        let mut patterns: Vec<(Cow<'static, str>, Vec<Rule>)> = Vec::new();
        for rule in self.0 {
            let pattern = || rule.pattern.clone().into_owned();
            if let Access::Feature(feature) = &rule.access
                && features.get(feature).is_none()
            {
                return Err(RouteTableError::UnknownFeature {
                    pattern: pattern(),
                    feature: feature.clone().into_owned(),
                });
            }
            match patterns.iter_mut().find(|(known, _)| *known == rule.pattern) {
                Some((_, rules)) if rules.iter().any(|r| r.method == rule.method) => {
                    return Err(RouteTableError::Twice {
                        method: rule.method.clone(),
                        pattern: pattern(),
                    });
                }
                Some((_, rules)) => rules.push(rule),
                None => patterns.push((rule.pattern.clone(), vec![rule])),
            }
        }
        let mut router = matchit::Router::new();
        let mut all = Vec::new();
        for (pattern, rules) in patterns {
            let rules: Vec<std::sync::Arc<Rule>> = rules.into_iter().map(std::sync::Arc::new).collect();
            all.extend(rules.iter().cloned());
            router
                .insert(pattern.clone().into_owned(), rules)
                .map_err(|error| RouteTableError::Pattern {
                    pattern: pattern.into_owned(),
                    reason: error.to_string(),
                })?;
        }
        Ok(RouteTable { router, all })
    }
}

/// The compiled table.
///
/// ```
/// use http::Method;
/// use localauth_core::{Denial, FeatureRegistry};
/// use localauth_core::policy::RouteTable;
///
/// let table = RouteTable::builder()
///     .public(Method::GET, "/healthz")
///     .feature(Method::POST, "/v1/chat/completions", "chat")
///     .admin(Method::POST, "/v1/models/{model}/reload")
///     .build(&FeatureRegistry::preset())?;
///
/// // Declared for everybody:
/// assert!(table.decide(&Method::GET, "/healthz", None).is_ok());
/// // Declared, but not for whoever did not sign in:
/// assert_eq!(table.decide(&Method::POST, "/v1/chat/completions", None).unwrap_err(), Denial::MissingCredentials);
/// // Another method, another spelling: not declared, so denied.
/// assert_eq!(table.decide(&Method::DELETE, "/healthz", None).unwrap_err(), Denial::MissingCredentials);
/// assert_eq!(table.decide(&Method::GET, "//healthz", None).unwrap_err(), Denial::MissingCredentials);
/// # Ok::<(), localauth_core::policy::RouteTableError>(())
/// ```
#[derive(Clone)]
pub struct RouteTable {
    router: matchit::Router<Vec<std::sync::Arc<Rule>>>,
    all: Vec<std::sync::Arc<Rule>>,
}

impl std::fmt::Debug for RouteTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RouteTable").finish_non_exhaustive()
    }
}

impl RouteTable {
    /// Starts a table.
    pub fn builder() -> RouteTableBuilder {
        RouteTableBuilder::default()
    }

    /// All rules, in the order they were declared, those of one pattern together.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.all.iter().map(|rule| &**rule)
    }

    /// The rule for a request. `HEAD` goes where `GET` goes, as axum routes it.
    pub fn find(&self, method: &Method, path: &str) -> Option<&std::sync::Arc<Rule>> {
        let rules = self.router.at(path).ok()?.value;
        rules.iter().find(|r| r.method == *method).or_else(|| {
            let get = *method == Method::HEAD;
            rules.iter().find(|r| get && r.method == Method::GET)
        })
    }

    /// Finds the rule for a request and asks it whether `identity` may pass.
    ///
    /// # Errors
    ///
    /// The [`Denial`] to answer with; for a path that nobody declared, [`Denial::UnknownRoute`] to whoever is signed in
    /// and [`Denial::MissingCredentials`] to others, who so learn nothing about what exists.
    pub fn decide(
        &self,
        method: &Method,
        path: &str,
        identity: Option<&Identity>,
    ) -> Result<&std::sync::Arc<Rule>, Denial> {
        match self.find(method, path) {
            Some(rule) => rule.verify(identity).map(|()| rule),
            None if identity.is_some() => Err(Denial::UnknownRoute),
            None => Err(Denial::MissingCredentials),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::clock::Timestamp;
    use crate::id::Epoch;
    use crate::identity::{Proof, Source, Watch};

    fn table() -> RouteTable {
        openai_routes(RouteTable::builder())
            .build(&FeatureRegistry::preset())
            .unwrap()
    }

    #[test]
    fn other_spellings_of_a_path_are_not_declared() {
        let table = table();
        assert!(table.find(&Method::POST, "/v1/chat/completions").is_some());
        for path in [
            "/v1/chat/completions/",
            "//v1/chat/completions",
            "/v1//chat/completions",
            "/v1/%63hat/completions",
            "/v1/chat/completions%00",
            "/V1/chat/completions",
            "/v1/./chat/completions",
            "/x/../v1/chat/completions",
            "/v1/chat\\completions",
            "/v1/chat/completions;x=1",
            "",
            "*",
        ] {
            assert!(table.find(&Method::POST, path).is_none(), "{path}");
        }
        assert!(table.find(&Method::GET, "/v1/chat/completions").is_none());
        assert!(table.find(&Method::OPTIONS, "/v1/chat/completions").is_none());
        assert!(table.find(&Method::HEAD, "/v1/models").is_some());
    }

    #[test]
    fn a_wrong_table_is_found_at_start() {
        let features = FeatureRegistry::preset();
        let twice = RouteTable::builder()
            .public(Method::GET, "/a")
            .admin(Method::GET, "/a")
            .build(&features);
        assert!(matches!(twice, Err(RouteTableError::Twice { .. })));
        let overlap = RouteTable::builder()
            .public(Method::GET, "/{a}")
            .admin(Method::GET, "/{b}")
            .build(&features);
        assert!(matches!(overlap, Err(RouteTableError::Pattern { .. })));
        let feature = RouteTable::builder()
            .feature(Method::GET, "/a", "chta")
            .build(&features);
        assert!(matches!(feature, Err(RouteTableError::UnknownFeature { .. })));
    }

    #[test]
    fn the_shared_administrator_passes_what_is_declared_and_nothing_else() {
        let watch = Watch {
            cell: Arc::default(),
            epoch: Epoch::default(),
        };
        let proof = Proof::new(Source::SharedKey, Timestamp::MAX);
        let admin = Identity::of_shared(proof, &FeatureRegistry::preset(), watch);
        let table = table();
        assert!(table.decide(&Method::POST, "/re_isq", Some(&admin)).is_ok());
        assert_eq!(
            table.decide(&Method::POST, "/nowhere", Some(&admin)).unwrap_err(),
            Denial::UnknownRoute
        );
    }
}
