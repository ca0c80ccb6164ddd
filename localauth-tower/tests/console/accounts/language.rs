//! The choice of a language.

use localauth_core::Role;

use crate::support::World;

#[tokio::test]
async fn the_choice_is_kept_and_leads_back() {
    let world = World::new();
    let (_, mut browser) = world.visitor("Ada", Role::User).await;
    let fields = [("lang", "de"), ("next", "/account?linked=github")];
    let seen = browser.post("/language", &fields).await;
    let cookie = seen.headers["set-cookie"].to_str().unwrap();
    for part in ["lang=de", "Max-Age=31536000", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    seen.leads_to("/account?linked=github");
    let page = browser.get("/account").await.expect(200).says("<html lang=\"de\">");
    page.says("So melden Sie sich an").says("aria-pressed=\"true\">Deutsch");
    browser
        .post("/language", &[("lang", "en"), ("next", "/login")])
        .await
        .leads_to("/login");
    browser.get("/account").await.expect(200).says("<html lang=\"en\">");
}

#[tokio::test]
async fn nothing_else_is_kept_and_nothing_leads_elsewhere() {
    let world = World::new();
    let mut browser = world.browser();
    for (lang, next) in [("xx", "//evil.example"), ("<b>", "https://evil.example"), ("", "")] {
        let seen = browser.post("/language", &[("lang", lang), ("next", next)]).await;
        assert!(!seen.headers.contains_key("set-cookie"), "{lang}");
        seen.leads_to("/");
    }
    browser.get("/language").await.leads_to("/");
}

/// Not one English text is left on the pages of somebody who reads German.
#[tokio::test]
async fn german_pages_are_german() {
    let world = World::new();
    let (_, mut browser) = world.visitor("Ada", Role::User).await;
    browser.language = "de";
    let mut stranger = world.browser();
    stranger.language = "de";
    let mut pages = Vec::new();
    for path in ["/account", "/account/sessions/others", "/login"] {
        pages.push(browser.get(path).await.expect(200));
    }
    for path in ["/login", "/register", "/register/waiting", "/register/received"] {
        pages.push(stranger.get(path).await.expect(200));
    }
    pages.push(stranger.get("/invite/none").await.expect(404));
    pages.push(stranger.post("/login", &[]).await.expect(400));
    pages.push(browser.post("/account/password", &[("current", "x")]).await.expect(401));
    for page in pages {
        for english in [
            "Sign in",
            "Password",
            "password is",
            "Register",
            " the ",
            " your ",
            "Your ",
            "Device",
            "Address",
            " is ",
        ] {
            // What stands between tags, and not what the frame calls its languages.
            let said = page.text.split('<').filter_map(|part| part.split_once('>'));
            for (_, text) in said {
                assert!(!text.contains(english), "{english:?} in {text:?}");
            }
        }
    }
}
