//! Users.

use std::collections::{BTreeMap, BTreeSet};

use localauth_core::{Epoch, ModelAllowList, PasswordHash, Timestamp, User, UserId};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use super::{PasswordText, epoch};
use crate::error::{BadRow, Failure};
use crate::text;

#[sea_orm::compact_model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "localauth_user")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    #[sea_orm(unique)]
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) avatar_url: String,
    pub(crate) role: String,
    pub(crate) status: String,
    pub(crate) provider: String,
    pub(crate) password: Option<PasswordText>,
    /// A JSON object of feature names and booleans.
    pub(crate) permissions: String,
    /// A JSON object: [`Models`].
    pub(crate) models: String,
    pub(crate) created_at: i64,
    pub(crate) epoch: i64,
    pub(crate) sign_in_epoch: i64,
    /// [`search_text`].
    pub(crate) search: String,
    /// The tier the user was put into.
    pub(crate) tier: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {
    #[sea_orm(has_many = "super::key::Entity")]
    Key,
    #[sea_orm(has_many = "super::identity::Entity")]
    Identity,
    #[sea_orm(has_many = "super::user_limit::Entity")]
    Limit,
}

impl Related<super::key::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Key.def()
    }
}

impl Related<super::identity::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Identity.def()
    }
}

impl Related<super::user_limit::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Limit.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

/// What the column `models` holds.
#[derive(Serialize, Deserialize)]
struct Models {
    enabled: bool,
    models: BTreeSet<String>,
}

/// Who has a session or made an invite, as a foreign key: NULL is the synthetic administrator, who is in no table.
pub(crate) fn holder_to_column(id: UserId) -> Option<Uuid> {
    (id != UserId::SHARED).then(|| id.as_uuid())
}

pub(crate) fn holder_from_column(id: Option<Uuid>) -> UserId {
    id.map_or(UserId::SHARED, UserId::from_uuid)
}

/// `text` as it is searched: in small letters, which not every database makes of letters beyond ASCII. The line feed
/// is kept for [`search_text`].
pub(crate) fn folded(text: &str) -> String {
    text.to_lowercase().replace('\n', "\r")
}

/// What a search looks through: address and name, with something in between that is in no search.
pub(crate) fn search_text(email: &str, name: &str) -> String {
    format!("{}\n{}", folded(email), folded(name))
}

pub(crate) fn permissions_to_column(permissions: &BTreeMap<String, bool>) -> Result<String, BadRow> {
    serde_json::to_string(permissions).map_err(|_| BadRow("permissions"))
}

pub(crate) fn models_to_column(models: &ModelAllowList) -> Result<String, BadRow> {
    let models = Models {
        enabled: models.enabled,
        models: models.models.clone(),
    };
    serde_json::to_string(&models).map_err(|_| BadRow("models"))
}

/// The row of a new user.
pub(crate) fn to_row(user: &User) -> Result<ActiveModel, Failure> {
    Ok(ActiveModel {
        id: Set(user.id.as_uuid()),
        email: Set(text::storable(user.email.as_str())?),
        name: Set(text::storable(&user.name)?),
        avatar_url: Set(text::storable(&user.avatar_url)?),
        role: Set(user.role.as_str().to_owned()),
        status: Set(user.status.as_str().to_owned()),
        provider: Set(user.provider.as_str().to_owned()),
        password: Set(user.password.as_ref().map(password_to_column).transpose()?),
        permissions: Set(permissions_to_column(&user.permissions)?),
        models: Set(models_to_column(&user.models)?),
        created_at: Set(user.created_at.as_millis()),
        epoch: Set(epoch::to_column(user.epoch)),
        sign_in_epoch: Set(epoch::to_column(user.sign_in_epoch)),
        search: Set(search_text(user.email.as_str(), &user.name)),
        tier: Set(None),
    })
}

pub(crate) fn password_to_column(hash: &PasswordHash) -> Result<PasswordText, Failure> {
    text::storable(hash.expose()).map(PasswordText)
}

impl TryFrom<Model> for User {
    type Error = BadRow;

    fn try_from(row: Model) -> Result<Self, BadRow> {
        let permissions: BTreeMap<String, bool> =
            serde_json::from_str(&row.permissions).map_err(|_| BadRow("permissions"))?;
        let models: Models = serde_json::from_str(&row.models).map_err(|_| BadRow("models"))?;
        let epoch: Epoch = epoch::from_column(row.epoch)?;
        Ok(Self {
            id: UserId::from_uuid(row.id),
            email: row.email.parse().map_err(|_| BadRow("email"))?,
            name: row.name,
            avatar_url: row.avatar_url,
            role: row.role.parse().map_err(|_| BadRow("role"))?,
            status: row.status.parse().map_err(|_| BadRow("status"))?,
            provider: row.provider.parse().map_err(|_| BadRow("provider"))?,
            password: row.password.map(|hash| PasswordHash::from_stored(hash.0)),
            permissions,
            models: ModelAllowList {
                enabled: models.enabled,
                models: models.models,
            },
            created_at: Timestamp::from_millis(row.created_at),
            epoch,
            sign_in_epoch: epoch::from_column(row.sign_in_epoch)?,
        })
    }
}
