//! What the claims about a person come to.

use localauth_core::{ExternalIdentity, ExternalProfile, Provider};
use serde_json::Value;

use crate::oauth::GroupMapping;

/// Claims as they were sent: what openidconnect makes of them takes the text `"true"` for true.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// From the ID token.
    pub(super) token: Value,
    /// From the userinfo endpoint, when it was asked.
    pub(super) userinfo: Value,
}

impl Claims {
    /// Whether the ID token leaves something open that the userinfo endpoint may know.
    pub(super) fn is_incomplete(token: &Value, groups: Option<&GroupMapping>) -> bool {
        ["email", "email_verified", "name"]
            .iter()
            .any(|name| token.get(name).is_none())
            || groups.is_some_and(|groups| find(token, &groups.claim).is_none())
    }

    fn text(&self, name: &str) -> Option<&str> {
        [&self.token, &self.userinfo]
            .into_iter()
            .find_map(|claims| claims.get(name)?.as_str().filter(|text| !text.is_empty()))
    }

    /// The address and whether the provider vouches for it, both from the same place: a word about one address says nothing
    /// about another. Only `true` is true (OpenID Connect Core 1.0, section 5.1).
    fn email(&self) -> (Option<String>, bool) {
        let says = |claims: &Value| claims.get("email_verified").is_some();
        let (token, userinfo) = (self.token.get("email"), self.userinfo.get("email"));
        let from = match (token, userinfo) {
            (Some(_), Some(_)) if says(&self.token) => &self.token,
            (_, Some(_)) => &self.userinfo,
            _ => &self.token,
        };
        let email = from["email"].as_str().filter(|email| !email.is_empty());
        let verified = email.is_some() && from["email_verified"] == Value::Bool(true);
        (email.map(str::to_owned), verified)
    }

    /// The groups, or none when the claim is missing or is not a list of texts: then nobody knows what it says.
    fn groups(&self, claim: &str) -> Vec<&str> {
        let found = find(&self.token, claim).or_else(|| find(&self.userinfo, claim));
        let Some(Value::Array(list)) = found else {
            let problem = if found.is_some() { "is no list" } else { "is missing" };
            tracing::warn!(
                claim,
                "the claim with the groups {problem}: whoever signs in counts as in none"
            );
            return Vec::new();
        };
        let groups: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
        groups.unwrap_or_else(|| {
            tracing::warn!(
                claim,
                "the claim with the groups holds something that is no text: it is ignored"
            );
            Vec::new()
        })
    }

    /// Who it is.
    pub(super) fn profile(&self, subject: String, mapping: Option<&GroupMapping>) -> ExternalProfile {
        let (email, email_verified) = self.email();
        ExternalProfile {
            identity: ExternalIdentity {
                provider: Provider::Oidc,
                subject,
            },
            email,
            email_verified,
            name: self
                .text("name")
                .or_else(|| self.text("preferred_username"))
                .unwrap_or_default()
                .to_owned(),
            avatar_url: self.text("picture").unwrap_or_default().to_owned(),
            grant: mapping.map(|mapping| mapping.grant(&self.groups(&mapping.claim))),
        }
    }
}

/// The claim of this name, or at this path.
fn find<'v>(claims: &'v Value, claim: &str) -> Option<&'v Value> {
    if claim.starts_with('/') {
        claims.pointer(claim)
    } else {
        claims.get(claim)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn email(token: Value, userinfo: Value) -> (Option<String>, bool) {
        Claims { token, userinfo }.email()
    }

    #[test]
    fn only_true_is_true() {
        let address = || Some("a@b.example".to_owned());
        for (verified, expected) in [
            (json!(true), true),
            (json!(false), false),
            (json!("true"), false),
            (json!(1), false),
            (json!([true]), false),
            (Value::Null, false),
        ] {
            let claims = json!({ "email": "a@b.example", "email_verified": verified });
            assert_eq!(email(claims.clone(), Value::Null), (address(), expected), "{verified}");
            assert_eq!(email(json!({}), claims), (address(), expected), "{verified}, userinfo");
        }
        assert_eq!(
            email(json!({ "email": "a@b.example" }), Value::Null),
            (address(), false)
        );
        assert_eq!(email(json!({ "email_verified": true }), Value::Null), (None, false));
        assert_eq!(
            email(json!({ "email": 7, "email_verified": true }), Value::Null),
            (None, false)
        );
    }

    #[test]
    fn a_word_about_one_address_says_nothing_about_another() {
        let verified = json!({ "email": "a@b.example", "email_verified": true });
        let other = json!({ "email": "c@d.example" });
        let (a, c) = (Some("a@b.example".to_owned()), Some("c@d.example".to_owned()));
        assert_eq!(email(other.clone(), verified.clone()), (a.clone(), true));
        assert_eq!(email(verified, other.clone()), (a, true));
        assert_eq!(
            email(json!({ "email_verified": true }), other.clone()),
            (c.clone(), false)
        );
        assert_eq!(email(other, json!({ "email_verified": true })), (c, false));
    }

    #[test]
    fn groups_are_a_list_of_texts_or_none() {
        let mapping = GroupMapping::new("groups").admin("ops");
        let admin = |token: Value, userinfo: Value| {
            let claims = Claims { token, userinfo };
            claims
                .profile(String::new(), Some(&mapping))
                .grant
                .and_then(|grant| grant.admin)
        };
        assert_eq!(admin(json!({ "groups": ["staff", "ops"] }), Value::Null), Some(true));
        assert_eq!(admin(json!({}), json!({ "groups": ["ops"] })), Some(true));
        assert_eq!(
            admin(json!({ "groups": [] }), json!({ "groups": ["ops"] })),
            Some(false)
        );
        for wrong in [
            json!("ops"),
            json!(["ops", 7]),
            json!({ "ops": true }),
            json!(null),
            json!([["ops"]]),
        ] {
            assert_eq!(admin(json!({ "groups": wrong }), Value::Null), Some(false), "{wrong}");
        }
        let mapping = GroupMapping::new("/realm_access/roles").admin("ops");
        let claims = Claims {
            token: json!({ "realm_access": { "roles": ["ops"] } }),
            userinfo: Value::Null,
        };
        assert_eq!(
            claims.profile(String::new(), Some(&mapping)).grant.unwrap().admin,
            Some(true)
        );
    }
}
