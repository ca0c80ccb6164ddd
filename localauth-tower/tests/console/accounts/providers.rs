//! Providers: the buttons, linking and unlinking.

use localauth_core::{AuthBuilder, Caller, ExternalIdentity, ExternalProfile, Provider, Role, User};
use localauth_tower::oauth::{GithubConfig, OAuth};

use crate::support::{PASSWORD, World};

fn world(auth: impl FnOnce(AuthBuilder) -> AuthBuilder) -> World {
    World::with_auth(auth, |auth, console| {
        let github = GithubConfig::new("Iv1.0123456789abcdef", "hunter3");
        let oauth = OAuth::builder(auth).github(github).build().unwrap();
        console.oauth(&oauth)
    })
}

fn profile(subject: &str) -> ExternalProfile {
    let identity = ExternalIdentity {
        provider: Provider::Github,
        subject: subject.to_owned(),
    };
    ExternalProfile {
        identity,
        email: Some("ada@example.org".to_owned()),
        email_verified: true,
        name: "Ada".to_owned(),
        avatar_url: String::new(),
        grant: None,
    }
}

async fn link(world: &World, user: &User) {
    world
        .auth
        .link_external(&super::caller(world, user).await, &profile("1"))
        .await
        .unwrap();
}

#[tokio::test]
async fn the_buttons_take_along_where_to_and_the_invite() {
    let world = world(|auth| auth);
    let invite = super::invite(&world).await;
    let mut browser = world.browser();
    let page = browser.get("/login?next=%2Fkeys%3Fa%3Db").await.expect(200);
    page.says("href=\"/api/auth/github/login?next=%2Fkeys%3Fa%3Db\">Sign in with GitHub");
    let page = browser.get("/login?next=//evil.example").await.expect(200);
    page.says("href=\"/api/auth/github/login\">");
    let page = browser.get("/register?invite=a%26b%22c").await.expect(200);
    page.says("href=\"/api/auth/github/login?invite_code=a%26b%22c\">Register with GitHub");
    let page = browser.get(&format!("/invite/{invite}")).await.expect(200);
    page.says(&format!("/api/auth/github/login?invite_code={invite}"));
}

#[tokio::test]
async fn providers_lead_home_where_that_is_not_the_root() {
    let world = World::with_auth(
        |auth| auth,
        |auth, console| {
            let github = GithubConfig::new("Iv1.0123456789abcdef", "hunter3");
            let oauth = OAuth::builder(auth).github(github).build().unwrap();
            console.home("/home").oauth(&oauth)
        },
    );
    world.user("Root", Role::Admin).await;
    let mut browser = world.browser();
    for path in ["/login", "/login?next=//evil.example", "/register"] {
        let page = browser.get(path).await.expect(200);
        page.says("href=\"/api/auth/github/login?next=%2Fhome\"");
    }
    let page = browser.get("/login?next=%2Fkeys").await.expect(200);
    page.says("href=\"/api/auth/github/login?next=%2Fkeys\"");
}

#[tokio::test]
async fn without_passwords_codes_are_still_asked_for() {
    let world = world(|auth| auth.local_auth(false));
    world.user("Root", Role::Admin).await;
    let page = world.browser().get("/register").await.expect(200);
    page.says("<form class=\"card\" method=\"get\" action=\"/register\">")
        .says("name=\"invite\"")
        .does_not_say("name=\"password\"");
}

#[tokio::test]
async fn linking_goes_by_a_link_and_not_by_a_redirect() {
    let world = world(|auth| auth);
    let (_, mut browser) = world.visitor("Ada", Role::User).await;
    let page = browser.get("/account").await.expect(200).says("Not linked");
    page.says("action=\"/account/providers/github/link\"");
    let page = browser.post("/account/providers/github/link", &[]).await.expect(200);
    let way = page.after("<a class=\"button primary\" href=\"");
    assert!(way.starts_with("https://github.com/login/oauth/authorize?"), "{way}");
    assert!(
        way.contains("redirect_uri=http%3A%2F%2Fhouse.example%2Fapi%2Fauth%2Fgithub%2Fcallback"),
        "{way}"
    );
    let cookie = page.headers["set-cookie"].to_str().unwrap();
    assert!(
        cookie.starts_with("localauth-oauth-") && cookie.contains("HttpOnly"),
        "{cookie}"
    );
    browser.get("/account/providers/github/link").await.leads_to("/account");
    for nobody in ["oidc", "local", "nothing"] {
        let path = format!("/account/providers/{nobody}/link");
        browser.post(&path, &[]).await.expect(404).says("not set up here");
    }
    browser
        .post_from_elsewhere("/account/providers/github/link", &[])
        .await
        .expect(403);
}

#[tokio::test]
async fn what_came_of_linking_is_told() {
    let world = world(|auth| auth);
    let (_, mut browser) = world.visitor("Ada", Role::User).await;
    let page = browser.get("/account?linked=github").await.expect(200);
    page.says("From now on you can sign in with GitHub.");
    let page = browser.get("/account?linked=%3Cb%3E").await.expect(200);
    page.does_not_say("From now on").does_not_say("<b>\"");
    let page = browser.get("/account?error=identity_taken").await.expect(200);
    page.says("belongs to another account");
}

#[tokio::test]
async fn unlinking_is_asked_about_and_ends_other_sessions() {
    let world = world(|auth| auth);
    let (ada, mut browser) = world.visitor("Ada", Role::User).await;
    let path = "/account/providers/github/unlink";
    browser.get(path).await.expect(404);
    browser.post(path, &[]).await.expect(404).says("not linked");
    link(&world, &ada).await;
    let mut other = world.signed_in(&ada).await;
    browser
        .get("/account")
        .await
        .expect(200)
        .says("Linked since")
        .says(path);
    browser
        .get(path)
        .await
        .expect(200)
        .says("no longer be able to sign in with GitHub");
    assert_eq!(world.auth.identities(ada.id).await.unwrap().len(), 1, "only asked");
    browser.post(path, &[]).await.leads_to("/account?done=account-unlinked");
    assert!(world.auth.identities(ada.id).await.unwrap().is_empty());
    other.get("/account").await.leads_to("/login?next=%2Faccount");
    // Nobody else's.
    let bob = world.user("Bob", Role::User).await;
    link(&world, &bob).await;
    browser.post(path, &[]).await.expect(404);
    assert_eq!(world.auth.identities(bob.id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_last_way_in_stays() {
    let world = world(|auth| auth.registration(localauth_core::RegistrationMode::Open));
    let codes = localauth_core::ExternalCodes::default();
    let signed_in = world
        .auth
        .sign_in_external(profile("1"), codes, &Caller::anonymous())
        .await;
    let signed_in = signed_in.unwrap();
    let mut browser = world.browser();
    browser.set_cookie("session", signed_in.token.expose());
    let page = browser.get("/account").await.expect(200);
    page.says("Not used for this account")
        .does_not_say("action=\"/account/password\"");
    let seen = browser.post("/account/providers/github/unlink", &[]).await;
    seen.expect(400).says("could not sign in any more");
    let fields = [("current", ""), ("new", PASSWORD)];
    let seen = browser.post("/account/password", &fields).await.expect(400);
    seen.says("have no password here");
    assert_eq!(world.auth.identities(signed_in.user.id).await.unwrap().len(), 1);
}
