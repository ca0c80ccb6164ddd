//! TLS as clients see it.

use localauth_tower::OverTls;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::CertificateDer};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::*;
use crate::tls::tests::{settings, write};

/// A server with a certificate in a folder, and what trusts it.
struct Secure {
    server: Running,
    pair: Arc<Pair>,
    folder: tempfile::TempDir,
    root: CertificateDer<'static>,
}

impl Secure {
    async fn start(limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = write(folder.path());
        let pair = Arc::new(Pair::open(settings(folder.path())).unwrap());
        let manner = Manner {
            limits,
            tls: Some(Arc::clone(&pair)),
            ..Manner::default()
        };
        let handler = async |request: axum::extract::Request| {
            assert!(request.extensions().get::<OverTls>().is_some());
            format!("{:?}", request.version())
        };
        let server = Running::with(Router::new().route("/", get(handler)), LONG, manner).await;
        Self {
            server,
            pair,
            folder,
            root,
        }
    }

    async fn connect(
        &self,
        root: &CertificateDer<'static>,
        protocols: &[&[u8]],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(root.clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        TlsConnector::from(Arc::new(config))
            .connect("localhost".try_into().unwrap(), self.server.connect().await)
            .await
    }
}

#[tokio::test]
async fn http_1_and_2_are_offered() {
    let secure = Secure::start(Limits::default()).await;
    for (offered, taken) in [
        (&[][..], None),
        (&[&b"http/1.1"[..]][..], Some(&b"http/1.1"[..])),
        (&[b"http/1.1", b"h2"], Some(b"h2")),
    ] {
        let mut stream = secure.connect(&secure.root, offered).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), taken);
        if taken == Some(b"h2") {
            let (client, connection) = h2::client::handshake(stream).await.unwrap();
            let connection = tokio::spawn(connection);
            let request = http::Request::get("https://localhost/").body(()).unwrap();
            let mut client = client.ready().await.unwrap();
            let (response, _) = client.send_request(request, true).unwrap();
            assert_eq!(response.await.unwrap().status(), 200);
            drop(client);
            connection.await.unwrap().unwrap();
        } else {
            stream.write_all(GET.as_bytes()).await.unwrap();
            assert!(read(stream).await.ends_with("HTTP/1.1"));
        }
    }
}

#[tokio::test]
async fn plain_http_is_told_to_use_https_and_nothing_hangs() {
    let secure = Secure::start(Limits {
        handshake: Duration::from_millis(200),
        ..Limits::default()
    })
    .await;
    let answer = secure.server.ask(GET).await;
    assert!(
        answer.starts_with("HTTP/1.1 400") && answer.ends_with("https:// here"),
        "{answer}"
    );
    // Silence, half a handshake, and nonsense that begins like one.
    for start in [
        "",
        "\u{16}",
        "\u{16}\u{3}\u{1}\u{2}",
        "\u{16}nonsense, and enough of it to be looked at",
    ] {
        let answer = secure.server.ask(start).await;
        assert!(!answer.contains("200"), "{start:?}: {answer}");
    }
    assert_eq!(secure.server.counts.ended(Ended::Handshake), 5);
    assert!(secure.connect(&secure.root, &[]).await.is_ok(), "others are served");
}

#[tokio::test]
async fn a_new_certificate_is_for_new_connections() {
    let secure = Secure::start(Limits::default()).await;
    let mut old = secure.connect(&secure.root, &[]).await.unwrap();
    let new_root = write(secure.folder.path());
    let following = tokio::spawn(crate::tls::follow(Arc::clone(&secure.pair), Duration::from_millis(5)));
    // Followed some time after the files changed.
    while secure.connect(&new_root, &[]).await.is_err() {}
    assert!(secure.connect(&secure.root, &[]).await.is_err(), "that one is gone");
    // What is open goes on.
    old.write_all(GET.as_bytes()).await.unwrap();
    assert!(read(old).await.contains("200 OK"));
    following.abort();
}
