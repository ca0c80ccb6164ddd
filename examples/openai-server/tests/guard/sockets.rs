//! `WebSockets` through the guard.

use localauth_core::{Caller, LimitRule, Period, Status, UsageFilter};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::engine::{Engine, LONG, Step, answer, send};
use super::world::{GRACE, Guard, read_until};

const HANDSHAKE: &str = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// Frames, unmasked: the engine hands back what comes.
const HELLO: &[u8] = b"\x81\x05hello";
const HALF: &[u8] = b"\x81\x7ehello";
const CLOSED_AS_GONE: [u8; 4] = [0x88, 2, 3, 0xe9];
const CLOSED_AS_DENIED: [u8; 4] = [0x88, 2, 3, 0xf0];

async fn before(environment: &[(&str, &str)]) -> (Engine, Guard) {
    let engine = Engine::serving(&["allowed", "secret"], |_| {
        let head = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                    sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nsec-websocket-protocol: realtime\r\n\
                    set-cookie: session=evil\r\nserver: engine\r\n\r\n";
        vec![send(head), Step::Echo]
    })
    .await;
    let guard = Guard::before(&[&engine], environment).await;
    (engine, guard)
}

fn opening(query: &str, lines: &str) -> String {
    format!("GET /v1/realtime{query} HTTP/1.1\r\nhost: guard\r\n{HANDSHAKE}{lines}\r\n")
}

fn by(key: &str) -> String {
    format!("authorization: Bearer {key}\r\n")
}

/// What is answered to one that is refused.
async fn refused(guard: &Guard, query: &str, lines: &str) -> u16 {
    let mut client = guard.open(opening(query, lines)).await;
    let head = read_until(&mut client, "\r\n\r\n").await;
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn one_is_opened_and_passes_both_ways() {
    let (engine, guard) = before(&[("LOCALAUTH_UPSTREAM_KEY", "sk-theirs")]).await;
    let lines = format!(
        "{}cookie: a=b\r\nx-auth-user: root\r\nsec-websocket-protocol: realtime, openai-insecure-api-key.sk-local-x\r\n",
        by(&guard.user)
    );
    let mut client = guard.open(opening("?model=allowed", &lines)).await;
    let head = read_until(&mut client, "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert!(
        head.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        "{head}"
    );
    assert!(!head.contains("evil") && !head.contains("server"), "{head}");
    for message in ["hello", "and again"] {
        client.write_all(message.as_bytes()).await.unwrap();
        read_until(&mut client, message).await;
    }
    let [one] = &engine.take()[..] else {
        panic!("one request")
    };
    assert_eq!(one.target(), "/v1/realtime?model=allowed");
    assert!(
        !one.head.contains("sk-local-") && !one.head.contains("root") && !one.head.contains("cookie"),
        "{}",
        one.head
    );
    assert_eq!(one.header("authorization"), ["Bearer sk-theirs"]);
    assert_eq!(one.header("sec-websocket-protocol"), ["realtime"]);
    drop(client);
    engine.open_at_most(1).await;
    // One request, however much is said, once it is over.
    let report = async || {
        let all = UsageFilter::of_user(guard.user_id);
        guard.auth.usage_report(Period::Day, all).await.unwrap()
    };
    let counted = async {
        while report().await.totals.requests == 0 {
            tokio::task::yield_now().await;
        }
        report().await
    };
    let report = tokio::time::timeout(LONG, counted).await.expect("it is counted");
    assert_eq!((report.totals.requests, &*report.rows[0].model), (1, "allowed"));
    guard.stop().await;
}

#[tokio::test]
async fn who_may_not_opens_none() {
    let (engine, guard) = before(&[]).await;
    let (user, narrow) = (by(&guard.user), by(&guard.narrow));
    let cookie = format!("cookie: token={}\r\n", guard.user);
    for (query, lines, status) in [
        ("?model=allowed", String::new(), 401),
        ("?model=allowed", by("sk-local-wrong"), 401),
        ("?model=secret", narrow.clone(), 403),
        ("?model=allowed&model=secret", narrow.clone(), 400),
        ("?model=secret&model=allowed", narrow.clone(), 400),
        ("?model=allowed;model=secret", narrow.clone(), 400),
        ("?model=allowed&deployment=secret", narrow.clone(), 400),
        ("?Model=secret", narrow.clone(), 400),
        ("", narrow.clone(), 403),
        ("", user.clone(), 400),
        ("?model=unknown", user.clone(), 404),
        (
            "?model=allowed",
            format!("{cookie}origin: http://evil.example\r\n"),
            403,
        ),
        ("?model=allowed", format!("{cookie}origin: null\r\n"), 403),
        ("?model=allowed", format!("{cookie}sec-fetch-site: cross-site\r\n"), 403),
        ("?model=allowed", format!("{user}upgrade: h2c\r\n"), 400),
        ("?model=allowed", format!("{user}content-length: 5\r\n\r\nhello"), 400),
    ] {
        assert_eq!(refused(&guard, query, &lines).await, status, "{query} {lines}");
    }
    let plain = guard.ask(&guard.user, "GET", "/v1/realtime?model=allowed", None).await;
    assert_eq!(plain.status, 400);
    // Nor on other routes.
    let other = opening("", &user).replace("/v1/realtime", "/v1/system/info");
    let mut client = guard.open(other.replace(&guard.user, &guard.admin)).await;
    assert!(read_until(&mut client, "\r\n\r\n").await.starts_with("HTTP/1.1 400"));
    assert!(engine.take().is_empty(), "nothing arrived");
    // From its own page a browser may.
    assert_eq!(
        refused(&guard, "?model=allowed", &format!("{cookie}origin: http://guard\r\n")).await,
        101
    );
}

#[tokio::test]
async fn it_is_cut_when_the_credential_ends() {
    let (engine, guard) = before(&[]).await;
    let mut client = guard.open(opening("?model=allowed", &by(&guard.user))).await;
    read_until(&mut client, "\r\n\r\n").await;
    client.write_all(HELLO).await.unwrap();
    read_until(&mut client, "hello").await;
    let began = std::time::Instant::now();
    guard
        .auth
        .set_status(&Caller::operator(), guard.user_id, Status::Disabled)
        .await
        .unwrap();
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(LONG, client.read_to_end(&mut rest))
        .await
        .expect("it ends");
    assert!(began.elapsed().as_secs_f32() < 2.5, "{:?}", began.elapsed());
    assert_eq!(rest, CLOSED_AS_DENIED, "and it is told why");
    engine.open_at_most(1).await;
}

#[tokio::test]
async fn it_is_cut_when_nobody_says_anything() {
    let (engine, guard) = before(&[("LOCALAUTH_UPSTREAM_IDLE_TIMEOUT", "1s")]).await;
    let mut client = guard.open(opening("?model=allowed", &by(&guard.user))).await;
    read_until(&mut client, "\r\n\r\n").await;
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(LONG, client.read_to_end(&mut rest))
        .await
        .expect("it ends");
    assert_eq!(rest, CLOSED_AS_GONE);
    engine.open_at_most(1).await;
}

#[tokio::test]
async fn it_ends_when_the_server_stops() {
    let (engine, mut guard) = before(&[]).await;
    let mut between = guard.open(opening("?model=allowed", &by(&guard.user))).await;
    let mut within = guard.open(opening("?model=allowed", &by(&guard.user))).await;
    for (client, said) in [(&mut between, HELLO), (&mut within, HALF)] {
        read_until(client, "\r\n\r\n").await;
        client.write_all(said).await.unwrap();
        read_until(client, "hel").await;
    }
    let began = std::time::Instant::now();
    guard.tell_to_stop();
    for (client, told) in [(&mut between, &CLOSED_AS_GONE[..]), (&mut within, &[])] {
        let mut rest = Vec::new();
        let _ = tokio::time::timeout(LONG, client.read_to_end(&mut rest))
            .await
            .expect("it ends");
        // The rest of what was echoed may still be on its way.
        let rest = rest.strip_prefix(b"lo").unwrap_or(&rest);
        assert_eq!(rest, told);
    }
    drop((between, within));
    guard.has_stopped().await;
    assert!(began.elapsed() < GRACE, "{:?}", began.elapsed());
    engine.open_at_most(1).await;
    // Nothing of it is lost: both were counted before the end.
    let report = guard
        .auth
        .usage_report(Period::Day, UsageFilter::of_user(guard.user_id))
        .await
        .unwrap();
    assert_eq!(report.totals.requests, 2);
}

#[tokio::test]
async fn it_has_its_place_among_those_at_once() {
    let (_engine, guard) = before(&[]).await;
    let rule = LimitRule::per("1h".parse().unwrap()).concurrent(1);
    let operator = Caller::operator();
    guard.auth.set_user_limit(&operator, guard.user_id, rule).await.unwrap();
    let lines = by(&guard.user);
    let mut first = guard.open(opening("?model=allowed", &lines)).await;
    assert!(read_until(&mut first, "\r\n\r\n").await.starts_with("HTTP/1.1 101"));
    first.write_all(HELLO).await.unwrap();
    read_until(&mut first, "hello").await;
    for _ in 0..3 {
        assert_eq!(
            refused(&guard, "?model=allowed", &lines).await,
            429,
            "as long as it is open"
        );
    }
    drop(first);
    let again = async { while refused(&guard, "?model=allowed", &lines).await != 101 {} };
    tokio::time::timeout(LONG, again)
        .await
        .expect("its place is free again");
}

#[tokio::test]
async fn it_counts_against_limits() {
    let (engine, guard) = before(&[]).await;
    let rule = LimitRule::per("1h".parse().unwrap()).requests(1);
    guard
        .auth
        .set_user_limit(&Caller::operator(), guard.user_id, rule)
        .await
        .unwrap();
    let lines = by(&guard.user);
    // What is not opened does not count.
    assert_eq!(refused(&guard, "?model=unknown", &lines).await, 404);
    let mut first = guard.open(opening("?model=allowed", &lines)).await;
    assert!(read_until(&mut first, "\r\n\r\n").await.starts_with("HTTP/1.1 101"));
    let mut second = guard.open(opening("?model=allowed", &lines)).await;
    let head = read_until(&mut second, "\r\n\r\n").await;
    assert!(
        head.starts_with("HTTP/1.1 429") && head.contains("retry-after"),
        "{head}"
    );
    assert_eq!(engine.take().len(), 1);
}

#[tokio::test]
async fn an_upstream_that_will_not_is_heard() {
    let engine = Engine::serving(&["allowed"], |_| {
        answer(426, "application/json", r#"{"error":"no sockets"}"#)
    })
    .await;
    let guard = Guard::before(&[&engine], &[]).await;
    assert_eq!(refused(&guard, "?model=allowed", &by(&guard.user)).await, 426);
    let report = guard
        .auth
        .usage_report(Period::Day, UsageFilter::of_user(guard.user_id))
        .await
        .unwrap();
    assert_eq!(report.totals.requests, 0);
}
