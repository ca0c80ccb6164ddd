//! The servers that this one stands in front of.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use http::{HeaderValue, Uri, uri::Authority};
use localauth_core::policy::packs::Engine;
use toml::{Table, Value};

use super::{
    Secret,
    error::{Origin as Source, SettingsError},
    gather::Gathered,
    names, values,
};

/// The setting that names servers by their origin alone.
const UPSTREAM: &str = "LOCALAUTH_UPSTREAM";
/// Those that say something about them.
const OTHERS: [&str; 7] = [
    "LOCALAUTH_UPSTREAM_KEY",
    "LOCALAUTH_UPSTREAM_ENGINE",
    "LOCALAUTH_UPSTREAM_CA",
    "LOCALAUTH_UPSTREAM_CONNECT_TIMEOUT",
    "LOCALAUTH_UPSTREAM_FIRST_BYTE_TIMEOUT",
    "LOCALAUTH_UPSTREAM_IDLE_TIMEOUT",
    "LOCALAUTH_UPSTREAM_HEALTH_INTERVAL",
];
/// What one of them may say in the configuration file.
const FIELDS: [&str; 7] = ["url", "engine", "key", "key_file", "models", "aliases", "ca"];

const WANTED_ORIGIN: &str = "write the origin of a server, without path and password, like `http://127.0.0.1:11434`";
const WANTED_ENGINE: &str = "write `openai`, `ollama`, `vllm` or `llama.cpp`";
const WANTED_KEY: &str = "it has to be one line of printable ASCII";
const WANTED_TEXTS: &str = "write a list of texts, like `[\"llama3:latest\"]`";
const WANTED_ALIASES: &str = "write a table of names and what they mean, like `{ \"gpt-4o\" = \"llama3:latest\" }`";
const WANTED_TABLES: &str = "write a table `[[upstreams]]` for each server";

/// The servers that this one stands in front of, and how long they may take.
#[derive(Clone, Debug)]
pub struct UpstreamSettings {
    /// Each of them, in the order in which they are asked.
    pub servers: Vec<UpstreamServer>,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long an answer may take to begin, once the request is sent.
    pub first_byte_timeout: Duration,
    /// How long an answer may pause.
    pub idle_timeout: Duration,
    /// How often each is asked how it is, and which models it has.
    pub health_interval: Duration,
}

/// One server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamServer {
    /// Where it is.
    pub origin: UpstreamOrigin,
    /// What it is; none is both what speaks OpenAI's language and Ollama.
    pub engine: Option<Engine>,
    /// Its own key, sent as `Bearer`.
    pub key: Option<Secret>,
    /// The models it has; empty asks it.
    pub models: Vec<String>,
    /// Other names for its models.
    pub aliases: BTreeMap<String, String>,
    /// The only certificates that vouch for it; none is what the system trusts.
    pub ca: Option<PathBuf>,
}

impl UpstreamSettings {
    /// Whether every request goes to one server, by the names that this one knows.
    pub fn is_simple(&self) -> bool {
        let [only] = self.servers.as_slice() else { return false };
        only.aliases.is_empty()
    }

    /// What the servers are, each once.
    pub fn engines(&self) -> Vec<Engine> {
        let mut engines = Vec::new();
        for engine in self.servers.iter().flat_map(UpstreamServer::engines) {
            if !engines.contains(engine) {
                engines.push(*engine);
            }
        }
        engines
    }
}

impl UpstreamServer {
    /// What it is: one engine, or where nobody said, what could be either of two.
    pub fn engines(&self) -> &[Engine] {
        match &self.engine {
            None => &[Engine::OpenAi, Engine::Ollama],
            Some(engine) => std::slice::from_ref(engine),
        }
    }
}

/// Scheme, host and port of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamOrigin {
    is_tls: bool,
    authority: Authority,
}

impl UpstreamOrigin {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// What would have been right, when `text` has anything beside scheme, host and port.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let uri: Uri = text.trim_end_matches('/').parse().map_err(|_| WANTED_ORIGIN)?;
        let is_tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(WANTED_ORIGIN),
        };
        let authority = uri.authority().ok_or(WANTED_ORIGIN)?;
        let has_more = uri.path() != "/" || uri.query().is_some() || text.contains(['#', '@', '?']);
        let port_is_whole = authority.port().is_none() != authority.as_str().trim_start_matches('[').contains(':')
            || authority.host().starts_with('[');
        if has_more || authority.host().is_empty() || !port_is_whole || authority.port_u16() == Some(0) {
            return Err(WANTED_ORIGIN);
        }
        Ok(Self {
            is_tls,
            authority: authority
                .as_str()
                .to_ascii_lowercase()
                .parse()
                .map_err(|_| WANTED_ORIGIN)?,
        })
    }

    /// Whether it is asked over TLS.
    pub const fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// `http` or `https`.
    pub const fn scheme(&self) -> &'static str {
        if self.is_tls { "https" } else { "http" }
    }

    /// Host and port, as they were written.
    pub const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The host, without the brackets of an IPv6 address.
    pub fn host(&self) -> &str {
        self.authority.host().trim_matches(['[', ']'])
    }

    /// The port.
    pub fn port(&self) -> u16 {
        let usual = if self.is_tls { 443 } else { 80 };
        self.authority.port_u16().unwrap_or(usual)
    }
}

impl fmt::Display for UpstreamOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme(), self.authority)
    }
}

/// Reads them, if there are any.
pub(super) fn upstream(given: &mut Gathered) -> Result<Option<UpstreamSettings>, SettingsError> {
    let tables = given.take_upstreams();
    if let (Some(origin), Some(model)) = (first_origin(given, tables.as_ref()), given.origin("LOCALAUTH_MODEL")) {
        return Err(SettingsError::Conflict(origin, model.clone()));
    }
    if tables.is_none() {
        for other in OTHERS {
            given.needs(other, UPSTREAM)?;
        }
    }
    let engine = given.optional("LOCALAUTH_UPSTREAM_ENGINE", engine)?;
    let key = given.optional("LOCALAUTH_UPSTREAM_KEY", key)?;
    let ca = given.optional("LOCALAUTH_UPSTREAM_CA", |text| Ok(PathBuf::from(text)))?;
    let connect_timeout = given.or("LOCALAUTH_UPSTREAM_CONNECT_TIMEOUT", "5s", values::some_duration)?;
    let first_byte_timeout = given.or("LOCALAUTH_UPSTREAM_FIRST_BYTE_TIMEOUT", "10m", values::some_duration)?;
    let idle_timeout = given.or("LOCALAUTH_UPSTREAM_IDLE_TIMEOUT", "5m", values::some_duration)?;
    let health_interval = given.or("LOCALAUTH_UPSTREAM_HEALTH_INTERVAL", "30s", values::some_duration)?;

    let all = UpstreamServer {
        origin: UpstreamOrigin::parse("http://localhost").map_err(|wanted| SettingsError::Malformed {
            origin: Source::Default(UPSTREAM),
            problem: "is not valid".to_owned(),
            wanted,
        })?,
        engine,
        key,
        models: Vec::new(),
        aliases: BTreeMap::new(),
        ca,
    };
    let named = given.origin(UPSTREAM).cloned();
    let origins = given.optional(UPSTREAM, origins)?;
    let servers = match (origins, tables) {
        (Some(_), Some((file, _))) => {
            let both = (
                named.unwrap_or(Source::Default(UPSTREAM)),
                Source::Key("upstreams".to_owned(), file),
            );
            return Err(SettingsError::Conflict(both.0, both.1));
        }
        (Some(origins), None) => origins
            .into_iter()
            .map(|origin| UpstreamServer { origin, ..all.clone() })
            .collect(),
        (None, Some((file, value))) => servers(&file, &value, &all)?,
        (None, None) => return Ok(None),
    };
    Ok(Some(UpstreamSettings {
        servers,
        connect_timeout,
        first_byte_timeout,
        idle_timeout,
        health_interval,
    }))
}

/// Where it is said that there is an upstream.
fn first_origin(given: &Gathered, tables: Option<&(PathBuf, Value)>) -> Option<Source> {
    let tables = tables.map(|(file, _)| Source::Key("upstreams".to_owned(), file.clone()));
    given.origin(UPSTREAM).cloned().or(tables)
}

fn origins(text: &str) -> Result<Vec<UpstreamOrigin>, &'static str> {
    let origins: Vec<_> = values::items(text)
        .map(UpstreamOrigin::parse)
        .collect::<Result<_, _>>()?;
    let is_twice = (1..origins.len()).any(|at| origins[..at].contains(&origins[at]));
    if is_twice {
        return Err("name each server once");
    }
    if origins.is_empty() {
        Err(WANTED_ORIGIN)
    } else {
        Ok(origins)
    }
}

fn engine(text: &str) -> Result<Engine, &'static str> {
    text.parse().map_err(|_| WANTED_ENGINE)
}

fn key(text: &str) -> Result<Secret, &'static str> {
    let is_sendable = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_sendable && HeaderValue::from_str(text).is_ok() {
        Ok(Secret(text.to_owned()))
    } else {
        Err(WANTED_KEY)
    }
}

/// The servers of the configuration file. What a table does not say is as it is said for all.
fn servers(file: &Path, value: &Value, all: &UpstreamServer) -> Result<Vec<UpstreamServer>, SettingsError> {
    let tables = value.as_array().filter(|tables| !tables.is_empty());
    let servers: Vec<_> = tables
        .into_iter()
        .flatten()
        .enumerate()
        .map(|(number, value)| {
            let place = Place {
                file,
                number: number + 1,
            };
            let table = value.as_table().ok_or_else(|| place.malformed(None, WANTED_TABLES))?;
            server(&place, table, all)
        })
        .collect::<Result<_, _>>()?;
    let place = Place { file, number: 1 };
    if servers.is_empty() {
        return Err(place.malformed(None, WANTED_TABLES));
    }
    for (at, server) in servers.iter().enumerate() {
        let place = Place { file, number: at + 1 };
        if servers[..at].iter().any(|other| other.origin == server.origin) {
            return Err(place.malformed(Some("url"), "name each server once"));
        }
        let elsewhere = |alias: &String| {
            let others = servers.iter().filter(|other| *other != server);
            others
                .flat_map(|other| &other.aliases)
                .any(|(known, meant)| known == alias && server.aliases[alias] != *meant)
        };
        if server.aliases.keys().any(elsewhere) {
            return Err(place.malformed(Some("aliases"), "let each alias mean one model"));
        }
    }
    Ok(servers)
}

fn server(place: &Place<'_>, table: &Table, all: &UpstreamServer) -> Result<UpstreamServer, SettingsError> {
    if let Some(unknown) = table.keys().find(|key| !FIELDS.contains(&key.as_str())) {
        return Err(SettingsError::UnknownKey {
            key: format!("upstreams.{unknown}"),
            file: place.file.to_owned(),
            nearest: format!("upstreams.{}", names::nearest_of(unknown, &FIELDS)),
        });
    }
    let text = |field: &'static str, wanted: &'static str| match table.get(field) {
        None => Ok(None),
        Some(value) => value
            .as_str()
            .map(Some)
            .ok_or_else(|| place.malformed(Some(field), wanted)),
    };
    let url = text("url", WANTED_ORIGIN)?.ok_or_else(|| place.malformed(Some("url"), WANTED_ORIGIN))?;
    let origin = UpstreamOrigin::parse(url).map_err(|wanted| place.malformed(Some("url"), wanted))?;
    let said = text("engine", WANTED_ENGINE)?.map(engine).transpose();
    let said = said.map_err(|wanted| place.malformed(Some("engine"), wanted))?;
    let own_key = match (text("key", WANTED_KEY)?, text("key_file", WANTED_KEY)?) {
        (Some(_), Some(_)) => return Err(place.malformed(Some("key"), "leave out either it or `key_file`")),
        (Some(own), None) => Some(key(own).map_err(|wanted| place.malformed(Some("key"), wanted))?),
        (None, Some(path)) => {
            let read = fs::read_to_string(path).map_err(|cause| SettingsError::Unreadable {
                origin: place.source(Some("key_file")),
                path: path.into(),
                cause,
            })?;
            let read = key(read.trim_end_matches(['\n', '\r']));
            Some(read.map_err(|wanted| place.malformed(Some("key_file"), wanted))?)
        }
        (None, None) => None,
    };
    Ok(UpstreamServer {
        origin,
        engine: said.or(all.engine),
        key: own_key.or_else(|| all.key.clone()),
        models: texts(place, table)?,
        aliases: aliases(place, table)?,
        ca: text("ca", "name a file")?.map(PathBuf::from).or_else(|| all.ca.clone()),
    })
}

fn texts(place: &Place<'_>, table: &Table) -> Result<Vec<String>, SettingsError> {
    let Some(value) = table.get("models") else {
        return Ok(Vec::new());
    };
    let texts = value.as_array().and_then(|items| {
        let texts = items
            .iter()
            .map(|item| item.as_str().filter(|name| is_name(name)).map(str::to_owned));
        texts.collect::<Option<Vec<_>>>()
    });
    let texts = texts.filter(|texts| !texts.is_empty());
    texts.ok_or_else(|| place.malformed(Some("models"), WANTED_TEXTS))
}

fn aliases(place: &Place<'_>, table: &Table) -> Result<BTreeMap<String, String>, SettingsError> {
    let Some(value) = table.get("aliases") else {
        return Ok(BTreeMap::new());
    };
    let pairs = value.as_table().and_then(|pairs| {
        let pair = |(alias, model): (&String, &Value)| {
            let model = model.as_str().filter(|name| is_name(name) && is_name(alias))?;
            Some((alias.clone(), model.to_owned()))
        };
        pairs.iter().map(pair).collect::<Option<BTreeMap<_, _>>>()
    });
    pairs.ok_or_else(|| place.malformed(Some("aliases"), WANTED_ALIASES))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_control)
}

/// One of the tables.
struct Place<'a> {
    file: &'a Path,
    number: usize,
}

impl Place<'_> {
    fn source(&self, field: Option<&str>) -> Source {
        let field = field.map(|field| format!(".{field}")).unwrap_or_default();
        Source::Key(format!("upstreams[{}]{field}", self.number), self.file.to_owned())
    }

    /// Never with the value: a URL may hold a password.
    fn malformed(&self, field: Option<&str>, wanted: &'static str) -> SettingsError {
        SettingsError::Malformed {
            origin: self.source(field),
            problem: "is not valid".to_owned(),
            wanted,
        }
    }
}
