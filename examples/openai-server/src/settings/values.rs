//! How values are written. Each parser says in its error what would have been right.

use std::time::Duration;

use ipnet::IpNet;

/// What would have been right.
type Wanted = &'static str;

pub(super) fn boolean(text: &str) -> Result<bool, Wanted> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "on" | "yes" => Ok(true),
        "false" | "0" | "off" | "no" => Ok(false),
        _ => Err("write `true` or `false`"),
    }
}

/// A host and a port, both of which are looked up when the server binds.
pub(super) fn address(text: &str) -> Result<String, Wanted> {
    const WANTED: Wanted = "write an address and a port, like `127.0.0.1:8080` or `[::]:8080`";
    let (host, port) = text.rsplit_once(':').ok_or(WANTED)?;
    let host_is_whole = match host.strip_prefix('[') {
        Some(rest) => rest
            .strip_suffix(']')
            .is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok()),
        None => !host.is_empty() && !host.contains([':', '/', ' ']),
    };
    if host_is_whole && port.parse::<u16>().is_ok() {
        Ok(text.to_owned())
    } else {
        Err(WANTED)
    }
}

/// The longest time in seconds: a thousand years, which can still be added to every date.
const LONGEST: u64 = 1000 * 365 * 24 * 60 * 60;

/// A time like `30s`, `15m`, `24h`, `30d`, `2w` or `1y`.
pub(super) fn duration(text: &str) -> Result<Duration, Wanted> {
    const WANTED: Wanted = "write a time like `30s`, `15m`, `24h`, `30d` or `1y`";
    let (number, unit) = split_unit(text);
    let seconds: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        "w" => 7 * 24 * 60 * 60,
        "y" => 365 * 24 * 60 * 60,
        _ => return Err(WANTED),
    };
    let number: u64 = number.parse().map_err(|_| WANTED)?;
    number
        .checked_mul(seconds)
        .filter(|total| *total <= LONGEST)
        .map(Duration::from_secs)
        .ok_or(WANTED)
}

/// As [`duration`], but not nothing.
pub(super) fn some_duration(text: &str) -> Result<Duration, Wanted> {
    duration(text).and_then(|duration| {
        if duration.is_zero() {
            Err("write a time that is longer than nothing, like `30d`")
        } else {
            Ok(duration)
        }
    })
}

/// A size like `50MB` (millions of bytes), `64KiB` or plain bytes.
pub(super) fn size(text: &str) -> Result<usize, Wanted> {
    const WANTED: Wanted = "write a size like `50MB`";
    let (number, unit) = split_unit(text);
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err(WANTED),
    };
    let number: u64 = number.parse().map_err(|_| WANTED)?;
    number
        .checked_mul(factor)
        .and_then(|bytes| usize::try_from(bytes).ok())
        .filter(|bytes| *bytes > 0)
        .ok_or(WANTED)
}

/// A whole number.
pub(super) fn count(text: &str) -> Result<usize, Wanted> {
    // Nothing has a million places.
    let number = text.parse().ok().filter(|number| *number <= 1_000_000);
    number.ok_or("write a whole number up to a million, like `4`")
}

/// Networks like `10.0.0.0/8`, or single addresses, separated by commas.
pub(super) fn networks(text: &str) -> Result<Vec<IpNet>, Wanted> {
    items(text)
        .map(|item| {
            item.parse()
                .or_else(|_| item.parse().map(|address: std::net::IpAddr| address.into()))
                .map_err(|_| "write networks like `10.0.0.0/8, ::1`")
        })
        .collect()
}

/// The origin, and perhaps a path, under which browsers see the server. Without the slash at its end.
pub(super) fn url(text: &str) -> Result<String, Wanted> {
    if is_plain_url(text) {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err("write the public address, like `https://ai.example.org`")
    }
}

/// The origin, and perhaps a path, of another server. Without the slash at its end.
pub(super) fn server_url(text: &str) -> Result<String, Wanted> {
    if is_plain_url(text) {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err("write its address, like `https://github.example.org`")
    }
}

/// A URL that is also a name, in which a slash at the end makes a difference.
pub(super) fn issuer(text: &str) -> Result<String, Wanted> {
    if is_plain_url(text) {
        Ok(text.to_owned())
    } else {
        Err("write the issuer as the provider does, like `https://id.example.org/realms/main`")
    }
}

fn is_plain_url(text: &str) -> bool {
    let Ok(uri) = text.parse::<http::Uri>() else {
        return false;
    };
    let scheme_fits = matches!(uri.scheme_str(), Some("http" | "https"));
    let host_fits = uri.host().is_some_and(|host| !host.is_empty());
    scheme_fits && host_fits && uri.query().is_none() && !text.contains(['#', '@'])
}

pub(super) fn email(text: &str) -> Result<String, Wanted> {
    match text.split_once('@') {
        Some((name, host)) if !name.is_empty() && !host.is_empty() && !text.contains(char::is_whitespace) => {
            Ok(text.to_owned())
        }
        _ => Err("write an e-mail address"),
    }
}

/// Non-empty parts between commas, or lines of a file.
pub(super) fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', '\n']).map(str::trim).filter(|item| !item.is_empty())
}

fn split_unit(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let day = 24 * 60 * 60;
        for (text, seconds) in [
            ("0s", 0),
            ("30s", 30),
            ("15m", 900),
            ("24h", day),
            ("30d", 30 * day),
            ("1y", 365 * day),
            ("2 w", 14 * day),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "s",
            "30",
            "-1d",
            "1.5h",
            "1 month",
            "99999999999999999999s",
            "9999999999999999y",
            "1001y",
            "30S",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert!(some_duration("0d").is_err());
        assert!(some_duration("1d").is_ok());
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("50MB", 50_000_000),
            ("1 kb", 1_000),
            ("64KiB", 65_536),
            ("12", 12),
            ("7b", 7),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "MB", "0", "0MB", "-1", "1.5MB", "1TB1", "99999999999999GB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn counts() {
        assert_eq!((count("0"), count("1000000")), (Ok(0), Ok(1_000_000)));
        for text in ["", "-1", "1.5", "many", "1000001", "99999999999999999999"] {
            assert!(count(text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses() {
        for text in [
            "127.0.0.1:0",
            "0.0.0.0:80",
            "[::]:8080",
            "[::1]:65535",
            "localhost:8080",
        ] {
            assert!(address(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "8080",
            ":8080",
            "127.0.0.1",
            "::1:8080",
            "[::1]",
            "host:65536",
            "host:x",
            "http://host:1",
            "[x]:1",
        ] {
            assert!(address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn lists_of_networks() {
        let networks = networks("10.0.0.0/8, 192.168.0.1 ,::1,").unwrap();
        let shown: Vec<_> = networks.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["10.0.0.0/8", "192.168.0.1/32", "::1/128"]);
        assert!(super::networks("10.0.0.0/33").is_err());
        assert!(super::networks("proxy").is_err());
    }

    #[test]
    fn urls() {
        assert_eq!(url("https://ai.example.org/").as_deref(), Ok("https://ai.example.org"));
        assert_eq!(url("http://[::1]:80/sub/").as_deref(), Ok("http://[::1]:80/sub"));
        for text in [
            "",
            "ai.example.org",
            "ftp://x",
            "https://",
            "https://x?y",
            "https://x#y",
            "https://user:pw@x",
        ] {
            assert!(url(text).is_err(), "{text}");
            assert!(server_url(text).is_err() && issuer(text).is_err(), "{text}");
        }
        assert_eq!(
            server_url("https://ghe.example.org/api/v3/").as_deref(),
            Ok("https://ghe.example.org/api/v3")
        );
        assert_eq!(
            issuer("https://id.example.org/").as_deref(),
            Ok("https://id.example.org/")
        );
    }

    #[test]
    fn booleans_and_addresses_of_people() {
        for (text, value) in [
            ("true", true),
            ("On", true),
            ("1", true),
            ("FALSE", false),
            ("0", false),
            ("off", false),
        ] {
            assert_eq!(boolean(text), Ok(value));
        }
        assert!(boolean("maybe").is_err() && boolean("").is_err());
        assert!(email("a@b").is_ok());
        assert!(email("a").is_err() && email("@b").is_err() && email("a @b").is_err());
    }
}
