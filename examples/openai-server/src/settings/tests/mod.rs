mod providers;
mod upstream;

use std::fs;

use super::*;

fn settings(flags: &[(&str, &str)], environment: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let own = |pair: &(&str, &str)| (pair.0.to_owned(), pair.1.to_owned());
    let os = |pair: &(&str, &str)| (OsString::from(pair.0), OsString::from(pair.1));
    Settings::new(
        flags.iter().map(own).collect::<Vec<_>>(),
        environment.iter().map(os).collect::<Vec<_>>(),
    )
}

fn refusal(flags: &[(&str, &str)], environment: &[(&str, &str)]) -> String {
    settings(flags, environment).unwrap_err().to_string()
}

const SECRET: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn defaults() {
    let settings = settings(&[], &[("PATH", "/bin"), ("HOME", "")]).unwrap();
    assert_eq!(settings.listen, "127.0.0.1:8080");
    assert_eq!(settings.data_dir, PathBuf::from("./localauth-data"));
    assert_eq!(
        settings.database_url().expose(),
        "sqlite://./localauth-data/localauth.db"
    );
    assert!(settings.auth && !settings.disable_local_auth && !settings.opaque_errors);
    assert!(settings.api_keys.is_empty() && settings.secret.is_none() && settings.trusted_proxies.is_empty());
    assert_eq!(settings.registration_mode, RegistrationMode::Approval);
    assert_eq!(settings.error_code, ErrorCode::String);
    assert_eq!(settings.model, "demo");
    assert_eq!(settings.stale_limit, Duration::from_mins(5));
    assert_eq!(settings.shutdown_grace, Duration::from_secs(30));
    assert_eq!(settings.max_body, 50_000_000);
    assert_eq!((settings.queue_places, settings.queue_waiting), (0, 100));
    assert_eq!(settings.queue_patience, Duration::from_secs(30));
    assert_eq!(settings.default_key_expiry, None);
    assert_eq!(settings.audit_retention, Duration::from_hours(90 * 24));
    assert!(settings.github.is_none() && settings.oidc.is_none());
}

#[test]
fn each_setting_is_read() {
    let settings = settings(
        &[],
        &[
            ("LOCALAUTH_LISTEN", "[::]:0"),
            ("LOCALAUTH_DATA_DIR", "/data"),
            ("LOCALAUTH_DATABASE_URL", "postgres://u:p@h/db"),
            ("LOCALAUTH_AUTH", "off"),
            ("LOCALAUTH_API_KEYS", "one, two"),
            ("LOCALAUTH_SECRET", SECRET),
            ("LOCALAUTH_BASE_URL", "https://ai.example.org/"),
            ("LOCALAUTH_ADMIN_EMAIL", "root@example.org"),
            ("LOCALAUTH_REGISTRATION_MODE", "invite"),
            ("LOCALAUTH_DISABLE_LOCAL_AUTH", "1"),
            ("LOCALAUTH_TRUSTED_PROXIES", "10.0.0.0/8"),
            ("LOCALAUTH_DEFAULT_KEY_EXPIRY", "30d"),
            ("LOCALAUTH_MODEL", "org/name"),
            ("LOCALAUTH_ERROR_CODE", "number"),
            ("LOCALAUTH_STALE_LIMIT", "0s"),
            ("LOCALAUTH_SHUTDOWN_GRACE", "1m"),
            ("LOCALAUTH_MAX_BODY", "1MB"),
            ("LOCALAUTH_OPAQUE_ERRORS", "true"),
            ("LOCALAUTH_QUEUE_PLACES", "4"),
            ("LOCALAUTH_QUEUE_WAITING", "7"),
            ("LOCALAUTH_QUEUE_PATIENCE", "2m"),
            ("LOCALAUTH_LOG", "debug"),
        ],
    )
    .unwrap();
    assert_eq!(settings.database_url().expose(), "postgres://u:p@h/db");
    assert_eq!(
        settings.api_keys.iter().map(Secret::expose).collect::<Vec<_>>(),
        ["one", "two"]
    );
    assert_eq!(settings.secret.as_ref().map(Secret::expose), Some(SECRET));
    assert_eq!(settings.base_url.as_deref(), Some("https://ai.example.org"));
    assert_eq!(settings.registration_mode, RegistrationMode::Invite);
    assert_eq!(settings.error_code, ErrorCode::Number);
    assert_eq!(settings.max_body, 1_000_000);
    assert_eq!((settings.queue_places, settings.queue_waiting), (4, 7));
    assert_eq!(settings.queue_patience, Duration::from_mins(2));
    assert!(!settings.auth && settings.disable_local_auth && settings.opaque_errors);

    let shown = format!("{settings:?}");
    for hidden in ["u:p@h", "two", SECRET] {
        assert!(!shown.contains(hidden), "{shown}");
    }
}

#[test]
fn flags_win_over_environment_over_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("localauth.toml");
    fs::write(
        &file,
        "listen = \"1.1.1.1:1\"\nmodel = 'file'\nmax-body = 12\nauth = false\ntrusted_proxies = ['::1', '10.0.0.0/8']\n",
    )
    .unwrap();
    let config = file.to_str().unwrap();

    let settings = settings(
        &[("--config", config), ("--listen", "3.3.3.3:3")],
        &[("LOCALAUTH_LISTEN", "2.2.2.2:2"), ("LOCALAUTH_MODEL", "environment")],
    )
    .unwrap();
    assert_eq!(settings.listen, "3.3.3.3:3");
    assert_eq!(settings.model, "environment");
    assert_eq!(settings.max_body, 12);
    assert_eq!(settings.trusted_proxies.len(), 2);
    assert!(!settings.auth);
}

#[test]
fn the_environment_may_name_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("localauth.toml");
    fs::write(&file, "model = 'file'").unwrap();
    let settings = settings(&[], &[("LOCALAUTH_CONFIG", file.to_str().unwrap())]).unwrap();
    assert_eq!(settings.model, "file");
}

#[test]
fn secrets_may_come_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    let keys = folder.path().join("keys");
    fs::write(&secret, format!("{SECRET}\n")).unwrap();
    fs::write(&keys, "one\ntwo\n").unwrap();
    let (secret, keys) = (secret.to_str().unwrap(), keys.to_str().unwrap());

    let read = settings(
        &[],
        &[("LOCALAUTH_SECRET_FILE", secret), ("LOCALAUTH_API_KEYS_FILE", keys)],
    )
    .unwrap();
    assert_eq!(read.secret.unwrap().expose(), SECRET);
    assert_eq!(read.api_keys.len(), 2);

    let both = refusal(&[], &[("LOCALAUTH_SECRET_FILE", secret), ("LOCALAUTH_SECRET", SECRET)]);
    assert!(both.contains("LOCALAUTH_SECRET and LOCALAUTH_SECRET_FILE"), "{both}");
    let missing = refusal(&[], &[("LOCALAUTH_SECRET_FILE", "/no/such/file")]);
    assert!(missing.contains("/no/such/file"), "{missing}");
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    let cases = [
        (("LOCALAUTH_LISTNE", "x"), "did you mean LOCALAUTH_LISTEN?"),
        (("LOCALAUTH_LISTEN", "8080"), "127.0.0.1:8080"),
        (("LOCALAUTH_LISTEN", ""), "is empty"),
        (("LOCALAUTH_AUTH", "perhaps"), "`true` or `false`"),
        (("LOCALAUTH_MAX_BODY", "many"), "`50MB`"),
        (("LOCALAUTH_QUEUE_PLACES", "-1"), "like `4`"),
        (("LOCALAUTH_QUEUE_PATIENCE", "30s"), "without LOCALAUTH_QUEUE_PLACES"),
        (("LOCALAUTH_SHUTDOWN_GRACE", "soon"), "`30s`"),
        (("LOCALAUTH_DEFAULT_KEY_EXPIRY", "0d"), "longer than nothing"),
        (
            ("LOCALAUTH_REGISTRATION_MODE", "closed"),
            "`open`, `approval` or `invite`",
        ),
        (("LOCALAUTH_ERROR_CODE", "both"), "`string` or `number`"),
        (("LOCALAUTH_TRUSTED_PROXIES", "proxy"), "10.0.0.0/8"),
        (("LOCALAUTH_BASE_URL", "ai.example.org"), "https://"),
        (("LOCALAUTH_ADMIN_EMAIL", "root"), "e-mail"),
        (("LOCALAUTH_SECRET", ""), "LOCALAUTH_SECRET is empty"),
        (("LOCALAUTH_SECRET", "hunter2"), "at least 32 bytes"),
        (("LOCALAUTH_API_KEYS", "hunter2 and more"), "separated by commas"),
        (("LOCALAUTH_DATABASE_URL", "mysql://u:hunter2@h/db"), "postgres://"),
        (
            ("LOCALAUTH_REDIS_URL", "redis://h"),
            "LOCALAUTH_REDIS_URL is not available in this version",
        ),
        (
            ("LOCALAUTH_REDIS_URL", ""),
            "LOCALAUTH_REDIS_URL is not available in this version",
        ),
        (
            ("LOCALAUTH_CLIENT_CA_FILE", "/x"),
            "LOCALAUTH_CLIENT_CA_FILE is not available in this version",
        ),
        (("LOCALAUTH_AUDIT_RETENTION", "0d"), "longer than nothing"),
    ];
    for (variable, expected) in cases {
        let message = refusal(&[], &[variable]);
        assert!(message.contains(expected), "{variable:?}: {message}");
        assert!(!message.contains('\n'), "{variable:?}: {message}");
        assert!(!message.contains("hunter2"), "{variable:?}: {message}");
    }

    let flag = refusal(&[("--max-body", "many")], &[]);
    assert!(flag.starts_with("--max-body is `many`"), "{flag}");
    let later = refusal(&[("--redis-url", "redis://x")], &[]);
    assert!(later.starts_with("--redis-url is not available"), "{later}");
}

#[test]
fn what_is_wrong_in_the_file_is_said_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("localauth.toml");
    let config = file.to_str().unwrap();
    let cases = [
        ("modle = 'x'", "`modle`", "did you mean `model`?"),
        ("[server]\nlisten = 'x'", "`server`", "is not a setting"),
        ("[model]\nname = 'x'", "`model`", "of the type table"),
        ("secret = 'hunter2'", "`secret`", "at least 32 bytes"),
        ("a = 1\nsecret = 'hunter2' oops", "line 2", "is not TOML"),
        ("redis_url = 'redis://x'", "`redis_url`", "not available"),
        ("api_keys = ['x', 1]", "`api_keys`", "of the type array"),
        ("config = 'other.toml'", "`config`", "is not a setting"),
        ("listen = 8080", "`listen`", "127.0.0.1:8080"),
    ];
    for (content, which, what) in cases {
        fs::write(&file, content).unwrap();
        let message = refusal(&[("--config", config)], &[]);
        assert!(
            message.contains(which) && message.contains(what),
            "{content:?}: {message}"
        );
        assert!(message.contains(config), "{content:?}: {message}");
        assert!(
            !message.contains('\n') && !message.contains("hunter2"),
            "{content:?}: {message}"
        );
    }
    let missing = refusal(&[("--config", "/no/such.toml")], &[]);
    assert!(missing.contains("--config names /no/such.toml"), "{missing}");
}

#[cfg(unix)]
#[test]
fn what_is_not_text_is_refused() {
    use std::os::unix::ffi::OsStringExt;
    let broken = OsString::from_vec(vec![0xFF]);
    let error = Settings::new([], [("LOCALAUTH_MODEL".into(), broken)])
        .unwrap_err()
        .to_string();
    assert!(error.contains("LOCALAUTH_MODEL is not UTF-8"), "{error}");
}
