//! The sign-in.

use std::time::Duration;

use localauth_core::{Caller, NewKey, RegistrationMode, Role, Status};

use crate::support::{MARKUP, PASSWORD, World};

const SHARED: &str = "a-shared-key-for-these-tests";

#[tokio::test]
async fn an_address_and_a_password_lead_on() {
    let world = World::new();
    let user = world.user("Ada", Role::User).await;
    let mut browser = world.browser();
    let page = browser.get("/login?next=%2Faccount").await.expect(200);
    let page = page
        .says("name=\"next\" value=\"/account\"")
        .does_not_say("autofocus value");
    assert_eq!(page.after("<form class=\"card\" method=\"post\" action=\""), "/login");
    let fields = [
        ("email", "ADA@example.org"),
        ("password", PASSWORD),
        ("next", "/account"),
    ];
    let seen = browser.post("/login", &fields).await;
    let cookie = seen.headers["set-cookie"].to_str().unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Path=/"),
        "{cookie}"
    );
    seen.leads_to("/account");
    browser.get("/account").await.expect(200).says(user.email.as_str());
}

#[tokio::test]
async fn nothing_leads_to_another_site() {
    let world = World::new();
    let user = world.user("Ada", Role::User).await;
    for next in [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/..//evil.example",
        "/a\r\nSet-Cookie: session=x",
        "evil",
    ] {
        let mut browser = world.browser();
        let asked: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
        browser
            .get(&format!("/login?next={asked}"))
            .await
            .expect(200)
            .says("<input type=\"hidden\" name=\"next\" value=\"\">");
        let fields = [("email", user.email.as_str()), ("password", PASSWORD), ("next", next)];
        browser.post("/login", &fields).await.leads_to("/");
        // Who is signed in already is shown a link there.
        let page = browser.get(&format!("/login?next={asked}")).await.expect(200);
        let page = page.says("<a class=\"button primary\" href=\"/\">Go on");
        let mut links = page.text.split("href=\"").skip(1);
        assert!(
            links.all(|link| !link.split('"').next().unwrap().contains("evil")),
            "{next}"
        );
    }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_look_the_same() {
    let world = World::new();
    world.user("Ada", Role::User).await;
    let mut pages = Vec::new();
    for email in ["ada@example.org", "eve@example.org"] {
        let mut browser = world.browser();
        let fields = [("email", email), ("password", "wrong-wrong-wrong"), ("next", "/keys")];
        let seen = browser.post("/login", &fields).await.expect(401);
        let seen = seen.says("The address or the password is wrong.").says(email);
        let seen = seen.says("name=\"next\" value=\"/keys\"").does_not_say("wrong-wrong");
        assert!(browser.cookie("session").is_none());
        pages.push(seen.text.replace(email, "…"));
    }
    assert_eq!(pages[0], pages[1]);
}

#[tokio::test]
async fn what_is_typed_is_shown_as_text() {
    let world = World::new();
    world.user("Ada", Role::User).await;
    let mut browser = world.browser();
    let seen = browser.post("/login", &[("email", MARKUP), ("password", "x")]).await;
    seen.expect(401).shows_markup_as_text();
    browser
        .post("/login", &[("email", "ada@example.org")])
        .await
        .expect(400)
        .says("Enter your address and your password.");
}

#[tokio::test]
async fn who_waits_and_who_is_shut_out_are_told_so_after_the_right_password() {
    let world = World::with(|auth| auth.registration(RegistrationMode::Approval), |console| console);
    world.user("Root", Role::Admin).await;
    let user = world.user("Ada", Role::User).await;
    for (status, text) in [(Status::Disabled, "is disabled"), (Status::Active, "")] {
        let caller = Caller::operator();
        world.auth.set_status(&caller, user.id, status).await.unwrap();
        let mut browser = world.browser();
        let fields = [("email", user.email.as_str()), ("password", PASSWORD)];
        let seen = browser.post("/login", &fields).await;
        if text.is_empty() {
            seen.leads_to("/");
        } else {
            seen.expect(403).says(text);
            let wrong = [("email", user.email.as_str()), ("password", "not-the-right-one")];
            let seen = browser.post("/login", &wrong).await.expect(401);
            seen.does_not_say(text);
        }
    }
    let mut browser = world.browser();
    let fields = [("email", "bob@example.org"), ("password", PASSWORD)];
    browser.post("/register", &fields).await.leads_to("/register/waiting");
    let seen = browser.post("/login", &fields).await.expect(403);
    seen.says("waits for an administrator");
}

/// Whoever plants a session in somebody's browser is not in there after they sign in (session fixation).
#[tokio::test]
async fn a_planted_cookie_is_replaced() {
    let world = World::new();
    let (_, mut eve) = world.visitor("Eve", Role::User).await;
    let planted = eve.cookie("session").unwrap().to_owned();
    let ada = world.user("Ada", Role::User).await;
    let mut browser = world.browser();
    browser.set_cookie("session", &planted);
    browser.set_cookie("token", "sk-local-planted");
    browser.set_cookie("__Host-session", "ss-local-planted");
    let fields = [("email", ada.email.as_str()), ("password", PASSWORD)];
    browser.post("/login", &fields).await.leads_to("/");
    assert_ne!(browser.cookie("session").unwrap(), planted);
    assert!(browser.cookie("token").is_none() && browser.cookie("__Host-session").is_none());
    browser.get("/account").await.expect(200).says("ada@example.org");
    eve.get("/account").await.expect(200).says("eve@example.org");
}

/// Nobody is signed in to somebody else's account by another site (login CSRF).
#[tokio::test]
async fn other_sites_sign_nobody_in_or_out() {
    let world = World::with(|auth| auth.shared_key(SHARED), |console| console);
    let (ada, mut browser) = world.visitor("Ada", Role::User).await;
    let before = browser.cookie("session").unwrap().to_owned();
    let forms: [(&str, &[(&str, &str)]); 7] = [
        ("/login", &[("email", ada.email.as_str()), ("password", PASSWORD)]),
        ("/login/key", &[("key", SHARED)]),
        ("/register", &[("email", "eve@example.org"), ("password", PASSWORD)]),
        ("/logout", &[]),
        ("/language", &[("lang", "de")]),
        ("/password-strength", &[("password", "x")]),
        ("/account/profile", &[("name", "Eve")]),
    ];
    for (path, fields) in forms {
        browser
            .post_from_elsewhere(path, fields)
            .await
            .expect(403)
            .says("came from another site");
        let mut stranger = world.browser();
        stranger.post_from_elsewhere(path, fields).await.expect(403);
        assert!(
            stranger.cookie("session").is_none() && stranger.cookie("lang").is_none(),
            "{path}"
        );
    }
    assert_eq!(browser.cookie("session"), Some(before.as_str()));
    browser.get("/account").await.expect(200).says("value=\"Ada\"");
}

#[tokio::test]
async fn a_key_signs_in_for_as_long_as_it_is_good() {
    let world = World::with(|auth| auth.shared_key(SHARED), |console| console);
    let ada = world.user("Ada", Role::User).await;
    let lifetime = Duration::from_mins(1);
    let new = NewKey::named("laptop").expiring(world.auth.now() + lifetime);
    let key = world.auth.create_key(ada.id, new).await.unwrap();
    let mut browser = world.browser();
    let fields = [("key", key.plain.expose()), ("next", "/account")];
    browser.post("/login/key", &fields).await.leads_to("/account");
    browser.get("/account").await.expect(200).says("ada@example.org");
    world.clock.advance(lifetime);
    let seen = browser.post("/login/key", &fields).await.expect(401);
    seen.says("has expired").does_not_say(key.plain.expose());

    let mut browser = world.browser();
    browser.post("/login/key", &[("key", SHARED)]).await.leads_to("/");
    browser.get("/account").await.expect(200).says("no account");

    let mut browser = world.browser();
    for wrong in [MARKUP, "sk-local-nothing", "ß", "a b"] {
        let seen = browser.post("/login/key", &[("key", wrong)]).await.expect(401);
        seen.says("This key is not right").does_not_say("alert(1)");
    }
    browser.post("/login/key", &[]).await.expect(400).says("Enter the key.");
    assert!(browser.cookie("session").is_none());
    browser.get("/login/key").await.leads_to("/login");
}

#[tokio::test]
async fn without_passwords_there_is_no_form_for_them() {
    let world = World::with(|auth| auth.local_auth(false), |console| console);
    let ada = world.user("Ada", Role::User).await;
    let mut browser = world.browser();
    let page = browser.get("/login").await.expect(200);
    page.does_not_say("name=\"password\"").says("name=\"key\"");
    let fields = [("email", ada.email.as_str()), ("password", PASSWORD)];
    browser
        .post("/login", &fields)
        .await
        .expect(403)
        .says("Passwords are switched off");
    let page = browser.get("/register").await.expect(200);
    page.does_not_say("name=\"password\"").says("Nobody can register here");
}

#[tokio::test]
async fn what_providers_ended_with_is_told_and_nothing_else() {
    let world = World::new();
    world.user("Ada", Role::User).await;
    let mut browser = world.browser();
    for code in [
        "invite_required",
        "invalid_invite",
        "setup_code",
        "pending",
        "denied",
        "provider",
        "email_taken",
        "identity_taken",
        "rate_limited",
    ] {
        let seen = browser.get(&format!("/login?error={code}")).await.expect(200);
        let text = seen.after("<p class=\"notice bad\" role=\"alert\">");
        assert!(text.len() > 30, "{code}: {text}");
    }
    for other in ["no", "error-store", "%3Cscript%3Ealert(1)"] {
        let seen = browser.get(&format!("/login?error={other}")).await.expect(200);
        seen.does_not_say("notice bad").does_not_say("<script>alert");
    }
}

#[tokio::test]
async fn the_first_one_is_told_that_nobody_is_here() {
    let world = World::new();
    let mut browser = world.browser();
    let page = browser.get("/login").await.expect(200);
    page.says("becomes the administrator").says("href=\"/register\"");
    world.user("Ada", Role::Admin).await;
    browser
        .get("/login")
        .await
        .expect(200)
        .does_not_say("becomes the administrator");
}

/// Over HTTPS the cookie is one that no neighbour can plant.
#[tokio::test]
async fn over_https_cookies_are_for_this_host_alone() {
    let site = || localauth_tower::Site::new().base_url("https://house.example");
    let world = World::with(|auth| auth, |console| console.site(site()));
    let ada = world.user("Ada", Role::User).await;
    let post = |path: &str| {
        http::Request::post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", "https://house.example")
    };
    let mut browser = world.browser();
    let form = format!("email={}&password={PASSWORD}", ada.email.as_str().replace('@', "%40"));
    let seen = browser.send(post("/login"), form.into()).await;
    let cookie = seen.headers["set-cookie"].to_str().unwrap().to_owned();
    assert!(
        cookie.starts_with("__Host-session=") && cookie.contains("Secure"),
        "{cookie}"
    );
    seen.leads_to("/");
    let seen = browser.send(post("/language"), "lang=de".into()).await;
    assert!(seen.headers["set-cookie"].to_str().unwrap().contains("Secure"));
    browser.get("/account").await.expect(200).says("ada@example.org");
}
