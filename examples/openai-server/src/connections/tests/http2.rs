//! HTTP/2, spoken by hand where it is hostile.

use bytes::Bytes;
use futures_util::future::join_all;
use h2::{Reason, client, client::SendRequest};
use http::{Request, Response};

use super::*;

async fn connect(server: &Running) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
    let (client, connection) = client::handshake(server.connect().await).await.unwrap();
    (client, tokio::spawn(connection))
}

async fn server(handler: Router, limits: Limits) -> Running {
    let manner = Manner {
        limits,
        ..Manner::default()
    };
    Running::with(handler, LONG, manner).await
}

async fn ask(client: &mut SendRequest<Bytes>, request: Request<()>) -> Result<Response<h2::RecvStream>, h2::Error> {
    *client = client.clone().ready().await?;
    let (response, _) = client.send_request(request, true)?;
    timeout(LONG, response).await.unwrap()
}

fn request() -> http::request::Builder {
    Request::get("http://x/")
}

#[tokio::test]
async fn a_head_that_is_too_large_is_431() {
    let server = server(Router::new().route("/", get(async || "fine")), Limits::default()).await;
    let (mut client, _connection) = connect(&server).await;
    let large = request().header("x", "a".repeat(Limits::default().head_size));
    assert_eq!(ask(&mut client, large.body(()).unwrap()).await.unwrap().status(), 431);
    // The connection is still good.
    assert_eq!(
        ask(&mut client, request().body(()).unwrap()).await.unwrap().status(),
        200
    );
}

#[tokio::test]
async fn so_many_headers_and_no_more() {
    let server = server(Router::new().route("/", get(async || "fine")), Limits::default()).await;
    let (mut client, _connection) = connect(&server).await;
    let most = Limits::default().headers;
    for (names, count, status) in [
        ("differ", most, 200),
        ("differ", most + 1, 431),
        ("are one", most, 200),
        ("are one", most + 1, 431),
        ("are pieces of a cookie", 10 * most, 200),
    ] {
        let mut request = request();
        for place in 0..count {
            request = match names {
                "differ" => request.header(format!("x-{place}"), "1"),
                "are one" => request.header("x", "1"),
                _ => request.header("cookie", format!("c{place}=1")),
            };
        }
        let answer = ask(&mut client, request.body(()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), status, "{count} that {names}");
    }
}

#[tokio::test]
async fn so_many_requests_at_once_and_no_more() {
    let (running, peak) = (
        Arc::new(tokio::sync::Semaphore::new(0)),
        Arc::new(std::sync::Mutex::new((0, 0))),
    );
    let handler = {
        let (running, peak) = (Arc::clone(&running), Arc::clone(&peak));
        async move || {
            {
                let mut peak = peak.lock().unwrap();
                peak.0 += 1;
                peak.1 = peak.1.max(peak.0);
            }
            running.acquire().await.unwrap().forget();
            peak.lock().unwrap().0 -= 1;
        }
    };
    let server = server(
        Router::new().route("/", get(handler)),
        Limits {
            streams: 4,
            ..Limits::default()
        },
    )
    .await;
    let (mut client, _connection) = connect(&server).await;
    // The first answer tells the client what the server allows.
    running.add_permits(1);
    ask(&mut client, request().body(()).unwrap()).await.unwrap();
    running.add_permits(40);
    let all = (0..40).map(|_| {
        let mut client = client.clone();
        tokio::spawn(async move { ask(&mut client, request().body(()).unwrap()).await })
    });
    for answer in join_all(all).await {
        assert_eq!(answer.unwrap().unwrap().status(), 200);
    }
    assert!(peak.lock().unwrap().1 <= 4);
}

/// CVE-2023-44487.
#[tokio::test]
async fn requests_that_are_taken_back_at_once_end_the_connection() {
    let server = server(Router::new().route("/", get(async || "fine")), Limits::default()).await;
    let (client, connection) = connect(&server).await;
    let mut left = 10_000;
    let ended = loop {
        let Ok(mut ready) = client.clone().ready().await else {
            break true;
        };
        let Ok((_, mut stream)) = ready.send_request(request().body(()).unwrap(), false) else {
            break true;
        };
        stream.send_reset(Reason::CANCEL);
        tokio::task::yield_now().await;
        left -= 1;
        if left == 0 {
            break false;
        }
    };
    assert!(ended, "ten thousand were taken");
    let error = timeout(LONG, connection).await.unwrap().unwrap().unwrap_err();
    // The reason is lost when the client still writes while the server closes.
    assert!(
        error.is_io() || error.reason() == Some(Reason::ENHANCE_YOUR_CALM),
        "{error}"
    );
    // Others are served.
    assert!(server.ask(GET).await.starts_with("HTTP/1.1 200"));
}

/// An empty frame of that kind.
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];

/// CVE-2019-9515: each SETTINGS wants an answer, which piles up where the client does not read.
#[tokio::test]
async fn a_flood_of_settings_of_one_who_does_not_read_ends() {
    let server = server(
        Router::new().route("/", get(async || "fine")),
        Limits {
            stall: Duration::from_millis(50),
            head: Duration::from_millis(500),
            ..Limits::default()
        },
    )
    .await;
    let mut stream = server.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    let flood = SETTINGS.repeat(10_000);
    let flooding = async { while stream.write_all(&flood).await.is_ok() {} };
    timeout(LONG, flooding).await.expect("it is cut");
    assert!(server.ask(GET).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_connection_that_rests_is_closed_in_order() {
    let limits = Limits {
        idle: Duration::from_millis(50),
        ..Limits::default()
    };
    let server = server(Router::new().route("/", get(async || "fine")), limits).await;
    let (mut client, connection) = connect(&server).await;
    assert_eq!(
        ask(&mut client, request().body(()).unwrap()).await.unwrap().status(),
        200
    );
    timeout(LONG, connection).await.unwrap().unwrap().unwrap();
}
