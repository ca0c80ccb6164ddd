//! Rows of limits in a form.

use serde_json::Value;

use super::super::fields::{Fields, whole_number};
use super::super::trouble::Trouble;
use crate::api::rules::Rule;

/// How many limits the form has room for.
const ROWS: usize = 3;
/// The windows to choose from.
pub(super) const WINDOWS: [&str; 9] = ["1m", "5m", "1h", "6h", "1d", "7d", "30d", "day", "month"];

/// A row, as it was typed.
#[derive(Debug)]
pub(super) struct Row {
    /// Counts from 1.
    pub(super) number: usize,
    pub(super) model: String,
    pub(super) window: String,
    pub(super) requests: String,
    pub(super) tokens: String,
    pub(super) cost: String,
    pub(super) concurrent: String,
}

/// What was typed.
pub(super) fn rows(fields: &Fields) -> Vec<Row> {
    let row = |number| {
        let text = |name: &str| fields.text(&format!("limit-{number}-{name}")).to_owned();
        let window = Some(text("window")).filter(|window| !window.is_empty());
        Row {
            number,
            model: text("model"),
            window: window.unwrap_or_else(|| "1d".to_owned()),
            requests: text("requests"),
            tokens: text("tokens"),
            cost: text("cost"),
            concurrent: text("concurrent"),
        }
    };
    (1..=ROWS).map(row).collect()
}

/// The rules that they make: none of a row in which nothing is.
pub(super) fn rules(rows: &[Row]) -> Result<Option<Vec<Rule>>, Trouble> {
    let filled = rows.iter().filter(|row| {
        let texts = [&row.model, &row.requests, &row.tokens, &row.cost, &row.concurrent];
        texts.into_iter().any(|text| !text.is_empty())
    });
    let rules = filled.map(rule).collect::<Result<Vec<_>, _>>()?;
    Ok(Some(rules).filter(|rules| !rules.is_empty()))
}

fn rule(row: &Row) -> Result<Rule, Trouble> {
    Ok(Rule {
        model: Some(row.model.clone()),
        window: Some(Value::from(row.window.clone())),
        max_requests: number(&row.requests)?,
        max_total_tokens: number(&row.tokens)?,
        max_cost_micros: money(&row.cost)?.map(Value::from),
        max_concurrent: number(&row.concurrent)?,
        ..Rule::default()
    })
}

/// A whole number, where one stands.
fn number(text: &str) -> Result<Option<Value>, Trouble> {
    if text.is_empty() {
        return Ok(None);
    }
    Ok(Some(Value::from(whole_number(text)?)))
}

/// Money in millionths: `2`, `2.50`, `2,50`. What could be thousands as well as a fraction is refused.
fn money(text: &str) -> Result<Option<u64>, Trouble> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || Trouble::bad("error-key-cost");
    let (whole, part) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || part.len() > 6 || part.len() == 3 || !is_digits(whole) || !is_digits(part) {
        return Err(wrong());
    }
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let part: u64 = format!("{part:0<6}").parse().map_err(|_| wrong())?;
    let micros = whole.checked_mul(1_000_000).and_then(|micros| micros.checked_add(part));
    micros
        .filter(|micros| *micros <= i64::MAX.unsigned_abs())
        .map(Some)
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_read_in_both_languages_and_never_guessed() {
        for (text, micros) in [
            ("", None),
            ("2", Some(2_000_000)),
            ("2.5", Some(2_500_000)),
            ("2,50", Some(2_500_000)),
            ("0.000001", Some(1)),
            ("0", Some(0)),
        ] {
            assert_eq!(money(text).unwrap(), micros, "{text}");
        }
        for text in [
            "1,000",
            "1.000",
            "-1",
            "+1",
            "1e3",
            ".5",
            "1.2.3",
            "€2",
            "0.0000001",
            "99999999999999",
        ] {
            assert!(money(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_may_have_separators_and_nothing_else() {
        assert_eq!(number("1,234,567").unwrap(), Some(Value::from(1_234_567)));
        assert_eq!(number("").unwrap(), None);
        for text in ["-1", "1e3", "ten", "9223372036854775808", ",", "10.0"] {
            assert!(number(text).is_err(), "{text}");
        }
    }
}
