//! Connections to one upstream: TCP, and TLS where its origin says so.

use std::{
    fs, io,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::BoxFuture;
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::TokioIo,
};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        self, ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};
use tower::Service;

use super::server::Via;
use crate::settings::{UpstreamOrigin, UpstreamServer};

/// Why TLS to an upstream cannot be set up. Found at start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The file of certificates cannot be read.
    #[error("the certificates in {} cannot be read: {cause}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: io::Error,
    },
    /// There is no certificate in the file.
    #[error("{} has no usable certificate: write it in PEM", .0.display())]
    NoCertificate(PathBuf),
    /// The host of the origin cannot have a certificate.
    #[error("{0} cannot be asked over TLS: its host is no name and no address")]
    Name(UpstreamOrigin),
    /// The library refuses.
    #[error("TLS to the upstream cannot be set up: {0}")]
    Library(#[from] rustls::Error),
}

/// Makes connections to one upstream, whatever the address of a request says.
#[derive(Clone)]
pub(super) struct Connector(Arc<Inner>);

struct Inner {
    origin: UpstreamOrigin,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    patience: Duration,
}

impl Connector {
    pub(super) fn new(server: &UpstreamServer, via: Via, patience: Duration) -> Result<Self, TlsError> {
        let origin = server.origin.clone();
        let tls = if origin.is_tls() {
            let name = ServerName::try_from(origin.host().to_owned()).map_err(|_| TlsError::Name(origin.clone()))?;
            Some((TlsConnector::from(Arc::new(tls(server.ca.as_ref(), via)?)), name))
        } else {
            None
        };
        Ok(Self(Arc::new(Inner { origin, tls, patience })))
    }
}

/// Whom to believe, and whether HTTP/2 is welcome.
fn tls(ca: Option<&PathBuf>, via: Via) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions()?;
    let mut config = match ca {
        None => builder.with_platform_verifier()?.with_no_client_auth(),
        Some(path) => builder.with_root_certificates(roots(path)?).with_no_client_auth(),
    };
    config.alpn_protocols = match via {
        Via::Any => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Via::Socket => vec![b"http/1.1".to_vec()],
    };
    Ok(config)
}

fn roots(path: &PathBuf) -> Result<RootCertStore, TlsError> {
    let pem = fs::read(path).map_err(|cause| TlsError::Unreadable {
        path: path.clone(),
        cause,
    })?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).collect();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        return Err(TlsError::NoCertificate(path.clone()));
    }
    Ok(roots)
}

impl Inner {
    async fn connect(&self) -> io::Result<Stream> {
        let stream = TcpStream::connect((self.origin.host(), self.origin.port())).await?;
        // Requests are small, and each is awaited by somebody.
        stream.set_nodelay(true)?;
        match &self.tls {
            None => Ok(Stream::Plain(TokioIo::new(stream))),
            Some((tls, name)) => {
                let stream = tls.connect(name.clone(), stream).await?;
                Ok(Stream::Tls(Box::new(TokioIo::new(stream))))
            }
        }
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Stream>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            match timeout(inner.patience, inner.connect()).await {
                Ok(result) => result,
                Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no connection in time")),
            }
        })
    }
}

/// A connection to an upstream.
pub(super) enum Stream {
    Plain(TokioIo<TcpStream>),
    Tls(Box<TokioIo<TlsStream<TcpStream>>>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        match self {
            Self::Plain(_) => Connected::new(),
            Self::Tls(stream) => match stream.inner().get_ref().1.alpn_protocol() {
                Some(b"h2") => Connected::new().negotiated_h2(),
                _ => Connected::new(),
            },
        }
    }
}

impl Read for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl Write for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }
}
