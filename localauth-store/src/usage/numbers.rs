//! The numbers of texts and ids, as far as this process has met them.
//!
//! A number is given once and stays, so what is remembered is never out of date.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock};

use localauth_core::UsageEvent;
use sea_orm::prelude::Uuid;

use super::row::NO_KEY;
use crate::error::Failure;
use crate::sql_store::SqlStore;
use crate::text;

/// The most texts and the most ids remembered: about 20 MB. Beyond that it begins anew.
const MOST: usize = 200_000;

/// One of the two tables of numbers, both ways.
struct Known<T> {
    numbers: HashMap<T, i32>,
    things: HashMap<i32, T>,
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self {
            numbers: HashMap::new(),
            things: HashMap::new(),
        }
    }
}

impl<T: Clone + Eq + Hash> Known<T> {
    fn add(&mut self, found: Vec<(i32, T)>) {
        if self.numbers.len() + found.len() > MOST.max(found.len()) {
            *self = Self::default();
        }
        for (number, thing) in found {
            self.numbers.insert(thing.clone(), number);
            self.things.insert(number, thing);
        }
    }
}

#[derive(Default)]
struct Tables {
    labels: Known<Arc<str>>,
    parties: Known<Uuid>,
}

/// What is known, shared by all handles on the store.
#[derive(Default, Clone)]
pub(crate) struct Numbers(Arc<RwLock<Tables>>);

/// Texts and ids that have no number here yet.
#[derive(Default)]
pub(super) struct Unknown {
    pub(super) labels: Vec<String>,
    pub(super) parties: Vec<Uuid>,
}

/// Finds numbers, while nobody adds any.
pub(super) struct Finder<'a> {
    tables: std::sync::RwLockReadGuard<'a, Tables>,
}

impl Finder<'_> {
    pub(super) fn label(&self, text: &str) -> Option<i32> {
        self.tables.labels.numbers.get(&*text::label(text)).copied()
    }

    pub(super) fn party(&self, id: &Uuid) -> Option<i32> {
        self.tables.parties.numbers.get(id).copied()
    }

    pub(super) fn text(&self, label: i32) -> Option<&Arc<str>> {
        self.tables.labels.things.get(&label)
    }

    pub(super) fn id(&self, party: i32) -> Option<Uuid> {
        self.tables.parties.things.get(&party).copied()
    }

    fn unknown(&self, events: &[UsageEvent]) -> Unknown {
        let mut labels: HashSet<Cow<'_, str>> = HashSet::new();
        let mut parties: HashSet<Uuid> = HashSet::new();
        for event in events {
            let key = event.key.as_ref();
            let texts = [&event.model, &event.endpoint, &event.user_name];
            for text in texts.into_iter().chain(key.map(|(_, name)| name)) {
                if self.label(text).is_none() {
                    labels.insert(text::label(text));
                }
            }
            let ids = [Some(event.user_id.as_uuid()), key.map(|(id, _)| id.as_uuid())];
            for id in ids.into_iter().flatten() {
                if self.party(&id).is_none() {
                    parties.insert(id);
                }
            }
        }
        // In an order that all who add them share, so that no two of them wait for each other.
        let mut unknown = Unknown {
            labels: labels.into_iter().map(Cow::into_owned).collect(),
            parties: parties.into_iter().collect(),
        };
        unknown.labels.sort_unstable();
        unknown.parties.sort_unstable();
        unknown
    }
}

impl Numbers {
    pub(super) fn finder(&self) -> Finder<'_> {
        Finder {
            tables: self.0.read().unwrap_or_else(PoisonError::into_inner),
        }
    }

    fn add(&self, labels: Vec<(i32, String)>, parties: Vec<(i32, Uuid)>) {
        let mut tables = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let labels = labels.into_iter().map(|(no, text)| (no, Arc::from(text))).collect();
        tables.labels.add(labels);
        tables.parties.add(parties);
    }
}

impl SqlStore {
    /// Gives numbers to what has none. A transaction of its own: numbers without usage harm nobody.
    pub(super) async fn number(&self, events: &[UsageEvent]) -> Result<(), Failure> {
        let unknown = self.usage_memory().numbers.finder().unknown(events);
        if unknown.labels.is_empty() && unknown.parties.is_empty() {
            return Ok(());
        }
        let database = self.usage();
        let task = tokio::spawn(async move { database.number(&unknown).await });
        let (labels, parties) = task.await.unwrap_or(Err(Failure::Interrupted))?;
        self.usage_memory().numbers.add(labels, parties);
        Ok(())
    }

    /// Learns what the numbers stand for. `parties` may have [`NO_KEY`] among them.
    pub(super) async fn learn(
        &self,
        labels: impl IntoIterator<Item = i32>,
        parties: impl IntoIterator<Item = i32>,
    ) -> Result<(), Failure> {
        let (labels, parties) = {
            let finder = self.usage_memory().numbers.finder();
            let mut unknown: [Vec<i32>; 2] = [
                labels.into_iter().filter(|no| finder.text(*no).is_none()).collect(),
                parties.into_iter().filter(|no| finder.id(*no).is_none()).collect(),
            ];
            for numbers in &mut unknown {
                numbers.retain(|no| *no != NO_KEY);
                numbers.sort_unstable();
                numbers.dedup();
            }
            unknown.into()
        };
        if labels.is_empty() && parties.is_empty() {
            return Ok(());
        }
        let (labels, parties) = self.usage().numbered(&labels, &parties).await?;
        self.usage_memory().numbers.add(labels, parties);
        Ok(())
    }

    /// The numbers of ids that have been met before, by this process or another.
    pub(super) async fn parties(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, i32>, Failure> {
        let unknown: Vec<Uuid> = {
            let finder = self.usage_memory().numbers.finder();
            ids.iter().filter(|id| finder.party(id).is_none()).copied().collect()
        };
        if !unknown.is_empty() {
            let parties = self.usage().known_parties(&unknown).await?;
            self.usage_memory().numbers.add(Vec::new(), parties);
        }
        let finder = self.usage_memory().numbers.finder();
        Ok(ids.iter().filter_map(|id| Some((*id, finder.party(id)?))).collect())
    }

    /// The number of a text that has been met before.
    pub(super) async fn label(&self, text: &str) -> Result<Option<i32>, Failure> {
        if self.usage_memory().numbers.finder().label(text).is_none() {
            let labels = self.usage().known_label(&text::label(text)).await?;
            self.usage_memory().numbers.add(labels, Vec::new());
        }
        Ok(self.usage_memory().numbers.finder().label(text))
    }
}
