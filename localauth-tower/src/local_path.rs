//! Where to go after signing in: to a path of this server, never elsewhere.

use url::Url;

/// The longest path that is kept, in bytes: with the rest it has to fit into a cookie.
const MAX_BYTES: usize = 1024;
/// Stands for this server, whatever it is called.
const HERE: &str = "http://here.invalid";

/// `text`, when it is a path of this server, written as a browser reads it.
///
/// Browsers take `\` for `/`, skip tabs and line breaks, and take `//name` for another host (WHATWG URL Standard, 4.4): what
/// begins like one of these is not followed, and neither is what becomes so when `.` and `..` are resolved.
pub(crate) fn local_path(text: &str) -> Option<String> {
    let own = |text: &str| text.starts_with('/') && !text.starts_with("//") && !text.starts_with("/\\");
    if !own(text) || text.len() > MAX_BYTES || text.chars().any(char::is_control) {
        return None;
    }
    let base = Url::parse(HERE).ok()?;
    let url = base.join(text).ok()?;
    if url.origin() != base.origin() {
        return None;
    }
    let path = &url[url::Position::BeforePath..];
    (own(path) && path.len() <= MAX_BYTES).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::local_path;

    #[test]
    fn paths_of_this_server_stay() {
        for (given, kept) in [
            ("/", "/"),
            ("/account", "/account"),
            ("/a/b?c=d&e=//f#g", "/a/b?c=d&e=//f#g"),
            ("/a b", "/a%20b"),
            ("/ä", "/%C3%A4"),
            ("/a/../b", "/b"),
            ("/@evil.example", "/@evil.example"),
            ("/:80", "/:80"),
        ] {
            assert_eq!(local_path(given).as_deref(), Some(kept), "{given}");
        }
    }

    #[test]
    fn nothing_leads_elsewhere() {
        for bad in [
            "",
            "account",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "\\/evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "\t//evil.example",
            " //evil.example",
            "/.//evil.example",
            "/..//evil.example",
            "/a/..//evil.example",
            "/./\\evil.example",
            "/%2e//evil.example",
            "https://evil.example",
            "https:evil.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "?x",
            "#x",
            "/a\r\nSet-Cookie: session=x",
            "/a\u{7f}",
            "/a\u{85}",
            "/\0",
        ] {
            assert_eq!(local_path(bad), None, "{bad:?}");
        }
        assert_eq!(local_path(&format!("/{}", "a".repeat(1024))), None);
        assert_eq!(
            local_path(&format!("/{}", "ä".repeat(500))),
            None,
            "too long as it is written"
        );
    }
}
