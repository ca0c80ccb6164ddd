//! The name of a request.

use http::{HeaderName, Request};

const NAME: HeaderName = HeaderName::from_static("x-request-id");
/// The longest name that a client may give.
const LONGEST: usize = 128;

/// Drops a name that a client gave unless it is harmless wherever it is written: one header, not long, letters, digits and
/// `-_.:` only. It gets one of ours then.
pub fn with_sane_id<B>(mut request: Request<B>) -> Request<B> {
    let mut all = request.headers().get_all(&NAME).iter();
    let is_sane = match (all.next(), all.next()) {
        (None, _) => return request,
        (Some(id), None) => is_harmless(id.as_bytes()),
        (Some(_), Some(_)) => false,
    };
    if !is_sane {
        request.headers_mut().remove(&NAME);
    }
    request
}

fn is_harmless(id: &[u8]) -> bool {
    (1..=LONGEST).contains(&id.len())
        && id
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn kept(ids: &[&[u8]]) -> bool {
        let mut request = Request::new(());
        for id in ids {
            request.headers_mut().append(NAME, HeaderValue::from_bytes(id).unwrap());
        }
        with_sane_id(request).headers().contains_key(&NAME)
    }

    #[test]
    fn what_a_client_writes_into_a_log_is_harmless() {
        for sane in [
            &b"a"[..],
            b"0192f0c1-2345-7890-abcd-ef0123456789",
            b"trace:1.2_3",
            &[b'a'; 128],
        ] {
            assert!(kept(&[sane]), "{sane:?}");
        }
        for odd in [
            &b""[..],
            &[b'a'; 129],
            b"a b",
            b"a\tb",
            b"a=b",
            b"x\" status=200",
            b"\x1b",
            b"\xc3\xa4",
            b"<script>",
            b"a,b",
        ] {
            if let Ok(odd) = HeaderValue::from_bytes(odd) {
                assert!(!kept(&[odd.as_bytes()]), "{odd:?}");
            }
        }
        assert!(!kept(&[b"a", b"b"]), "which one?");
    }
}
