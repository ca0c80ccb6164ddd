//! Clients that take their time, and clients that are too many.

use axum::{body::Body, extract::Request, routing::post};
use futures_util::future::join_all;
use http_body_util::BodyExt as _;

use super::*;

const SHORT: Duration = Duration::from_millis(50);

/// A server with one bound that is soon reached, and all others far away.
async fn server(limits: Limits) -> Running {
    let app = Router::new()
        .route("/", get(async || "fine"))
        .route(
            "/read",
            post(async |request: Request| match request.into_body().collect().await {
                Ok(body) => Ok(body.to_bytes().len().to_string()),
                Err(_) => Err(http::StatusCode::BAD_REQUEST),
            }),
        )
        .route("/large", get(async || Body::from(vec![b'x'; 64_000_000])));
    let manner = Manner {
        limits,
        ..Manner::default()
    };
    Running::with(app, LONG, manner).await
}

#[tokio::test]
async fn who_says_nothing_is_left() {
    let server = server(Limits {
        head: SHORT,
        ..Limits::default()
    })
    .await;
    assert_eq!(read(server.connect().await).await, "");
    assert_eq!(server.counts.ended(Ended::Silent), 1);
}

#[tokio::test]
async fn half_a_head_is_no_request() {
    let server = server(Limits {
        head: SHORT,
        ..Limits::default()
    })
    .await;
    for half in [
        "G",
        "GET / HTTP/1.1\r\nhost: x\r\nx: ",
        "PRI * HTTP/2.0\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let answer = server.ask(half).await;
        assert!(!answer.contains("200"), "{half}: {answer}");
    }
}

#[tokio::test]
async fn a_connection_that_rests_too_long_is_closed() {
    let server = server(Limits {
        idle: SHORT,
        ..Limits::default()
    })
    .await;
    let answer = server.ask("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(answer.ends_with("fine"), "{answer}");
    assert_eq!(server.counts.ended(Ended::Idle), 1);
}

#[tokio::test]
async fn a_body_that_stops_is_408() {
    let server = server(Limits {
        pause: SHORT,
        ..Limits::default()
    })
    .await;
    for head in [
        "POST /read HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf",
        "POST /read HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n",
        "POST /read HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ] {
        // Closed after that: what might still come is no request.
        let answer = server.ask(head).await;
        assert!(
            answer.starts_with("HTTP/1.1 408") && answer.contains("request_timeout"),
            "{head}: {answer}"
        );
    }
    let whole = "POST /read HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\nconnection: close\r\n\r\nhalf";
    assert!(server.ask(whole).await.ends_with('4'));
}

#[tokio::test]
async fn who_does_not_read_is_left() {
    let server = server(Limits {
        stall: SHORT,
        ..Limits::default()
    })
    .await;
    let mut stream = server.send("GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await;
    // Not a byte of it is taken until the server has given up.
    while server.counts.open() > 0 || server.counts.accepted() == 0 {
        tokio::task::yield_now().await;
    }
    let mut taken = Vec::new();
    let _ = timeout(LONG, stream.read_to_end(&mut taken)).await.unwrap();
    assert!(
        taken.len() < 64_000_000,
        "what fits into the system's buffers: {}",
        taken.len()
    );
}

#[tokio::test]
async fn one_too_many_is_told_so_and_a_place_is_free_again() {
    let server = server(Limits {
        connections: 2,
        ..Limits::default()
    })
    .await;
    let (first, _second) = (server.connect().await, server.connect().await);
    let refused = server.ask("").await;
    assert!(
        refused.starts_with("HTTP/1.1 503") && refused.contains("retry-after: 1"),
        "{refused}"
    );
    assert_eq!(server.counts.ended(Ended::Full), 1);
    drop(first);
    // The server notices some time after that.
    while !server.ask(GET).await.starts_with("HTTP/1.1 200") {}
}

#[tokio::test]
async fn whoever_goes_on_with_a_connection_keeps_its_place() {
    let (kept, mut keeps) = tokio::sync::mpsc::unbounded_channel();
    let app = Router::new().route("/", get(async || "fine")).route(
        "/keep",
        get(async move |request: Request| drop(kept.send(request.extensions().get::<Place>().cloned().unwrap()))),
    );
    let manner = Manner {
        limits: Limits {
            connections: 1,
            ..Limits::default()
        },
        ..Manner::default()
    };
    let server = Running::with(app, LONG, manner).await;
    let answer = server
        .ask("GET /keep HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let place = keeps.recv().await.unwrap();
    assert_eq!(server.counts.open(), 1);
    assert!(server.ask("").await.starts_with("HTTP/1.1 503"));
    drop(place);
    while !server.ask(GET).await.starts_with("HTTP/1.1 200") {}
}

#[tokio::test]
async fn many_idle_connections_keep_nobody_out() {
    // As many as two ends of each fit into the files of one process, with room to spare. `tests/tests/hardening.rs` has
    // ten thousand, at the real program.
    const MANY: usize = 300;
    let server = server(Limits::default()).await;
    let idle = join_all((0..MANY).map(|_| server.connect())).await;
    assert!(server.ask(GET).await.starts_with("HTTP/1.1 200"));
    // So many at once may have to knock twice.
    while server.counts.open() < i64::try_from(MANY).unwrap() {
        tokio::task::yield_now().await;
    }
    assert!(server.ask(GET).await.starts_with("HTTP/1.1 200"));
    drop(idle);
    while server.counts.open() > 0 {
        tokio::task::yield_now().await;
    }
}

/// What the kernel says of this process's memory, in bytes.
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[tokio::test]
async fn connections_that_rest_are_closed_and_take_little() {
    const MANY: usize = 2_000;
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let server = server(Limits {
        // Long enough that all of them rest at once.
        idle: Duration::from_secs(3),
        ..Limits::default()
    })
    .await;
    let answer = async |stream: &mut TcpStream| {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut got = Vec::new();
        while !got.ends_with(b"fine") {
            assert!(stream.read_buf(&mut got).await.unwrap() > 0, "it is answered");
        }
    };
    answer(&mut server.connect().await).await;
    let before = memory();
    let mut resting = Vec::new();
    for _ in 0..MANY / 500 {
        let portion = (0..500).map(async |_| {
            let mut stream = server.connect().await;
            answer(&mut stream).await;
            stream
        });
        resting.extend(join_all(portion).await);
    }
    let open = usize::try_from(server.counts.open()).unwrap();
    let each = memory().saturating_sub(before) / MANY;
    assert!(open >= MANY, "{open}");
    assert!(each < 40_000, "{each} bytes each, for both ends");
    for mut stream in resting {
        let read = timeout(LONG, stream.read(&mut [0])).await.expect("it is closed");
        assert_eq!(read.unwrap_or(0), 0);
    }
    assert!(server.counts.ended(Ended::Idle) >= MANY as u64);
    assert!(server.ask(GET).await.ends_with("fine"));
}
