//! The command line.

use std::ffi::OsString;

use clap::{Arg, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::{probe::Probe, routes_command::Routes, settings::flags_not_available};

/// localauth's reference server: an OpenAI endpoint on local GPUs by mistral.rs, behind users, keys and usage.
///
/// Each flag is also an environment variable (`--data-dir` is `LOCALAUTH_DATA_DIR`) and a key of the configuration file
/// (`data_dir`). Secrets are never flags.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
struct Arguments {
    #[command(flatten)]
    shared: Shared,
    #[command(flatten)]
    serve: Serve,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What to do.
#[derive(Debug, PartialEq, Eq, Subcommand)]
#[non_exhaustive]
pub enum Command {
    /// Serve the model. This is what happens when no command is given.
    Serve(Box<Serve>),
    /// Look after users, without the server and without a password.
    #[command(subcommand)]
    User(User),
    /// Look after keys, without the server and without a password.
    #[command(subcommand)]
    Key(Key),
    /// Print which routes are answered, and for whom.
    Routes(Routes),
    /// Ask an engine what it answers to whoever reaches it, without a key and without doing harm.
    Probe(Probe),
}

/// Commands about users.
#[derive(Debug, PartialEq, Eq, Subcommand)]
#[non_exhaustive]
pub enum User {
    /// Add an active user. The password is asked for, or read from standard input.
    Add {
        /// The e-mail address to sign in with.
        email: String,
        /// The name that others see; without one the address.
        #[arg(long)]
        name: Option<String>,
        /// Make an administrator.
        #[arg(long)]
        admin: bool,
    },
    /// Give a user another password and end all sessions. The password is asked for, or read from standard input.
    SetPassword {
        /// The user's e-mail address or id.
        user: String,
    },
    /// List all users.
    List,
}

/// Commands about keys.
#[derive(Debug, PartialEq, Eq, Subcommand)]
#[non_exhaustive]
pub enum Key {
    /// Make a key and print it, once.
    Create {
        /// The owner's e-mail address or id.
        user: String,
        /// What the key is for.
        #[arg(long, default_value = "command line")]
        name: String,
        /// When it ends, like `30d` or `1y`.
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// Revoke a key.
    Revoke {
        /// The key's id or its prefix, `sk-local-…`.
        key: String,
    },
}

/// Flags of every command.
#[derive(Args, Debug, PartialEq, Eq)]
struct Shared {
    /// A TOML file with settings.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<String>,
    /// Where database, secret and demo model are. [default: ./localauth-data]
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<String>,
    /// `sqlite://FILE` or `postgres://…`. [default: an SQLite file in the data directory]
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,
    /// What to log, like `debug` or `info,openai_server=debug`. [default: info]
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,
    /// `text` or `json`. [default: text]
    #[arg(long, global = true, value_name = "FORM")]
    log_format: Option<String>,
}

/// Flags of the server.
#[derive(Args, Debug, Default, PartialEq, Eq)]
pub struct Serve {
    /// Address and port; port 0 takes a free one. [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// `demo`, a folder with safetensors, a GGUF file or a hub id. [default: demo]
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Stand in front of other servers instead: their origins, separated by commas.
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
    /// What they are: `openai`, `ollama`, `vllm` or `llama.cpp`. [default: OpenAI and Ollama]
    #[arg(long, value_name = "ENGINE")]
    upstream_engine: Option<String>,
    /// A PEM file with the only certificates that vouch for them. [default: what the system trusts]
    #[arg(long, value_name = "FILE")]
    upstream_ca: Option<String>,
    /// How long a connection to them may take. [default: 5s]
    #[arg(long, value_name = "TIME")]
    upstream_connect_timeout: Option<String>,
    /// How long an answer of theirs may take to begin. [default: 10m]
    #[arg(long, value_name = "TIME")]
    upstream_first_byte_timeout: Option<String>,
    /// How long an answer of theirs may pause. [default: 5m]
    #[arg(long, value_name = "TIME")]
    upstream_idle_timeout: Option<String>,
    /// How often they are asked for their models. [default: 30s]
    #[arg(long, value_name = "TIME")]
    upstream_health_interval: Option<String>,
    /// Whether anybody is asked who they are. [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    auth: Option<String>,
    /// The public URL, for cookies and links. [default: from the request]
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// This verified address becomes administrator.
    #[arg(long, value_name = "ADDRESS")]
    admin_email: Option<String>,
    /// `open`, `approval` or `invite`. [default: approval]
    #[arg(long, value_name = "MODE")]
    registration_mode: Option<String>,
    /// No sign-in with e-mail and password. [default: false]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    disable_local_auth: Option<String>,
    /// Our name at GitHub; the secret is `GITHUB_CLIENT_SECRET`.
    #[arg(long, value_name = "ID")]
    github_client_id: Option<String>,
    /// Where people sign in with GitHub Enterprise. [default: `https://github.com`]
    #[arg(long, value_name = "URL")]
    github_url: Option<String>,
    /// The API of GitHub Enterprise, like `https://HOST/api/v3`. [default: `https://api.github.com`]
    #[arg(long, value_name = "URL")]
    github_api_url: Option<String>,
    /// The issuer of an OpenID Connect provider, to the letter.
    #[arg(long, value_name = "URL")]
    oidc_issuer: Option<String>,
    /// Our name at the provider; the secret is `LOCALAUTH_OIDC_CLIENT_SECRET`.
    #[arg(long, value_name = "ID")]
    oidc_client_id: Option<String>,
    /// What is asked for. [default: openid profile email]
    #[arg(long, value_name = "SCOPES")]
    oidc_scopes: Option<String>,
    /// The claim that lists somebody's groups.
    #[arg(long, value_name = "CLAIM")]
    oidc_groups_claim: Option<String>,
    /// Groups whose members become administrators, separated by commas.
    #[arg(long, value_name = "GROUPS")]
    oidc_admin_groups: Option<String>,
    /// Features for the members of groups, like `artists:images, staff:fine_tuning`.
    #[arg(long, value_name = "PAIRS")]
    oidc_group_features: Option<String>,
    /// Networks whose forwarding headers are believed, separated by commas.
    #[arg(long, value_name = "NETWORKS")]
    trusted_proxies: Option<String>,
    /// The life of keys made without one, like `30d`.
    #[arg(long, value_name = "TIME")]
    default_key_expiry: Option<String>,
    /// How long the audit log is kept. [default: 90d]
    #[arg(long, value_name = "TIME")]
    audit_retention: Option<String>,
    /// `string` or `number`: what `code` in an error body is. [default: string]
    #[arg(long, value_name = "KIND")]
    error_code: Option<String>,
    /// How long known credentials outlive an outage of the store. [default: 5m]
    #[arg(long, value_name = "TIME")]
    stale_limit: Option<String>,
    /// How long streams may go on after the signal to stop. [default: 30s]
    #[arg(long, value_name = "TIME")]
    shutdown_grace: Option<String>,
    /// The largest request body. [default: 50MB]
    #[arg(long, value_name = "SIZE")]
    max_body: Option<String>,
    /// Refuse on the model's routes with an empty body. [default: false]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    opaque_errors: Option<String>,
    /// A file with the certificate and its chain, in PEM: then it is HTTPS.
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<String>,
    /// A file with the private key of the certificate, in PEM.
    #[arg(long, value_name = "FILE")]
    tls_key: Option<String>,
    /// The most connections at once. [default: as many as the system gives, up to 10000]
    #[arg(long, value_name = "NUMBER")]
    max_connections: Option<String>,
    /// The most memory for request bodies that are being read. [default: ten times the largest]
    #[arg(long, value_name = "SIZE")]
    body_memory: Option<String>,
}

/// A command line that was understood.
#[derive(Debug, PartialEq, Eq)]
pub struct Cli {
    /// What to do.
    pub command: Command,
    /// The settings among the flags, with their dashes.
    pub flags: Vec<(String, String)>,
}

impl Cli {
    /// Understands a command line, the program's name first.
    ///
    /// # Errors
    ///
    /// What clap says about it, which may be the help text that was asked for.
    pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut parser = Arguments::command();
        // clap wants names that live as long as the program, which parses one command line.
        let later: Vec<&'static str> = flags_not_available().map(|flag| &*flag.leak()).collect();
        for &flag in &later {
            parser = parser.arg(Arg::new(flag).long(flag).global(true).hide(true));
        }
        let matches = parser.try_get_matches_from_mut(arguments)?;
        let Arguments { shared, serve, command } = Arguments::from_arg_matches(&matches)?;

        let mut flags = shared.flags();
        for flag in later {
            if let Some(value) = matches.get_one::<String>(flag) {
                flags.push((format!("--{flag}"), value.clone()));
            }
        }
        let command = match command {
            // Before or behind the word `serve`, both is understood; who says both means the latter.
            None => Command::Serve(Box::new(serve)),
            Some(Command::Serve(later)) => {
                flags.extend(later.flags());
                Command::Serve(Box::new(serve))
            }
            Some(_) if serve != Serve::default() => {
                let (flag, _) = serve.flags().swap_remove(0);
                return Err(parser.error(
                    clap::error::ErrorKind::ArgumentConflict,
                    format!("{flag} is a flag of the server, not of this command"),
                ));
            }
            Some(other) => other,
        };
        if let Command::Serve(serve) = &command {
            flags.extend(serve.flags());
        }
        Ok(Self { command, flags })
    }
}

impl Shared {
    fn flags(&self) -> Vec<(String, String)> {
        given([
            ("--config", &self.config),
            ("--data-dir", &self.data_dir),
            ("--database-url", &self.database_url),
            ("--log", &self.log),
            ("--log-format", &self.log_format),
        ])
    }
}

impl Serve {
    fn flags(&self) -> Vec<(String, String)> {
        given([
            ("--listen", &self.listen),
            ("--model", &self.model),
            ("--upstream", &self.upstream),
            ("--upstream-engine", &self.upstream_engine),
            ("--upstream-ca", &self.upstream_ca),
            ("--upstream-connect-timeout", &self.upstream_connect_timeout),
            ("--upstream-first-byte-timeout", &self.upstream_first_byte_timeout),
            ("--upstream-idle-timeout", &self.upstream_idle_timeout),
            ("--upstream-health-interval", &self.upstream_health_interval),
            ("--auth", &self.auth),
            ("--base-url", &self.base_url),
            ("--admin-email", &self.admin_email),
            ("--registration-mode", &self.registration_mode),
            ("--disable-local-auth", &self.disable_local_auth),
            ("--github-client-id", &self.github_client_id),
            ("--github-url", &self.github_url),
            ("--github-api-url", &self.github_api_url),
            ("--oidc-issuer", &self.oidc_issuer),
            ("--oidc-client-id", &self.oidc_client_id),
            ("--oidc-scopes", &self.oidc_scopes),
            ("--oidc-groups-claim", &self.oidc_groups_claim),
            ("--oidc-admin-groups", &self.oidc_admin_groups),
            ("--oidc-group-features", &self.oidc_group_features),
            ("--trusted-proxies", &self.trusted_proxies),
            ("--default-key-expiry", &self.default_key_expiry),
            ("--audit-retention", &self.audit_retention),
            ("--error-code", &self.error_code),
            ("--stale-limit", &self.stale_limit),
            ("--shutdown-grace", &self.shutdown_grace),
            ("--max-body", &self.max_body),
            ("--opaque-errors", &self.opaque_errors),
            ("--tls-cert", &self.tls_cert),
            ("--tls-key", &self.tls_key),
            ("--max-connections", &self.max_connections),
            ("--body-memory", &self.body_memory),
        ])
    }
}

fn given<const N: usize>(flags: [(&str, &Option<String>); N]) -> Vec<(String, String)> {
    flags
        .into_iter()
        .filter_map(|(flag, value)| Some((flag.to_owned(), value.clone()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use localauth_core::policy::packs::Engine;

    use super::*;
    use crate::settings::Settings;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::parse(
            std::iter::once("openai-server")
                .chain(line.split_whitespace())
                .map(OsString::from),
        )
    }

    fn settings(line: &str) -> Settings {
        Settings::new(parse(line).unwrap().flags, []).unwrap()
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn serving_is_the_default() {
        for line in ["", "serve", "--model x/y", "serve --model x/y"] {
            assert!(matches!(parse(line).unwrap().command, Command::Serve(_)), "{line}");
        }
        for line in ["--model x/y", "serve --model x/y", "--model z serve --model x/y"] {
            assert_eq!(settings(line).model, "x/y", "{line}");
        }
        assert_eq!(settings("--data-dir /a serve --listen [::1]:1").listen, "[::1]:1");
    }

    #[test]
    fn every_flag_is_a_setting_that_is_read() {
        let settings = settings(
            "--listen 0.0.0.0:1 --model x/y --auth=false --base-url http://h --admin-email a@b \
             --registration-mode open --disable-local-auth --trusted-proxies ::1 --default-key-expiry 1d \
             --error-code number --stale-limit 1s --shutdown-grace 2s --max-body 3 --opaque-errors \
             --oidc-issuer http://i --oidc-client-id c --oidc-scopes email --oidc-groups-claim groups \
             --oidc-admin-groups admins --oidc-group-features staff:images --audit-retention 1y \
             --data-dir /a --database-url sqlite://b --log debug --log-format json --tls-cert /c --tls-key /k \
             --max-connections 9 --body-memory 30",
        );
        let groups = settings.oidc.as_ref().unwrap().groups.as_ref().unwrap();
        assert_eq!((groups.admins.len(), groups.features.len()), (1, 1));
        assert!(!settings.auth && settings.disable_local_auth && settings.opaque_errors);
        assert_eq!(settings.max_body, 3);
        assert_eq!(
            (settings.bounds.connections, settings.bounds.body_memory),
            (Some(9), 30)
        );
        assert!(settings.tls.is_some() && settings.log_format == crate::settings::LogFormat::Json);
        assert_eq!(settings.log.as_deref(), Some("debug"));
        assert_eq!(settings.database_url().expose(), "sqlite://b");
    }

    #[test]
    fn the_flags_of_github_need_its_secret_from_elsewhere() {
        let flags = "--github-client-id id --github-url https://h --github-api-url https://h/api/v3";
        let secret = ("GITHUB_CLIENT_SECRET".into(), "secret".into());
        let settings = Settings::new(parse(flags).unwrap().flags, [secret]).unwrap();
        let github = settings.github.unwrap();
        assert_eq!(
            (github.client_id.as_str(), github.url.as_str(), github.api_url.as_str()),
            ("id", "https://h", "https://h/api/v3")
        );
    }

    #[test]
    fn the_flags_of_an_upstream() {
        let settings = settings(
            "--upstream http://a:1,https://b --upstream-engine vllm --upstream-ca /ca.pem --upstream-connect-timeout 1s \
             --upstream-first-byte-timeout 2s --upstream-idle-timeout 3s --upstream-health-interval 4s",
        );
        let upstream = settings.upstream.unwrap();
        assert_eq!(upstream.servers.len(), 2);
        let seconds = [
            upstream.connect_timeout,
            upstream.first_byte_timeout,
            upstream.idle_timeout,
            upstream.health_interval,
        ];
        assert_eq!(seconds.map(|time| time.as_secs()), [1, 2, 3, 4]);
    }

    #[test]
    fn commands_for_operators() {
        let cli = parse("user add a@b --admin --data-dir /a").unwrap();
        assert_eq!(cli.flags, [("--data-dir".to_owned(), "/a".to_owned())]);
        assert_eq!(
            cli.command,
            Command::User(User::Add {
                email: "a@b".to_owned(),
                name: None,
                admin: true,
            })
        );
        assert!(matches!(
            parse("--data-dir /a key revoke x").unwrap().command,
            Command::Key(Key::Revoke { .. })
        ));
        assert!(parse("--listen 0.0.0.0:1 user list").is_err());
        assert!(parse("user").is_err());
        assert!(parse("user add").is_err());
    }

    #[test]
    fn commands_about_routes() {
        for (line, is_understood) in [
            ("routes", true),
            ("routes --engine ollama --engine llama.cpp --json", true),
            ("routes --engine lama", false),
            ("probe http://127.0.0.1:11434", true),
            ("probe http://127.0.0.1:11434 --engine vllm --json", true),
            ("probe", false),
            ("probe --engine ollama", false),
        ] {
            assert_eq!(parse(line).is_ok(), is_understood, "{line}");
        }
        assert!(matches!(
            parse("routes --engine vllm").unwrap().command,
            Command::Routes(routes) if routes.engine == [Engine::Vllm]
        ));
    }

    #[test]
    fn secrets_are_no_flags() {
        for flag in [
            "--secret",
            "--api-keys",
            "--password",
            "--github-client-secret",
            "--oidc-client-secret",
            "--upstream-key",
        ] {
            assert!(parse(&format!("{flag} x")).is_err(), "{flag}");
        }
    }

    #[test]
    fn what_does_not_exist_yet_is_refused_by_name() {
        let cli = parse("serve --redis-url redis://x").unwrap();
        let error = Settings::new(cli.flags, []).unwrap_err().to_string();
        assert!(error.starts_with("--redis-url is not available"), "{error}");
    }
}
