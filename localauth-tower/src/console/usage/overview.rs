//! A report as cards, a chart and tables.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use localauth_core::{KeyId, Period, UsageReport, UsageSource, UsageSources, UsageTotals, UserId};

use super::super::Console;
use super::super::chart::{Chart, Drawing};
use super::super::frame::Frame;
use super::super::trouble::Trouble;
use super::breakdown::{Breakdown, Item, Lines, Measure, Name};
use super::span::Span;

/// What a page shows of a report.
#[derive(Debug)]
pub(crate) struct Overview {
    pub(crate) totals: UsageTotals,
    /// None where nothing was used.
    pub(crate) drawing: Option<Drawing>,
    /// The id of the text of what the chart counts.
    pub(crate) unit: &'static str,
    pub(crate) tables: Vec<Table>,
    /// Whether anything costs.
    pub(crate) is_priced: bool,
}

#[derive(Debug)]
pub(crate) struct Table {
    /// The id of its heading.
    pub(crate) heading: &'static str,
    /// The id of what its lines are.
    pub(crate) of: &'static str,
    pub(crate) lines: Lines,
}

/// What the bars are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Model,
    Key,
    User,
}

/// Where usage came from: a key, or what else it came with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Origin(UsageSource, Option<KeyId>);

/// Whose usage it is, and whether they were deleted: of those only the name is shown, which several may have had.
type Owner = (UserId, bool);

/// What there is to show, and how.
pub(crate) struct Reports<'r> {
    pub(crate) period: Period,
    pub(crate) report: &'r UsageReport,
    /// By key and kind of credential, where that is told.
    pub(crate) sources: Option<&'r UsageSources>,
    pub(crate) by: By,
    /// The keys that have a page the reader may see.
    pub(crate) keys: BTreeSet<KeyId>,
    /// Whether users are told apart, with links to their pages.
    pub(crate) users: bool,
}

impl Reports<'_> {
    pub(crate) async fn overview(&self, console: &Console, frame: &Frame) -> Result<Overview, Trouble> {
        let report = self.report;
        let prices = !console.auth.house_rules().await?.0.prices.is_empty();
        let measure = Measure::of(&report.totals);
        let drawing = (report.totals.requests > 0).then(|| self.chart(console, frame, measure));
        let mut tables = vec![Table {
            heading: "usage-by-model",
            of: "usage-model",
            lines: Breakdown::of(self.models()).lines(|model| model_name(model, frame)),
        }];
        if self.users {
            let names = self.user_names();
            tables.push(Table {
                heading: "usage-by-user",
                of: "usage-user",
                lines: Breakdown::of(self.owners()).lines(|owner| user_name(owner, &names, frame)),
            });
        }
        if let Some(sources) = self.sources {
            let names = key_names(sources);
            tables.push(Table {
                heading: "usage-by-key",
                of: "usage-key",
                lines: Breakdown::of(origins(sources)).lines(|origin| self.origin_name(origin, &names, frame)),
            });
        }
        tables.retain(|table| !table.lines.lines.is_empty());
        Ok(Overview {
            totals: report.totals,
            drawing,
            unit: measure.text(),
            tables,
            is_priced: prices || report.totals.cost_micros > 0,
        })
    }

    fn chart(&self, console: &Console, frame: &Frame, measure: Measure) -> Drawing {
        let found = self.report.rows.iter().map(|row| &*row.bucket);
        let span = Span::of(self.period, console.auth.now(), found);
        let others = frame.t("usage-others");
        let bands = match (self.by, self.sources) {
            (By::Key, Some(sources)) => {
                let names = key_names(sources);
                let name = |origin| self.origin_name(origin, &names, frame);
                Breakdown::of(origins(sources)).bands(origins(sources), &span, measure, name, others)
            }
            (By::User, _) => {
                let names = self.user_names();
                let name = |owner| user_name(owner, &names, frame);
                Breakdown::of(self.owners()).bands(self.owners(), &span, measure, name, others)
            }
            _ => {
                let name = |model| model_name(model, frame);
                Breakdown::of(self.models()).bands(self.models(), &span, measure, name, others)
            }
        };
        let by = match self.by {
            By::Key => "usage-by-key",
            By::User => "usage-by-user",
            By::Model => "usage-by-model",
        };
        let label = frame.t2("usage-chart", "what", frame.t(measure.text()), "by", frame.t(by));
        Chart {
            label,
            bars: span.bars(frame),
            bands,
        }
        .draw(frame.language())
    }

    fn models(&self) -> impl Iterator<Item = Item<'_, &str>> {
        self.report.rows.iter().map(|row| Item {
            bucket: &row.bucket,
            key: &*row.model,
            totals: row.totals,
        })
    }

    fn owners(&self) -> impl Iterator<Item = Item<'_, Owner>> {
        self.report.rows.iter().map(|row| Item {
            bucket: &row.bucket,
            key: (row.owner_id, row.user_id.is_none()),
            totals: row.totals,
        })
    }

    /// What users are called now, or were at last.
    fn user_names(&self) -> HashMap<UserId, &str> {
        let rows = self.report.rows.iter();
        rows.map(|row| (row.owner_id, &*row.user_name)).collect()
    }

    fn origin_name(&self, origin: Origin, names: &HashMap<KeyId, &Arc<str>>, frame: &Frame) -> Name {
        let Some(id) = origin.1 else {
            let text = match origin.0 {
                UsageSource::ApiKey => "usage-source-key",
                UsageSource::Legacy => "usage-source-shared",
                _ => "usage-source-web",
            };
            return Name {
                text: frame.t(text),
                link: None,
            };
        };
        Name {
            text: names.get(&id).map_or_else(|| id.to_string(), ToString::to_string),
            link: self.keys.contains(&id).then(|| format!("/keys/{id}")),
        }
    }
}

fn origins(sources: &UsageSources) -> impl Iterator<Item = Item<'_, Origin>> {
    sources.buckets.iter().map(|row| Item {
        bucket: &row.bucket,
        key: match &row.key {
            // A key is one thing, whatever it was used through.
            Some((id, _)) => Origin(UsageSource::ApiKey, Some(*id)),
            None => Origin(row.source, None),
        },
        totals: row.totals,
    })
}

fn key_names(sources: &UsageSources) -> HashMap<KeyId, &Arc<str>> {
    let keys = sources.buckets.iter().filter_map(|row| row.key.as_ref());
    keys.map(|(id, name)| (*id, name)).collect()
}

fn model_name(model: &str, frame: &Frame) -> Name {
    let text = if model.is_empty() {
        frame.t("usage-no-model")
    } else {
        model.to_owned()
    };
    Name { text, link: None }
}

fn user_name((id, is_deleted): Owner, names: &HashMap<UserId, &str>, frame: &Frame) -> Name {
    let name = names.get(&id).map_or_else(|| id.to_string(), ToString::to_string);
    match id {
        UserId::SHARED => Name {
            text: frame.t("usage-source-shared"),
            link: None,
        },
        _ if is_deleted => Name {
            text: frame.t1("usage-deleted", "name", name),
            link: None,
        },
        id => Name {
            text: name,
            link: Some(format!("/admin/users/{id}")),
        },
    }
}
