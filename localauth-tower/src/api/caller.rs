//! Who asks, from where, over what.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::header;
use http::request::Parts;
use localauth_core::Caller;

use super::Api;
use crate::CurrentUser;

/// Who asks, from where, over what.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    /// Who and from where, for the use cases.
    pub(crate) caller: Caller,
    /// Whether they came over HTTPS.
    pub(crate) https: bool,
}

impl Asker {
    pub(crate) fn find(parts: &Parts, site: &crate::Site) -> Self {
        let user_agent = parts
            .headers
            .get(header::USER_AGENT)
            .map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned())
            .unwrap_or_default();
        let caller = match parts.extensions.get::<CurrentUser>() {
            Some(user) => Caller::from_identity(user.identity().clone()),
            None => Caller::anonymous(),
        };
        Self {
            caller: caller
                .at(site.proxies().client(&parts.extensions, &parts.headers))
                .with_user_agent(user_agent),
            https: site.is_https(&parts.extensions, &parts.headers),
        }
    }
}

impl FromRequestParts<Api> for Asker {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        Ok(Self::find(parts, &api.site))
    }
}
