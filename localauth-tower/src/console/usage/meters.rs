//! Limits, and how much of them is left.

use localauth_core::{LimitStatus, Timestamp, Window};

use super::super::frame::Frame;

/// One maximum of a limit.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    /// The id of the text that says whose limit it is.
    pub(crate) whose: &'static str,
    /// Empty is all models together.
    pub(crate) model: String,
    window: Option<Window>,
    /// The id of the text of what is counted.
    pub(crate) what: &'static str,
    pub(crate) used: u64,
    pub(crate) most: u64,
    is_money: bool,
    pub(crate) is_soft: bool,
    /// When the next request would pass.
    pub(crate) passes_at: Option<Timestamp>,
    /// When nothing counts any more.
    pub(crate) empty_at: Option<Timestamp>,
}

impl Meter {
    /// All maxima of a limit.
    pub(crate) fn of(status: &LimitStatus) -> impl Iterator<Item = Self> + '_ {
        let rule = &status.limit.rule;
        let all = status.standing.used.plus(status.standing.held);
        let maxima = [
            ("limit-requests", rule.max_requests, all.requests),
            ("limit-tokens", rule.max_total_tokens, all.total_tokens()),
            ("limit-prompt-tokens", rule.max_prompt_tokens, all.prompt_tokens),
            (
                "limit-completion-tokens",
                rule.max_completion_tokens,
                all.completion_tokens,
            ),
            ("limit-cost", rule.max_cost_micros, all.cost_micros),
            ("limit-concurrent", rule.max_concurrent, all.places),
        ];
        maxima.into_iter().filter_map(move |(what, most, used)| {
            let most = most?;
            let of_window = what != "limit-concurrent";
            Some(Self {
                whose: match status.subject.as_str() {
                    "everyone" => "limit-of-everyone",
                    "tier" => "limit-of-tier",
                    "key" => "limit-of-key",
                    _ => "limit-of-user",
                },
                model: rule.model.clone(),
                window: Some(rule.window).filter(|_| of_window),
                what,
                used,
                most,
                is_money: what == "limit-cost",
                is_soft: rule.soft,
                passes_at: status.resets_at().filter(|_| used >= most),
                empty_at: status.standing.empty_at.filter(|_| of_window),
            })
        })
    }

    /// The one of which the least is left, by its share.
    pub(crate) fn tightest(status: &[LimitStatus]) -> Option<Self> {
        let share = |meter: &Self| (u128::from(meter.used) << 64) / u128::from(meter.most.max(1));
        status.iter().flat_map(Self::of).max_by_key(share)
    }

    /// `12 of 100`.
    pub(crate) fn stands(&self, frame: &Frame) -> String {
        let text = |n: &u64| if self.is_money { frame.money(n) } else { frame.n(n) };
        frame.t2("limit-stands", "used", text(&self.used), "most", text(&self.most))
    }

    /// What is limited: `requests in 1 hour`.
    pub(crate) fn label(&self, frame: &Frame) -> String {
        let what = frame.t(self.what);
        match self.window {
            Some(window) => frame.t2("limit-per", "what", what, "window", window_text(window, frame)),
            None => what,
        }
    }

    /// Not more than `most`, which is what the element can show; and that at least 1.
    pub(crate) fn shown(&self) -> u64 {
        if self.most == 0 { 1 } else { self.used.min(self.most) }
    }

    pub(crate) fn end(&self) -> u64 {
        self.most.max(1)
    }

    /// From here on little is left.
    pub(crate) fn low(&self) -> u64 {
        let seven_tenths = u128::from(self.end()) * 7 / 10;
        u64::try_from(seven_tenths).unwrap_or(u64::MAX).min(self.high())
    }

    /// From here on next to nothing is.
    pub(crate) fn high(&self) -> u64 {
        self.end() - (self.end() / 20).max(1)
    }
}

/// `1 hour`, `the day (UTC)`.
pub(crate) fn window_text(window: Window, frame: &Frame) -> String {
    let seconds = match window {
        Window::Day => return frame.t("limit-window-day"),
        Window::Month => return frame.t("limit-window-month"),
        _ => window.length().as_secs(),
    };
    let (n, unit) = match seconds {
        n if n.is_multiple_of(86_400) => (n / 86_400, "days"),
        n if n.is_multiple_of(3_600) => (n / 3_600, "hours"),
        n if n.is_multiple_of(60) => (n / 60, "minutes"),
        n => (n, "seconds"),
    };
    frame.t1(&format!("limit-span-{unit}"), "n", n)
}
