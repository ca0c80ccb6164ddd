//! The languages of the console: their texts lie in `locales/`, a folder each.
//!
//! Fluent, because plurals and the order of words are a language's own business, and because those who translate need no
//! Rust. To add a language: copy `locales/en`, translate, and add it to [`LANGUAGES`]; a test says what is missing.

use std::borrow::Cow;
use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use http::{HeaderMap, header};

use crate::api::cookies_of;

/// The cookie that keeps the reader's choice.
pub(super) const COOKIE: &str = "lang";

macro_rules! texts {
    ($tag:literal) => {
        &[
            include_str!(concat!("../../locales/", $tag, "/frame.ftl")),
            include_str!(concat!("../../locales/", $tag, "/errors.ftl")),
            include_str!(concat!("../../locales/", $tag, "/sign_in.ftl")),
            include_str!(concat!("../../locales/", $tag, "/account.ftl")),
            include_str!(concat!("../../locales/", $tag, "/home.ftl")),
            include_str!(concat!("../../locales/", $tag, "/keys.ftl")),
            include_str!(concat!("../../locales/", $tag, "/usage.ftl")),
            include_str!(concat!("../../locales/", $tag, "/users.ftl")),
            include_str!(concat!("../../locales/", $tag, "/house.ftl")),
        ]
    };
}

/// The languages there are. The first one stands in where another lacks a text.
static LANGUAGES: LazyLock<[Language; 2]> = LazyLock::new(|| {
    [
        Language::new("en", "English", ',', '.', texts!("en")),
        Language::new("de", "Deutsch", '.', ',', texts!("de")),
    ]
});

/// A language, and how it writes numbers.
pub(crate) struct Language {
    tag: &'static str,
    name: &'static str,
    group: char,
    point: char,
    texts: FluentBundle<FluentResource>,
}

impl Language {
    fn new(tag: &'static str, name: &'static str, group: char, point: char, texts: &[&str]) -> Self {
        let locale = tag.parse().unwrap_or_default();
        let mut bundle = FluentBundle::new_concurrent(vec![locale]);
        // The marks around what is put in would be copied along with keys and addresses.
        bundle.set_use_isolating(false);
        bundle.set_formatter(Some(if group == ',' { english_numbers } else { german_numbers }));
        for text in texts {
            // What of a file cannot be read is left out of it; a test reads them all.
            let resource = FluentResource::try_new((*text).to_owned()).unwrap_or_else(|(rest, _)| rest);
            if let Err(errors) = bundle.add_resource(resource) {
                tracing::error!(?errors, tag, "texts of the console that cannot be used");
            }
        }
        Self {
            tag,
            name,
            group,
            point,
            texts: bundle,
        }
    }

    /// All of them.
    pub(crate) fn all() -> &'static [Self] {
        &*LANGUAGES
    }

    /// The one that `tag` names.
    pub(crate) fn find(tag: &str) -> Option<&'static Self> {
        let primary = tag.split('-').next().unwrap_or_default();
        Self::all().iter().find(|one| one.tag.eq_ignore_ascii_case(primary))
    }

    /// The reader's choice, else what their browser asks for (RFC 9110, section 12.5.4), else the first.
    pub(crate) fn of(headers: &HeaderMap) -> &'static Self {
        let chosen = cookies_of(headers).find(|(name, _)| *name == COOKIE.as_bytes());
        let chosen = chosen.and_then(|(_, value)| Self::find(std::str::from_utf8(value).ok()?));
        let asked = || {
            headers
                .get(header::ACCEPT_LANGUAGE)?
                .to_str()
                .ok()
                .and_then(Self::accepted)
        };
        chosen.or_else(asked).unwrap_or(&Self::all()[0])
    }

    /// The best of a header `Accept-Language`.
    fn accepted(header: &str) -> Option<&'static Self> {
        let ranges = header.split(',').filter_map(|range| {
            let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
            let weight: f32 = weight.trim().strip_prefix("q=")?.trim().parse().ok()?;
            Some((Self::find(tag.trim())?, weight)).filter(|(_, weight)| *weight > 0.0)
        });
        // The first of those that are wanted most.
        let best = ranges.reduce(|best, one| if one.1 > best.1 { one } else { best });
        best.map(|(language, _)| language)
    }

    /// Its tag (RFC 5646).
    pub(crate) const fn tag(&self) -> &'static str {
        self.tag
    }

    /// What it calls itself.
    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    /// The text `id`, with what is put into it.
    pub(crate) fn text(&self, id: &str, args: Option<&FluentArgs<'_>>) -> String {
        let own = self.find_text(id, args);
        own.or_else(|| Self::all()[0].find_text(id, args)).unwrap_or_else(|| {
            tracing::error!(id, "a text of the console is missing");
            id.to_owned()
        })
    }

    /// The text `id`, if this language has it.
    pub(crate) fn find_text(&self, id: &str, args: Option<&FluentArgs<'_>>) -> Option<String> {
        let pattern = self.texts.get_message(id)?.value()?;
        let mut errors = Vec::new();
        let text = self.texts.format_pattern(pattern, args, &mut errors);
        if !errors.is_empty() {
            tracing::error!(id, ?errors, "a text of the console lacks what is put into it");
        }
        Some(Cow::into_owned(text))
    }

    /// What parts a number from its fraction.
    pub(crate) const fn point(&self) -> char {
        self.point
    }

    /// A number with separators.
    pub(crate) fn number(&self, number: u64) -> String {
        grouped(&number.to_string(), self.group)
    }

    /// Millionths of a currency, with two digits after the point, and up to six where there are any.
    pub(crate) fn money(&self, micros: u64) -> String {
        let mut digits = format!("{:06}", micros % 1_000_000);
        while digits.len() > 2 && digits.ends_with('0') {
            digits.pop();
        }
        format!("{}{}{digits}", self.number(micros / 1_000_000), self.point)
    }
}

impl std::fmt::Debug for Language {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Language").field(&self.tag).finish()
    }
}

fn grouped(digits: &str, group: char) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(group);
        }
        text.push(digit);
    }
    text
}

fn numbers(value: &FluentValue<'_>, group: char) -> Option<String> {
    match value {
        FluentValue::Number(number) if number.value.fract() == 0.0 && number.value >= 0.0 => {
            Some(grouped(&format!("{:.0}", number.value), group))
        }
        _ => None,
    }
}

fn english_numbers<M>(value: &FluentValue<'_>, _: &M) -> Option<String> {
    numbers(value, ',')
}

fn german_numbers<M>(value: &FluentValue<'_>, _: &M) -> Option<String> {
    numbers(value, '.')
}

#[cfg(test)]
mod tests;
