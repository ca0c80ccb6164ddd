//! The settings of the server: flags over environment over a TOML file over defaults.
//!
//! An unknown, malformed or not yet available setting is an error with one line that says what would be right. Nothing
//! that was set is ignored.

mod edge;
mod error;
mod gather;
mod limits;
mod names;
mod providers;
mod upstream;
mod values;

#[cfg(test)]
mod tests;

use std::{ffi::OsString, fmt, path::PathBuf, time::Duration};

use ipnet::IpNet;

pub use self::{
    edge::{Bounds, LogFormat, Tls},
    error::{Origin, SettingsError},
    limits::{LedgerPlace, Limits},
    providers::{Github, GroupFeature, Groups, Oidc},
    upstream::{UpstreamOrigin, UpstreamServer, UpstreamSettings},
};
use self::{
    gather::{Gathered, Given},
    names::{Kind, NAMES},
};

/// Settings that make sense. Their meaning is told in the table of the README.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address and port to listen on.
    pub listen: String,
    /// Where database, secret, spool and demo model are.
    pub data_dir: PathBuf,
    /// The database; none means an SQLite file in the data directory.
    pub database_url: Option<Secret>,
    /// Whether anybody is asked who they are.
    pub auth: bool,
    /// Shared keys, each an administrator.
    pub api_keys: Vec<Secret>,
    /// Keys the digests of stored keys and sessions; none means the one in the data directory.
    pub secret: Option<Secret>,
    /// The public address, without a slash at its end.
    pub base_url: Option<String>,
    /// The verified address that becomes administrator.
    pub admin_email: Option<String>,
    /// Who may register.
    pub registration_mode: RegistrationMode,
    /// No sign-in with e-mail and password.
    pub disable_local_auth: bool,
    /// Sign-in with GitHub.
    pub github: Option<Github>,
    /// Sign-in with a provider of OpenID Connect.
    pub oidc: Option<Oidc>,
    /// Whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The life of keys made without one.
    pub default_key_expiry: Option<Duration>,
    /// How long the audit log is kept.
    pub audit_retention: Duration,
    /// How limits are kept.
    pub limits: Limits,
    /// The model, as it was named.
    pub model: String,
    /// The servers that this one stands in front of, instead of having a model of its own.
    pub upstream: Option<UpstreamSettings>,
    /// What `code` in an error body is.
    pub error_code: ErrorCode,
    /// How long known credentials outlive an outage of the store.
    pub stale_limit: Duration,
    /// How long streams may go on after the signal to stop.
    pub shutdown_grace: Duration,
    /// The largest request body in bytes.
    pub max_body: usize,
    /// Whether refusals on the model's routes have an empty body.
    pub opaque_errors: bool,
    /// How many requests the model works on at once; 0 means that nobody waits.
    pub queue_places: usize,
    /// How many wait for a place.
    pub queue_waiting: usize,
    /// How long they wait.
    pub queue_patience: Duration,
    /// What is logged, in the terms of `tracing-subscriber`.
    pub log: Option<String>,
    /// How the log is written.
    pub log_format: LogFormat,
    /// The pair that the server speaks TLS with.
    pub tls: Option<Tls>,
    /// How much strangers may make it hold.
    pub bounds: Bounds,
}

/// Who may register.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RegistrationMode {
    /// Everybody.
    Open,
    /// Everybody, and an administrator lets them in.
    #[default]
    Approval,
    /// Who was invited.
    Invite,
}

/// What `code` in an error body is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorCode {
    /// A word, as OpenAI has it.
    #[default]
    String,
    /// The status, as LocalAI has it.
    Number,
}

/// A value that must not be seen.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The value itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The shortest secret, in bytes.
const SHORTEST_SECRET: usize = 32;

impl Settings {
    /// Makes settings of flags (with their dashes) and environment, and of the configuration file that one of them may
    /// name.
    ///
    /// # Errors
    ///
    /// The first that is wrong.
    pub fn new(
        flags: impl IntoIterator<Item = (String, String)>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, SettingsError> {
        let mut given = Gathered::collect(flags, environment)?;
        for other in ["LOCALAUTH_QUEUE_WAITING", "LOCALAUTH_QUEUE_PATIENCE"] {
            given.needs(other, "LOCALAUTH_QUEUE_PLACES")?;
        }
        let max_body = given.or("LOCALAUTH_MAX_BODY", "50MB", values::size)?;
        // Looks whether a model is named too.
        let upstream = upstream::upstream(&mut given)?;
        let settings = Self {
            upstream,
            listen: given.or("LOCALAUTH_LISTEN", "127.0.0.1:8080", values::address)?,
            data_dir: given.or("LOCALAUTH_DATA_DIR", "./localauth-data", |text| Ok(PathBuf::from(text)))?,
            database_url: given.optional("LOCALAUTH_DATABASE_URL", database_url)?,
            auth: given.or("LOCALAUTH_AUTH", "true", values::boolean)?,
            api_keys: given.optional("LOCALAUTH_API_KEYS", api_keys)?.unwrap_or_default(),
            secret: given.optional("LOCALAUTH_SECRET", secret)?,
            base_url: given.optional("LOCALAUTH_BASE_URL", values::url)?,
            admin_email: given.optional("LOCALAUTH_ADMIN_EMAIL", values::email)?,
            registration_mode: given.or("LOCALAUTH_REGISTRATION_MODE", "approval", registration_mode)?,
            disable_local_auth: given.or("LOCALAUTH_DISABLE_LOCAL_AUTH", "false", values::boolean)?,
            github: providers::github(&mut given)?,
            oidc: providers::oidc(&mut given)?,
            trusted_proxies: given
                .optional("LOCALAUTH_TRUSTED_PROXIES", values::networks)?
                .unwrap_or_default(),
            default_key_expiry: given.optional("LOCALAUTH_DEFAULT_KEY_EXPIRY", values::some_duration)?,
            audit_retention: given.or("LOCALAUTH_AUDIT_RETENTION", "90d", values::some_duration)?,
            limits: limits::limits(&mut given)?,
            model: given.or("LOCALAUTH_MODEL", "demo", |text| Ok(text.to_owned()))?,
            error_code: given.or("LOCALAUTH_ERROR_CODE", "string", error_code)?,
            stale_limit: given.or("LOCALAUTH_STALE_LIMIT", "5m", values::duration)?,
            shutdown_grace: given.or("LOCALAUTH_SHUTDOWN_GRACE", "30s", values::duration)?,
            max_body,
            opaque_errors: given.or("LOCALAUTH_OPAQUE_ERRORS", "false", values::boolean)?,
            queue_places: given.or("LOCALAUTH_QUEUE_PLACES", "0", values::count)?,
            queue_waiting: given.or("LOCALAUTH_QUEUE_WAITING", "100", values::count)?,
            queue_patience: given.or("LOCALAUTH_QUEUE_PATIENCE", "30s", values::duration)?,
            log: given.optional("LOCALAUTH_LOG", |text| Ok(text.to_owned()))?,
            log_format: given.or("LOCALAUTH_LOG_FORMAT", "text", edge::log_format)?,
            tls: edge::tls(&mut given)?,
            bounds: edge::bounds(&mut given, max_body)?,
        };
        debug_assert!(given.is_empty(), "a known setting is not read");
        Ok(settings)
    }

    /// The database, with the default filled in.
    pub fn database_url(&self) -> Secret {
        self.database_url.clone().unwrap_or_else(|| {
            let file = self.data_dir.join("localauth.db");
            Secret(format!("sqlite://{}", file.display()))
        })
    }
}

/// The flags of settings that this version does not have, without their dashes. They are understood in order to be
/// refused with the right words.
pub fn flags_not_available() -> impl Iterator<Item = String> {
    NAMES
        .iter()
        .filter(|name| name.kind == Kind::Later)
        .map(|name| name.key().replace('_', "-"))
}

impl Gathered {
    /// Refuses a setting that means nothing without another.
    fn needs(&self, variable: &'static str, other: &'static str) -> Result<(), SettingsError> {
        match self.origin(variable) {
            Some(origin) if !self.has(other) => Err(SettingsError::Incomplete {
                origin: origin.clone(),
                missing: other,
            }),
            _ => Ok(()),
        }
    }

    fn optional<T>(
        &mut self,
        variable: &'static str,
        parse: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> Result<Option<T>, SettingsError> {
        self.take(variable).map(|given| given.parse(parse)).transpose()
    }

    fn or<T>(
        &mut self,
        variable: &'static str,
        default: &str,
        parse: impl Fn(&str) -> Result<T, &'static str>,
    ) -> Result<T, SettingsError> {
        match self.optional(variable, &parse)? {
            Some(value) => Ok(value),
            None => parse(default).map_err(|wanted| SettingsError::Malformed {
                origin: Origin::Default(variable),
                problem: format!("is `{default}`"),
                wanted,
            }),
        }
    }
}

impl Given {
    fn parse<T>(self, parse: impl FnOnce(&str) -> Result<T, &'static str>) -> Result<T, SettingsError> {
        let text = self.text.trim();
        parse(text).map_err(|wanted| SettingsError::Malformed {
            problem: if self.name.is_public() {
                format!("is `{}`", text.escape_debug())
            } else {
                "is not valid".to_owned()
            },
            origin: self.origin,
            wanted,
        })
    }
}

fn database_url(text: &str) -> Result<Secret, &'static str> {
    let known = ["sqlite:", "postgres://", "postgresql://"];
    if known.iter().any(|scheme| text.starts_with(scheme)) {
        Ok(Secret(text.to_owned()))
    } else {
        Err("write `sqlite://FILE` or `postgres://USER:PASSWORD@HOST/NAME`")
    }
}

fn api_keys(text: &str) -> Result<Vec<Secret>, &'static str> {
    let keys: Vec<_> = values::items(text).map(|key| Secret(key.to_owned())).collect();
    let is_sendable = |key: &Secret| key.0.bytes().all(|byte| byte.is_ascii_graphic());
    if keys.is_empty() || !keys.iter().all(is_sendable) {
        return Err("write keys of printable ASCII without spaces, separated by commas");
    }
    Ok(keys)
}

fn secret(text: &str) -> Result<Secret, &'static str> {
    if text.len() < SHORTEST_SECRET {
        return Err("it needs at least 32 bytes: make one with `openssl rand -hex 32`");
    }
    Ok(Secret(text.to_owned()))
}

fn registration_mode(text: &str) -> Result<RegistrationMode, &'static str> {
    match text {
        "open" => Ok(RegistrationMode::Open),
        "approval" => Ok(RegistrationMode::Approval),
        "invite" => Ok(RegistrationMode::Invite),
        _ => Err("write `open`, `approval` or `invite`"),
    }
}

fn error_code(text: &str) -> Result<ErrorCode, &'static str> {
    match text {
        "string" => Ok(ErrorCode::String),
        "number" => Ok(ErrorCode::Number),
        _ => Err("write `string` or `number`"),
    }
}
