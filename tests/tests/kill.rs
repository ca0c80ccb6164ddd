//! `kill -9` straight after the last byte of an answer: whoever saw the answer is sure to be in the report, once.

use std::io;

use localauth_tests::{PASSWORD, Person, Postgres, Server, ServerBuilder};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Prompt and completion tokens.
type Tokens = (u64, u64);

/// Asks, and reads exactly to the last byte of the answer: what it says it used. By hand, so that nothing is between that
/// byte and what comes next. An error when the connection breaks.
async fn chat(url: &str, key: &str, streamed: bool) -> io::Result<Tokens> {
    let mut body = json!({"model": "demo", "max_tokens": 3, "messages": [{"role": "user", "content": "hi"}]});
    if streamed {
        body["stream"] = true.into();
        body["stream_options"] = json!({"include_usage": true});
    }
    let body = body.to_string();
    let address = url.strip_prefix("http://").unwrap();
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    let answer = loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(answer) = whole(&bytes) {
            break answer;
        }
    };
    if streamed {
        let frames = answer.lines().filter_map(|line| line.strip_prefix("data: "));
        let frames: Vec<&str> = frames.collect();
        assert_eq!(frames.last(), Some(&"[DONE]"), "{answer}");
        let usage = frames.iter().rev().find_map(|frame| used(frame));
        Ok(usage.unwrap_or_else(|| panic!("no usage in {answer}")))
    } else {
        Ok(used(&answer).unwrap_or_else(|| panic!("no usage in {answer}")))
    }
}

fn used(answer: &str) -> Option<Tokens> {
    let usage = serde_json::from_str::<Value>(answer).ok()?["usage"].take();
    Some((usage["prompt_tokens"].as_u64()?, usage["completion_tokens"].as_u64()?))
}

/// The body of an answer, if `bytes` are all of it.
fn whole(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, mut rest) = text.split_once("\r\n\r\n")?;
    assert!(head.starts_with("HTTP/1.1 200"), "{text}");
    let head = head.to_ascii_lowercase();
    let header = |name: &str| {
        head.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    };
    if let Some(length) = header("content-length") {
        return (rest.len() >= length.parse().unwrap()).then(|| rest.to_owned());
    }
    assert_eq!(header("transfer-encoding"), Some("chunked"), "{text}");
    let mut body = String::new();
    loop {
        let (size, chunk) = rest.split_once("\r\n")?;
        let size = usize::from_str_radix(size, 16).unwrap();
        let after = chunk.get(size..)?.strip_prefix("\r\n")?;
        if size == 0 {
            return Some(body);
        }
        body.push_str(&chunk[..size]);
        rest = after;
    }
}

async fn killed_after_each_answer(database: Option<&Postgres>, kills: u64) {
    let with = |builder: ServerBuilder| match database {
        Some(database) => builder.env("LOCALAUTH_DATABASE_URL", &database.url),
        None => builder,
    };
    let data = tempfile::tempdir().unwrap();
    let start = async || with(Server::builder_in(data.path())).start().await;
    let first = start().await;
    let (_, key) = Person::register(&first, "ada@example.org").await.make_key("k").await;
    first.kill().await;

    let (mut prompt, mut completion) = (0, 0);
    for n in 0..kills {
        let server = start().await;
        let (read, written) = chat(&server.url, &key, n % 2 == 0).await.unwrap();
        server.kill().await;
        prompt += read;
        completion += written;
    }

    let last = start().await;
    let ada = Person::sign_in(&last, "ada@example.org", PASSWORD).await.unwrap();
    let totals = &ada.usage().await["totals"];
    assert_eq!(totals["request_count"], kills, "each answer once: {totals}");
    assert_eq!(
        (&totals["prompt_tokens"], &totals["completion_tokens"]),
        (&json!(prompt), &json!(completion))
    );
    assert_eq!(totals["estimated_requests"], 0);
}

#[tokio::test]
async fn killed_after_the_last_byte_of_a_hundred_answers_each_counts_once_on_sqlite() {
    killed_after_each_answer(None, 100).await;
}

#[tokio::test]
async fn killed_after_the_last_byte_of_an_answer_it_counts_once_on_postgresql() {
    let database = Postgres::create("kill").await;
    killed_after_each_answer(Some(&database), 20).await;
    database.drop().await;
}

/// Others are under way when it is killed: theirs may be missing, or be estimated, but never count twice.
#[tokio::test(flavor = "multi_thread")]
async fn killed_among_many_answers_those_that_were_complete_count_once() {
    const KILLS: u64 = 20;
    const CLIENTS: u64 = 8;
    let data = tempfile::tempdir().unwrap();
    let start = async || Server::builder_in(data.path()).start().await;
    let first = start().await;
    let (_, key) = Person::register(&first, "ada@example.org").await.make_key("k").await;
    first.kill().await;

    let (mut complete, mut begun) = (0, 0);
    for _ in 0..KILLS {
        let server = start().await;
        let (done, mut answers) = tokio::sync::mpsc::unbounded_channel();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|n| {
                let (url, key, done) = (server.url.clone(), key.clone(), done.clone());
                tokio::spawn(async move {
                    while chat(&url, &key, n % 2 == 0).await.is_ok() {
                        done.send(()).unwrap();
                    }
                })
            })
            .collect();
        drop(done);
        for _ in 0..CLIENTS {
            answers.recv().await.unwrap();
            complete += 1;
        }
        server.kill().await;
        for client in clients {
            client.await.unwrap();
        }
        while answers.recv().await.is_some() {
            complete += 1;
        }
        begun += CLIENTS;
    }

    let last = start().await;
    let ada = Person::sign_in(&last, "ada@example.org", PASSWORD).await.unwrap();
    let requests = ada.usage().await["totals"]["request_count"].as_u64().unwrap();
    assert!(
        (complete..=complete + begun).contains(&requests),
        "{requests} of {complete} complete answers, and {begun} that broke off"
    );
}

/// What the last process left is written before a report is read, and says so where operators look.
#[tokio::test]
async fn what_waits_is_told_by_readyz() {
    let server = Server::start().await;
    let answer = reqwest::get(format!("{}/readyz", server.url)).await.unwrap();
    assert_eq!(answer.status(), 200);
    let body: Value = answer.json().await.unwrap();
    assert_eq!(
        body,
        json!({"status": "ready", "usage": {"waiting": 0, "unrecorded": 0}})
    );
}

/// Two servers over one data directory would take each other's usage: the second does not start.
#[tokio::test]
async fn a_second_server_over_the_same_data_is_refused() {
    let server = Server::start().await;
    let (status, said) = Server::builder_in(server.data()).fail().await;
    assert!(!status.success());
    let errors: Vec<&str> = said.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{said}");
    assert!(
        errors[0].contains("spool") && errors[0].contains("another process"),
        "{said}"
    );
}
