//! Somebody with a browser's cookie and an API key.

use reqwest::{Client, Response};
use serde_json::{Value, json};

use crate::Server;

/// A password that is good enough.
pub const PASSWORD: &str = "correct-horse-battery-staple";

/// Somebody who registered.
#[derive(Debug)]
pub struct Person {
    /// A client that keeps cookies.
    pub browser: Client,
    /// Their address.
    pub email: String,
    url: String,
}

impl Person {
    /// Registers at `server`.
    pub async fn register(server: &Server, email: &str) -> Self {
        let browser = Client::builder().cookie_store(true).build().unwrap();
        let body = json!({"email": email, "password": PASSWORD});
        let answer = browser
            .post(format!("{}/api/auth/register", server.url))
            .json(&body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
        Self {
            browser,
            email: email.to_owned(),
            url: server.url.clone(),
        }
    }

    /// Signs in at `server`.
    ///
    /// # Errors
    ///
    /// The status, when it is not 200.
    pub async fn sign_in(server: &Server, email: &str, password: &str) -> Result<Self, u16> {
        let browser = Client::builder().cookie_store(true).build().unwrap();
        let body = json!({"email": email, "password": password});
        let answer = browser
            .post(format!("{}/api/auth/login", server.url))
            .json(&body)
            .send()
            .await
            .unwrap();
        if answer.status() == 200 {
            Ok(Self {
                browser,
                email: email.to_owned(),
                url: server.url.clone(),
            })
        } else {
            Err(answer.status().as_u16())
        }
    }

    /// Makes a key: its id and itself.
    pub async fn make_key(&self, name: &str) -> (String, String) {
        let url = format!("{}/api/auth/api-keys", self.url);
        let answer = self
            .browser
            .post(url)
            .json(&json!({"name": name}))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 201);
        let body: Value = answer.json().await.unwrap();
        (
            body["id"].as_str().unwrap().to_owned(),
            body["key"].as_str().unwrap().to_owned(),
        )
    }

    /// Revokes a key.
    pub async fn revoke(&self, id: &str) -> u16 {
        let url = format!("{}/api/auth/api-keys/{id}", self.url);
        self.browser.delete(url).send().await.unwrap().status().as_u16()
    }

    /// Gets a path with the browser's cookie.
    pub async fn get(&self, path: &str) -> Response {
        self.browser.get(format!("{}{path}", self.url)).send().await.unwrap()
    }

    /// What the report says of today.
    pub async fn usage(&self) -> Value {
        self.get("/api/auth/usage?period=day").await.json().await.unwrap()
    }
}
