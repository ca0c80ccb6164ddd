//! Making a key.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use localauth_core::{CreatedKey, Feature, FeatureGroup, Timestamp};

use super::super::Console;
use super::super::fields::Fields;
use super::super::frame::Frame;
use super::super::page::{page, page_with};
use super::super::trouble::Trouble;
use super::super::visit::Visit;
use super::form::{EXPIRIES, Form};
use super::limits::WINDOWS;
use super::{may_mint, owner};

#[derive(Template)]
#[template(path = "keys/new.html")]
struct New {
    frame: Frame,
    form: Form,
    expiries: [&'static str; 6],
    windows: [&'static str; 9],
    models: Vec<String>,
    groups: Vec<Group>,
    /// For administrators, who know them.
    tiers: Vec<String>,
}

struct Group {
    /// The id of its name.
    name: &'static str,
    features: Vec<Feature>,
}

/// A key's secret, in the one answer that has it.
#[derive(Template)]
#[template(path = "keys/secret.html")]
pub(super) struct Secret<'k> {
    pub(super) frame: Frame,
    pub(super) name: String,
    pub(super) id: String,
    pub(super) text: &'k str,
    /// Until when the old one is good, after a rotation.
    pub(super) old_until: Option<Timestamp>,
    pub(super) is_new: bool,
}

pub(super) async fn blank(State(console): State<Console>, visit: Visit) -> Result<Response, Trouble> {
    may_mint(owner(&visit)?)?;
    let frame = visit.frame(&console, "keys-new");
    let form = Form::of(&Fields::default());
    Ok(page(&new(&console, &visit, frame, form).await?))
}

pub(super) async fn make(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Trouble> {
    may_mint(owner(&visit)?)?;
    let form = Form::of(&fields);
    match create(&console, &visit, &form, &fields).await {
        Ok(created) => Ok(page(&Secret {
            frame: visit.frame(&console, "keys-made"),
            name: created.key.name.clone(),
            id: created.key.id.to_string(),
            text: created.plain.expose(),
            old_until: None,
            is_new: true,
        })),
        Err(trouble) => {
            let frame = visit.frame(&console, "keys-new").told(&trouble);
            Ok(page_with(trouble.status(), &new(&console, &visit, frame, form).await?))
        }
    }
}

async fn create(console: &Console, visit: &Visit, form: &Form, fields: &Fields) -> Result<CreatedKey, Trouble> {
    let wish = form.wish(fields)?.wish(&console.auth)?;
    Ok(console.auth.create_own_key(&visit.caller, wish).await?)
}

/// The form, with what the visitor has to give.
async fn new(console: &Console, visit: &Visit, frame: Frame, form: Form) -> Result<New, Trouble> {
    let user = visit.user()?;
    let models = console.known_models();
    let models = models.iter().filter(|model| user.may_use_model(model));
    let group = |(name, group): (&'static str, FeatureGroup)| {
        let all = console.auth.features().iter();
        let features = all.filter(|feature| feature.group == group && user.may(feature.key));
        Group {
            name,
            features: features.copied().collect(),
        }
    };
    let groups = [
        ("keys-features-api", FeatureGroup::Api),
        ("keys-features-general", FeatureGroup::General),
        ("keys-features-agent", FeatureGroup::Agent),
    ];
    let tiers = if user.is_admin() {
        let (house, _) = console.auth.house_rules().await?;
        house.tiers.keys().map(ToString::to_string).collect()
    } else {
        Vec::new()
    };
    Ok(New {
        frame,
        form,
        expiries: EXPIRIES,
        windows: WINDOWS,
        models: models.cloned().collect(),
        groups: groups
            .into_iter()
            .map(group)
            .filter(|group| !group.features.is_empty())
            .collect(),
        tiers,
    })
}
