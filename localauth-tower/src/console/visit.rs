//! Who looks at a page, from where, and in which language.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;
use localauth_core::Caller;

use super::Console;
use super::frame::Frame;
use super::language::Language;
use super::trouble::Trouble;
use crate::CurrentUser;
use crate::api::caller::Asker;

/// A request for a page.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    /// Who is signed in.
    pub(crate) user: Option<CurrentUser>,
    /// Who and from where, for the use cases.
    pub(crate) caller: Caller,
    /// Whether they came over HTTPS.
    pub(crate) https: bool,
    /// Their language.
    pub(crate) language: &'static Language,
    /// The path and query that were asked for.
    pub(crate) target: String,
    /// The public URL of this server, without a slash at its end; empty when nothing says it.
    pub(crate) url: String,
}

impl Visit {
    /// Who is signed in. Pages that the route table keeps for them always have one.
    ///
    /// # Errors
    ///
    /// Where nobody is.
    pub(crate) fn user(&self) -> Result<&CurrentUser, Trouble> {
        self.user.as_ref().ok_or_else(Trouble::signed_out)
    }

    /// What is around the page: `title` is the id of its text.
    pub(crate) fn frame(&self, console: &Console, title: &'static str) -> Frame {
        Frame::new(console, self, title)
    }

    /// One field of the query.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.target.split_once('?')?;
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        let (_, value) = pairs.find(|(n, _)| n == name)?;
        Some(value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn find(parts: &Parts, console: &Console) -> Self {
        let Asker { caller, https } = Asker::find(parts, &console.site);
        let url = console.site.url(&parts.extensions, &parts.headers, &parts.uri);
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        Self {
            user: parts.extensions.get::<CurrentUser>().cloned(),
            caller,
            https,
            language: Language::of(&parts.headers),
            target: target.to_owned(),
            url: url.unwrap_or_default(),
        }
    }
}

impl FromRequestParts<Console> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Infallible> {
        Ok(Self::find(parts, console))
    }
}
