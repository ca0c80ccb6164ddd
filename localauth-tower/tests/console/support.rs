//! A browser without scripts, and the server it looks at.
#![allow(dead_code, clippy::allow_attributes, reason = "each file uses a part of it")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use localauth_core::{
    Auth, AuthBuilder, Caller, ManualClock, MemoryStore, NewAccount, Password, PasswordCost, RegistrationMode, Role,
    ServerSecret, Timestamp, User,
};
use localauth_tower::api::ApiBuilder;
use localauth_tower::console::ConsoleBuilder;
use tower::ServiceExt as _;

pub(crate) const PASSWORD: &str = "correct-horse-battery-staple";
/// An id that nobody has.
pub(crate) const NOBODY: &str = "0192f0c1-2345-7890-abcd-ef0123456789";
/// What must be shown as text, wherever it was typed in.
pub(crate) const MARKUP: &str = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'&";

/// A server in process, with a clock that stands still.
pub(crate) struct World {
    pub(crate) auth: Auth,
    pub(crate) store: MemoryStore,
    pub(crate) clock: Arc<ManualClock>,
    app: Router,
}

/// Somebody at a browser: keeps cookies, follows nothing by itself.
pub(crate) struct Browser<'w> {
    world: &'w World,
    cookies: BTreeMap<String, String>,
    pub(crate) language: &'static str,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl World {
    /// Registration by invite.
    pub(crate) fn new() -> Self {
        Self::with(|auth| auth.registration(RegistrationMode::Invite), |console| console)
    }

    pub(crate) fn with(
        auth: impl FnOnce(AuthBuilder) -> AuthBuilder,
        console: impl FnOnce(ConsoleBuilder) -> ConsoleBuilder,
    ) -> Self {
        Self::with_auth(auth, |_, builder| console(builder))
    }

    /// The same, where the console is built with what is built with its `Auth`.
    pub(crate) fn with_auth(
        auth: impl FnOnce(AuthBuilder) -> AuthBuilder,
        console: impl FnOnce(&Auth, ConsoleBuilder) -> ConsoleBuilder,
    ) -> Self {
        let store = MemoryStore::new();
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_800_000_000_000)));
        let builder = Auth::builder(store.clone())
            .secret(ServerSecret::new(&[7; 32]).unwrap())
            .clock(Arc::clone(&clock))
            .password_cost(PasswordCost::INSECURE)
            .attempt_limits(false)
            .background(false);
        let auth = auth(builder).build().unwrap();
        let models = ["demo".to_owned(), "llama".to_owned()];
        let app = ApiBuilder::new(&auth)
            .models(models.clone())
            .build()
            .merge(console(&auth, ConsoleBuilder::new(&auth).models(models)).build());
        Self {
            auth,
            store,
            clock,
            app,
        }
    }

    /// Somebody who can sign in with [`PASSWORD`].
    pub(crate) async fn user(&self, name: &str, role: Role) -> User {
        self.clock.advance(Duration::from_millis(1));
        // A name with markup makes an address too.
        let at_home = name.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let email = format!("{}@example.org", at_home.trim_matches('-'));
        let account = NewAccount {
            role,
            name: name.to_owned(),
            acknowledge_weak: true,
            ..NewAccount::local(email, Password::new(PASSWORD))
        };
        self.auth.add_user(account).await.unwrap()
    }

    pub(crate) fn browser(&self) -> Browser<'_> {
        Browser {
            world: self,
            cookies: BTreeMap::new(),
            language: "en",
        }
    }

    /// A browser in which `user` has signed in, at the sign-in page.
    pub(crate) async fn signed_in(&self, user: &User) -> Browser<'_> {
        let mut browser = self.browser();
        let fields = [("email", user.email.as_str()), ("password", PASSWORD)];
        browser.post("/login", &fields).await.leads_to("/");
        browser
    }

    /// A browser in which whoever has `token`, a key of the house or of a user, has signed in with it.
    pub(crate) async fn signed_in_by(&self, token: &str) -> Browser<'_> {
        let signed_in = self
            .auth
            .sign_in_with_token(Password::new(token), &Caller::anonymous())
            .await
            .unwrap();
        let mut browser = self.browser();
        browser.set_cookie("session", signed_in.token.expose());
        browser
    }

    /// One more user, and a browser in which they are signed in.
    pub(crate) async fn visitor(&self, name: &str, role: Role) -> (User, Browser<'_>) {
        let user = self.user(name, role).await;
        let browser = self.signed_in(&user).await;
        (user, browser)
    }
}

impl Browser<'_> {
    pub(crate) async fn get(&mut self, path: &str) -> Seen {
        self.send(Request::get(path), Body::empty()).await
    }

    /// Sends a form, as a browser does from a page of ours.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Seen {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = Request::post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", "http://house.example")
            .header("sec-fetch-site", "same-origin");
        self.send(request, Body::from(form)).await
    }

    /// Sends a form from another site.
    pub(crate) async fn post_from_elsewhere(&mut self, path: &str, fields: &[(&str, &str)]) -> Seen {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = Request::post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", "http://evil.example")
            .header("sec-fetch-site", "cross-site");
        self.send(request, Body::from(form)).await
    }

    pub(crate) async fn send(&mut self, request: http::request::Builder, body: Body) -> Seen {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = request
            .header("host", "house.example")
            .header("accept-language", self.language)
            .header("user-agent", "Tester/1.0");
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        let answer = self
            .world
            .app
            .clone()
            .oneshot(request.body(body).unwrap())
            .await
            .unwrap();
        let (head, body) = answer.into_parts();
        for cookie in head.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let bytes = body.collect().await.unwrap().to_bytes();
        Seen {
            status: head.status.as_u16(),
            headers: head.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    pub(crate) fn set_cookie(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }
}

impl Seen {
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:?}\n{}", self.headers, self.text);
        self
    }

    /// A page that says `text` (as it is in the source: escaped).
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.text.contains(text), "it does not say {text:?}:\n{}", self.text);
        self
    }

    #[track_caller]
    pub(crate) fn does_not_say(self, text: &str) -> Self {
        assert!(!self.text.contains(text), "it says {text:?}:\n{}", self.text);
        self
    }

    /// It leads on to another page.
    #[track_caller]
    pub(crate) fn leads_to(self, path: &str) -> Self {
        assert_eq!(self.status, 303, "{}", self.text);
        assert_eq!(self.headers["location"], path);
        self
    }

    /// What was typed in is shown as text, and nowhere as markup.
    #[track_caller]
    pub(crate) fn shows_markup_as_text(self) -> Self {
        let text = self.does_not_say("<script>alert").does_not_say("<img src=x");
        assert!(
            text.text.contains("&#60;script&#62;alert") || text.text.contains("&lt;script&gt;alert"),
            "it is not shown at all:\n{}",
            text.text
        );
        text
    }

    /// The value of the first attribute that begins with `before`, up to the quotation mark: `between("name=\"id\" value=\"")`.
    #[track_caller]
    pub(crate) fn after(&self, before: &str) -> String {
        let (_, rest) = self
            .text
            .split_once(before)
            .unwrap_or_else(|| panic!("no {before:?} in:\n{}", self.text));
        rest.split(['"', '<']).next().unwrap().to_owned()
    }
}
