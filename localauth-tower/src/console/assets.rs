//! Style sheet, script and icon: in the binary, under addresses that change with them.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::{HeaderValue, StatusCode, header};

struct Asset {
    name: &'static str,
    kind: &'static str,
    content: &'static str,
}

const STYLESHEET: Asset = Asset {
    name: "console.css",
    kind: "text/css; charset=utf-8",
    content: concat!(
        include_str!("../../assets/frame.css"),
        include_str!("../../assets/account.css"),
        include_str!("../../assets/user.css"),
        include_str!("../../assets/admin.css"),
    ),
};
const SCRIPT: Asset = Asset {
    name: "console.js",
    kind: "text/javascript; charset=utf-8",
    content: concat!(
        include_str!("../../assets/frame.js"),
        include_str!("../../assets/account.js"),
        include_str!("../../assets/user.js"),
        include_str!("../../assets/admin.js"),
    ),
};
const ICON: Asset = Asset {
    name: "icon.svg",
    kind: "image/svg+xml",
    content: include_str!("../../assets/icon.svg"),
};

impl Asset {
    /// Where it is: with its checksum, so that a browser keeps it until it changes.
    fn address(&self) -> String {
        let sum = crc32fast::hash(self.content.as_bytes());
        format!("/console/{}?v={sum:08x}", self.name)
    }
}

pub(super) fn stylesheet() -> &'static str {
    static ADDRESS: LazyLock<String> = LazyLock::new(|| STYLESHEET.address());
    &ADDRESS
}

pub(super) fn script() -> &'static str {
    static ADDRESS: LazyLock<String> = LazyLock::new(|| SCRIPT.address());
    &ADDRESS
}

pub(super) fn icon() -> &'static str {
    static ADDRESS: LazyLock<String> = LazyLock::new(|| ICON.address());
    &ADDRESS
}

/// For everybody, and without a look at who asks.
pub(super) fn router() -> Router {
    Router::new().route("/console/{asset}", get(asset))
}

async fn asset(Path(name): Path<String>) -> Response {
    let Some(asset) = [STYLESHEET, SCRIPT, ICON].into_iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.kind)),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=31536000, immutable"),
        ),
    ];
    (headers, asset.content).into_response()
}
