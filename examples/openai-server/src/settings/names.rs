//! The names of all settings.

/// A setting.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// The environment variable.
    pub(super) variable: &'static str,
    pub(super) kind: Kind,
}

/// What a setting may be given by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Flag, environment or configuration file.
    Plain,
    /// As a plain one or in a file of its own (`…_FILE`); never shown, since it may hold a password.
    Sensitive,
    /// Environment, a file of its own or the configuration file, never a flag: flags are seen by every process.
    Secret,
    /// Belongs to a part that this version does not have. Refused, because ignoring it would mislead.
    Later,
}

const fn name(variable: &'static str, kind: Kind) -> Name {
    Name { variable, kind }
}

/// Every setting there is.
pub(super) const NAMES: &[Name] = &[
    name("LOCALAUTH_LISTEN", Kind::Plain),
    name("LOCALAUTH_DATA_DIR", Kind::Plain),
    name("LOCALAUTH_DATABASE_URL", Kind::Sensitive),
    name("LOCALAUTH_REDIS_URL", Kind::Later),
    name("LOCALAUTH_AUTH", Kind::Plain),
    name("LOCALAUTH_API_KEYS", Kind::Secret),
    name("LOCALAUTH_SECRET", Kind::Secret),
    name("LOCALAUTH_BASE_URL", Kind::Plain),
    name("LOCALAUTH_ADMIN_EMAIL", Kind::Plain),
    name("LOCALAUTH_REGISTRATION_MODE", Kind::Plain),
    name("LOCALAUTH_DISABLE_LOCAL_AUTH", Kind::Plain),
    name("GITHUB_CLIENT_ID", Kind::Plain),
    name("GITHUB_CLIENT_SECRET", Kind::Secret),
    name("LOCALAUTH_GITHUB_URL", Kind::Plain),
    name("LOCALAUTH_GITHUB_API_URL", Kind::Plain),
    name("LOCALAUTH_OIDC_ISSUER", Kind::Plain),
    name("LOCALAUTH_OIDC_CLIENT_ID", Kind::Plain),
    name("LOCALAUTH_OIDC_CLIENT_SECRET", Kind::Secret),
    name("LOCALAUTH_OIDC_SCOPES", Kind::Plain),
    name("LOCALAUTH_OIDC_GROUPS_CLAIM", Kind::Plain),
    name("LOCALAUTH_OIDC_ADMIN_GROUPS", Kind::Plain),
    name("LOCALAUTH_OIDC_GROUP_FEATURES", Kind::Plain),
    name("LOCALAUTH_TRUSTED_PROXIES", Kind::Plain),
    name("LOCALAUTH_DEFAULT_KEY_EXPIRY", Kind::Plain),
    name("LOCALAUTH_AUDIT_RETENTION", Kind::Plain),
    name("LOCALAUTH_LEDGER", Kind::Plain),
    name("LOCALAUTH_LIMIT_ADMINS", Kind::Plain),
    name("LOCALAUTH_DEFAULT_COMPLETION", Kind::Plain),
    name("LOCALAUTH_USAGE_RETENTION", Kind::Plain),
    name("LOCALAUTH_MODEL", Kind::Plain),
    // Sensitive: somebody may write a password into the address, to be told that this is not the place.
    name("LOCALAUTH_UPSTREAM", Kind::Sensitive),
    name("LOCALAUTH_UPSTREAM_KEY", Kind::Secret),
    name("LOCALAUTH_UPSTREAM_ENGINE", Kind::Plain),
    name("LOCALAUTH_UPSTREAM_CA", Kind::Plain),
    name("LOCALAUTH_UPSTREAM_CONNECT_TIMEOUT", Kind::Plain),
    name("LOCALAUTH_UPSTREAM_FIRST_BYTE_TIMEOUT", Kind::Plain),
    name("LOCALAUTH_UPSTREAM_IDLE_TIMEOUT", Kind::Plain),
    name("LOCALAUTH_UPSTREAM_HEALTH_INTERVAL", Kind::Plain),
    name("LOCALAUTH_TLS_CERT", Kind::Plain),
    name("LOCALAUTH_TLS_KEY", Kind::Plain),
    name("LOCALAUTH_CLIENT_CA", Kind::Later),
    name("LOCALAUTH_JWT_TTL", Kind::Later),
    name("LOCALAUTH_ERROR_CODE", Kind::Plain),
    name("LOCALAUTH_STALE_LIMIT", Kind::Plain),
    name("LOCALAUTH_SHUTDOWN_GRACE", Kind::Plain),
    name("LOCALAUTH_MAX_BODY", Kind::Plain),
    name("LOCALAUTH_OPAQUE_ERRORS", Kind::Plain),
    name("LOCALAUTH_QUEUE_PLACES", Kind::Plain),
    name("LOCALAUTH_QUEUE_WAITING", Kind::Plain),
    name("LOCALAUTH_QUEUE_PATIENCE", Kind::Plain),
    name("LOCALAUTH_CONFIG", Kind::Plain),
    name("LOCALAUTH_LOG", Kind::Plain),
    name("LOCALAUTH_LOG_FORMAT", Kind::Plain),
    name("LOCALAUTH_MAX_CONNECTIONS", Kind::Plain),
    name("LOCALAUTH_BODY_MEMORY", Kind::Plain),
];

/// What all variables of ours begin with.
pub(super) const PREFIX: &str = "LOCALAUTH_";
/// What the name of a file with a secret ends with.
const FILE: &str = "_FILE";

impl Name {
    /// The name in the configuration file, and of the flag but for its dashes.
    pub(super) fn key(&self) -> String {
        self.variable.trim_start_matches(PREFIX).to_ascii_lowercase()
    }

    /// The name of the flag.
    pub(super) fn flag(&self) -> String {
        format!("--{}", self.key().replace('_', "-"))
    }

    /// Whether the value may be shown.
    pub(super) fn is_public(&self) -> bool {
        !matches!(self.kind, Kind::Secret | Kind::Sensitive)
    }

    /// Whether the value may come from a file of its own.
    fn takes_file(&self) -> bool {
        !self.is_public() || self.kind == Kind::Later
    }
}

/// The setting of this environment variable, and whether the variable names a file that holds its value.
pub(super) fn by_variable(variable: &str) -> Option<(&'static Name, bool)> {
    let find = |variable: &str| NAMES.iter().find(|name| name.variable == variable);
    if let Some(name) = find(variable) {
        return Some((name, false));
    }
    find(variable.strip_suffix(FILE)?)
        .filter(|name| name.takes_file())
        .map(|name| (name, true))
}

/// The setting of this key in the configuration file, whichever way its words are joined.
pub(super) fn by_key(key: &str) -> Option<&'static Name> {
    let key = key.replace('-', "_");
    NAMES.iter().find(|name| name.key() == key)
}

/// The variable that was probably meant.
pub(super) fn nearest_variable(variable: &str) -> String {
    let files = NAMES
        .iter()
        .filter(|name| name.takes_file())
        .map(|name| format!("{}{FILE}", name.variable));
    nearest(variable, NAMES.iter().map(|name| name.variable.to_owned()).chain(files))
}

/// The key that was probably meant.
pub(super) fn nearest_key(key: &str) -> String {
    nearest(key, NAMES.iter().map(Name::key))
}

/// The one of some names that was probably meant.
pub(super) fn nearest_of(given: &str, known: &[&str]) -> String {
    nearest(given, known.iter().map(|name| (*name).to_owned()))
}

fn nearest(given: &str, known: impl Iterator<Item = String>) -> String {
    known
        .min_by_key(|name| strsim::damerau_levenshtein(given, name))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_has_three_spellings() {
        let (name, in_file) = by_variable("LOCALAUTH_DATA_DIR").unwrap();
        assert!(!in_file);
        assert_eq!((name.key().as_str(), name.flag().as_str()), ("data_dir", "--data-dir"));
        assert_eq!(by_key("data_dir"), Some(name));
        assert_eq!(by_key("data-dir"), Some(name));
    }

    #[test]
    fn a_name_without_our_prefix_keeps_what_it_has() {
        let (name, _) = by_variable("GITHUB_CLIENT_ID").unwrap();
        assert_eq!(
            (name.key().as_str(), name.flag().as_str()),
            ("github_client_id", "--github-client-id")
        );
    }

    #[test]
    fn only_what_may_be_secret_has_a_file() {
        for variable in [
            "LOCALAUTH_SECRET_FILE",
            "LOCALAUTH_API_KEYS_FILE",
            "LOCALAUTH_DATABASE_URL_FILE",
            "GITHUB_CLIENT_SECRET_FILE",
            "LOCALAUTH_OIDC_CLIENT_SECRET_FILE",
        ] {
            assert!(by_variable(variable).unwrap().1, "{variable}");
        }
        assert_eq!(by_variable("LOCALAUTH_LISTEN_FILE"), None);
        assert_eq!(by_variable("GITHUB_CLIENT_ID_FILE"), None);
        assert_eq!(by_variable("LOCALAUTH_SECRET_FILE_FILE"), None);
    }

    #[test]
    fn typing_errors_are_understood() {
        let cases = [
            ("LOCALAUTH_LISTNE", "LOCALAUTH_LISTEN"),
            ("LOCALAUTH_DATABSE_URL", "LOCALAUTH_DATABASE_URL"),
            ("LOCALAUTH_API_KEY", "LOCALAUTH_API_KEYS"),
            ("LOCALAUTH_SECRET_FIEL", "LOCALAUTH_SECRET_FILE"),
        ];
        for (given, meant) in cases {
            assert_eq!(nearest_variable(given), meant);
        }
        assert_eq!(nearest_key("modle"), "model");
    }
}
