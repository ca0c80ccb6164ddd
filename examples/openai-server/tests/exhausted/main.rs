//! The real program when there is no more of something: places for requests to upstreams, files. It says so, it does not
//! spin, and it goes on as soon as there is some again.

mod program;

use bytes::Bytes;
use futures_util::future::join_all;
use h2::client::{self, SendRequest};
use http::Request;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use program::{KEY, LONG, Program, engine};

const CHAT: &str = r#"{"model":"held","messages":[]}"#;

/// What a chat over one of the connections comes to.
async fn chat(client: SendRequest<Bytes>) -> (u16, String) {
    let request = Request::post("http://guard/v1/chat/completions")
        .header("authorization", format!("Bearer {KEY}"))
        .header("content-type", "application/json")
        .body(())
        .unwrap();
    let mut client = client.ready().await.unwrap();
    let (response, mut body) = client.send_request(request, false).unwrap();
    body.send_data(Bytes::from(CHAT), true).unwrap();
    let (head, mut body) = response.await.unwrap().into_parts();
    let mut all = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        body.flow_control().release_capacity(data.len()).unwrap();
        all.extend(data);
    }
    (head.status.as_u16(), String::from_utf8(all).unwrap())
}

async fn connect(program: &Program) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(program.address).await.unwrap();
    let (client, connection) = client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    // What the server allows is known with its first answer.
    let hello = Request::get("http://guard/healthz").body(()).unwrap();
    let mut client = client.ready().await.unwrap();
    let (response, _) = client.send_request(hello, true).unwrap();
    assert_eq!(response.await.unwrap().status(), 200);
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_too_many_is_told_so_and_the_next_ones_are_answered() {
    const FILES: usize = 1_100;
    // Half of the files but for those of the program itself.
    const PLACES: usize = FILES / 2 - 256;
    const ASKED: usize = 3 * 120;
    let (url, held) = engine().await;
    let program = Program::start(&url, FILES).await;
    let clients = join_all((0..3).map(|_| connect(&program))).await;
    let chats: Vec<_> = clients
        .iter()
        .flat_map(|client| (0..ASKED / 3).map(|_| tokio::spawn(chat(client.clone()))))
        .collect();
    // As many as there are places arrive; nobody else does.
    held.arrived(PLACES).await;
    let refused = async {
        while chats.iter().filter(|chat| chat.is_finished()).count() < ASKED - PLACES {
            tokio::task::yield_now().await;
        }
    };
    timeout(LONG, refused).await.expect("the others are answered");
    held.release();
    let answers = timeout(LONG, join_all(chats)).await.expect("all are answered");
    let (mut good, mut full) = (0, 0);
    for (status, body) in answers.into_iter().map(Result::unwrap) {
        match status {
            200 => good += 1,
            503 => {
                assert!(body.contains("\"overloaded\""), "{body}");
                full += 1;
            }
            other => panic!("{other}: {body}"),
        }
    }
    assert_eq!((good, full), (PLACES, ASKED - PLACES));
    let again = timeout(LONG, chat(clients[0].clone())).await.unwrap();
    assert_eq!(again.0, 200, "its places are free again: {again:?}");
    program.stop().await;
}

/// A request, and its answer as far as it has come.
async fn ask(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut got = vec![0; 4096];
    let read = timeout(LONG, stream.read(&mut got)).await.expect("an answer").unwrap();
    String::from_utf8_lossy(&got[..read]).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_file_left_it_neither_ends_nor_spins() {
    const HEALTH: &str = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    let (url, held) = engine().await;
    held.release();
    let program = Program::start(&url, 1_100).await;
    let mut first = TcpStream::connect(program.address).await.unwrap();
    assert!(ask(&mut first, HEALTH).await.starts_with("HTTP/1.1 200"));
    program.leave_no_file().await;

    // Whoever is there is answered; what needs a file is told that there is none.
    assert!(ask(&mut first, HEALTH).await.starts_with("HTTP/1.1 200"));
    let chat = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{CHAT}",
        CHAT.len()
    );
    let answer = ask(&mut first, &chat).await;
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.contains("overloaded"),
        "{answer}"
    );
    // Whoever comes waits at the door, and that costs nothing.
    let before = program.worked();
    let mut second = TcpStream::connect(program.address).await.unwrap();
    second.write_all(HEALTH.as_bytes()).await.unwrap();
    let waited = timeout(std::time::Duration::from_secs(2), second.read_u8()).await;
    assert!(waited.is_err(), "there is no file to accept it with: {waited:?}");
    let worked = program.worked().saturating_sub(before);
    assert!(worked.as_millis() < 500, "{worked:?} of two seconds");

    program.may_open(1_100).await;
    let answer = ask(&mut second, "").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let answer = ask(&mut first, &chat).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    program.stop().await;
}
