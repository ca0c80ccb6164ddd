//! Who and what the numbers of a report are.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use localauth_core::KeyId;
use sea_orm::prelude::Uuid;

use super::numbers::Finder;
use super::report::Found;
use crate::error::Failure;
use crate::sql_store::SqlStore;

/// Spreads numbers that this store gave out itself: nobody can choose them to collide.
#[derive(Default)]
struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_i32(i32::from(*byte));
        }
    }

    fn write_i32(&mut self, number: i32) {
        // The odd number of Fibonacci hashing. The map takes bits from both ends.
        let spread = (self.0 ^ u64::from(number.cast_unsigned())).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = spread ^ (spread >> 32);
    }
}

type ByNumber<T> = HashMap<i32, T, BuildHasherDefault<NumberHasher>>;

/// Ids and names of users and keys, and texts of models.
pub(super) struct Names {
    users: ByNumber<(Uuid, Arc<str>)>,
    keys: ByNumber<(Uuid, Arc<str>)>,
    texts: ByNumber<Arc<str>>,
    none: Arc<str>,
}

impl Names {
    pub(super) fn user(&self, number: i32) -> (Uuid, &Arc<str>) {
        self.users
            .get(&number)
            .map_or((Uuid::nil(), &self.none), |(id, name)| (*id, name))
    }

    /// `None` is no key.
    pub(super) fn key(&self, number: i32) -> Option<(KeyId, Arc<str>)> {
        let (id, name) = self.keys.get(&number)?;
        Some((KeyId::from_uuid(*id), Arc::clone(name)))
    }

    pub(super) fn text(&self, label: i32) -> &Arc<str> {
        self.texts.get(&label).unwrap_or(&self.none)
    }
}

/// What something was called, and when that was: of two, the later one counts.
type Called = (i64, i32);

fn note(latest: &mut ByNumber<Called>, number: i32, called: Called) {
    let known = latest.entry(number).or_insert(called);
    *known = called.max(*known);
}

/// How often to look for what was forgotten meanwhile.
const TRIES: usize = 3;

impl SqlStore {
    /// What the report needs. Names are the latest ones that the report knows of: it goes up to the present, so there
    /// are none later.
    pub(super) async fn names(&self, found: &Found) -> Result<Names, Failure> {
        let (mut users, mut keys) = (ByNumber::default(), ByNumber::default());
        let mut models: Vec<i32> = Vec::new();
        for page in found.pages() {
            for share in &page.users {
                note(&mut users, share.user, share.called);
            }
            for (key, called) in &page.keys {
                note(&mut keys, *key, *called);
            }
            models.extend(&page.models);
        }
        models.sort_unstable();
        models.dedup();
        for _ in 0..TRIES {
            let called = users.values().chain(keys.values()).map(|(_, label)| *label);
            self.learn(
                called.chain(models.iter().copied()),
                users.keys().chain(keys.keys()).copied(),
            )
            .await?;
            if let Some(names) = Names::of(&users, &keys, &models, &self.usage_memory().numbers.finder()) {
                return Ok(names);
            }
        }
        Err(Failure::Broken("a number of usage stands for nothing"))
    }
}

impl Names {
    fn of(users: &ByNumber<Called>, keys: &ByNumber<Called>, models: &[i32], finder: &Finder<'_>) -> Option<Self> {
        let named = |all: &ByNumber<Called>| -> Option<ByNumber<(Uuid, Arc<str>)>> {
            all.iter()
                .map(|(number, (_, label))| Some((*number, (finder.id(*number)?, Arc::clone(finder.text(*label)?)))))
                .collect()
        };
        Some(Self {
            users: named(users)?,
            keys: named(keys)?,
            texts: models
                .iter()
                .map(|model| Some((*model, Arc::clone(finder.text(*model)?))))
                .collect::<Option<_>>()?,
            none: Arc::from(""),
        })
    }
}
