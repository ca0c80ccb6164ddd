//! What a client is told about its limits, in OpenAI's headers.

use std::fmt::Write as _;
use std::time::Duration;

use http::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use localauth_core::limit::{RateLimit, RateLimits};

static REQUESTS: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit-requests"),
    HeaderName::from_static("x-ratelimit-remaining-requests"),
    HeaderName::from_static("x-ratelimit-reset-requests"),
];
static TOKENS: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit-tokens"),
    HeaderName::from_static("x-ratelimit-remaining-tokens"),
    HeaderName::from_static("x-ratelimit-reset-tokens"),
];
/// Set where a limit is exceeded that only warns.
static WARNING: HeaderName = HeaderName::from_static("x-ratelimit-warning");

/// Adds what is known of `limits`. What the model server says about limits of its own is not the client's.
pub(super) fn write(limits: &RateLimits, headers: &mut HeaderMap) {
    for (names, limit) in [(&REQUESTS, limits.requests), (&TOKENS, limits.tokens)] {
        let Some(RateLimit {
            limit,
            remaining,
            reset,
            ..
        }) = limit
        else {
            continue;
        };
        let [limit_name, remaining_name, reset_name] = names;
        headers.insert(limit_name, HeaderValue::from(limit));
        headers.insert(remaining_name, HeaderValue::from(remaining));
        if let Ok(reset) = HeaderValue::try_from(go_duration(reset)) {
            headers.insert(reset_name, reset);
        }
    }
    if limits.warns {
        headers.insert(&WARNING, HeaderValue::from_static("limit exceeded"));
    }
}

/// When to come back: whole seconds, rounded up, so that it passes then (RFC 9110, section 10.2.3).
pub(super) fn write_retry_after(after: Duration, headers: &mut HeaderMap) {
    let seconds = after.as_millis().div_ceil(1_000);
    headers.insert(
        RETRY_AFTER,
        HeaderValue::from(u64::try_from(seconds).unwrap_or(u64::MAX)),
    );
}

/// A length of time as OpenAI writes it: `1s`, `6m0s`, `1h0m0s`, `120ms`.
fn go_duration(length: Duration) -> String {
    let millis = length.as_millis();
    if millis < 1_000 {
        return if millis == 0 {
            "0s".to_owned()
        } else {
            format!("{millis}ms")
        };
    }
    let seconds = millis.div_ceil(1_000);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let mut text = String::new();
    // Writing to a string never fails.
    if hours > 0 {
        let _ = write!(text, "{hours}h");
    }
    if hours > 0 || minutes > 0 {
        let _ = write!(text, "{minutes}m");
    }
    let _ = write!(text, "{seconds}s");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_openai_does() {
        for (millis, text) in [
            (0, "0s"),
            (120, "120ms"),
            (1_000, "1s"),
            (59_001, "1m0s"),
            (360_000, "6m0s"),
            (3_600_000, "1h0m0s"),
            (90_061_000, "25h1m1s"),
        ] {
            assert_eq!(go_duration(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn retry_after_is_never_too_early() {
        for (millis, seconds) in [(0, "0"), (1, "1"), (1_000, "1"), (1_001, "2")] {
            let mut headers = HeaderMap::new();
            write_retry_after(Duration::from_millis(millis), &mut headers);
            assert_eq!(headers[RETRY_AFTER], seconds);
        }
    }
}
