//! What there is to say of each route.

use localauth_core::policy::{
    Access, Rule,
    packs::{Door, Engine, Route, pack},
};
use serde::Serialize;

use crate::{app, settings::Settings};

/// One route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Row {
    path: String,
    method: String,
    access: Who,
    #[serde(skip_serializing_if = "Option::is_none")]
    feature: Option<String>,
    /// Where the model is named, if anywhere.
    model: Option<String>,
    /// Whether a model is asked for work, which is limited and counted.
    counted: bool,
    /// In whose words the answer tells what it took, if it does.
    usage: Option<String>,
}

/// Who may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Who {
    Public,
    SignedIn,
    Feature,
    Admin,
    Closed,
}

impl Row {
    fn of_rule(rule: &Rule) -> Self {
        let asks = rule.asks();
        let (access, feature) = match rule.access() {
            Access::Public => (Who::Public, None),
            Access::SignedIn => (Who::SignedIn, None),
            Access::Feature(feature) => (Who::Feature, Some(feature.to_string())),
            // Whatever is stricter than what is known here.
            _ => (Who::Admin, None),
        };
        Self {
            path: rule.pattern().to_owned(),
            method: rule.method().to_string(),
            access,
            feature,
            model: rule.names_model().then(|| asks.model().to_string()),
            counted: asks.is_work(),
            usage: asks.dialect().map(|dialect| dialect.to_string()),
        }
    }

    fn closed(route: &Route) -> Self {
        Self {
            path: route.pattern().to_owned(),
            method: route.method().to_string(),
            access: Who::Closed,
            feature: None,
            model: None,
            counted: false,
            usage: None,
        }
    }

    pub(super) fn cells(&self) -> [String; 6] {
        let who = match (self.access, &self.feature) {
            (Who::Public, _) => "everybody".to_owned(),
            (Who::SignedIn, _) => "signed in".to_owned(),
            (Who::Feature, Some(feature)) => format!("feature {feature}"),
            (Who::Feature, None) | (Who::Admin, _) => "admin".to_owned(),
            (Who::Closed, _) => "nobody".to_owned(),
        };
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        [
            self.method.clone(),
            self.path.clone(),
            who,
            or_none(&self.model),
            if self.counted { "yes" } else { "-" }.to_owned(),
            or_none(&self.usage),
        ]
    }
}

/// What our server answers with these settings.
pub(super) fn of_server(settings: &Settings) -> Vec<Row> {
    let table = match &settings.upstream {
        Some(upstream) => app::routes(&upstream.engines(), true),
        None => app::routes(&[], cfg!(feature = "mistralrs")),
    };
    sorted(table.rules().iter().map(Row::of_rule).collect())
}

/// What a server in front of these engines answers, and what it knows of them and does not answer.
pub(super) fn of_engines(engines: &[Engine]) -> Vec<Row> {
    let table = app::routes(engines, false);
    let mut rows: Vec<Row> = table.rules().iter().map(Row::of_rule).collect();
    let shut = engines.iter().flat_map(|engine| pack(*engine).routes());
    for route in shut.filter(|route| route.door() == Door::Closed) {
        let row = Row::closed(route);
        if !rows
            .iter()
            .any(|known| known.path == row.path && known.method == row.method)
        {
            rows.push(row);
        }
    }
    sorted(rows)
}

fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by(|a, b| (&a.path, &a.method).cmp(&(&b.path, &b.method)));
    rows
}
