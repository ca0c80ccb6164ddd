//! Limits as they are shown, and the page on which one is made or changed.

use askama::Template;
use axum::response::Response;
use localauth_core::{Limit, LimitRule, LimitStatus, OnOutage, Timestamp};
use serde_json::Value;

use super::confirm::Confirm;
use super::revision;
use crate::api::rules::Rule;
use crate::console::Console;
use crate::console::fields::Fields;
use crate::console::frame::Frame;
use crate::console::page::{page, page_with};
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;

/// The windows that are offered.
const WINDOWS: [&str; 9] = ["1m", "5m", "1h", "6h", "1d", "7d", "30d", "day", "month"];

/// A limit, and how it stands.
#[derive(Debug)]
pub(crate) struct LimitRow {
    pub(crate) id: String,
    /// Empty is all together.
    pub(crate) model: String,
    pub(crate) window: String,
    pub(crate) maxima: Vec<Maximum>,
    pub(crate) is_soft: bool,
    pub(crate) resets_at: Option<Timestamp>,
}

/// One of a limit's maxima.
#[derive(Debug)]
pub(crate) struct Maximum {
    /// The id of what it counts.
    pub(crate) what: &'static str,
    pub(crate) most: u64,
    /// How much of it is used, where that is known.
    pub(crate) used: Option<u64>,
    pub(crate) is_money: bool,
}

impl Maximum {
    /// A number of it, as it is written.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "templates hand it over by reference")]
    pub(crate) fn text(&self, frame: &Frame, number: &u64) -> String {
        if self.is_money {
            frame.money(number)
        } else {
            frame.n(number)
        }
    }
}

impl LimitRow {
    pub(crate) fn of(frame: &Frame, limit: &Limit) -> Self {
        let rule = &limit.rule;
        let all = [
            ("house-max-requests", rule.max_requests),
            ("house-max-tokens", rule.max_total_tokens),
            ("house-max-prompt", rule.max_prompt_tokens),
            ("house-max-completion", rule.max_completion_tokens),
            ("house-max-cost", rule.max_cost_micros),
            ("house-max-concurrent", rule.max_concurrent),
        ];
        let maxima = all.into_iter().filter_map(|(what, most)| {
            Some(Maximum {
                what,
                most: most?,
                used: None,
                is_money: what == "house-max-cost",
            })
        });
        Self {
            id: limit.id.to_string(),
            model: rule.model.clone(),
            window: window(frame, &rule.window.to_string()),
            maxima: maxima.collect(),
            is_soft: rule.soft,
            resets_at: None,
        }
    }

    pub(crate) fn standing(frame: &Frame, status: &LimitStatus) -> Self {
        // What is held counts like what was used: a request passes or not by both.
        let used = status.standing.used.plus(status.standing.held);
        let mut row = Self::of(frame, &status.limit);
        row.resets_at = status.resets_at();
        for maximum in &mut row.maxima {
            maximum.used = Some(match maximum.what {
                "house-max-requests" => used.requests,
                "house-max-tokens" => used.total_tokens(),
                "house-max-prompt" => used.prompt_tokens,
                "house-max-completion" => used.completion_tokens,
                "house-max-cost" => used.cost_micros,
                _ => used.places,
            });
        }
        row
    }
}

/// A window in words.
fn window(frame: &Frame, window: &str) -> String {
    if WINDOWS.contains(&window) {
        frame.t(&format!("house-window-{window}"))
    } else {
        window.to_owned()
    }
}

/// A limit as it was typed.
#[derive(Debug, Default)]
pub(crate) struct Typed {
    model: String,
    window: String,
    max_requests: String,
    max_total_tokens: String,
    max_prompt_tokens: String,
    max_completion_tokens: String,
    max_cost: String,
    max_concurrent: String,
    is_soft: bool,
    is_open: bool,
}

impl From<&Fields> for Typed {
    fn from(fields: &Fields) -> Self {
        let text = |name: &str| fields.text(name).to_owned();
        Self {
            model: text("model"),
            window: text("window"),
            max_requests: text("max_requests"),
            max_total_tokens: text("max_total_tokens"),
            max_prompt_tokens: text("max_prompt_tokens"),
            max_completion_tokens: text("max_completion_tokens"),
            max_cost: text("max_cost"),
            max_concurrent: text("max_concurrent"),
            is_soft: fields.has("soft"),
            is_open: fields.text("on_outage") == "open",
        }
    }
}

impl From<&LimitRule> for Typed {
    fn from(rule: &LimitRule) -> Self {
        let text = |most: Option<u64>| most.map(|most| most.to_string()).unwrap_or_default();
        Self {
            model: rule.model.clone(),
            window: rule.window.to_string(),
            max_requests: text(rule.max_requests),
            max_total_tokens: text(rule.max_total_tokens),
            max_prompt_tokens: text(rule.max_prompt_tokens),
            max_completion_tokens: text(rule.max_completion_tokens),
            max_cost: rule.max_cost_micros.map(plain_money).unwrap_or_default(),
            max_concurrent: text(rule.max_concurrent),
            is_soft: rule.soft,
            is_open: rule.on_outage == OnOutage::Open,
        }
    }
}

/// The rule that a form tells, read as the API reads one. `model` stands where the form has none.
pub(crate) fn rule(fields: &Fields, model: Option<&str>) -> Result<LimitRule, Trouble> {
    let number = |name: &'static str| Ok::<_, Trouble>(fields.number(name)?.map(Value::from));
    let rule = Rule {
        id: None,
        model: Some(model.unwrap_or_else(|| fields.text("model")).to_owned()),
        window: Some(fields.text("window").into()),
        max_requests: number("max_requests")?,
        max_total_tokens: number("max_total_tokens")?,
        max_prompt_tokens: number("max_prompt_tokens")?,
        max_completion_tokens: number("max_completion_tokens")?,
        max_cost_micros: money(fields, "max_cost")?.map(Value::from),
        max_concurrent: number("max_concurrent")?,
        soft: Some(fields.has("soft")),
        on_outage: fields.some("on_outage").map(str::to_owned),
    };
    rule.parse()
        .map_err(|error| Trouble::from_api(error, Some("error-limit")))
}

/// Millionths, from a field with at most six digits after the point.
pub(crate) fn money(fields: &Fields, name: &'static str) -> Result<Option<u64>, Trouble> {
    let Some(text) = fields.some(name) else { return Ok(None) };
    micros(text).map(Some).ok_or_else(|| Trouble::bad("error-money"))
}

fn micros(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.len() + part.len() == 0 || part.len() > 6 || !digits(whole) || !digits(part) {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let part: u64 = format!("{part:0<6}").parse().ok()?;
    let micros = whole.checked_mul(1_000_000)?.checked_add(part)?;
    (micros <= i64::MAX.unsigned_abs()).then_some(micros)
}

/// Money for a field of numbers, whatever the language.
pub(crate) fn plain_money(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Where a limit is made or changed, and taken away.
#[derive(Template)]
#[template(path = "house/limit.html")]
pub(crate) struct LimitPage {
    frame: Frame,
    place: Place,
    typed: Typed,
    /// Names the rule that is shown, where there is one already.
    revision: String,
    models: Vec<String>,
    /// Each window, and what it is called.
    windows: Vec<(String, String)>,
}

/// Whose limit, and where its page is.
#[derive(Debug)]
pub(crate) struct Place {
    /// Whose, in words.
    pub(crate) whose: String,
    /// The address that the form goes to.
    pub(crate) action: String,
    /// Where whoever is done here goes.
    pub(crate) back: String,
    /// Whether it is there already: then it can be taken away.
    pub(crate) is_there: bool,
    /// Whether its model can be chosen.
    pub(crate) has_model: bool,
}

impl LimitPage {
    fn new(console: &Console, visit: &Visit, place: Place, typed: Typed) -> Self {
        let frame = visit.frame(console, "house-limit-title");
        let other = Some(typed.window.as_str()).filter(|other| !other.is_empty() && !WINDOWS.contains(other));
        let all = WINDOWS.into_iter().chain(other);
        let windows = all.map(|name| (name.to_owned(), window(&frame, name))).collect();
        Self {
            windows,
            frame,
            place,
            typed,
            revision: String::new(),
            models: console.known_models(),
        }
    }

    /// The page for a limit as it is, with what went wrong if something did; without one, for a new one.
    pub(crate) fn show(
        console: &Console,
        visit: &Visit,
        place: Place,
        rule: Option<&LimitRule>,
        trouble: Option<&Trouble>,
    ) -> Response {
        let typed = rule.map_or_else(
            || Typed {
                window: "1d".to_owned(),
                ..Typed::default()
            },
            Typed::from,
        );
        let mut shown = LimitPage::new(console, visit, place, typed);
        shown.revision = rule.map(revision::of).unwrap_or_default();
        match trouble {
            Some(trouble) => {
                shown.frame = shown.frame.told(trouble);
                page_with(trouble.status(), &shown)
            }
            None => page(&shown),
        }
    }

    /// The page once more, with what was typed and what is wrong.
    pub(crate) fn again(
        console: &Console,
        visit: &Visit,
        place: Place,
        fields: &Fields,
        trouble: &Trouble,
    ) -> Response {
        let mut page = LimitPage::new(console, visit, place, fields.into());
        revision::sent(fields).clone_into(&mut page.revision);
        page.frame = page.frame.told(trouble);
        page_with(trouble.status(), &page)
    }
}

/// Asks whether a limit is to go.
pub(crate) fn confirm(console: &Console, visit: &Visit, place: Place, limit: &Limit) -> Response {
    let frame = visit.frame(console, "house-limit-remove-title");
    let row = LimitRow::of(&frame, limit);
    let model = match row.model.as_str() {
        "" => frame.t("house-all-models"),
        model => model.to_owned(),
    };
    let maxima = row.maxima.iter().map(|maximum| {
        let most = maximum.text(&frame, &maximum.most);
        format!("{}: {most}, {}", frame.t(maximum.what), row.window)
    });
    page(&Confirm {
        says: place.whose,
        parts: std::iter::once(model)
            .chain(maxima)
            .chain([frame.t("house-limit-remove")])
            .collect(),
        frame,
        action: &format!("{}/remove", place.action),
        fields: &[],
        button: "house-limit-remove-button",
        back: &place.back,
        type_this: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_read_to_the_millionth_and_written_so_that_it_reads_the_same() {
        for (text, wanted) in [
            ("1", 1_000_000),
            ("1.5", 1_500_000),
            ("1,5", 1_500_000),
            (".000001", 1),
            ("0.36", 360_000),
            ("9223372036854.775807", i64::MAX.unsigned_abs()),
        ] {
            assert_eq!(micros(text), Some(wanted), "{text}");
            assert_eq!(micros(&plain_money(wanted)), Some(wanted), "{text}");
        }
        for text in [
            "",
            ".",
            "-1",
            "1.0000001",
            "1.000.000",
            "x",
            "9223372036854.775808",
            "+1",
            "1e3",
        ] {
            assert_eq!(micros(text), None, "{text}");
        }
    }
}
