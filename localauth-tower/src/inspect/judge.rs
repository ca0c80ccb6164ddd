//! The decision of [`Inspect`](super::Inspect): what a request asks for, or why it cannot be said. Pure.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Uri, header};
use localauth_core::Denial;

use super::address::{Route, check_query, model_in_path};
use super::inspected::{Inspected, Model};
use super::kind::Kind;
use super::resolve::ResolveModel;
use super::{form, json};

/// What requests are judged by.
#[derive(Debug, Clone)]
pub(super) struct Judge {
    pub(super) max_body: usize,
    pub(super) default_model: Option<Arc<str>>,
    pub(super) models: Models,
}

/// Who knows the models, if somebody does.
#[derive(Clone, Default)]
pub(super) struct Models(pub(super) Option<Arc<dyn ResolveModel>>);

impl std::fmt::Debug for Models {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Models")
    }
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

    /// Judges a request to `uri`, for which the route table has `pattern`.
    ///
    /// # Errors
    ///
    /// [`Denial::InvalidBody`], [`Denial::AmbiguousRequest`].
    pub(super) fn judge(
        &self,
        kind: &Kind,
        uri: &Uri,
        pattern: Option<&str>,
        body: &Bytes,
    ) -> Result<Inspected, Denial> {
        let mut found = match kind {
            Kind::Json => json::read(text(body)?)?,
            Kind::Form => form::read(text(body)?)?,
            Kind::Multipart(boundary) => form::read_parts(boundary, body)?,
        };
        let path = uri.path();
        let in_path = model_in_path(path, pattern)?;
        let named = found.model.take();
        if let (Some(in_body), Some(in_path)) = (&named, &in_path)
            && self.resolve(in_body) != self.resolve(in_path)
        {
            return Err(Denial::AmbiguousRequest);
        }
        let default = || self.default().map(Model::Default);
        let model = match named.or_else(|| in_path.map(Into::into)) {
            Some(name) if &*name == DEFAULT => default().or(Some(Model::Named(name))),
            Some(name) => Some(match self.exact(&name) {
                Some(exact) => Model::Alias(exact),
                None => Model::Named(name),
            }),
            None => default(),
        };
        let name = model.as_ref().map(Model::name);
        check_query(uri, |other| {
            let exact = self.exact(other);
            Some(exact.as_deref().unwrap_or_else(|| self.resolve(other))) == name
        })?;
        Ok(Inspected::new(model, found, Route::of(path), body.clone()))
    }

    /// The exact name, where a name is another one.
    fn exact(&self, name: &str) -> Option<Arc<str>> {
        let models = self.models.0.as_ref()?;
        models.resolve(name).filter(|exact| **exact != *name)
    }

    fn default(&self) -> Option<Arc<str>> {
        let known = || self.models.0.as_ref()?.default_model();
        self.default_model.clone().or_else(known)
    }

    /// What a name means.
    fn resolve<'a>(&'a self, name: &'a str) -> &'a str {
        match &self.default_model {
            Some(default) if name == DEFAULT => default,
            _ => name,
        }
    }
}

/// What a client may call the default model.
const DEFAULT: &str = "default";

fn text(body: &Bytes) -> Result<&str, Denial> {
    str::from_utf8(body).map_err(|_| Denial::InvalidBody)
}
