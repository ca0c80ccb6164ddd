//! Hours and days of usage in memory, each up to date as long as its version is that of the table.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use localauth_core::{UsageSource, UsageTotals};
use sea_orm::prelude::Uuid;

use super::database::Stretch;
use super::numbers::Finder;
use super::row::{NO_KEY, PageId, Place, Rollup, source_from_column};
use crate::error::Failure;
use crate::sql_store::SqlStore;

/// The most roll-ups remembered: by the size of their fields about 100 MB, with what is added up from them.
const MOST_ROWS: usize = 500_000;

/// The roll-ups of an hour or a day, by user's id and model.
pub(super) struct Page {
    pub(super) at: i64,
    version: i64,
    rows: Vec<Rollup>,
    pub(super) users: Vec<Share>,
    /// What there is of each user's models, by user and model.
    models_of: Vec<OfModel>,
    /// What there is of each user's credentials, by user, source and key.
    credentials_of: Vec<OfCredential>,
    /// What each key was called, and when that was.
    pub(super) keys: Vec<(i32, (i64, i32))>,
    pub(super) models: Vec<i32>,
}

/// One model's part of what a user used.
#[derive(Clone, Copy)]
pub(super) struct OfModel {
    pub(super) model: i32,
    pub(super) totals: UsageTotals,
}

/// One credential's part of what a user used.
#[derive(Clone, Copy)]
pub(super) struct OfCredential {
    pub(super) source: UsageSource,
    pub(super) key: i32,
    pub(super) totals: UsageTotals,
    pub(super) last_at: i64,
}

/// One user's part of a page: where it is in each of its lists.
pub(super) struct Share {
    pub(super) user: i32,
    rows: Range<usize>,
    models_of: Range<usize>,
    credentials_of: Range<usize>,
    /// What they were called, and when that was.
    pub(super) called: (i64, i32),
}

impl Page {
    /// Sorts the rows. `None` when a number is not known.
    pub(super) fn new(at: i64, version: i64, rows: &[Rollup], finder: &Finder<'_>) -> Option<Self> {
        // Few users and models have many rows: what they are sorted by is looked up once for each.
        let users = ranks(rows.iter().map(|row| row.place.user), |user| finder.id(user))?;
        let models = ranks(rows.iter().map(|row| row.place.model), |model| finder.text(model))?;
        let mut places: Vec<(u32, u32, usize)> = rows
            .iter()
            .enumerate()
            .map(|(n, row)| (users[&row.place.user], models[&row.place.model], n))
            .collect();
        places.sort_unstable();
        let rows: Vec<Rollup> = places.into_iter().map(|(_, _, n)| rows[n]).collect();
        let mut shares: Vec<Share> = Vec::with_capacity(users.len());
        let (mut models_of, mut credentials_of) = (Vec::new(), Vec::new());
        let mut end = 0;
        for of_user in rows.chunk_by(|a, b| a.place.user == b.place.user) {
            let begun = (end, models_of.len(), credentials_of.len());
            end += of_user.len();
            add_models(&mut models_of, of_user);
            add_credentials(&mut credentials_of, of_user, finder)?;
            shares.push(Share {
                user: of_user[0].place.user,
                rows: begun.0..end,
                models_of: begun.1..models_of.len(),
                credentials_of: begun.2..credentials_of.len(),
                called: of_user.iter().map(|row| (row.last_at, row.user_label)).max()?,
            });
        }
        let mut keys: HashMap<i32, (i64, i32)> = HashMap::new();
        for row in rows.iter().filter(|row| row.place.key != NO_KEY) {
            let called = (row.last_at, row.key_label);
            let known = keys.entry(row.place.key).or_insert(called);
            *known = called.max(*known);
        }
        Some(Self {
            at,
            version,
            rows,
            users: shares,
            models_of,
            credentials_of,
            keys: keys.into_iter().collect(),
            models: models.into_keys().collect(),
        })
    }
}

/// Adds the sums of each model. Rows of one model are next to each other.
fn add_models(to: &mut Vec<OfModel>, rows: &[Rollup]) {
    for of_model in rows.chunk_by(|a, b| a.place.model == b.place.model) {
        let mut totals = UsageTotals::default();
        for row in of_model {
            totals += row.totals;
        }
        to.push(OfModel {
            model: of_model[0].place.model,
            totals,
        });
    }
}

/// Adds the sums of each source and key, in the order of sources and of the keys' ids. `None` when a number is not known.
fn add_credentials(to: &mut Vec<OfCredential>, rows: &[Rollup], finder: &Finder<'_>) -> Option<()> {
    let mut sums: BTreeMap<(UsageSource, Option<Uuid>), OfCredential> = BTreeMap::new();
    for row in rows {
        let key = match row.place.key {
            NO_KEY => None,
            key => Some(finder.id(key)?),
        };
        let sum = sums
            .entry((source_from_column(row.place.source).ok()?, key))
            .or_insert(OfCredential {
                source: source_from_column(row.place.source).ok()?,
                key: row.place.key,
                totals: UsageTotals::default(),
                last_at: row.last_at,
            });
        sum.totals += row.totals;
        sum.last_at = row.last_at.max(sum.last_at);
    }
    to.extend(sums.into_values());
    Some(())
}

impl Page {
    /// The sums of a user's models; of one key only, if one is given.
    pub(super) fn models_of(&self, share: &Share, key: Option<i32>) -> Cow<'_, [OfModel]> {
        let Some(key) = key else {
            return Cow::Borrowed(&self.models_of[share.models_of.clone()]);
        };
        let rows = self.rows[share.rows.clone()].iter().filter(|row| row.place.key == key);
        let mut sums = Vec::new();
        add_models(&mut sums, &rows.copied().collect::<Vec<_>>());
        Cow::Owned(sums)
    }

    /// The sums of a user's credentials; of one key only, if one is given.
    pub(super) fn credentials_of(&self, share: &Share, key: Option<i32>) -> impl Iterator<Item = &OfCredential> {
        let sums = self.credentials_of[share.credentials_of.clone()].iter();
        sums.filter(move |sum| key.is_none_or(|key| key == sum.key))
    }

    /// About how many rows a report makes of it.
    pub(super) fn len(&self) -> usize {
        self.models_of.len().max(self.credentials_of.len())
    }
}

/// The place of each number in the order of what it stands for.
fn ranks<T: Ord>(numbers: impl Iterator<Item = i32>, what: impl Fn(i32) -> Option<T>) -> Option<HashMap<i32, u32>> {
    let mut numbers: Vec<i32> = numbers.collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut ordered = numbers
        .into_iter()
        .map(|number| Some((what(number)?, number)))
        .collect::<Option<Vec<_>>>()?;
    ordered.sort_unstable();
    Some((0..).zip(ordered).map(|(rank, (_, number))| (number, rank)).collect())
}

/// The pages remembered.
#[derive(Default, Clone)]
pub(crate) struct Pages(Arc<Inner>);

#[derive(Default)]
struct Inner {
    kept: Mutex<Kept>,
    /// Whoever reads pages from the table: one at a time, as others want the same ones.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Kept {
    pages: HashMap<PageId, Arc<Page>>,
    rows: usize,
}

impl Kept {
    fn keep(&mut self, grain: i16, page: &Arc<Page>) {
        let before = self.pages.insert((grain, page.at), Arc::clone(page));
        self.rows = self.rows + page.rows.len() - before.map_or(0, |page| page.rows.len());
        // The oldest goes: reports are about what was lately.
        while self.rows > MOST_ROWS {
            let Some(oldest) = self.pages.keys().min_by_key(|(_, at)| *at).copied() else {
                return;
            };
            let gone = self.pages.remove(&oldest).map_or(0, |page| page.rows.len());
            self.rows -= gone;
        }
    }
}

impl Pages {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, grain: i16, at: i64) -> Option<Arc<Page>> {
        self.kept().pages.get(&(grain, at)).map(Arc::clone)
    }
}

impl SqlStore {
    /// The pages of a stretch of time, oldest first, as they are now or a moment later.
    pub(super) async fn pages(&self, stretch: Stretch) -> Result<Vec<Arc<Page>>, Failure> {
        let memory = &self.usage_memory().pages;
        let versions = self.usage().versions(stretch).await?;
        let fresh = |at: i64, version: i64| memory.get(stretch.grain, at).filter(|page| page.version >= version);
        let mut pages: Vec<Option<Arc<Page>>> = versions.iter().map(|&(at, version)| fresh(at, version)).collect();
        if pages.iter().any(Option::is_none) {
            let _reading = memory.0.reading.lock().await;
            for (page, &(at, version)) in pages.iter_mut().zip(&versions) {
                if page.is_none() {
                    *page = match fresh(at, version) {
                        Some(page) => Some(page),
                        None => Some(self.read_page(stretch.grain, at, version).await?),
                    };
                }
            }
        }
        Ok(pages.into_iter().flatten().collect())
    }

    /// What is known of the page, and what has changed in it since.
    async fn read_page(&self, grain: i16, at: i64, version: i64) -> Result<Arc<Page>, Failure> {
        let memory = &self.usage_memory().pages;
        let known = memory.get(grain, at);
        let after = known.as_ref().map_or(0, |page| page.version);
        let changed = self.usage().page(grain, at, after).await?;
        let rows = match known {
            None => changed,
            Some(page) => {
                let mut changed: HashMap<Place, Rollup> = changed.into_iter().map(|row| (row.place, row)).collect();
                let mut rows: Vec<Rollup> = page
                    .rows
                    .iter()
                    .map(|row| changed.remove(&row.place).unwrap_or(*row))
                    .collect();
                rows.extend(changed.into_values());
                rows
            }
        };
        let page = Arc::new(self.page_of(at, version, &rows).await?);
        memory.kept().keep(grain, &page);
        Ok(page)
    }

    /// A page of these rows.
    pub(super) async fn page_of(&self, at: i64, version: i64, rows: &[Rollup]) -> Result<Page, Failure> {
        self.learn_rows(rows).await?;
        let finder = self.usage_memory().numbers.finder();
        Page::new(at, version, rows, &finder).ok_or(Failure::Broken("a number of usage stands for nothing"))
    }

    /// Learns what all numbers of the rows stand for.
    pub(super) async fn learn_rows(&self, rows: &[Rollup]) -> Result<(), Failure> {
        let labels = rows
            .iter()
            .flat_map(|row| [row.place.model, row.user_label, row.key_label]);
        let parties = rows.iter().flat_map(|row| [row.place.user, row.place.key]);
        self.learn(labels, parties).await
    }
}
