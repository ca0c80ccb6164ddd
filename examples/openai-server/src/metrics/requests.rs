//! Requests: how many, how they ended, how long they took.

use std::{collections::HashMap, fmt, time::Duration};

use http::{Method, StatusCode};
use localauth_core::{Denial, Tally, policy::Rule};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, NoLabelSet},
    metrics::MetricType,
};

use super::histogram::Histogram;

/// How a request ended.
const ENDS: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "gone"];
/// The client went away before there was an answer.
const GONE: usize = ENDS.len() - 1;
/// What the label of a request says that no rule is about.
const OTHER: &str = "other";
/// What anybody may ask how the server is, outside of every table.
const PROBES: [&str; 2] = ["/healthz", "/readyz"];

/// What was decided: passed, each reason against it, and reasons of a later version.
const PASSED: usize = 0;

/// Counts requests.
#[derive(Debug)]
pub struct Requests {
    /// Method and pattern of each rule, those of probes, and the rest.
    routes: Vec<(String, String)>,
    /// Where those of a pattern are.
    patterns: HashMap<String, Vec<(Method, usize)>>,
    /// For each route and end.
    ended: Tally,
    /// For each verdict.
    decided: Tally,
    /// Begun, ended, and those of whom it is known who sent them.
    life: Tally,
    head: Histogram,
    whole: Histogram,
}

const BEGUN: usize = 0;
const OVER: usize = 1;
const AUTHENTICATED: usize = 2;

/// A route that requests are counted under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route(usize);

/// How a request went.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// The status; none when the client went away before there was one.
    pub status: Option<StatusCode>,
    /// Why it was refused.
    pub denial: Option<Denial>,
    /// Whether somebody decided about it: a rule was found, or a refusal.
    pub is_decided: bool,
    /// Whether it is known who sent it.
    pub is_authenticated: bool,
    /// How long it took from the end of its head to the head of the answer.
    pub head: Option<Duration>,
    /// And to the end of the answer.
    pub whole: Duration,
}

impl Requests {
    /// For these rules.
    pub(super) fn new(rules: &[Rule]) -> Self {
        let mut routes = Vec::new();
        let mut patterns: HashMap<String, Vec<(Method, usize)>> = HashMap::new();
        for rule in rules {
            let known = patterns.entry(rule.pattern().to_owned()).or_default();
            if known.iter().all(|(method, _)| method != rule.method()) {
                known.push((rule.method().clone(), routes.len()));
                routes.push((rule.method().to_string(), rule.pattern().to_owned()));
            }
        }
        routes.extend(PROBES.map(|path| ("GET".to_owned(), path.to_owned())));
        routes.push((OTHER.to_owned(), OTHER.to_owned()));
        Self {
            ended: Tally::new(routes.len() * ENDS.len()),
            decided: Tally::new(1 + Denial::ALL.len()),
            life: Tally::new(3),
            head: Histogram::default(),
            whole: Histogram::default(),
            routes,
            patterns,
        }
    }

    /// The route of a rule.
    pub fn route(&self, rule: &Rule) -> Route {
        let found = self
            .patterns
            .get(rule.pattern())
            .and_then(|all| all.iter().find(|(method, _)| method == rule.method()));
        found.map_or(self.other(), |(_, route)| Route(*route))
    }

    /// The route of a path that no rule is about.
    pub fn without_rule(&self, path: &str) -> Route {
        match PROBES.iter().position(|probe| *probe == path) {
            Some(probe) => Route(self.routes.len() - 1 - PROBES.len() + probe),
            None => self.other(),
        }
    }

    const fn other(&self) -> Route {
        Route(self.routes.len() - 1)
    }

    /// What the label of a route says.
    pub fn pattern(&self, route: Route) -> &str {
        self.routes.get(route.0).map_or(OTHER, |(_, pattern)| pattern)
    }

    /// A request begins.
    pub fn begin(&self) {
        self.life.add(BEGUN, 1);
    }

    /// A request is over.
    pub fn end(&self, route: Route, outcome: &Outcome) {
        let end = match outcome.status {
            Some(status) => usize::from(status.as_u16() / 100).clamp(1, 5) - 1,
            None => GONE,
        };
        self.ended.add(route.0 * ENDS.len() + end, 1);
        if outcome.is_decided {
            let verdict = match outcome.denial {
                None => PASSED,
                // Only who is refused pays for the search.
                Some(denial) => Denial::ALL
                    .iter()
                    .position(|known| *known == denial)
                    .map_or(usize::MAX, |n| n + 1),
            };
            self.decided.add(verdict, 1);
        }
        if outcome.is_authenticated {
            self.life.add(AUTHENTICATED, 1);
        }
        if let Some(head) = outcome.head {
            self.head.observe(head);
        }
        self.whole.observe(outcome.whole);
        self.life.add(OVER, 1);
    }

    /// Requests with a good credential.
    pub(super) fn authenticated(&self) -> u64 {
        self.life.sum(AUTHENTICATED)
    }

    fn in_flight(&self) -> i64 {
        // Those that are over first: never fewer than none.
        let over = self.life.sum(OVER);
        i64::try_from(self.life.sum(BEGUN).saturating_sub(over)).unwrap_or(i64::MAX)
    }
}

impl Collector for Requests {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut requests = encoder.encode_descriptor(
            "localauth_http_requests",
            "Requests by route and how they ended; gone: the client left before there was an answer",
            None,
            MetricType::Counter,
        )?;
        for (n, (method, route)) in self.routes.iter().enumerate() {
            for (end, name) in ENDS.iter().enumerate() {
                let count = self.ended.sum(n * ENDS.len() + end);
                // What never happened is not told, or there would be six lines a route.
                if count > 0 {
                    requests
                        .encode_family(&[("method", method.as_str()), ("route", route), ("status", name)])?
                        .encode_counter::<NoLabelSet, _, u64>(&count, None)?;
                }
            }
        }
        let mut decisions = encoder.encode_descriptor(
            "localauth_decisions",
            "Requests that were let through, and those that were refused, by reason",
            None,
            MetricType::Counter,
        )?;
        let verdicts = Denial::ALL.iter().map(|denial| denial.code());
        for (n, verdict) in std::iter::once("allowed").chain(verdicts).enumerate() {
            decisions
                .encode_family(&[("decision", verdict)])?
                .encode_counter::<NoLabelSet, _, u64>(&self.decided.sum(n), None)?;
        }
        self.head.encode(encoder.encode_descriptor(
            "localauth_http_response_start_seconds",
            "From the head of a request to the head of its answer",
            None,
            MetricType::Histogram,
        )?)?;
        self.whole.encode(encoder.encode_descriptor(
            "localauth_http_request_duration_seconds",
            "From the head of a request to the end of its answer",
            None,
            MetricType::Histogram,
        )?)?;
        encoder
            .encode_descriptor(
                "localauth_http_requests_in_flight",
                "Requests whose answer has not ended",
                None,
                MetricType::Gauge,
            )?
            .encode_gauge(&self.in_flight())
    }
}

#[cfg(test)]
mod tests {
    use localauth_core::policy::RouteTable;

    use super::*;

    #[test]
    fn nothing_a_client_chooses_is_a_label() {
        let table = RouteTable::builder()
            .admin(Method::GET, "/models/{model}")
            .admin(Method::DELETE, "/models/{model}")
            .public(Method::GET, "/x");
        let requests = Requests::new(table.rules());
        for rule in table.rules() {
            let route = requests.route(rule);
            assert_eq!(requests.pattern(route), rule.pattern());
            assert_eq!(requests.routes[route.0].0, rule.method().as_str());
        }
        let foreign = RouteTable::builder().public(Method::GET, "/y");
        assert_eq!(requests.pattern(requests.route(&foreign.rules()[0])), "other");
        assert_eq!(requests.pattern(requests.without_rule("/readyz")), "/readyz");
        assert_eq!(requests.pattern(requests.without_rule("/healthz")), "/healthz");
        for path in ["/healthz/", "/anything/<script>", ""] {
            assert_eq!(requests.pattern(requests.without_rule(path)), "other");
        }
    }
}
