//! Users: who they are, what role they have, whether they may come in.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::clock::Timestamp;
use crate::id::{Epoch, UserId};
use crate::model::ModelAllowList;
use crate::password::PasswordHash;

/// What a user may do to the house.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// May use what is allowed to them.
    User,
    /// May do everything.
    Admin,
}

/// Whether a user may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// May.
    Active,
    /// Registered, and waits for an administrator's approval.
    Pending,
    /// Was shut out by an administrator.
    Disabled,
}

/// How a user proves who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Provider {
    /// E-mail address and password.
    Local,
    /// GitHub.
    Github,
    /// An OpenID Connect provider.
    Oidc,
    /// Nobody signs in: an account that programs use by its keys.
    Service,
}

/// A stored or sent text that names no role, status or provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {expected}")]
#[non_exhaustive]
pub struct UnknownName {
    /// What would have been right.
    pub expected: &'static str,
}

macro_rules! names {
    ($type:ident, $expected:literal, $($variant:ident = $name:literal),+) => {
        impl $type {
            /// The name, as stored and sent.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
        impl FromStr for $type {
            type Err = UnknownName;
            fn from_str(s: &str) -> Result<Self, UnknownName> {
                match s { $($name => Ok(Self::$variant),)+ _ => Err(UnknownName { expected: $expected }) }
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

names!(Role, "`user`, `admin`", User = "user", Admin = "admin");
names!(
    Status,
    "`active`, `pending`, `disabled`",
    Active = "active",
    Pending = "pending",
    Disabled = "disabled"
);
names!(
    Provider,
    "`local`, `github`, `oidc`, `service`",
    Local = "local",
    Github = "github",
    Oidc = "oidc",
    Service = "service"
);

/// An e-mail address in its one normal form: trimmed, in lower case, its domain in the ASCII form of IDNA (UTS 46).
///
/// Two spellings of one address are the same user, wherever they come from.
///
/// ```
/// use localauth_core::Email;
///
/// let a: Email = "  Ada@Example.org ".parse()?;
/// assert_eq!(a.as_str(), "ada@example.org");
/// assert_eq!("ada@EXÄMPLE.org".parse::<Email>()?, "ada@xn--exmple-cua.org".parse()?);
/// assert!("ada".parse::<Email>().is_err());
/// assert!("a@b@c".parse::<Email>().is_err());
/// assert!("a\u{0}@example.org".parse::<Email>().is_err());
/// # Ok::<(), localauth_core::InvalidEmail>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Email(Box<str>);

/// The longest e-mail address, in bytes (RFC 5321, section 4.5.3.1.3, less the angle brackets).
pub const MAX_EMAIL_BYTES: usize = 254;

impl Email {
    /// The normal form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = InvalidEmail;

    fn from_str(s: &str) -> Result<Self, InvalidEmail> {
        if s.len() > 4 * MAX_EMAIL_BYTES {
            return Err(InvalidEmail);
        }
        let (local, domain) = s.trim().split_once('@').ok_or(InvalidEmail)?;
        let domain = idna::domain_to_ascii(domain).map_err(|_| InvalidEmail)?;
        let text = format!("{}@{domain}", local.to_lowercase());
        let plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '@' && c != '<' && c != '>' && c != ',';
        let good = !local.is_empty()
            && !domain.is_empty()
            && text.len() <= MAX_EMAIL_BYTES
            && local.chars().all(plain)
            && domain.chars().all(plain)
            && !domain.starts_with('.')
            && !domain.ends_with('.')
            && !domain.contains("..");
        if good { Ok(Self(text.into())) } else { Err(InvalidEmail) }
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is not an e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an e-mail address: expected something like ada@example.org")]
#[non_exhaustive]
pub struct InvalidEmail;

/// The longest name of a user or key, in characters.
pub const MAX_NAME_CHARS: usize = 128;

/// Trims `name` and checks it: at most [`MAX_NAME_CHARS`] characters, of which none is a control character or turns the
/// text around it, and if there are any, one can be seen. May be empty.
pub(crate) fn clean_name(name: &str) -> Option<String> {
    let name = name.trim();
    let is_good = name.chars().count() <= MAX_NAME_CHARS
        && !name.chars().any(|c| c.is_control() || turns_text(c))
        && (name.is_empty() || name.chars().any(|c| !is_invisible(c)));
    is_good.then(|| name.to_owned())
}

/// Whether a character changes the direction of what is written after it, of others' text too (UAX #9, section 2): with
/// those, "delete Ada" can be made to read as something else. Names in scripts that run from right to left need none.
const fn turns_text(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether nobody sees a character: a name of nothing else would be a link that nobody can find.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200d}'
            | '\u{2028}'..='\u{2029}'
            | '\u{2060}'..='\u{2064}'
            | '\u{206a}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    ) || c.is_whitespace()
}

/// A user, as a store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Names the user for good.
    pub id: UserId,
    /// The address; unique in a store.
    pub email: Email,
    /// What to call them.
    pub name: String,
    /// A picture, or empty.
    pub avatar_url: String,
    /// Their role.
    pub role: Role,
    /// Whether they may come in.
    pub status: Status,
    /// How they prove who they are.
    pub provider: Provider,
    /// The password's hash; `None` for accounts that are not local.
    pub password: Option<PasswordHash>,
    /// Features switched on or off for this user. Absent means the feature's default.
    pub permissions: BTreeMap<String, bool>,
    /// Which models they may use.
    pub models: ModelAllowList,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When what they may do last changed.
    pub epoch: Epoch,
    /// When their sessions last had to end all at once (a new password, say). A session remembers the value it was made
    /// under and is over when the user's differs, so that a sign-in racing with the change cannot survive it.
    pub sign_in_epoch: Epoch,
}

impl User {
    /// A user with the given identity and a [`NewUser`]'s particulars, at `epoch`: for stores.
    pub fn from_new(new: NewUser, epoch: Epoch) -> Self {
        Self {
            id: new.id,
            email: new.email,
            name: new.name,
            avatar_url: new.avatar_url,
            role: new.role,
            status: new.status,
            provider: new.provider,
            password: new.password,
            permissions: new.permissions,
            models: ModelAllowList::default(),
            created_at: new.created_at,
            epoch,
            sign_in_epoch: epoch,
        }
    }
}

/// A user about to be stored.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// A fresh id.
    pub id: UserId,
    /// The address.
    pub email: Email,
    /// What to call them.
    pub name: String,
    /// Their role.
    pub role: Role,
    /// Whether they may come in at once.
    pub status: Status,
    /// How they prove who they are.
    pub provider: Provider,
    /// The password's hash, for a local account.
    pub password: Option<PasswordHash>,
    /// A picture, or empty.
    pub avatar_url: String,
    /// Features switched on or off from the start.
    pub permissions: BTreeMap<String, bool>,
    /// The present time.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_be_seen_and_turns_nothing() {
        for (name, good) in [
            (" Ada Lovelace ", true),
            ("", true),
            ("   ", true),
            ("\u{5d0}\u{5d3}\u{5d4}", true),
            // A family, and a word of Persian: both are joined by what nobody sees.
            ("\u{1f469}\u{200d}\u{1f467}", true),
            ("\u{645}\u{6cc}\u{200c}\u{62e}", true),
            ("\u{200b}", false),
            ("\u{feff}\u{2060}\u{3164}", false),
            ("\u{2028}", true),
            ("Ada\u{202e}", false),
            ("\u{2067}Ada\u{2069}", false),
            ("Ada\u{7}", false),
        ] {
            assert_eq!(clean_name(name).is_some(), good, "{name:?}");
        }
    }

    #[test]
    fn addresses_are_normalised_and_nonsense_is_refused() {
        for (text, good) in [
            ("ada@example.org", true),
            ("\tADA@EXAMPLE.ORG\n", true),
            ("a@localhost", true),
            ("ädä@exämple.org", true),
            ("", false),
            ("@", false),
            ("a@", false),
            ("@b", false),
            ("a b@c.de", false),
            ("a@b..c", false),
            ("a@.b", false),
            ("<a@b.c>", false),
            ("a@b\r\nbcc: x@y", false),
        ] {
            assert_eq!(text.parse::<Email>().is_ok(), good, "{text:?}");
        }
        assert!(format!("{}@b.c", "a".repeat(MAX_EMAIL_BYTES)).parse::<Email>().is_err());
    }

    #[test]
    fn names_round_trip() {
        for role in [Role::User, Role::Admin] {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        for status in [Status::Active, Status::Pending, Status::Disabled] {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        assert!("Admin".parse::<Role>().is_err());
    }
}
