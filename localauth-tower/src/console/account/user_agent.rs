//! What a browser calls itself, for people.

/// Browser and system, where they can be told; what a browser calls itself is no secret and no proof.
///
/// Everything calls itself everything else, too (RFC 9110, section 10.1.5): the most particular name counts.
pub(super) fn short(user_agent: &str) -> Option<String> {
    const BROWSERS: [(&str, &str); 7] = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser/", "Samsung Internet"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    const SYSTEMS: [(&str, &str); 7] = [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ];
    let find = |names: &[(&str, &'static str)]| {
        let found = names.iter().find(|(mark, _)| user_agent.contains(mark));
        found.map(|&(_, name)| name)
    };
    let browser = find(&BROWSERS)?;
    Some(match find(&SYSTEMS) {
        Some(system) => format!("{browser}, {system}"),
        None => browser.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn the_most_particular_name_counts() {
        let linux = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
        assert_eq!(short(linux).as_deref(), Some("Firefox, Linux"));
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 \
                    Safari/537.36 Edg/126.0";
        assert_eq!(short(edge).as_deref(), Some("Edge, Windows"));
        let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                     Version/17.5 Mobile/15E148 Safari/604.1";
        assert_eq!(short(phone).as_deref(), Some("Safari, iPhone"));
        assert_eq!(short("curl/8.5.0"), None);
        assert_eq!(short(""), None);
    }
}
