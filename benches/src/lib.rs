//! What the benches share: a server's `Auth` with users and keys, and requests as clients send them.

pub mod usage;

use http::{HeaderMap, HeaderValue, Request, header};
use http_body_util::Empty;
use localauth_core::{Auth, MemoryStore, NewAccount, NewKey, Password, PasswordCost, PlainKey};

/// The body of every request here.
pub type Body = Empty<bytes::Bytes>;

/// Keys of one user.
const KEYS_EACH: usize = 500;

/// An `Auth` that knows so many `keys` of its users, and remembers so many of them.
///
/// # Panics
///
/// When the memory store or the operating system's randomness fails.
#[expect(clippy::expect_used, reason = "a bench that cannot begin has nothing to say")]
pub async fn auth_with_keys(keys: usize, remembered: usize) -> (Auth, Vec<PlainKey>) {
    let auth = Auth::builder(MemoryStore::new())
        .cache_capacity(remembered)
        .password_cost(PasswordCost::INSECURE)
        .build()
        .expect("an Auth");
    auth.follow_changes().await.expect("the memory store answers");
    let mut all = Vec::with_capacity(keys);
    while all.len() < keys {
        let email = format!("user-{}@example.org", all.len());
        let account = NewAccount::local(email, Password::new("correct-horse-battery-staple"));
        let user = auth.add_user(account).await.expect("a user");
        for n in 0..KEYS_EACH.min(keys - all.len()) {
            let key = auth.create_key(user.id, NewKey::named(format!("key {n}"))).await;
            all.push(key.expect("a key").plain);
        }
    }
    (auth, all)
}

/// The headers that the official `openai` client sends, with this key.
///
/// # Panics
///
/// When `key` cannot be in a header.
#[expect(clippy::expect_used, reason = "a bench that cannot begin has nothing to say")]
pub fn client_headers(key: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (header::HOST, "127.0.0.1:8080"),
        (header::CONNECTION, "keep-alive"),
        (header::ACCEPT, "application/json"),
        (header::CONTENT_TYPE, "application/json"),
        (header::USER_AGENT, "OpenAI/Python 2.8.0"),
        (header::ACCEPT_ENCODING, "gzip, deflate"),
        (header::CONTENT_LENGTH, "200"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let bearer = HeaderValue::from_str(&format!("Bearer {key}")).expect("a key is ASCII");
    headers.insert(header::AUTHORIZATION, bearer);
    headers
}

/// A request with these headers.
pub fn request(headers: &HeaderMap) -> Request<Body> {
    let mut request = Request::new(Empty::new());
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = http::Uri::from_static("/v1/chat/completions");
    request.headers_mut().clone_from(headers);
    request
}
