//! What is around every page: head, navigation, banner, messages, footer.

use std::fmt;

use fluent_bundle::{FluentArgs, FluentValue};
use localauth_core::{Timestamp, UserId};

use super::language::Language;
use super::visit::Visit;
use super::{Console, assets};
use crate::CurrentUser;

/// What is around a page. Templates extend `frame.html` and have it as their field `frame`.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    language: &'static Language,
    title: &'static str,
    /// Where to come back to after a choice of language.
    target: String,
    /// Where the home page is.
    pub(crate) home: String,
    pub(crate) user: Option<Visitor>,
    notice: Option<String>,
    /// What went wrong with the form, to be told above it.
    pub(crate) trouble: Option<String>,
}

/// Who is signed in, as the navigation shows them.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    pub(crate) name: String,
    pub(crate) is_admin: bool,
    /// Behind a shared key stands no account: there are no keys, usage and password of theirs.
    pub(crate) has_account: bool,
    /// The administrator who acts as them.
    pub(crate) impersonator: Option<String>,
}

impl Visitor {
    pub(super) fn of(user: &CurrentUser) -> Self {
        Self {
            name: user.name().to_owned(),
            is_admin: user.is_admin(),
            has_account: user.id() != UserId::SHARED,
            impersonator: user.impersonator().map(|by| by.name.clone()),
        }
    }
}

/// Markup of our own making.
#[derive(Debug, Clone)]
pub(crate) struct Markup(String);

impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Markup {}

impl askama::FastWritable for Markup {
    fn write_into(&self, dest: &mut dyn fmt::Write, _: &dyn askama::Values) -> askama::Result<()> {
        Ok(dest.write_str(&self.0)?)
    }
}

impl Frame {
    pub(super) fn new(console: &Console, visit: &Visit, title: &'static str) -> Self {
        let user = visit.user.as_ref().map(Visitor::of);
        // Only what there is a text for: nobody else's words get onto a page by its address.
        let done = visit.query("done");
        let done = done.filter(|id| id.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'));
        Self {
            notice: done.and_then(|id| visit.language.find_text(&format!("done-{id}"), None)),
            ..Self::bare(&console.home, visit.language, &visit.target, title, user)
        }
    }

    /// A frame for pages of which only the request is known.
    pub(super) fn bare(
        home: &str,
        language: &'static Language,
        target: &str,
        title: &'static str,
        user: Option<Visitor>,
    ) -> Self {
        Self {
            language,
            title,
            target: target.to_owned(),
            home: home.to_owned(),
            user,
            notice: None,
            trouble: None,
        }
    }

    /// The same, with what went wrong told above the form.
    pub(crate) fn told(mut self, trouble: &super::trouble::Trouble) -> Self {
        self.trouble = Some(trouble.text(self.language));
        self
    }

    pub(crate) fn lang(&self) -> &'static str {
        self.language.tag()
    }

    pub(crate) fn language(&self) -> &'static Language {
        self.language
    }

    pub(crate) fn title(&self) -> String {
        self.t(self.title)
    }

    /// Where to come back to.
    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    /// `page` or `true` for the link to `path` in the navigation, when this page is there or below (WAI-ARIA 1.2,
    /// `aria-current`); empty otherwise.
    pub(crate) fn current(&self, path: &str) -> &'static str {
        let here = self.target.split('?').next().unwrap_or_default();
        let below = || path != "/" && here.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        match here == path {
            true => "page",
            false if below() => "true",
            false => "",
        }
    }

    pub(crate) fn notice(&self) -> Option<&str> {
        self.notice.as_deref()
    }

    /// The text `id`.
    pub(crate) fn t(&self, id: &str) -> String {
        self.language.text(id, None)
    }

    /// The text `id`, with one thing put into it.
    pub(crate) fn t1<'a>(&self, id: &str, name: &'a str, value: impl Into<FluentValue<'a>>) -> String {
        let mut args = FluentArgs::new();
        args.set(name, value);
        self.language.text(id, Some(&args))
    }

    /// The text `id`, with two things put into it.
    pub(crate) fn t2<'a>(
        &self,
        id: &str,
        first: &'a str,
        one: impl Into<FluentValue<'a>>,
        second: &'a str,
        two: impl Into<FluentValue<'a>>,
    ) -> String {
        let mut args = FluentArgs::new();
        args.set(first, one);
        args.set(second, two);
        self.language.text(id, Some(&args))
    }
}

/// Asked by templates, which pass everything by reference and know no other names than the frame's.
#[expect(
    clippy::unused_self,
    clippy::trivially_copy_pass_by_ref,
    clippy::ref_option,
    reason = "templates"
)]
impl Frame {
    pub(crate) fn languages(&self) -> &'static [Language] {
        Language::all()
    }

    pub(crate) fn stylesheet(&self) -> &'static str {
        assets::stylesheet()
    }

    pub(crate) fn script(&self) -> &'static str {
        assets::script()
    }

    pub(crate) fn icon(&self) -> &'static str {
        assets::icon()
    }

    /// A number with separators.
    pub(crate) fn n(&self, number: &u64) -> String {
        self.language.number(*number)
    }

    /// Money, from millionths.
    pub(crate) fn money(&self, micros: &u64) -> String {
        self.language.money(*micros)
    }

    /// A moment: in UTC, and with scripts in the reader's own zone.
    pub(crate) fn time(&self, at: &Timestamp) -> Markup {
        let at = at.to_rfc3339();
        let shown = at.get(..16).unwrap_or(&at).replace('T', " ");
        Markup(format!("<time datetime=\"{at}\">{shown} UTC</time>"))
    }

    /// The same, where there may be none: `absent` is the id of what is said then.
    pub(crate) fn time_or(&self, at: &Option<Timestamp>, absent: &str) -> Markup {
        match at {
            Some(at) => self.time(at),
            None => Markup(
                askama::filters::escape(self.t(absent), askama::filters::Html)
                    .map_or_else(|never| match never {}, |text| text.to_string()),
            ),
        }
    }
}
