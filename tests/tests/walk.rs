//! Register, make a key, chat, look at the usage: as a person would, over HTTP.

use futures_util::StreamExt as _;
use localauth_tests::{PASSWORD, Person, Server};
use reqwest::{Client, StatusCode, redirect::Policy};
use serde_json::{Value, json};

fn chat(server: &Server, key: &str, body: &Value) -> reqwest::RequestBuilder {
    Client::new()
        .post(format!("{}/v1/chat/completions", server.url))
        .bearer_auth(key)
        .json(body)
}

fn question(more: &Value) -> Value {
    let mut body = json!({"model": "demo", "messages": [{"role": "user", "content": "Who are you?"}]});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// The `data:` lines of a whole stream.
fn events(text: &str) -> Vec<Value> {
    text.lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

#[tokio::test]
async fn usage_is_exactly_what_the_answers_said() {
    let server = Server::start().await;
    let ada = Person::register(&server, "ada@example.org").await;
    let (_, key) = ada.make_key("walk").await;
    let mut expected = (0, 0, 0);
    let mut add = |usage: &Value| {
        expected.0 += usage["prompt_tokens"].as_u64().unwrap();
        expected.1 += usage["completion_tokens"].as_u64().unwrap();
        expected.2 += 1;
    };
    let answer: Value = chat(&server, &key, &question(&json!({})))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert!(
        answer["choices"][0]["message"]["content"]
            .as_str()
            .unwrap()
            .contains("--model"),
        "{answer}"
    );
    add(&answer["usage"]);
    for options in [
        json!({"stream": true}),
        json!({"stream": true, "stream_options": {"include_usage": true}}),
    ] {
        let text = chat(&server, &key, &question(&options))
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        assert!(text.contains("data: [DONE]"));
        let events = events(&text);
        add(events
            .iter()
            .rev()
            .map(|e| &e["usage"])
            .find(|u| !u.is_null())
            .expect("usage in the stream"));
    }
    let report = ada.usage().await;
    assert_eq!(
        report["totals"],
        json!({"prompt_tokens": expected.0, "completion_tokens": expected.1, "total_tokens": expected.0 + expected.1,
               "cached_tokens": 0, "cost_micros": 0, "request_count": 3, "estimated_requests": 0}),
        "{report}"
    );
    assert_eq!(report["usage"][0]["model"], "demo");
    // Nobody else sees it, and a list of models is no work of a model.
    let bob = Person::register(&server, "bob@example.org").await;
    let (_, key) = bob.make_key("k").await;
    let models: Value = Client::new()
        .get(format!("{}/v1/models", server.url))
        .bearer_auth(&key)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert!(
        models["data"].as_array().unwrap().iter().any(|m| m["id"] == "demo"),
        "{models}"
    );
    assert_eq!(bob.usage().await["totals"]["request_count"], 0);
}

#[tokio::test]
async fn a_stream_cut_by_the_client_is_counted_with_what_was_produced() {
    let server = Server::start().await;
    let ada = Person::register(&server, "ada@example.org").await;
    let (_, key) = ada.make_key("cut").await;
    // A whole one first: the server and the demo model are warm.
    let response = chat(&server, &key, &question(&json!({"stream": true})))
        .send()
        .await
        .unwrap();
    let mut stream = response.bytes_stream();
    let mut seen = String::new();
    while events_so_far(&seen) < 5 {
        seen.push_str(std::str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap());
    }
    drop(stream);
    // The server notices when it next writes, or at the end of the sentence; the report waits for what is queued, not
    // for a connection, so it is asked until the request is in it.
    let totals = loop {
        let totals = ada.usage().await["totals"].clone();
        if totals["request_count"] == 1 {
            break totals;
        }
    };
    assert!(totals["completion_tokens"].as_u64().unwrap() >= 4, "{totals}");
    assert!(totals["prompt_tokens"].as_u64().unwrap() > 0, "{totals}");
}

fn events_so_far(text: &str) -> usize {
    text.matches("\n\n").count()
}

#[tokio::test]
async fn doors_are_closed_as_the_contract_says() {
    let server = Server::start().await;
    let root = Person::register(&server, "root@example.org").await;
    let ada = Person::register(&server, "ada@example.org").await;
    let (admin_id, admin) = root.make_key("admin").await;
    let (_, user) = ada.make_key("user").await;
    let client = Client::builder().redirect(Policy::none()).build().unwrap();
    let ask = async |method: &str, path: &str, key: Option<&str>| {
        let mut request = client.request(method.parse().unwrap(), format!("{}{path}", server.url));
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        if method == "POST" {
            request = request.json(&json!({"model_id": "demo"}));
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        assert!(
            response.headers().get("access-control-allow-origin").is_none(),
            "CORS is closed: {path}"
        );
        assert!(response.headers().contains_key("x-request-id"), "{path}");
        let body: Value = response.json().await.unwrap_or(Value::Null);
        (status, body["error"]["code"].as_str().unwrap_or_default().to_owned())
    };
    for (method, path, key, status, code) in [
        ("GET", "/v1/models", None, 401, "missing_credentials"),
        ("GET", "/v1/models", Some("sk-local-wrong"), 401, "invalid_api_key"),
        ("GET", "/v1/models", Some(user.as_str()), 200, ""),
        ("POST", "/v1/models/status", Some(&user), 403, "admin_required"),
        ("POST", "/v1/models/status", Some(&admin), 200, ""),
        ("POST", "/re_isq", Some(&user), 403, "admin_required"),
        ("GET", "/v1/system/info", Some(&user), 403, "admin_required"),
        ("GET", "/v1/system/info", Some(&admin), 200, ""),
        ("GET", "/docs", Some(&admin), 404, "unknown_route"),
        ("GET", "/nowhere", None, 401, "missing_credentials"),
        ("GET", "/v1/models/", Some(&user), 404, "unknown_route"),
        ("GET", "//v1/models", Some(&user), 404, "unknown_route"),
        ("GET", "/v1/system/info/../info", Some(&user), 403, "admin_required"),
        ("GET", "/healthz", None, 200, ""),
        ("GET", "/readyz", None, 200, ""),
    ] {
        assert_eq!(
            ask(method, path, key).await,
            (status, code.to_owned()),
            "{method} {path} {key:?}"
        );
    }
    // The console's front page shows a stranger nothing but the way to sign in.
    let front = client.get(format!("{}/", server.url)).send().await.unwrap();
    assert_eq!(front.status(), StatusCode::SEE_OTHER);
    assert_eq!(front.headers()["location"], "/login");
    assert_eq!(front.text().await.unwrap(), "");
    assert_eq!(root.revoke(&admin_id).await, 200);
    assert_eq!(
        ask("GET", "/v1/models", Some(&admin)).await,
        (401, "invalid_api_key".to_owned())
    );
}

/// mistral.rs would hand answers to whoever knows their id.
#[tokio::test]
async fn a_stored_response_is_its_owners() {
    let server = Server::start().await;
    let root = Person::register(&server, "root@example.org").await;
    let ada = Person::register(&server, "ada@example.org").await;
    let bob = Person::register(&server, "bob@example.org").await;
    let (_, key) = ada.make_key("k").await;
    let (_, other) = bob.make_key("k").await;
    let ask = async |key: &str, body: Value| {
        let request = Client::new()
            .post(format!("{}/v1/responses", server.url))
            .bearer_auth(key)
            .json(&body);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, first) = ask(&key, json!({"model": "demo", "input": "hello"})).await;
    assert_eq!(status, 200, "{first}");
    let first: Value = serde_json::from_str(&first).unwrap();
    let (status, events) = ask(&key, json!({"model": "demo", "input": "hello", "stream": true})).await;
    assert_eq!(status, 200, "{events}");
    let at = events.find("resp_").unwrap();
    let streamed = events[at..].split('"').next().unwrap();

    for id in [first["id"].as_str().unwrap(), streamed] {
        let path = format!("/v1/responses/{id}");
        let next = json!({"model": "demo", "input": "x", "previous_response_id": id});
        assert_eq!(ask(&key, next.clone()).await.0, 200);
        assert_eq!(ask(&other, next).await.0, 404);
        let read: Value = ada.get(&path).await.json().await.unwrap();
        assert_eq!(
            (read["id"].as_str(), read["status"].as_str()),
            (Some(id), Some("completed")),
            "{read}"
        );
        assert_eq!(root.get(&path).await.status(), 200, "administrators read");

        let (theirs, nobodys) = (bob.get(&path).await, bob.get("/v1/responses/resp_0").await);
        assert_eq!(
            (theirs.status(), nobodys.status()),
            (reqwest::StatusCode::NOT_FOUND, reqwest::StatusCode::NOT_FOUND)
        );
        assert_eq!(theirs.text().await.unwrap(), nobodys.text().await.unwrap());

        let delete = async |key: &str| {
            let url = format!("{}{path}", server.url);
            Client::new()
                .delete(url)
                .bearer_auth(key)
                .send()
                .await
                .unwrap()
                .status()
        };
        assert_eq!(delete(&other).await, 404);
        assert_eq!(delete(&key).await, 200);
        assert_eq!(ada.get(&path).await.status(), 404);
    }
    assert_eq!(ada.usage().await["totals"]["request_count"], 4, "to read is not to ask");
    let (status, _) = ask(&key, json!({"model": "demo", "input": "x", "background": true})).await;
    assert_eq!(status, 400, "an answer in the background would not be counted");
}

#[tokio::test]
async fn paths_without_the_version_are_answered_too() {
    let server = Server::start().await;
    let ada = Person::register(&server, "ada@example.org").await;
    let (_, key) = ada.make_key("k").await;
    let request = Client::new()
        .post(format!("{}/chat/completions", server.url))
        .bearer_auth(&key)
        .json(&question(&json!({"max_tokens": 1})));
    assert_eq!(request.send().await.unwrap().status(), 200);
    let models = Client::new().get(format!("{}/models", server.url)).bearer_auth(&key);
    assert_eq!(models.send().await.unwrap().status(), 200);
    assert_eq!(ada.usage().await["totals"]["request_count"], 1);
}

/// A client that does not wait for its answer has it counted all the same: the model works on it to the end.
#[tokio::test]
async fn an_answer_that_nobody_reads_counts() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let server = Server::start().await;
    let ada = Person::register(&server, "ada@example.org").await;
    let (_, key) = ada.make_key("k").await;
    let body = question(&json!({})).to_string();
    let address = server.url.strip_prefix("http://").unwrap();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: \
         application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    // A connection that ends before its body was read asked the model for nothing: then another one has to.
    let totals = loop {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 25];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(body.as_bytes()).await.unwrap();
        // The server has other things to do meanwhile, and answers them.
        assert_eq!(ada.get("/api/auth/me").await.status(), 200);
        drop(stream);
        let totals = ada.usage().await["totals"].clone();
        if totals["request_count"].as_u64().unwrap() > 0 {
            break totals;
        }
    };
    assert!(totals["prompt_tokens"].as_u64().unwrap() > 0, "{totals}");
}

#[tokio::test]
async fn auth_switched_off_installs_nothing() {
    let server = Server::builder().env("LOCALAUTH_AUTH", "false").start().await;
    let answer = Client::new()
        .post(format!("{}/v1/chat/completions", server.url))
        .json(&question(&json!({})))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let status: Value = reqwest::get(format!("{}/api/auth/status", server.url))
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        (&status["authEnabled"], &status["providers"]),
        (&json!(false), &json!([]))
    );
    let me = reqwest::get(format!("{}/api/auth/me", server.url)).await.unwrap();
    assert_eq!(me.status(), 404);
}

/// With shared keys, "off" still asks for one of them.
#[tokio::test]
async fn shared_keys_alone_guard_a_server_without_accounts() {
    let server = Server::builder()
        .env("LOCALAUTH_AUTH", "false")
        .env("LOCALAUTH_API_KEYS", "first-shared-key, second-shared-key")
        .start()
        .await;
    let ask = async |key: &str| {
        chat(&server, key, &question(&json!({"max_tokens": 1})))
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!(ask("wrong-shared-key").await, 401);
    assert_eq!(ask("first-shared-key").await, 200);
    assert_eq!(ask("second-shared-key").await, 200);
}

#[tokio::test]
async fn the_operator_helps_whoever_is_locked_out() {
    let server = Server::start().await;
    let new = "another-horse-battery-staple";
    let (ok, _, error) = server
        .operator(&["user", "add", "root@example.org", "--admin"], PASSWORD)
        .await;
    assert!(ok, "{error}");
    assert!(Person::sign_in(&server, "root@example.org", PASSWORD).await.is_ok());
    let (ok, key, error) = server
        .operator(&["key", "create", "root@example.org", "--name", "rescue"], "")
        .await;
    assert!(ok, "{error}");
    let key = key
        .lines()
        .find(|l| l.starts_with("sk-local-"))
        .expect("the key alone on a line")
        .to_owned();
    let ask = async || {
        chat(&server, &key, &question(&json!({"max_tokens": 1})))
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!(ask().await, 200);
    let (ok, list, _) = server.operator(&["user", "list"], "").await;
    assert!(
        ok && list.contains("root@example.org") && list.contains("admin"),
        "{list}"
    );
    let (ok, _, error) = server
        .operator(&["user", "set-password", "root@example.org"], new)
        .await;
    assert!(ok, "{error}");
    assert_eq!(
        Person::sign_in(&server, "root@example.org", PASSWORD).await.err(),
        Some(401)
    );
    assert!(Person::sign_in(&server, "root@example.org", new).await.is_ok());
    let prefix = &key[..27];
    let (ok, _, error) = server.operator(&["key", "revoke", prefix], "").await;
    assert!(ok, "{error}");
    // Another process revoked it: the running server follows within a second.
    while ask().await == 200 {}
    assert_eq!(ask().await, 401);
    let (ok, _, error) = server
        .operator(&["user", "set-password", "nobody@example.org"], new)
        .await;
    assert!(!ok && error.lines().count() == 1, "{error}");
}

#[tokio::test]
async fn bodies_that_are_not_what_they_say_get_the_openai_shape() {
    let server = Server::start().await;
    let (_, key) = Person::register(&server, "ada@example.org").await.make_key("k").await;
    let url = format!("{}/v1/chat/completions", server.url);
    let client = Client::new();
    for (kind, body, status) in [
        ("application/json", "{".to_owned(), 400),
        ("application/json", "[]".to_owned(), 400),
        ("application/json", r#"{"model":"demo"}"#.to_owned(), 400),
        (
            "application/json",
            r#"{"model":"nobody","messages":[{"role":"user","content":"x"}]}"#.to_owned(),
            404,
        ),
        ("text/plain", "hello".to_owned(), 415),
    ] {
        let request = client
            .post(&url)
            .bearer_auth(&key)
            .header("content-type", kind)
            .body(body.clone());
        let answer = request.send().await.unwrap();
        let got = answer.status();
        let error: Value = answer.json().await.expect("JSON");
        assert_eq!(got, status, "{body}: {error}");
        assert!(
            error["error"]["message"].is_string() && error["error"]["type"].is_string(),
            "{error}"
        );
    }
}
