//! Registration.

use localauth_core::{RegistrationMode, Role, SeededEntropy, SetupCode, UserQuery};

use crate::support::{MARKUP, PASSWORD, World};

fn world(mode: RegistrationMode) -> World {
    World::with(|auth| auth.registration(mode), |console| console)
}

fn fields<'f>(email: &'f str, more: &[(&'f str, &'f str)]) -> Vec<(&'f str, &'f str)> {
    let mut fields = vec![("email", email), ("password", PASSWORD)];
    fields.extend_from_slice(more);
    fields
}

async fn emails(world: &World) -> Vec<String> {
    let users = world.auth.list_users(&UserQuery::default()).await.unwrap();
    let mut emails: Vec<String> = users.into_iter().map(|user| user.email.to_string()).collect();
    // Those of one moment are in no order.
    emails.sort();
    emails
}

#[tokio::test]
async fn the_first_one_is_the_administrator_and_needs_no_invite() {
    for mode in [
        RegistrationMode::Open,
        RegistrationMode::Approval,
        RegistrationMode::Invite,
    ] {
        let world = world(mode);
        let mut browser = world.browser();
        let page = browser.get("/register").await.expect(200);
        page.says("will be the administrator").does_not_say("name=\"invite\"");
        let fields = fields("ada@example.org", &[("name", "Ada")]);
        browser.post("/register", &fields).await.leads_to("/");
        let user = &world.auth.list_users(&UserQuery::default()).await.unwrap()[0];
        assert_eq!((user.role, user.name.as_str()), (Role::Admin, "Ada"), "{mode}");
        browser.get("/account").await.expect(200);
    }
}

#[tokio::test]
async fn the_first_one_may_need_the_setup_code() {
    let code = SetupCode::generate(&SeededEntropy::insecure(1)).unwrap();
    let plain = code.expose().to_owned();
    let world = World::with(|auth| auth.setup_code(code), |console| console);
    let mut browser = world.browser();
    browser.get("/register").await.expect(200).says("name=\"setup\"");
    let seen = browser
        .post("/register", &fields("ada@example.org", &[("setup", "guess")]))
        .await;
    let seen = seen.expect(403).says("setup code that the server printed");
    assert_eq!(seen.after("id=\"setup\" name=\"setup\" value=\""), "guess");
    let right = fields("ada@example.org", &[("setup", &plain)]);
    browser.post("/register", &right).await.leads_to("/");
    browser
        .get("/register")
        .await
        .expect(200)
        .does_not_say("name=\"setup\"");
}

#[tokio::test]
async fn invites_are_asked_for_as_the_mode_says() {
    for (mode, asked, needed) in [
        (RegistrationMode::Open, false, false),
        (RegistrationMode::Approval, true, false),
        (RegistrationMode::Invite, true, true),
    ] {
        let world = world(mode);
        world.user("Root", Role::Admin).await;
        let page = world.browser().get("/register").await.expect(200);
        assert_eq!(page.text.contains("name=\"invite\""), asked, "{mode}");
        assert_eq!(
            page.text.contains("in the invite that an administrator"),
            needed,
            "{mode}"
        );
    }
}

#[tokio::test]
async fn an_invite_lets_in_once() {
    let world = world(RegistrationMode::Invite);
    let invite = super::invite(&world).await;
    let code = invite.as_str();
    let mut browser = world.browser();
    let seen = browser.post("/register", &fields("ada@example.org", &[])).await;
    seen.expect(400)
        .says("need an invite")
        .says("ada@example.org")
        .does_not_say(PASSWORD);
    let with = fields("ada@example.org", &[("invite", code)]);
    browser.post("/register", &with).await.leads_to("/");
    let again = fields("eve@example.org", &[("invite", code)]);
    let seen = world.browser().post("/register", &again).await.expect(400);
    seen.says("was used already");
    assert_eq!(emails(&world).await, ["ada@example.org", "root@example.org"]);
}

/// Nobody learns by registering who is here: what is answered for an address that is known, is answered for one that is
/// not, to the byte.
#[tokio::test]
async fn a_taken_address_looks_like_a_new_one() {
    let world = world(RegistrationMode::Approval);
    world.user("Ada", Role::User).await;
    let mut answers = Vec::new();
    for email in ["ada@example.org", "new@example.org"] {
        let mut browser = world.browser();
        let seen = browser.post("/register", &fields(email, &[("name", "Somebody")])).await;
        let mut seen = seen.leads_to("/register/waiting");
        seen.headers.remove("date");
        assert!(browser.cookie("session").is_none());
        let page = browser
            .get("/register/waiting")
            .await
            .expect(200)
            .says("waits for an administrator");
        answers.push((seen.status, format!("{:?}", seen.headers), seen.text, page.text));
    }
    assert_eq!(answers[0], answers[1]);
    // Where a new one would be signed in, nobody is told that this one was known.
    let open = self::world(RegistrationMode::Open);
    open.user("Ada", Role::User).await;
    let mut browser = open.browser();
    let seen = browser.post("/register", &fields("ada@example.org", &[])).await;
    seen.leads_to("/register/received");
    let page = browser.get("/register/received").await.expect(200);
    page.says("was processed")
        .does_not_say("taken")
        .does_not_say("already a user");
    assert!(browser.cookie("session").is_none());
}

#[tokio::test]
async fn a_weak_password_is_taken_only_when_that_is_said() {
    let world = world(RegistrationMode::Open);
    world.user("Root", Role::Admin).await;
    let mut browser = world.browser();
    let form = |password, more: &[(&'static str, &'static str)]| {
        let mut fields = vec![("email", "ada@example.org"), ("name", "Ada"), ("password", password)];
        fields.extend_from_slice(more);
        fields
    };
    browser
        .get("/register")
        .await
        .expect(200)
        .does_not_say("name=\"acknowledge\"");
    let seen = browser.post("/register", &form("hunter2", &[])).await.expect(400);
    let seen = seen.says("at least 12 characters").says("name=\"acknowledge\"");
    seen.does_not_say("hunter2").says("value=\"Ada\"");
    let seen = browser
        .post("/register", &form("passwordpassword", &[]))
        .await
        .expect(400);
    seen.says("easy to guess").says("name=\"acknowledge\"");
    // What cannot be overridden offers nothing to override it.
    let seen = browser.post("/register", &form("", &[])).await.expect(400);
    seen.says("A password is needed.").does_not_say("name=\"acknowledge\"");
    let long = "x".repeat(129);
    let fields = [("email", "ada@example.org"), ("password", long.as_str())];
    let seen = browser.post("/register", &fields).await.expect(400);
    seen.says("at most 128").does_not_say("name=\"acknowledge\"");
    assert_eq!(emails(&world).await, ["root@example.org"]);
    let acknowledged = form("hunter2", &[("acknowledge", "1")]);
    browser.post("/register", &acknowledged).await.leads_to("/");
}

#[tokio::test]
async fn what_is_typed_comes_back_as_text() {
    let world = world(RegistrationMode::Invite);
    world.user("Root", Role::Admin).await;
    let mut browser = world.browser();
    let with = [
        ("email", MARKUP),
        ("name", MARKUP),
        ("invite", MARKUP),
        ("password", MARKUP),
    ];
    let seen = browser
        .post("/register", &with)
        .await
        .expect(400)
        .shows_markup_as_text();
    assert_eq!(
        seen.text.matches("alert(1)").count(),
        3,
        "the password is not among them"
    );
    let query: String = form_urlencoded::byte_serialize(MARKUP.as_bytes()).collect();
    let page = browser.get(&format!("/register?invite={query}")).await.expect(200);
    page.shows_markup_as_text();
    let bad = [("email", "nobody"), ("password", PASSWORD), ("invite", "x")];
    browser
        .post("/register", &bad)
        .await
        .expect(400)
        .says("not an e-mail address");
}
