//! Collects values from flags, environment and configuration file, before anything is made of them.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use super::{
    error::{Origin, SettingsError},
    names::{self, Kind, NAMES, Name, PREFIX},
};

/// The key of the configuration file that has tables.
const UPSTREAMS: &str = "upstreams";

/// A value as somebody wrote it.
pub(super) struct Given {
    pub(super) name: &'static Name,
    pub(super) origin: Origin,
    pub(super) text: String,
}

/// Everything that was given, at most one value a setting.
#[derive(Default)]
pub(super) struct Gathered {
    given: BTreeMap<&'static str, Given>,
    /// The tables of upstreams, which only the configuration file can have.
    upstreams: Option<(PathBuf, toml::Value)>,
}

impl Gathered {
    /// Takes the values of flags, of the environment where no flag has spoken, and of the configuration file where
    /// neither has.
    pub(super) fn collect(
        flags: impl IntoIterator<Item = (String, String)>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, SettingsError> {
        let mut gathered = Self::default();
        gathered.add_flags(flags)?;
        gathered.add_environment(environment)?;
        if let Some(config) = gathered.given.remove("LOCALAUTH_CONFIG") {
            gathered.add_file(&config)?;
        }
        match gathered.given.values().find(|given| given.name.kind == Kind::Later) {
            Some(given) => Err(SettingsError::NotAvailable(given.origin.clone())),
            None => Ok(gathered),
        }
    }

    /// The value of a setting.
    pub(super) fn take(&mut self, variable: &'static str) -> Option<Given> {
        self.given.remove(variable)
    }

    /// The tables of upstreams, and the file they stand in.
    pub(super) fn take_upstreams(&mut self) -> Option<(PathBuf, toml::Value)> {
        self.upstreams.take()
    }

    /// Where the value of a setting that was given came from.
    pub(super) fn origin(&self, variable: &'static str) -> Option<&Origin> {
        self.given.get(variable).map(|given| &given.origin)
    }

    /// Whether a setting was given.
    pub(super) fn has(&self, variable: &'static str) -> bool {
        self.given.contains_key(variable)
    }

    /// Whether every value was taken. One that was not would have been ignored.
    pub(super) fn is_empty(&self) -> bool {
        self.given.is_empty() && self.upstreams.is_none()
    }

    fn add(&mut self, given: Given) -> Result<(), SettingsError> {
        if given.text.trim().is_empty() && given.name.kind != Kind::Later {
            return Err(SettingsError::Malformed {
                origin: given.origin,
                problem: "is empty".to_owned(),
                wanted: "give it a value, or leave it out to have the default",
            });
        }
        self.given.entry(given.name.variable).or_insert(given);
        Ok(())
    }

    fn add_flags(&mut self, flags: impl IntoIterator<Item = (String, String)>) -> Result<(), SettingsError> {
        for (flag, text) in flags {
            // The command line parser knows no other flags than ours.
            if let Some(name) = NAMES.iter().find(|name| name.flag() == flag) {
                self.add(Given {
                    name,
                    origin: Origin::Flag(flag),
                    text,
                })?;
            }
        }
        Ok(())
    }

    fn add_environment(
        &mut self,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<(), SettingsError> {
        // Both at once would leave it to chance which one holds.
        let mut seen = BTreeMap::new();
        for (variable, text) in environment {
            let Some(variable) = variable.to_str() else { continue };
            let Some((name, in_file)) = names::by_variable(variable) else {
                if variable.starts_with(PREFIX) {
                    return Err(SettingsError::UnknownVariable {
                        variable: variable.to_owned(),
                        nearest: names::nearest_variable(variable),
                    });
                }
                continue;
            };
            if seen.insert(name.variable, in_file).is_some() {
                return Err(SettingsError::Twice(name.variable));
            }
            let origin = Origin::Variable(variable.to_owned());
            let Ok(text) = text.into_string() else {
                return Err(SettingsError::Malformed {
                    origin,
                    problem: "is not UTF-8".to_owned(),
                    wanted: "give it a value in UTF-8",
                });
            };
            let text = if in_file && name.kind != Kind::Later {
                read(&origin, Path::new(&text))?
            } else {
                text
            };
            self.add(Given { name, origin, text })?;
        }
        Ok(())
    }

    fn add_file(&mut self, config: &Given) -> Result<(), SettingsError> {
        let file = PathBuf::from(&config.text);
        let content = read(&config.origin, &file)?;
        let table: toml::Table = content.parse().map_err(|error: toml::de::Error| {
            let at = error.span().map_or(0, |span| span.start);
            SettingsError::NotToml {
                line: 1 + content.bytes().take(at).filter(|byte| *byte == b'\n').count(),
                file: file.clone(),
                // The parser's full text quotes the line, which may hold a secret.
                message: error.message().lines().next().unwrap_or_default().to_owned(),
            }
        })?;
        for (key, value) in table {
            if key == UPSTREAMS {
                self.upstreams = Some((file.clone(), value));
                continue;
            }
            let Some(name) = names::by_key(&key).filter(|name| name.variable != "LOCALAUTH_CONFIG") else {
                return Err(SettingsError::UnknownKey {
                    nearest: names::nearest_key(&key),
                    key,
                    file,
                });
            };
            let origin = Origin::Key(key, file.clone());
            let Some(text) = as_text(&value) else {
                return Err(SettingsError::Malformed {
                    origin,
                    problem: format!("is of the type {}", value.type_str()),
                    wanted: "give it a text, a number, a boolean or a list of texts",
                });
            };
            self.add(Given { name, origin, text })?;
        }
        Ok(())
    }
}

/// A TOML value as it would be written in the environment.
fn as_text(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(boolean) => Some(boolean.to_string()),
        toml::Value::Array(items) => {
            let items: Option<Vec<_>> = items.iter().map(toml::Value::as_str).collect();
            Some(items?.join(","))
        }
        _ => None,
    }
}

fn read(origin: &Origin, path: &Path) -> Result<String, SettingsError> {
    fs::read_to_string(path)
        .map(|text| text.trim_end_matches(['\n', '\r']).to_owned())
        .map_err(|cause| SettingsError::Unreadable {
            origin: origin.clone(),
            path: path.to_owned(),
            cause,
        })
}
