//! What there is: the lists of models, and one of them by its name. Made here, and never an upstream's own answer: that
//! would tell everybody of models which they may not use, and of how it was started.

use std::sync::Arc;

use axum::response::Response;
use http::Method;
use localauth_core::{Identity, policy::Rule};
use localauth_tower::CurrentUser;

use super::{
    Inner,
    choose::LOOK,
    failure::Failure,
    models::{self, Known, Language, Listing, Offer, is_for, shown, shown_one},
    server::Server,
    watch,
};

/// What somebody wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted<'a> {
    All(Language),
    One(&'a str),
}

impl<'a> Wanted<'a> {
    /// What a rule is for, if it is for that.
    pub(super) fn by(rule: &Rule, path: &'a str) -> Option<Self> {
        // To HEAD too: an upstream's own would tell how long the whole list is.
        if !matches!(*rule.method(), Method::GET | Method::HEAD) {
            return None;
        }
        match rule.pattern() {
            "/v1/models" | "/models" => Some(Self::All(Language::OpenAi)),
            "/api/tags" => Some(Self::All(Language::Ollama)),
            "/v1/models/{model}" => path.rsplit('/').next().map(Self::One),
            _ => None,
        }
    }
}

impl Inner {
    /// Tells somebody what there is for them.
    pub(super) async fn tell(&self, user: Option<&CurrentUser>, wanted: Wanted<'_>) -> Result<Response, Failure> {
        let user = user.map(|user| &**user.identity());
        match wanted {
            Wanted::All(language) => {
                let listings = self.listings()?;
                let offers = self.servers.iter().zip(&listings).flat_map(offers);
                Ok(shown(offers, user, language))
            }
            Wanted::One(name) => {
                // Before anybody looks, so that what is not theirs takes no longer than what is not there.
                if !self.may_be_for(user, name) {
                    return Err(Failure::unknown_model(name));
                }
                if let Ok(response) = self.tell_one(user, name) {
                    return Ok(response);
                }
                // It may have come since.
                let looks = self.servers.iter().map(|server| watch::look_once(server, LOOK));
                futures_util::future::join_all(looks).await;
                self.tell_one(user, name)
            }
        }
    }

    /// One model, by any name that the list has.
    fn tell_one(&self, user: Option<&Identity>, name: &str) -> Result<Response, Failure> {
        let listings = self.listings()?;
        let mut offers = self.servers.iter().zip(&listings).flat_map(offers);
        let found = offers.find(|(offer, model)| offer.name == name && is_for(user, model));
        found.map_or_else(|| Err(Failure::unknown_model(name)), |(offer, _)| Ok(shown_one(&offer)))
    }

    /// Whether somebody may use what a name could stand for, whether it is there or not.
    fn may_be_for(&self, user: Option<&Identity>, name: &str) -> bool {
        let aliases = self.servers.iter().map(|server| &server.settings.aliases);
        let mut meant = aliases.filter_map(|aliases| aliases.get(name)).peekable();
        if meant.peek().is_none() {
            return is_for(user, name);
        }
        // What an alias stands for may be spelled in another way than the list does: who sees it there sees it here.
        is_for(user, name) || meant.any(|model| self.spellings(model).iter().any(|exact| is_for(user, exact)))
    }

    fn spellings(&self, model: &str) -> Vec<Arc<str>> {
        let listings = self.servers.iter().map(|server| server.listing.load());
        let exact = listings.filter_map(|listing| models::exact(listing.known()?, model));
        exact.chain([model.into()]).collect()
    }

    fn listings(&self) -> Result<Vec<Arc<Listing>>, Failure> {
        let listings: Vec<_> = self.servers.iter().map(|server| server.listing.load_full()).collect();
        if listings.iter().all(|listing| matches!(**listing, Listing::Unknown)) {
            return Err(Failure::Unreachable);
        }
        Ok(listings)
    }
}

/// The names under which a server's models can be asked for, each with the exact one.
fn offers<'a>((server, listing): (&'a Arc<Server>, &'a Arc<Listing>)) -> Vec<(Offer<'a>, &'a str)> {
    let Some(Known { models, .. }) = listing.known() else {
        return Vec::new();
    };
    let own = models.iter().map(|(name, entry)| (Offer { name, entry }, &**name));
    let aliases = server.settings.aliases.iter().filter_map(|(alias, model)| {
        let exact = models::exact(listing.known()?, model)?;
        let (model, entry) = models.get_key_value(&*exact)?;
        Some((Offer { name: alias, entry }, &**model))
    });
    own.chain(aliases).collect()
}
