//! The decision of [`Inspect`](super::Inspect): what a request asks for, or why it cannot be said. Pure.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Uri, header};
use localauth_core::Denial;
use localauth_core::policy::ModelIn;

use super::address::{check_query, model_in_path, model_in_query};
use super::found::Found;
use super::inspected::{Inspected, Judged, Model};
use super::kind::Kind;
use super::resolve::Names;
use super::route::{Reads, Told};
use super::{form, intricacy, json};

/// What requests are judged by.
#[derive(Debug, Clone)]
pub(super) struct Judge {
    pub(super) max_body: usize,
    pub(super) default_model: Option<Arc<str>>,
    /// Where models have several names, and bodies are to have the one that was judged.
    pub(super) names: Option<Names>,
}

impl Judge {
    /// Judges what can be before the body is read.
    ///
    /// # Errors
    ///
    /// [`Denial::BodyTooLarge`], [`Denial::UnsupportedMediaType`].
    pub(super) fn admit(&self, headers: &HeaderMap, at_least: u64) -> Result<Kind, Denial> {
        let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| {
            let length = length.to_str().ok()?;
            length.parse::<u64>().ok()
        });
        if announced.unwrap_or(0).max(at_least) > self.max_body as u64 {
            return Err(Denial::BodyTooLarge);
        }
        Kind::of(headers)
    }

    /// Judges a request to `uri`, of which the route table says `told`.
    ///
    /// # Errors
    ///
    /// [`Denial::InvalidBody`], [`Denial::AmbiguousRequest`].
    pub(super) fn judge(&self, kind: Kind, uri: &Uri, told: Told<'_>, body: &Bytes) -> Result<Inspected, Denial> {
        let reads = Reads::of(uri.path(), told);
        let found = match &kind {
            Kind::Json => {
                let text = text(body)?;
                intricacy::check(text)?;
                json::read(text, &reads)?
            }
            Kind::Form => form::read(text(body)?, &reads)?,
            Kind::Multipart(boundary) => form::read_parts(boundary, body, &reads)?,
            Kind::Nothing => Found::default(),
        };
        let in_body = self.in_body(&found)?;
        let in_address = match told.model_in() {
            ModelIn::Query => model_in_query(uri)?.map(Cow::Owned),
            _ => model_in_path(uri.path(), told.pattern())?,
        };
        let in_address = in_address.map(|name| self.in_address(&name));
        if let (Some(in_body), Some(in_address)) = (&in_body, &in_address)
            && in_body.name() != in_address.name()
        {
            return Err(Denial::AmbiguousRequest);
        }
        let is_in_address = in_address.is_some() || told.model_in().is_address();
        let default = || self.default().filter(|_| !told.model_in().is_address());
        let model = in_body.or(in_address).or_else(default);
        let name = model.as_ref().map(Model::name);
        check_query(uri, |other| Some(self.in_address(other).name()) == name)?;
        if name.is_some_and(|name| !kind.can_name(name)) {
            return Err(Denial::InvalidBody);
        }
        let is_in_body = found.model.is_some() || found.name.is_some();
        // What an address names needs no second name.
        let names_model = self.names.is_some() && (is_in_body || !is_in_address);
        Ok(Inspected::new(Judged {
            model,
            names_model,
            kind,
            found,
            reads,
            body: body.clone(),
        }))
    }

    /// The model that a body names, by whichever field.
    fn in_body(&self, found: &Found) -> Result<Option<Model>, Denial> {
        let model = |name: &Option<Box<str>>| name.as_deref().map(|name| self.meaning(name));
        match (model(&found.model), model(&found.name)) {
            (Some(model), Some(name)) if model.name() != name.name() => Err(Denial::AmbiguousRequest),
            (model, name) => Ok(model.or(name)),
        }
    }

    /// What a body means by a name.
    fn meaning(&self, name: &str) -> Model {
        let known = self
            .names
            .as_ref()
            .and_then(|names| names.resolve(name))
            .map(Model::Known);
        let default = || self.default().filter(|_| name == DEFAULT);
        known.or_else(default).unwrap_or_else(|| Model::Named(name.into()))
    }

    /// What an address means by a name. Nobody edits it: where that would be needed, it means what it says to the letter.
    fn in_address(&self, name: &str) -> Model {
        match self.names {
            Some(_) => Model::Named(name.into()),
            None => self.meaning(name),
        }
    }

    /// The model that a request without one is for.
    fn default(&self) -> Option<Model> {
        let Some(default) = &self.default_model else {
            return self.names.as_ref()?.default_model().map(Model::Known);
        };
        let exact = self.names.as_ref().and_then(|names| names.resolve(default));
        Some(Model::Known(exact.unwrap_or_else(|| Arc::clone(default))))
    }
}

/// What a client may call the default model.
const DEFAULT: &str = "default";

fn text(body: &Bytes) -> Result<&str, Denial> {
    str::from_utf8(body).map_err(|_| Denial::InvalidBody)
}
