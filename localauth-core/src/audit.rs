//! The audit log: who did what to what, when, from where, and how it went.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::error::Denial;
use crate::id::{AuditId, UserId};
use crate::identity::Identity;
use crate::user::UnknownName;

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// What was done. The names are part of the wire contract: new ones come, none changes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum AuditAction { $($(#[$doc])* $variant),+ }

        impl AuditAction {
            /// Every action there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name, as stored and sent.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }

        impl FromStr for AuditAction {
            type Err = UnknownName;
            fn from_str(s: &str) -> Result<Self, UnknownName> {
                match s {
                    $($name => Ok(Self::$variant),)+
                    _ => Err(UnknownName { expected: "an action such as `session.sign_in`" }),
                }
            }
        }
    };
}

actions! {
    /// Somebody registered, or tried to.
    Register = "user.register",
    /// An account was made by an administrator or operator.
    UserCreate = "user.create",
    /// A name or picture changed.
    ProfileChange = "user.profile",
    /// A password changed.
    PasswordChange = "user.password",
    /// A role changed.
    RoleChange = "user.role",
    /// Somebody was let in, or shut out.
    StatusChange = "user.status",
    /// Features were switched.
    PermissionsChange = "user.permissions",
    /// A model allow-list changed.
    ModelsChange = "user.models",
    /// A user's own limits changed.
    LimitsChange = "user.limits",
    /// A user was put into a tier.
    TierChange = "user.tier",
    /// Limits of everybody, tiers or prices changed.
    HouseRulesChange = "house.rules",
    /// An account was deleted.
    UserDelete = "user.delete",
    /// An identity at a provider was linked to an account.
    IdentityLink = "user.identity_link",
    /// An identity at a provider was taken from an account.
    IdentityUnlink = "user.identity_unlink",
    /// Somebody signed in, or failed to.
    SignIn = "session.sign_in",
    /// Somebody signed out.
    SignOut = "session.sign_out",
    /// One session was ended, or all others.
    SessionEnd = "session.end",
    /// An administrator began to act as somebody.
    Impersonate = "session.impersonate",
    /// A key was made.
    KeyCreate = "key.create",
    /// A key got a new secret.
    KeyRotate = "key.rotate",
    /// A key was revoked.
    KeyRevoke = "key.revoke",
    /// The shared keys of the run time were replaced.
    SharedKeysChange = "shared_keys.replace",
    /// An invite was made.
    InviteCreate = "invite.create",
    /// An invite was revoked.
    InviteRevoke = "invite.revoke",
}

impl fmt::Display for AuditAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuditOutcome {
    /// It was done.
    Success,
    /// It was refused or failed.
    Failure,
}

impl AuditOutcome {
    /// The name, as stored and sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }
}

impl FromStr for AuditOutcome {
    type Err = UnknownName;

    fn from_str(s: &str) -> Result<Self, UnknownName> {
        match s {
            "success" => Ok(Self::Success),
            "failure" => Ok(Self::Failure),
            _ => Err(UnknownName {
                expected: "`success`, `failure`",
            }),
        }
    }
}

/// Somebody, as they were called at that time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditActor {
    /// Who.
    pub id: UserId,
    /// Their name at that time.
    pub name: String,
}

/// One line of the log. Written once, never changed; deleted when it is older than the retention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// Names the line; later ones sort later.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// Who; `None` for somebody who is not signed in, and for the command line.
    pub actor: Option<AuditActor>,
    /// The administrator who acted as `actor`.
    pub impersonator: Option<AuditActor>,
    /// What.
    pub action: AuditAction,
    /// To what: an id or an address.
    pub target: String,
    /// From where, or empty.
    pub address: String,
    /// With which program, or empty.
    pub user_agent: String,
    /// How it went.
    pub outcome: AuditOutcome,
    /// More, for people. Never a secret.
    pub detail: String,
}

/// Which lines of the log are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// From this time on.
    pub since: Option<Timestamp>,
    /// By this user, as themselves or as somebody else.
    pub actor: Option<UserId>,
    /// Of this kind.
    pub action: Option<AuditAction>,
    /// At most so many; `None` is all.
    pub limit: Option<usize>,
    /// Only those before this line.
    pub before: Option<AuditId>,
}

/// Who asks for something, and from where: what the audit log tells about it.
///
/// ```
/// use localauth_core::Caller;
///
/// let caller = Caller::anonymous().at("192.0.2.1".parse().ok()).with_user_agent("curl/8.14");
/// assert!(caller.identity().is_none());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Caller {
    identity: Option<Arc<Identity>>,
    is_operator: bool,
    /// Who it turned out to be, where the request itself did not say.
    known_as: Option<AuditActor>,
    address: Option<IpAddr>,
    user_agent: String,
}

impl Caller {
    /// Nobody that is known.
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// The program itself or its operator, on the machine.
    pub fn operator() -> Self {
        Self {
            is_operator: true,
            user_agent: "operator".to_owned(),
            ..Self::default()
        }
    }

    /// Whoever is signed in.
    pub fn from_identity(identity: Arc<Identity>) -> Self {
        Self {
            identity: Some(identity),
            ..Self::default()
        }
    }

    /// The same, from this address.
    #[must_use]
    pub const fn at(mut self, address: Option<IpAddr>) -> Self {
        self.address = address;
        self
    }

    /// The same, with this program.
    #[must_use]
    pub fn with_user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = user_agent.into();
        self
    }

    /// Who, when they are signed in.
    pub const fn identity(&self) -> Option<&Arc<Identity>> {
        self.identity.as_ref()
    }

    /// Whether they may do what needs an administrator. Nobody that is known is not the operator: a program that forgot
    /// to ask who calls is refused.
    ///
    /// # Errors
    ///
    /// [`Denial::AdminRequired`], [`Denial::MissingCredentials`].
    ///
    /// ```
    /// use localauth_core::{Caller, Denial};
    ///
    /// assert_eq!(Caller::operator().require_admin(), Ok(()));
    /// assert_eq!(Caller::anonymous().require_admin(), Err(Denial::MissingCredentials));
    /// ```
    pub fn require_admin(&self) -> Result<(), Denial> {
        match &self.identity {
            Some(identity) => identity.require_admin(),
            None if self.is_operator => Ok(()),
            None => Err(Denial::MissingCredentials),
        }
    }

    /// From where.
    pub const fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// With which program, without control characters and at most 256 characters.
    pub fn user_agent(&self) -> String {
        self.user_agent.chars().filter(|c| !c.is_control()).take(256).collect()
    }

    /// The same, as nobody that is known: a sign-in is not the deed of whoever was signed in before.
    pub(crate) fn unknown(&self) -> Self {
        Self {
            identity: None,
            known_as: None,
            ..self.clone()
        }
    }

    /// The same, as whoever it turned out to be.
    pub(crate) fn known_as(&self, id: UserId, name: &str) -> Self {
        Self {
            known_as: Some(AuditActor {
                id,
                name: name.to_owned(),
            }),
            ..self.unknown()
        }
    }

    pub(crate) fn actor(&self) -> Option<AuditActor> {
        let identity = self.identity.as_ref().map(|identity| identity.actor());
        self.known_as.clone().or(identity)
    }

    pub(crate) fn address_text(&self) -> String {
        self.address.map(|ip| ip.to_canonical().to_string()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_differ() {
        for (n, action) in AuditAction::ALL.iter().enumerate() {
            assert_eq!(action.as_str().parse(), Ok(*action));
            assert!(
                AuditAction::ALL[..n]
                    .iter()
                    .all(|other| other.as_str() != action.as_str())
            );
        }
        for outcome in [AuditOutcome::Success, AuditOutcome::Failure] {
            assert_eq!(outcome.as_str().parse(), Ok(outcome));
        }
    }
}
