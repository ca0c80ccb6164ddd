//! The error bodies of the wire contract.

use bytes::Bytes;
use http::{HeaderValue, Response, Uri, header};
use localauth_core::Denial;
use serde::Serialize;

use super::Reject;

/// What `code` holds in an error of the OpenAI shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ErrorCode {
    /// A word such as `invalid_api_key`.
    #[default]
    Word,
    /// The status number, as LocalAI has it.
    Number,
}

/// The OpenAI shape, which `openai` (Python, Node) and `async-openai` parse; under `/api/auth/` LocalAI's flat form.
///
/// ```
/// use localauth_core::Denial;
/// use localauth_tower::{ContractErrors, Reject};
///
/// let errors = ContractErrors::default();
/// let response = errors.reject(Denial::AdminRequired, &"/v1/models/unload".parse()?);
/// assert_eq!(response.status(), 403);
/// assert!(response.body().starts_with(br#"{"error":{"message":"#));
///
/// let response = errors.reject(Denial::AdminRequired, &"/api/auth/admin/users".parse()?);
/// assert!(response.body().starts_with(br#"{"error":""#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[must_use]
pub struct ContractErrors {
    code: ErrorCode,
    opaque: bool,
}

impl ContractErrors {
    /// With this kind of `code`.
    pub const fn with_code(mut self, code: ErrorCode) -> Self {
        self.code = code;
        self
    }

    /// With empty bodies on the model's routes: who scans the server learns nothing but the status.
    pub const fn opaque(mut self, opaque: bool) -> Self {
        self.opaque = opaque;
        self
    }
}

#[derive(Serialize)]
struct Shape<'a> {
    error: Inner<'a>,
}

#[derive(Serialize)]
struct Inner<'a> {
    message: &'a str,
    r#type: &'a str,
    param: Option<()>,
    code: Code<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Code<'a> {
    Word(&'a str),
    Number(u16),
}

#[derive(Serialize)]
struct Flat<'a> {
    error: &'a str,
}

/// Where errors are flat.
const FLAT_PREFIX: &str = "/api/auth/";

impl Reject for ContractErrors {
    fn reject(&self, denial: Denial, uri: &Uri) -> Response<Bytes> {
        let message = denial.to_string();
        let status = denial.status();
        let body = if uri.path().starts_with(FLAT_PREFIX) {
            serde_json::to_vec(&Flat { error: &message })
        } else if self.opaque {
            Ok(Vec::new())
        } else {
            let code = match self.code {
                ErrorCode::Word => Code::Word(denial.code()),
                ErrorCode::Number => Code::Number(status.as_u16()),
            };
            let error = Inner {
                message: &message,
                r#type: denial.error_type(),
                param: None,
                code,
            };
            serde_json::to_vec(&Shape { error })
        };
        // Strings and numbers always serialize.
        let mut response = Response::new(Bytes::from(body.unwrap_or_default()));
        *response.status_mut() = status;
        if !response.body().is_empty() {
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if denial == Denial::StoreUnavailable {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
