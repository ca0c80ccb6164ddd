//! How often somebody may try to sign in.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::error::ApiError;

/// Attempts a minute.
const ATTEMPTS: NonZeroU32 = NonZeroU32::new(5).unwrap();
/// Above this many addresses, those that would be let in again are forgotten.
const MANY: usize = 10_000;

/// One bucket an address, for registration and sign-in together. Successes count.
#[derive(Debug)]
pub(crate) struct Limiter(DefaultKeyedRateLimiter<IpAddr>);

impl Limiter {
    pub(crate) fn new() -> Self {
        Self(RateLimiter::keyed(Quota::per_minute(ATTEMPTS)))
    }

    /// Counts an attempt from `ip`. Without an address everybody shares one bucket: better too strict than none.
    pub(crate) fn attempt(&self, ip: Option<IpAddr>) -> Result<(), ApiError> {
        if self.0.len() > MANY {
            self.0.retain_recent();
        }
        let bucket = bucket(ip.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED)));
        self.0.check_key(&bucket).map_err(|not_until| {
            let wait = not_until.wait_time_from(DefaultClock::default().now());
            ApiError::Limited(wait.as_secs() + 1)
        })
    }
}

/// Whoever has an IPv6 address has at least 2^64 of them: a /64 is one.
fn bucket(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_attempt_waits_and_another_address_does_not() {
        let limiter = Limiter::new();
        let ip = |text: &str| Some(text.parse().unwrap());
        for _ in 0..5 {
            assert!(limiter.attempt(ip("192.0.2.1")).is_ok());
        }
        let Err(ApiError::Limited(seconds)) = limiter.attempt(ip("192.0.2.1")) else {
            panic!("not limited")
        };
        assert!((1..=60).contains(&seconds), "{seconds}");
        assert!(
            limiter.attempt(ip("::ffff:192.0.2.1")).is_err(),
            "the same address in IPv6 clothes"
        );
        assert!(limiter.attempt(ip("192.0.2.2")).is_ok());
        for n in 0..5 {
            assert!(limiter.attempt(ip(&format!("2001:db8::{n}"))).is_ok());
        }
        assert!(limiter.attempt(ip("2001:db8::ffff")).is_err(), "the same /64");
        assert!(limiter.attempt(ip("2001:db8:0:1::1")).is_ok());
    }
}
