//! What a form sends.

use std::fmt;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use http::header;
use localauth_core::Password;
use zeroize::Zeroize as _;

use super::trouble::Trouble;

/// The fields of a form (`application/x-www-form-urlencoded`), in their order; several may have one name, as the boxes of
/// a group that are ticked.
#[derive(Default)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// A field's text without spaces around it; empty where there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// A field as it was sent; empty where there is none.
    pub(crate) fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    /// A field's text, where something is in it.
    pub(crate) fn some(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// Whether a box is ticked.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(n, _)| n == name)
    }

    /// All fields of one name.
    pub(crate) fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0
            .iter()
            .filter(move |(n, _)| n == name)
            .map(|(_, value)| value.trim())
    }

    /// The fields whose name begins with `prefix`, with the rest of the name.
    pub(crate) fn under<'f>(&'f self, prefix: &'f str) -> impl Iterator<Item = (&'f str, &'f str)> {
        let rest = move |(name, value): &'f (String, String)| Some((name.strip_prefix(prefix)?, value.as_str()));
        self.0.iter().filter_map(rest)
    }

    /// The entries of a field that holds one in each line, or between commas; `None` where it is empty.
    pub(crate) fn list(&self, name: &str) -> Option<Vec<String>> {
        let entries = self.raw(name).split(['\n', '\r', ',']).map(str::trim);
        let entries: Vec<String> = entries.filter(|entry| !entry.is_empty()).map(str::to_owned).collect();
        Some(entries).filter(|entries| !entries.is_empty())
    }

    /// The same, of a field that narrows something where anything stands in it: separators alone are an error, as nobody
    /// means "everything" by them.
    pub(crate) fn narrowing(&self, name: &str) -> Result<Option<Vec<String>>, Trouble> {
        match self.list(name) {
            None if self.some(name).is_some() => Err(Trouble::bad("error-list-empty")),
            entries => Ok(entries),
        }
    }

    /// A number, if the field holds one; what is wrong with it, if it holds something else.
    pub(crate) fn number(&self, name: &'static str) -> Result<Option<u64>, Trouble> {
        self.some(name).map(whole_number).transpose()
    }

    /// Takes a password out, as it was typed.
    pub(crate) fn password(&mut self, name: &str) -> Password {
        let found = self.0.iter_mut().find(|(n, _)| n == name);
        Password::new(found.map(|(_, value)| std::mem::take(value)).unwrap_or_default())
    }
}

/// A whole number, with or without separators. They stand before groups of three digits, and are all the same: `10.0` and
/// `1.234,567` are no whole numbers, and are not guessed at.
pub(crate) fn whole_number(text: &str) -> Result<u64, Trouble> {
    const SEPARATORS: [char; 7] = ['.', ',', '_', ' ', '\'', '\u{a0}', '\u{202f}'];
    let separator = text.chars().find(|c| SEPARATORS.contains(c));
    let is_number = match separator {
        None => true,
        Some(separator) => {
            let mut groups = text.split(separator);
            let first = groups.next().unwrap_or_default();
            (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3)
        }
    };
    let digits: String = text.chars().filter(|c| Some(*c) != separator).collect();
    let number = digits
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| digits.parse::<u64>());
    match number {
        Some(Ok(number)) if is_number && number <= i64::MAX.unsigned_abs() => Ok(number),
        _ => Err(Trouble::bad("error-number")),
    }
}

impl Drop for Fields {
    fn drop(&mut self) {
        // There may be passwords and keys among them.
        for (_, value) in &mut self.0 {
            value.zeroize();
        }
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Trouble;

    async fn from_request(request: Request, state: &S) -> Result<Self, Trouble> {
        let is_form = request.headers().get(header::CONTENT_TYPE).is_none_or(|value| {
            let value = value.as_bytes();
            let kind = value.split(|&b| b == b';').next().unwrap_or_default().trim_ascii();
            kind.eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
        });
        if !is_form {
            return Err(Trouble::bad("error-not-a-form"));
        }
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(|error| Trouble::bad("error-too-large").with_status(error.status()))?;
        Ok(Self(form_urlencoded::parse(&body).into_owned().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_stand_before_three_digits_and_are_all_the_same() {
        for (text, number) in [
            ("0", 0),
            ("1234567", 1_234_567),
            ("1,234,567", 1_234_567),
            ("1.234.567", 1_234_567),
            ("12 345", 12_345),
            ("1_000", 1_000),
            ("1\u{202f}000", 1_000),
            ("9223372036854775807", i64::MAX.unsigned_abs()),
        ] {
            assert_eq!(whole_number(text).unwrap(), number, "{text}");
        }
        for text in [
            "10.0",
            "1,5",
            "1.2345",
            "1234,567",
            ",123",
            "1,",
            ",",
            "1,,000",
            "1.234,567",
            "1,234.567",
            "-1",
            "+1",
            "1e3",
            "ten",
            "",
            "9223372036854775808",
            "1,000.00",
            "٣",
        ] {
            assert!(whole_number(text).is_err(), "{text}");
        }
    }

    #[test]
    fn separators_alone_narrow_nothing_and_are_refused() {
        let fields = |text: &str| Fields(vec![("a".to_owned(), text.to_owned())]);
        assert_eq!(fields(" x,\n y ,").narrowing("a").unwrap().unwrap(), ["x", "y"]);
        for empty in ["", " \r\n "] {
            assert_eq!(fields(empty).narrowing("a").unwrap(), None);
        }
        assert_eq!(Fields::default().narrowing("a").unwrap(), None);
        for separators in [",", "\n,\n", " , , "] {
            assert!(fields(separators).narrowing("a").is_err(), "{separators:?}");
        }
    }
}
