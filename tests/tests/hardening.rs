//! The real program against those who want too much of it, or send it slowly.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use futures_util::future::join_all;
use localauth_tests::{PASSWORD, Person, Server, required};
use rcgen::generate_simple_self_signed;
use reqwest::{Certificate, Client};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

const LONG: Duration = Duration::from_mins(2);

fn address(server: &Server) -> SocketAddr {
    let (_, address) = server.url.split_once("://").unwrap();
    address.parse().unwrap()
}

async fn raw(server: &Server, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address(server)).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

async fn is_well(server: &Server) {
    let answer = Client::new().get(format!("{}/healthz", server.url)).send();
    assert_eq!(timeout(LONG, answer).await.unwrap().unwrap().status(), 200);
}

/// What the kernel says of the server's memory, in bytes.
fn memory(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_idle_connections_keep_nobody_out() {
    // Eight thousand where the machine gives a process fewer files, since both ends need one each.
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let many: usize = if files > 11_000 { 10_000 } else { 8_000 };
    assert!(files > 9_000, "this machine gives {files} files: raise `ulimit -n`");
    let server = Server::builder()
        .env("LOCALAUTH_MAX_CONNECTIONS", (many + 100).to_string())
        .start()
        .await;
    let ada = Person::register(&server, "ada@example.org").await;
    let (_, key) = ada.make_key("k").await;
    let before = memory(&server);
    let mut idle = Vec::new();
    // In portions: what knocks at once has to fit into the queue at the door.
    for _ in 0..many / 500 {
        let portion = join_all((0..500).map(|_| TcpStream::connect(address(&server)))).await;
        idle.extend(portion.into_iter().map(Result::unwrap));
        is_well(&server).await;
    }
    let answer = Client::new()
        .get(format!("{}/v1/models", server.url))
        .bearer_auth(&key)
        .send();
    assert_eq!(timeout(LONG, answer).await.unwrap().unwrap().status(), 200);
    let per_connection = memory(&server).saturating_sub(before) / many as u64;
    assert!(per_connection < 40_000, "{per_connection} bytes each");
    // The silent ones are left after half a minute, and their places are free again.
    let mut one = idle.pop().unwrap();
    assert_eq!(timeout(LONG, one.read(&mut [0])).await.unwrap().unwrap_or(0), 0);
    is_well(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_requests_keep_nobody_out() {
    let server = Server::start().await;
    let halves = [
        "G",
        "GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: ",
        "PRI * HTTP/2.0\r\n\r\nSM",
        "POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{",
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nffff\r\n{",
    ];
    let all = join_all((0..500).map(|n| raw(&server, halves[n % halves.len()]))).await;
    is_well(&server).await;
    // All of them come to an end without having said another word.
    let ended = join_all(all.into_iter().map(|mut stream| async move {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok();
        String::from_utf8_lossy(&answer).into_owned()
    }));
    for answer in timeout(LONG, ended).await.expect("they end") {
        assert!(!answer.contains(" 200 "), "{answer}");
    }
    is_well(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_megabytes_are_refused_and_not_kept() {
    const SIZE: usize = 100_000_000;
    let server = Server::start().await;
    let ada = Person::register(&server, "ada@example.org").await;
    let (_, key) = ada.make_key("k").await;
    is_well(&server).await;
    let before = memory(&server);
    let head = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n");
    let told = format!("{head}content-type: application/json\r\ncontent-length: {SIZE}\r\n\r\n");
    let mut stream = raw(&server, &told).await;
    let mut answer = [0; 12];
    timeout(LONG, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413", "before a byte of it was sent");

    // One that does not say how large it is: read up to the limit, and no further.
    let untold = format!("{head}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n");
    let stream = raw(&server, &untold).await;
    let (mut read, mut write) = stream.into_split();
    let sending = tokio::spawn(async move {
        let mut chunk = b"10000\r\n".to_vec();
        chunk.resize(chunk.len() + 0x10000, b' ');
        chunk.extend(b"\r\n");
        for _ in 0..SIZE / 0x10000 {
            if write.write_all(&chunk).await.is_err() {
                break;
            }
        }
    });
    let mut answer = [0; 12];
    timeout(LONG, read.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    sending.await.unwrap();
    is_well(&server).await;
    let grown = memory(&server).saturating_sub(before);
    assert!(grown < 120_000_000, "less than twice one body of the limit: {grown}");
}

/// A key that sends many large bodies at once gets half of the room, and others go on.
#[tokio::test(flavor = "multi_thread")]
async fn one_key_does_not_fill_the_memory() {
    let server = Server::builder()
        .env("LOCALAUTH_MAX_BODY", "10MB")
        .env("LOCALAUTH_BODY_MEMORY", "40MB")
        .start()
        .await;
    let ada = Person::register(&server, "ada@example.org").await;
    let (_, key) = ada.make_key("k").await;
    let before = memory(&server);
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: 9000000\r\n\r\n"
    );
    // Each sends all but the last byte; what is refused says so.
    let body = " ".repeat(8_999_999);
    let all = (0..20).map(|_| async {
        let mut stream = raw(&server, &head).await;
        stream.write_all(body.as_bytes()).await.ok();
        stream
    });
    let mut all = join_all(all).await;
    is_well(&server).await;
    let grown = memory(&server).saturating_sub(before);
    assert!(grown < 120_000_000, "{grown} of 180 MB that were sent");
    let mut refused = 0;
    for stream in &mut all {
        let mut answer = [0; 12];
        if timeout(Duration::from_millis(200), stream.read_exact(&mut answer))
            .await
            .is_ok_and(|read| read.is_ok())
        {
            assert_eq!(&answer, b"HTTP/1.1 503");
            refused += 1;
        }
    }
    assert!(refused >= 15, "{refused}");
}

/// A certificate for this machine, in a folder.
fn certificate(folder: &Path) -> Certificate {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let pair = generate_simple_self_signed(names).unwrap();
    std::fs::write(folder.join("tls.crt"), pair.cert.pem()).unwrap();
    std::fs::write(folder.join("tls.key"), pair.signing_key.serialize_pem()).unwrap();
    Certificate::from_pem(pair.cert.pem().as_bytes()).unwrap()
}

fn trusting(root: Certificate) -> Client {
    Client::builder().tls_certs_only([root]).build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn https_from_the_first_line_to_a_new_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let root = certificate(folder.path());
    let server = Server::builder()
        .env("LOCALAUTH_TLS_CERT", folder.path().join("tls.crt"))
        .env("LOCALAUTH_TLS_KEY", folder.path().join("tls.key"))
        .start()
        .await;
    assert!(server.url.starts_with("https://127.0.0.1:"), "{}", server.url);
    let client = trusting(root);
    let answer = client
        .post(format!("{}/api/auth/register", server.url))
        .json(&json!({"email": "ada@example.org", "password": PASSWORD}))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.headers()["strict-transport-security"], "max-age=63072000");
    let cookies: Vec<_> = answer
        .headers()
        .get_all("set-cookie")
        .iter()
        .map(|c| c.to_str().unwrap())
        .collect();
    let session = cookies
        .iter()
        .find(|cookie| cookie.starts_with("__Host-session=ss-"))
        .unwrap();
    assert!(session.contains("; Secure"), "{session}");

    let mut plain = raw(&server, "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut answer = String::new();
    timeout(LONG, plain.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 400") && answer.contains("https://"),
        "{answer}"
    );

    let client = trusting(certificate(folder.path()));
    let followed = async { while client.get(format!("{}/healthz", server.url)).send().await.is_err() {} };
    timeout(LONG, followed).await.expect("the new certificate is taken");
}

#[tokio::test]
async fn half_a_pair_and_an_unusable_one_stop_the_start_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path());
    let (cert, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    let half = Server::builder().env("LOCALAUTH_TLS_CERT", &cert).fail().await;
    let swapped = Server::builder()
        .env("LOCALAUTH_TLS_CERT", &key)
        .env("LOCALAUTH_TLS_KEY", &cert)
        .fail()
        .await;
    let files = Server::builder()
        .env("LOCALAUTH_MAX_CONNECTIONS", "1000000")
        .fail()
        .await;
    for ((status, said), named) in [
        (half, "LOCALAUTH_TLS_KEY"),
        (swapped, "LOCALAUTH_TLS_CERT"),
        (files, "LOCALAUTH_MAX_CONNECTIONS"),
    ] {
        assert!(!status.success());
        let errors: Vec<_> = said.lines().filter(|line| line.starts_with("error: ")).collect();
        assert!(errors.len() == 1 && errors[0].contains(named), "{said}");
        assert!(!said.contains("PRIVATE KEY"), "{said}");
    }
}

#[tokio::test]
async fn prometheus_reads_what_the_metrics_say() {
    let server = Server::start().await;
    let ada = Person::register(&server, "ada@example.org").await;
    let (_, key) = ada.make_key("scraper").await;
    for _ in 0..3 {
        let body = json!({"model": "demo", "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]});
        let chat = Client::new()
            .post(format!("{}/v1/chat/completions", server.url))
            .bearer_auth(&key);
        assert_eq!(chat.json(&body).send().await.unwrap().status(), 200);
    }
    let nobody = Client::new()
        .get(format!("{}/metrics", server.url))
        .send()
        .await
        .unwrap();
    assert_eq!(nobody.status(), 401);
    let scrape = Client::new().get(format!("{}/metrics", server.url)).bearer_auth(&key);
    let text = scrape.send().await.unwrap().text().await.unwrap();

    let mut parser = Command::new(required("LOCALAUTH_TEST_PYTHON"))
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/python/metrics.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    parser.stdin.take().unwrap().write_all(text.as_bytes()).await.unwrap();
    let output = parser.wait_with_output().await.unwrap();
    assert!(
        output.status.success(),
        "{}\n{text}",
        String::from_utf8_lossy(&output.stderr)
    );
    let samples: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let value = |name: &str, labels: Value| {
        let found = samples
            .iter()
            .find(|sample| sample["name"] == name && sample["labels"] == labels);
        found.unwrap_or_else(|| panic!("no {name} {labels}"))["value"]
            .as_f64()
            .unwrap()
    };
    let chat = json!({"method": "POST", "route": "/v1/chat/completions", "status": "2xx"});
    assert!(value("localauth_http_requests_total", chat) > 2.5);
    assert!(value("localauth_decisions_total", json!({"decision": "missing_credentials"})) > 0.5);
    assert!(value("localauth_usage_unrecorded_total", json!({})) < 0.5);
    assert!(value("localauth_connections_open", json!({})) > 0.5);
    assert!(value("process_resident_memory_bytes", json!({})) > 1e6);
    assert!(!text.contains("ada@") && !text.contains(&key), "nobody is named");
}
