//! What a provider (GitHub, OpenID Connect) says about a person.

use crate::clock::Timestamp;
use crate::user::Provider;

/// Somebody's identity at a provider: what an account is recognised by, whatever address or name it has there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExternalIdentity {
    /// Which kind of provider.
    pub provider: Provider,
    /// Names the person there for good. For OpenID Connect the issuer, a space and `sub`, as neither alone is unique
    /// (OpenID Connect Core 1.0, section 5.7); for GitHub the numeric id.
    pub subject: String,
}

/// An external identity that belongs to a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedIdentity {
    /// Which.
    pub identity: ExternalIdentity,
    /// Since when.
    pub linked_at: Timestamp,
}

/// What a provider said about whoever signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalProfile {
    /// Who it is.
    pub identity: ExternalIdentity,
    /// The address, when the provider gave one.
    pub email: Option<String>,
    /// Whether the provider vouches for the address: `true` as a boolean, and nothing else.
    pub email_verified: bool,
    /// What to call them; may be empty.
    pub name: String,
    /// A picture, or empty.
    pub avatar_url: String,
    /// What their groups give them, when groups are mapped. In force from each sign-in on.
    pub grant: Option<GroupGrant>,
}

/// What somebody's groups at the provider give them here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupGrant {
    /// Whether one of the groups makes an administrator; `None` when no group is meant to.
    pub admin: Option<bool>,
    /// Features that groups decide about: on for members, off for others.
    pub features: Vec<(String, bool)>,
}
