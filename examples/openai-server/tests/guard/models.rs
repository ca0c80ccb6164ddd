//! Several upstreams: who has which model, what it is called, and who sees it.

use serde_json::{Value, json};

use super::engine::{Engine, Received, Step, answer, json_answer};
use super::world::Guard;

fn chat(model: &str) -> String {
    json!({"model": model, "messages": []}).to_string()
}

fn ids(list: &Value) -> Vec<&str> {
    list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["id"].as_str().unwrap())
        .collect()
}

fn ok(_: &Received) -> Vec<Step> {
    json_answer(&json!({"id": "x"}))
}

/// An Ollama with these models.
fn ollama(names: &'static [&'static str]) -> impl Fn(&Received) -> Vec<Step> + Send + Sync {
    move |asked| match asked.target() {
        "/api/tags" => {
            let tag =
                |name: &&str| json!({"name": name, "model": name, "size": 7, "modified_at": "2026-11-01T00:00:00Z"});
            json_answer(&json!({"models": names.iter().map(tag).collect::<Vec<_>>()}))
        }
        "/v1/models" => panic!("its own list says it all"),
        _ => json_answer(&json!({"model": "x", "done": true})),
    }
}

#[tokio::test]
async fn each_model_goes_to_who_has_it() {
    let one = Engine::serving(&["allowed", "both"], ok).await;
    let two = Engine::serving(&["secret", "both"], ok).await;
    let guard = Guard::before(&[&one, &two], &[]).await;
    for (model, engine, other) in [("allowed", &one, &two), ("secret", &two, &one), ("both", &one, &two)] {
        assert_eq!(guard.chat(&guard.user, &chat(model)).await.status, 200, "{model}");
        assert_eq!((engine.take().len(), other.take().len()), (1, 0), "{model}");
    }
    for unknown in ["nothing", "ALLOWED", "allowed:latest"] {
        let answer = guard.chat(&guard.user, &chat(unknown)).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (404, "model_not_found"),
            "{unknown}"
        );
    }
    // Which one is meant nobody can say.
    let answer = guard.chat(&guard.user, r#"{"messages":[]}"#).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "model_required"));
    assert_eq!(
        guard.chat(&guard.narrow, &chat("both")).await.code(),
        "model_not_allowed"
    );
    assert!(one.take().is_empty() && two.take().is_empty());
}

/// A limit that an administrator gives by another name of a model binds that model, whatever it is called then.
#[tokio::test]
async fn what_is_said_of_a_model_holds_for_all_its_names() {
    let engine = Engine::start(ollama(&["llama3:latest", "both"])).await;
    let configuration = format!(
        "[[upstreams]]\nurl = '{}'\naliases = {{ pet = 'llama3' }}",
        engine.url()
    );
    let guard = Guard::configured(&configuration).await;
    let put = async |path: &str, body: Value| {
        let path = format!("/api/auth/admin/users/{}/{path}", guard.user_id);
        guard.ask(&guard.admin, "PUT", &path, Some(&body.to_string())).await
    };
    let limit = put("quotas", json!({"model": "llama3", "max_requests": 2, "window": "1d"})).await;
    assert_eq!(
        (limit.status, &limit.json()["quota"]["model"]),
        (200, &json!("llama3:latest"))
    );
    for (model, status) in [
        ("LLAMA3", 200),
        ("pet", 200),
        ("llama3:latest", 429),
        ("llama3", 429),
        ("both", 200),
    ] {
        assert_eq!(guard.chat(&guard.user, &chat(model)).await.status, status, "{model}");
    }
    let why = async |model: &str| {
        let asked = json!({"method": "POST", "path": "/v1/chat/completions", "model": model});
        let told = guard
            .ask(&guard.user, "POST", "/api/auth/why", Some(&asked.to_string()))
            .await;
        told.json()["code"].clone()
    };
    assert_eq!(why("pet").await, "insufficient_quota");
    assert_eq!(why("both").await, Value::Null);
    // A list by another name is that of the model too.
    let list = put("models", json!({"enabled": true, "models": ["pet"]})).await;
    assert_eq!(list.json()["allowed_models"]["models"], json!(["llama3:latest"]));
    assert_eq!(guard.chat(&guard.user, &chat("both")).await.code(), "model_not_allowed");
    assert_eq!(
        guard.chat(&guard.user, &chat("llama3")).await.code(),
        "insufficient_quota"
    );
    let features = guard.ask(&guard.admin, "GET", "/api/auth/admin/features", None).await;
    assert_eq!(features.json()["models"], json!(["both", "llama3:latest"]));
}

#[tokio::test]
async fn the_lists_are_one_and_show_what_the_caller_may_use() {
    let one = Engine::serving(&["allowed", "both"], ok).await;
    let two = Engine::start(ollama(&["llama3:latest", "both"])).await;
    let guard = Guard::before(&[&one, &two], &[]).await;
    for path in ["/v1/models", "/models"] {
        let list = guard.ask(&guard.user, "GET", path, None).await;
        assert_eq!(list.header("cache-control"), Some("no-store"));
        assert_eq!(ids(&list.json()), ["allowed", "both", "llama3:latest"]);
        let first = &list.json()["data"][0];
        assert_eq!((&first["created"], &first["object"]), (&json!(7), &json!("model")));
        assert!(
            !list.body.contains("/srv/"),
            "where the weights lie is nobody's business"
        );
        let narrow = guard.ask(&guard.narrow, "GET", path, None).await;
        assert_eq!(ids(&narrow.json()), ["allowed"]);
        assert_eq!(guard.ask("sk-local-wrong", "GET", path, None).await.status, 401);
        assert_eq!(guard.ask(&guard.user, "HEAD", path, None).await.status, 200);
    }
    // An engine's own answer would tell how long the list is that they may not see.
    let head = guard.ask(&guard.narrow, "HEAD", "/api/tags", None).await;
    assert_eq!((head.status, head.header("etag")), (200, None));
    let heads = |engine: &Engine| engine.take().iter().filter(|seen| seen.method() == "HEAD").count();
    assert_eq!((heads(&one), heads(&two)), (0, 0));
    let tags = guard.ask(&guard.user, "GET", "/api/tags", None).await.json();
    let names: Vec<_> = tags["models"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["both", "llama3:latest"]);
    assert_eq!(tags["models"][1]["size"], 7);
    let narrow = guard.ask(&guard.narrow, "GET", "/api/tags", None).await.json();
    assert_eq!(narrow, json!({"models": []}));
}

#[tokio::test]
async fn one_model_is_told_of_as_in_the_list() {
    let one = Engine::serving(&["allowed", "secret"], |_| {
        json_answer(&json!({"id": "secret", "root": "/srv/x", "permission": [{"args": "--api-key"}]}))
    })
    .await;
    let guard = Guard::before(&[&one], &[]).await;
    let tell = async |key: &str, name: &str| guard.ask(key, "GET", &format!("/v1/models/{name}"), None).await;
    let told = tell(&guard.user, "secret").await;
    assert_eq!(told.header("cache-control"), Some("no-store"));
    assert_eq!(
        told.json(),
        json!({"id": "secret", "object": "model", "created": 7, "owned_by": "me"})
    );
    assert_eq!(tell(&guard.narrow, "allowed").await.json()["id"], "allowed");
    assert_eq!(
        guard
            .ask(&guard.narrow, "HEAD", "/v1/models/allowed", None)
            .await
            .status,
        200
    );
    // What is not theirs is as what is not there, but for its name.
    let hidden = tell(&guard.narrow, "secret").await;
    let absent = tell(&guard.narrow, "nothing").await;
    assert_eq!((hidden.status, absent.status), (404, 404), "{hidden:?}");
    assert_eq!(hidden.code(), "model_not_found");
    assert_eq!(hidden.body.replace("secret", "nothing"), absent.body);
    assert_eq!(tell(&guard.user, "nothing").await.code(), "model_not_found");
    assert_eq!(tell("sk-local-wrong", "allowed").await.status, 401);
    assert!(one.take().is_empty(), "nothing of it arrived");
}

#[tokio::test]
async fn another_spelling_is_judged_and_sent_as_the_one_name() {
    let engine = Engine::start(ollama(&["allowed", "Secret:8B", "llama3:latest"])).await;
    let guard = Guard::before(&[&engine], &[("LOCALAUTH_UPSTREAM_ENGINE", "ollama")]).await;
    for (written, exact) in [
        ("llama3", "llama3:latest"),
        ("LLaMA3:Latest", "llama3:latest"),
        ("library/llama3", "llama3:latest"),
        ("secret:8b", "Secret:8B"),
        ("llama3:latest", "llama3:latest"),
    ] {
        for target in ["/api/chat", "/v1/chat/completions"] {
            let body = format!(r#"{{"messages":[],"model":"{written}" , "stream":false}}"#);
            assert_eq!(
                guard.ask(&guard.user, "POST", target, Some(&body)).await.status,
                200,
                "{written}"
            );
            let [one] = &engine.take()[..] else {
                panic!("one request")
            };
            // Nothing else of the body has changed.
            assert_eq!(String::from_utf8_lossy(&one.body), body.replace(written, exact));
            let refused = guard.ask(&guard.narrow, "POST", target, Some(&body)).await;
            assert_eq!(refused.code(), "model_not_allowed", "{written}");
        }
    }
    assert!(engine.take().is_empty());
}

#[tokio::test]
async fn an_alias_is_the_model_that_it_means() {
    let engine = Engine::serving(&["allowed", "secret"], ok).await;
    let configuration = format!(
        "[[upstreams]]\nurl = '{}'\naliases = {{ 'gpt-4o' = 'allowed', 'gpt-5' = 'secret', 'lost' = 'gone' }}",
        engine.url()
    );
    let guard = Guard::configured(&configuration).await;
    assert_eq!(guard.chat(&guard.narrow, &chat("gpt-4o")).await.status, 200);
    assert_eq!(engine.take()[0].json()["model"], "allowed");
    assert_eq!(
        guard.chat(&guard.narrow, &chat("gpt-5")).await.code(),
        "model_not_allowed"
    );
    assert_eq!(guard.chat(&guard.user, &chat("lost")).await.code(), "model_not_found");
    assert!(engine.take().is_empty());
    let list = guard.ask(&guard.narrow, "GET", "/v1/models", None).await.json();
    assert_eq!(ids(&list), ["allowed", "gpt-4o"]);
    // What it cost is the model's, whatever it was called.
    let filter = localauth_core::UsageFilter::default();
    let report = guard
        .auth
        .usage_report(localauth_core::Period::Day, filter)
        .await
        .unwrap();
    assert_eq!(&*report.rows[0].model, "allowed");
}

#[tokio::test]
async fn models_may_be_said_by_the_settings() {
    let engine = Engine::serving(&["allowed", "hidden"], ok).await;
    let configuration = format!("[[upstreams]]\nurl = '{}'\nmodels = ['allowed', 'other']", engine.url());
    let guard = Guard::configured(&configuration).await;
    let list = guard.ask(&guard.user, "GET", "/v1/models", None).await.json();
    assert_eq!(ids(&list), ["allowed", "other"]);
    assert_eq!(guard.chat(&guard.user, &chat("hidden")).await.code(), "model_not_found");
}

#[tokio::test]
async fn one_without_a_list_is_asked_for_whatever_it_is() {
    let engine = Engine::start(|asked| match asked.target() {
        "/v1/models" | "/api/tags" => answer(404, "text/plain", ""),
        _ => ok(asked),
    })
    .await;
    let listed = Engine::serving(&["allowed"], ok).await;
    let guard = Guard::before(&[&engine, &listed], &[]).await;
    assert_eq!(guard.chat(&guard.user, &chat("anything")).await.status, 200);
    assert_eq!((engine.take().len(), listed.take().len()), (1, 0));
    // Who says that it has a model comes first.
    assert_eq!(guard.chat(&guard.user, &chat("allowed")).await.status, 200);
    assert_eq!((engine.take().len(), listed.take().len()), (0, 1));
    assert_eq!(
        guard.chat(&guard.narrow, &chat("anything")).await.code(),
        "model_not_allowed"
    );
}

#[tokio::test]
async fn a_single_model_is_the_one_that_is_meant() {
    // `default` is another word for it, whoever lists it.
    let engine = Engine::serving(&["default", "secret"], ok).await;
    let guard = Guard::before(&[&engine], &[]).await;
    for nameless in [r#"{"messages":[]}"#, r#"{"messages":[],"model":"default"}"#] {
        assert_eq!(guard.chat(&guard.user, nameless).await.status, 200);
        assert_eq!(
            engine.take()[0].json()["model"],
            "secret",
            "what is counted is what is asked for"
        );
        assert_eq!(guard.chat(&guard.narrow, nameless).await.code(), "model_not_allowed");
    }
    let list = guard.ask(&guard.user, "GET", "/v1/models", None).await.json();
    assert_eq!(ids(&list), ["secret"]);
    let filter = localauth_core::UsageFilter::of_user(guard.user_id);
    let report = guard
        .auth
        .usage_report(localauth_core::Period::Day, filter)
        .await
        .unwrap();
    assert_eq!(&*report.rows[0].model, "secret");
}

#[tokio::test]
async fn what_an_administrator_changes_is_seen_soon() {
    let pulled = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let has = std::sync::Arc::clone(&pulled);
    let engine = Engine::start(move |asked| {
        let ordering = std::sync::atomic::Ordering::SeqCst;
        match asked.target() {
            "/api/tags" if has.load(ordering) => json_answer(&json!({"models": [{"name": "new:latest"}]})),
            "/api/tags" => json_answer(&json!({"models": []})),
            "/api/pull" => {
                has.store(true, ordering);
                answer(200, "application/x-ndjson", "{\"status\":\"success\"}\n")
            }
            _ => ok(asked),
        }
    })
    .await;
    let guard = Guard::before(&[&engine], &[("LOCALAUTH_UPSTREAM_HEALTH_INTERVAL", "1h")]).await;
    let pull = r#"{"model":"new"}"#;
    assert_eq!(
        guard.ask(&guard.user, "POST", "/api/pull", Some(pull)).await.status,
        403
    );
    assert!(!pulled.load(std::sync::atomic::Ordering::SeqCst));
    assert_eq!(
        guard.ask(&guard.admin, "POST", "/api/pull", Some(pull)).await.status,
        200
    );
    // Without anybody asking for it.
    while guard.upstreams.models().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(guard.chat(&guard.user, &chat("new")).await.status, 200);
    assert_eq!(engine.take().pop().unwrap().json()["model"], "new:latest");
}

#[tokio::test]
async fn a_name_that_nobody_has_does_not_make_work() {
    let engine = Engine::serving(&["allowed"], ok).await;
    let guard = Guard::before(&[&engine], &[("LOCALAUTH_UPSTREAM_HEALTH_INTERVAL", "1h")]).await;
    let before = engine.looks();
    for number in 0..50 {
        let answer = guard.chat(&guard.user, &chat(&format!("guess-{number}"))).await;
        assert_eq!(answer.code(), "model_not_found");
    }
    // Two questions each; and however long this takes, not fifty.
    assert!(engine.looks() - before <= 20, "{}", engine.looks() - before);
}

#[tokio::test]
async fn each_engine_has_the_routes_of_its_pack() {
    let openai = Engine::serving(&["allowed"], ok).await;
    let ollama = Engine::start(ollama(&["llama3:latest"])).await;
    let configuration = format!(
        "[[upstreams]]\nurl = '{}'\nengine = 'openai'\n[[upstreams]]\nurl = '{}'\nengine = 'ollama'",
        openai.url(),
        ollama.url()
    );
    let guard = Guard::configured(&configuration).await;
    // No model: the first whose pack has the route.
    assert_eq!(guard.ask(&guard.admin, "GET", "/api/ps", None).await.status, 200);
    assert_eq!((openai.take().len(), ollama.take().len()), (0, 1));
    assert_eq!(guard.ask(&guard.user, "GET", "/api/ps", None).await.status, 403);
    // A model that is there, but not where the route is.
    let answer = guard
        .ask(&guard.user, "POST", "/api/chat", Some(&chat("allowed")))
        .await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "model_not_found"));
    // What no pack declares is nobody's.
    for path in ["/docs", "/api/unknown", "/internal", "/"] {
        let status = guard.ask(&guard.admin, "GET", path, None).await.status;
        assert!(status == 404 || path == "/", "{path}: {status}");
    }
    assert!(openai.take().is_empty());
}
