//! Features with three states and lists of models, as users and tiers have them: from a form, and for one.

use std::collections::{BTreeMap, BTreeSet};

use localauth_core::{Auth, FeatureGroup};

use crate::console::fields::Fields;
use crate::console::frame::Frame;
use crate::console::trouble::Trouble;

/// A group of features.
#[derive(Debug)]
pub(crate) struct Group {
    /// The id of its name.
    pub(crate) title: &'static str,
    pub(crate) switches: Vec<Switch>,
}

/// A feature that is on, off, or as it is without a word about it.
#[derive(Debug)]
pub(crate) struct Switch {
    pub(crate) key: &'static str,
    pub(crate) label: &'static str,
    /// What is said about it.
    pub(crate) said: Option<bool>,
    /// What holds when nothing is said.
    pub(crate) unsaid: String,
}

impl Switch {
    pub(crate) fn is(&self, state: &str) -> bool {
        match self.said {
            None => state.is_empty(),
            Some(true) => state == "on",
            Some(false) => state == "off",
        }
    }
}

/// All features by group, with what is `said` about them; `unsaid` tells what holds otherwise.
pub(crate) fn groups(auth: &Auth, said: &BTreeMap<String, bool>, unsaid: impl Fn(&str, bool) -> String) -> Vec<Group> {
    let all = [
        (FeatureGroup::Api, "house-features-api"),
        (FeatureGroup::General, "house-features-general"),
        (FeatureGroup::Agent, "house-features-agent"),
    ];
    let group = |(group, title): (FeatureGroup, &'static str)| {
        let of_group = auth.features().iter().filter(|feature| feature.group == group);
        let switches = of_group.map(|feature| Switch {
            key: feature.key,
            label: feature.label,
            said: said.get(feature.key).copied(),
            unsaid: unsaid(feature.key, feature.default),
        });
        Group {
            title,
            switches: switches.collect(),
        }
    };
    let groups = all.into_iter().map(group);
    groups.filter(|group| !group.switches.is_empty()).collect()
}

/// What holds for a feature about which nothing is said.
pub(crate) fn by_default(frame: &Frame, on: bool) -> String {
    frame.t(if on {
        "house-by-default-on"
    } else {
        "house-by-default-off"
    })
}

/// What a form says about features.
pub(crate) fn said(fields: &Fields) -> Result<BTreeMap<String, bool>, Trouble> {
    let mut said = BTreeMap::new();
    for (key, value) in fields.under("feature-") {
        match value {
            "" => continue,
            "on" => said.insert(key.to_owned(), true),
            "off" => said.insert(key.to_owned(), false),
            _ => return Err(Trouble::bad("error-feature-state")),
        };
    }
    Ok(said)
}

/// All models, or those of a list, to choose from.
#[derive(Debug)]
pub(crate) struct Models {
    pub(crate) is_all: bool,
    pub(crate) choices: Vec<Choice>,
    /// Those that were typed.
    pub(crate) more: String,
}

#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) name: String,
    pub(crate) is_chosen: bool,
}

impl Models {
    /// Those there are, and those that are `chosen`: ticked also while the list does not count, so that to let it count
    /// again is to have it again.
    pub(crate) fn of(there: &[String], is_all: bool, chosen: &BTreeSet<String>) -> Self {
        let others = chosen.iter().filter(|name| !there.contains(name));
        let choices = there.iter().chain(others).map(|name| Choice {
            is_chosen: chosen.contains(name),
            name: name.clone(),
        });
        Self {
            is_all,
            choices: choices.collect(),
            more: String::new(),
        }
    }
}

/// The models that a form chooses; `None` is all. Has to be said: nobody opens everything by leaving it out.
pub(crate) fn chosen(fields: &Fields) -> Result<Option<BTreeSet<String>>, Trouble> {
    match fields.text("models") {
        "all" => Ok(None),
        "some" => {
            let ticked = fields.all("model").map(str::to_owned);
            let typed = fields.list("more").unwrap_or_default();
            Ok(Some(ticked.chain(typed).filter(|name| !name.is_empty()).collect()))
        }
        _ => Err(Trouble::bad("error-models-choice")),
    }
}
