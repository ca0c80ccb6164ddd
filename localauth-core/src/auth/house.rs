//! The house rules as this process knows them.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::Inner;
use crate::error::StoreError;
use crate::id::{Epoch, UserId};
use crate::identity::Watch;
use crate::limit::{HouseRules, Price};

/// The house rules, and as of which epoch; `None` until they were asked for.
#[derive(Default)]
pub(super) struct House(ArcSwap<Option<Known>>);

pub(super) struct Known {
    pub(super) rules: HouseRules,
    epoch: Epoch,
}

/// The house rules that hold, and whether they still do.
pub(super) struct InForce {
    pub(super) known: Arc<Option<Known>>,
    pub(super) watch: Watch,
}

impl InForce {
    pub(super) fn rules(&self) -> Option<&HouseRules> {
        self.known.as_ref().as_ref().map(|known| &known.rules)
    }
}

impl House {
    /// What `model` costs, as far as is known.
    pub(super) fn price(&self, model: &str) -> Price {
        let known = self.0.load();
        known
            .as_ref()
            .as_ref()
            .map_or(Price::FREE, |known| known.rules.price(model))
    }
}

impl Inner {
    /// Reads the house rules anew.
    pub(super) async fn load_house(&self) -> Result<(), StoreError> {
        let (rules, epoch) = self.stores.limits.house_rules().await?;
        self.epochs.observe(UserId::HOUSE, epoch, self.clock.now());
        self.house.0.rcu(|known| match known.as_ref() {
            // Somebody else was quicker, with a later answer.
            Some(newer) if newer.epoch > epoch => Arc::clone(known),
            _ => Arc::new(Some(Known {
                rules: rules.clone(),
                epoch,
            })),
        });
        Ok(())
    }

    /// The newest house rules that this process heard of.
    pub(super) async fn house(&self) -> Result<InForce, StoreError> {
        for _ in 0..4 {
            let cell = self.epochs.observe(UserId::HOUSE, Epoch::default(), self.clock.now());
            let known = self.house.0.load_full();
            if let Some(epoch) = known.as_ref().as_ref().map(|known| known.epoch)
                && cell.newest() <= epoch
            {
                let watch = Watch { cell, epoch };
                return Ok(InForce { known, watch });
            }
            self.load_house().await?;
        }
        Err(StoreError::unavailable(
            "the house rules change faster than they can be read",
        ))
    }
}
