//! Upstreams over TLS.

use std::{
    convert::Infallible,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Request, Response, Version, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

use super::world::Guard;

const CHAT: &str = r#"{"model":"allowed","messages":[]}"#;

/// A certificate for `localhost` by a CA of the tests.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guard/tls").join(name)
}

type Seen = Arc<Mutex<Vec<(Version, String)>>>;

/// A model server over TLS, with these protocols; what it saw, and its port.
async fn serve(protocols: &[&[u8]]) -> (u16, Seen, JoinHandle<()>) {
    let certificate = CertificateDer::from_pem_file(file("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth();
    let mut config = builder.with_single_cert(vec![certificate], key).unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("localhost:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen: Seen = Arc::default();
    let kept = Arc::clone(&seen);
    let accepting = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, kept) = (acceptor.clone(), Arc::clone(&kept));
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let answer = service_fn(move |request: Request<Incoming>| {
                    let kept = Arc::clone(&kept);
                    async move {
                        let path = request.uri().path().to_owned();
                        let said = format!("{:?} {:?}", request.uri().authority(), request.headers());
                        let version = request.version();
                        request.into_body().collect().await.unwrap();
                        let body = if path == "/v1/models" {
                            json!({"data": [{"id": "allowed"}]})
                        } else {
                            kept.lock().unwrap().push((version, said));
                            json!({"id": "x"})
                        };
                        let response = Response::builder().header(header::CONTENT_TYPE, "application/json");
                        Ok::<_, Infallible>(response.body(Full::new(Bytes::from(body.to_string()))).unwrap())
                    }
                });
                let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    });
    (port, seen, accepting)
}

async fn before(url: &str, ca: &str) -> Guard {
    let ca = file(ca);
    let configuration = format!(
        "[[upstreams]]\nurl = '{url}'\nengine = 'openai'\nca = '{}'",
        ca.display()
    );
    Guard::configured(&configuration).await
}

#[tokio::test]
async fn http_2_where_there_is_and_1_where_not() {
    for (protocols, version) in [
        (&[b"h2".as_slice(), b"http/1.1"][..], Version::HTTP_2),
        (&[b"http/1.1".as_slice()][..], Version::HTTP_11),
        (&[][..], Version::HTTP_11),
    ] {
        let (port, seen, accepting) = serve(protocols).await;
        let guard = before(&format!("https://localhost:{port}"), "ca.pem").await;
        let answer = guard.chat(&guard.user, CHAT).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let (spoken, said) = seen.lock().unwrap().pop().unwrap();
        assert_eq!(spoken, version);
        assert!(
            said.contains(&format!("localhost:{port}")) && !said.contains("\"host\": \"guard\""),
            "{said}"
        );
        assert!(!said.contains("sk-local-"));
        guard.stop().await;
        accepting.abort();
    }
}

#[tokio::test]
async fn who_cannot_prove_who_they_are_gets_nothing() {
    let (port, seen, accepting) = serve(&[b"http/1.1"]).await;
    for (url, ca) in [
        (format!("https://localhost:{port}"), "other-ca.pem"),
        // The certificate is for a name, not for the address.
        (format!("https://127.0.0.1:{port}"), "ca.pem"),
    ] {
        let configuration = format!(
            "[[upstreams]]\nurl = '{url}'\nmodels = ['allowed']\nkey = 'sk-theirs'\nca = '{}'",
            file(ca).display()
        );
        let guard = Guard::configured(&configuration).await;
        let answer = guard.chat(&guard.user, CHAT).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (502, "upstream_unavailable"),
            "{url}"
        );
    }
    assert!(seen.lock().unwrap().is_empty());
    accepting.abort();
}
