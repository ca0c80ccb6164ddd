//! Takes `multipart/form-data` apart, strictly: only what every reader takes apart in the same way.
//!
//! Readers differ in what they do with text around the parts, bare line feeds, folded and repeated headers, and names with
//! escapes. Clients send none of that, so it is refused rather than understood.

use bytes::Bytes;
use localauth_core::Denial;
use memchr::memmem;

/// A part of a form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part<'a> {
    pub(super) name: &'a str,
    pub(super) is_file: bool,
    /// Whether its text is UTF-8 by what it says.
    pub(super) is_utf8: bool,
    pub(super) content: &'a [u8],
}

/// The parts of `body`, which stand between lines of `boundary`.
///
/// # Errors
///
/// [`Denial::InvalidBody`].
pub(super) fn parts<'a>(boundary: &str, body: &'a Bytes) -> Result<Vec<Part<'a>>, Denial> {
    split(boundary, body).ok_or(Denial::InvalidBody)
}

fn split<'a>(boundary: &str, body: &'a [u8]) -> Option<Vec<Part<'a>>> {
    let line = format!("--{boundary}");
    let line = line.as_bytes();
    let mut rest = body.strip_prefix(line)?;
    let mut parts = Vec::new();
    loop {
        if matches!(rest, b"--" | b"--\r\n") {
            return Some(parts);
        }
        // Up to the next such line, which nothing else may look like.
        let text = rest.strip_prefix(b"\r\n")?;
        let end = memmem::find(text, line)?;
        let (part, after) = text.split_at(end);
        parts.push(Part::parse(part.strip_suffix(b"\r\n")?)?);
        rest = after.get(line.len()..)?;
    }
}

impl<'a> Part<'a> {
    fn parse(part: &'a [u8]) -> Option<Self> {
        let end = memmem::find(part, b"\r\n\r\n")?;
        let headers = str::from_utf8(&part[..end]).ok()?;
        let mut disposition = None;
        let mut is_utf8 = true;
        for header in headers.split("\r\n") {
            let (name, value) = header.split_once(':')?;
            let is_token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            if !name.bytes().all(is_token) || value.contains(char::is_control) {
                return None;
            }
            let value = value.trim_matches(' ');
            match name.to_ascii_lowercase().as_str() {
                "content-disposition" if disposition.is_none() => disposition = Some(Disposition::parse(value)?),
                "content-disposition" | "content-transfer-encoding" => return None,
                "content-type" => {
                    let value = value.to_ascii_lowercase();
                    is_utf8 &= !value.contains("charset") || value.ends_with("charset=utf-8");
                }
                _ => {}
            }
        }
        let Disposition { name, is_file } = disposition?;
        Some(Self {
            name,
            is_file,
            is_utf8,
            content: &part[end + 4..],
        })
    }
}

struct Disposition<'a> {
    name: &'a str,
    is_file: bool,
}

impl<'a> Disposition<'a> {
    /// `form-data; name="…"`, and then perhaps a file's name.
    fn parse(value: &'a str) -> Option<Self> {
        let (name, mut rest) = value.strip_prefix("form-data; name=\"")?.split_once('"')?;
        if name.contains(['\\', '%']) {
            return None;
        }
        let is_file = !rest.is_empty();
        if let Some(quoted) = rest.strip_prefix("; filename=\"") {
            let (file, after) = quoted.split_once('"')?;
            if file.contains('\\') {
                return None;
            }
            rest = after;
        }
        if let Some(extended) = rest.strip_prefix("; filename*=") {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            rest = if extended.bytes().all(is_plain) { "" } else { extended };
        }
        rest.is_empty().then_some(Self { name, is_file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(body: &str) -> Option<Vec<(String, String)>> {
        let body = Bytes::from(body.to_owned());
        let parts = parts("B", &body).ok()?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Some(
            parts
                .iter()
                .map(|part| (part.name.to_owned(), text(part.content)))
                .collect(),
        )
    }

    fn one(headers: &str) -> Option<Vec<(String, String)>> {
        names(&format!("--B\r\n{headers}\r\n\r\nx\r\n--B--\r\n"))
    }

    #[test]
    fn what_clients_send_is_taken_apart() {
        let body = "--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\na\r\n\
                    --B\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\
                    Content-Type: audio/wav\r\n\r\nRIFF\r\n\r\n\n--\r\n--B--";
        let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let expected = vec![pair("model", "a"), pair("file", "RIFF\r\n\r\n\n--")];
        assert_eq!(names(body).as_ref(), Some(&expected));
        assert_eq!(names(&format!("{body}\r\n")), Some(expected));
        assert_eq!(names("--B--\r\n"), Some(Vec::new()));
        for disposition in [
            "form-data; name=\"file\"; filename=\"\u{fc}.wav\"",
            "form-data; name=\"file\"; filename*=utf-8''%C3%BC.wav",
            "form-data; name=\"timestamp_granularities[]\"",
        ] {
            assert!(
                one(&format!("Content-Disposition: {disposition}")).is_some(),
                "{disposition}"
            );
        }
    }

    #[test]
    fn what_readers_take_apart_differently_is_refused() {
        for disposition in [
            "form-data; name=model",
            "form-data; name=\"x\"; name=\"model\"",
            "form-data; filename=\"x\"; name=\"model\"",
            "form-data; name=\"x\"; filename=\"a\\\"; name=\"model\"",
            "form-data; name=\"x\"; name*=utf-8''model",
            "form-data; name=\"mod%65l\"",
            "form-data; name=\"mod\\el\"",
            "form-data;name=\"model\"",
            "Form-Data; name=\"model\"",
            "form-data; Name=\"model\"",
            "form-data; name*=utf-8''model",
            "form-data; name=\"x\"; filename=\"a\"; name=\"model\"",
            "attachment; name=\"model\"",
        ] {
            assert_eq!(
                one(&format!("Content-Disposition: {disposition}")),
                None,
                "{disposition}"
            );
        }
        let good = "Content-Disposition: form-data; name=\"x\"";
        for headers in [
            format!("{good}\r\nContent-Disposition: form-data; name=\"model\""),
            format!("{good}\r\n folded"),
            format!("{good}\r\nContent-Transfer-Encoding: base64"),
            format!("{good}\nContent-Type: a"),
            "Content-Type: text/plain".to_owned(),
            String::new(),
        ] {
            assert_eq!(one(&headers), None, "{headers:?}");
        }
        for body in [
            "",
            "--B",
            "--B\r\n--B--",
            &format!("preamble\r\n--B\r\n{good}\r\n\r\nx\r\n--B--"),
            &format!("--B\r\n{good}\r\n\r\nx\r\n--B--\r\nepilogue"),
            &format!("--B\r\n{good}\r\n\r\nx\r\n--B"),
            &format!("--B\r\n{good}\r\n\r\nx\n--B--"),
            &format!("--B \r\n{good}\r\n\r\nx\r\n--B--"),
            &format!("--B\r\n{good}\r\n\r\nx--B\r\n--B--"),
            &format!("--B\n{good}\n\nx\n--B--"),
        ] {
            assert_eq!(names(body), None, "{body:?}");
        }
    }
}
