use super::*;

const GITHUB: [(&str, &str); 2] = [("GITHUB_CLIENT_ID", "Iv1.0123"), ("GITHUB_CLIENT_SECRET", "hunter2")];
const OIDC: [(&str, &str); 2] = [
    ("LOCALAUTH_OIDC_ISSUER", "https://id.example.org/"),
    ("LOCALAUTH_OIDC_CLIENT_ID", "localauth"),
];

fn with(
    base: &[(&'static str, &'static str)],
    more: &[(&'static str, &'static str)],
) -> Vec<(&'static str, &'static str)> {
    [base, more].concat()
}

#[test]
fn github_is_on_with_a_name_and_a_secret() {
    let github = settings(&[], &GITHUB).unwrap().github.unwrap();
    assert_eq!(github.client_id, "Iv1.0123");
    assert_eq!(github.client_secret.expose(), "hunter2");
    assert_eq!(
        (github.url.as_str(), github.api_url.as_str()),
        ("https://github.com", "https://api.github.com")
    );

    let enterprise = [
        ("LOCALAUTH_GITHUB_URL", "https://ghe.example.org/"),
        ("LOCALAUTH_GITHUB_API_URL", "https://ghe.example.org/api/v3/"),
    ];
    let github = settings(&[], &with(&GITHUB, &enterprise)).unwrap().github.unwrap();
    assert_eq!(
        (github.url.as_str(), github.api_url.as_str()),
        ("https://ghe.example.org", "https://ghe.example.org/api/v3")
    );
}

#[test]
fn openid_connect_is_on_with_an_issuer_and_a_name() {
    let oidc = settings(&[], &OIDC).unwrap().oidc.unwrap();
    // The slash at the end is part of the name.
    assert_eq!(oidc.issuer, "https://id.example.org/");
    assert_eq!(oidc.client_id, "localauth");
    assert_eq!(oidc.scopes, ["openid", "profile", "email"]);
    assert!(oidc.client_secret.is_none() && oidc.groups.is_none());

    let more = [
        ("LOCALAUTH_OIDC_CLIENT_SECRET", "hunter2 %+"),
        ("LOCALAUTH_OIDC_SCOPES", "email, groups openid email"),
        ("LOCALAUTH_OIDC_GROUPS_CLAIM", "https://example.org/groups"),
        ("LOCALAUTH_OIDC_ADMIN_GROUPS", "admins, the owners"),
        ("LOCALAUTH_OIDC_GROUP_FEATURES", "staff:images, urn:x:artists:3d"),
    ];
    let oidc = settings(&[], &with(&OIDC, &more)).unwrap().oidc.unwrap();
    assert_eq!(oidc.client_secret.as_ref().map(Secret::expose), Some("hunter2 %+"));
    assert_eq!(oidc.scopes, ["openid", "email", "groups"]);
    let groups = oidc.groups.unwrap();
    assert_eq!(groups.claim, "https://example.org/groups");
    assert_eq!(groups.admins, ["admins", "the owners"]);
    let pairs: Vec<_> = groups
        .features
        .iter()
        .map(|pair| (&*pair.group, &*pair.feature))
        .collect();
    assert_eq!(pairs, [("staff", "images"), ("urn:x:artists", "3d")]);
}

#[test]
fn providers_may_come_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("localauth.toml");
    let secret = folder.path().join("secret");
    fs::write(&secret, "hunter2\n").unwrap();
    fs::write(
        &config,
        "github_client_id = 'x'\noidc_issuer = 'https://id.example.org'\noidc_client_id = 'y'\n\
         oidc_scopes = ['email', 'groups']\noidc_groups_claim = 'groups'\noidc_admin_groups = ['a', 'b c']\n",
    )
    .unwrap();
    let secret = secret.to_str().unwrap();
    let settings = settings(
        &[("--config", config.to_str().unwrap())],
        &[
            ("GITHUB_CLIENT_SECRET_FILE", secret),
            ("LOCALAUTH_OIDC_CLIENT_SECRET_FILE", secret),
        ],
    )
    .unwrap();
    assert_eq!(settings.github.unwrap().client_secret.expose(), "hunter2");
    let oidc = settings.oidc.unwrap();
    assert_eq!(oidc.client_secret.as_ref().map(Secret::expose), Some("hunter2"));
    assert_eq!(oidc.scopes, ["openid", "email", "groups"]);
    assert_eq!(oidc.groups.unwrap().admins, ["a", "b c"]);
}

#[test]
fn half_a_provider_is_refused_in_one_line() {
    let claim = ("LOCALAUTH_OIDC_GROUPS_CLAIM", "groups");
    let cases = [
        (vec![GITHUB[0]], "GITHUB_CLIENT_ID", "GITHUB_CLIENT_SECRET"),
        (vec![GITHUB[1]], "GITHUB_CLIENT_SECRET", "GITHUB_CLIENT_ID"),
        (
            vec![("LOCALAUTH_GITHUB_URL", "https://h")],
            "LOCALAUTH_GITHUB_URL",
            "GITHUB_CLIENT_ID",
        ),
        (
            with(&GITHUB, &[("LOCALAUTH_GITHUB_URL", "https://h")]),
            "LOCALAUTH_GITHUB_URL",
            "LOCALAUTH_GITHUB_API_URL",
        ),
        (
            with(&GITHUB, &[("LOCALAUTH_GITHUB_API_URL", "https://h")]),
            "LOCALAUTH_GITHUB_API_URL",
            "LOCALAUTH_GITHUB_URL",
        ),
        (vec![OIDC[0]], "LOCALAUTH_OIDC_ISSUER", "LOCALAUTH_OIDC_CLIENT_ID"),
        (vec![OIDC[1]], "LOCALAUTH_OIDC_CLIENT_ID", "LOCALAUTH_OIDC_ISSUER"),
        (
            vec![("LOCALAUTH_OIDC_CLIENT_SECRET", "hunter2")],
            "LOCALAUTH_OIDC_CLIENT_SECRET",
            "LOCALAUTH_OIDC_ISSUER",
        ),
        (
            vec![("LOCALAUTH_OIDC_SCOPES", "email")],
            "LOCALAUTH_OIDC_SCOPES",
            "LOCALAUTH_OIDC_ISSUER",
        ),
        (vec![claim], "LOCALAUTH_OIDC_GROUPS_CLAIM", "LOCALAUTH_OIDC_ISSUER"),
        (
            with(&OIDC, &[("LOCALAUTH_OIDC_ADMIN_GROUPS", "admins")]),
            "LOCALAUTH_OIDC_ADMIN_GROUPS",
            "LOCALAUTH_OIDC_GROUPS_CLAIM",
        ),
        (
            with(&OIDC, &[("LOCALAUTH_OIDC_GROUP_FEATURES", "staff:images")]),
            "LOCALAUTH_OIDC_GROUP_FEATURES",
            "LOCALAUTH_OIDC_GROUPS_CLAIM",
        ),
        (
            with(&OIDC, &[claim]),
            "LOCALAUTH_OIDC_GROUPS_CLAIM",
            "LOCALAUTH_OIDC_ADMIN_GROUPS",
        ),
    ];
    for (environment, set, missing) in cases {
        let message = refusal(&[], &environment);
        let expected = format!("{set} is set without {missing}: set that too, or leave the first one out");
        assert_eq!(message, expected);
    }
    let flag = refusal(&[("--oidc-issuer", "https://h")], &[]);
    assert!(flag.starts_with("--oidc-issuer is set without"), "{flag}");
}

#[test]
fn malformed_providers_are_refused_without_their_secrets() {
    let cases = [
        (("LOCALAUTH_OIDC_ISSUER", "id.example.org"), "write the issuer"),
        (("LOCALAUTH_OIDC_ISSUER", "https://u@h"), "write the issuer"),
        (("LOCALAUTH_OIDC_CLIENT_ID", "a b"), "without spaces"),
        (("LOCALAUTH_OIDC_CLIENT_SECRET", "hunter2\nmore"), "one line"),
        (("LOCALAUTH_OIDC_CLIENT_SECRET", ""), "is empty"),
        (("LOCALAUTH_OIDC_SCOPES", "a\"b"), "`openid profile email`"),
        (("LOCALAUTH_OIDC_ADMIN_GROUPS", ","), "names of groups"),
        (("LOCALAUTH_OIDC_GROUP_FEATURES", "staff"), "`artists:images"),
        (("LOCALAUTH_OIDC_GROUP_FEATURES", ":images"), "`artists:images"),
        (("LOCALAUTH_OIDC_GROUP_FEATURES", "staff:image"), "features that exist"),
        (("LOCALAUTH_GITHUB_URL", "github.example.org"), "https://"),
        (("LOCALAUTH_GITHUB_API_URL", "https://h?x"), "https://"),
        (("GITHUB_CLIENT_SECRET", "hunter2\nmore"), "one line"),
        (("GITHUB_CLIENT_ID", "a b"), "without spaces"),
    ];
    let sound = [
        GITHUB[0],
        GITHUB[1],
        OIDC[0],
        OIDC[1],
        ("LOCALAUTH_GITHUB_URL", "https://h"),
        ("LOCALAUTH_GITHUB_API_URL", "https://h/api/v3"),
        ("LOCALAUTH_OIDC_GROUPS_CLAIM", "groups"),
        ("LOCALAUTH_OIDC_ADMIN_GROUPS", "admins"),
    ];
    for (wrong, expected) in cases {
        let others = sound.iter().copied().filter(|(name, _)| *name != wrong.0);
        let environment: Vec<_> = others.chain([wrong]).collect();
        let message = refusal(&[], &environment);
        assert!(message.starts_with(wrong.0), "{wrong:?}: {message}");
        assert!(message.contains(expected), "{wrong:?}: {message}");
        assert!(!message.contains('\n'), "{wrong:?}: {message}");
    }
    let secret = [("LOCALAUTH_OIDC_CLIENT_SECRET", "hunter2")];
    let shown = format!("{:?}", settings(&[], &[&sound[..], &secret[..]].concat()).unwrap());
    assert!(shown.contains("Iv1.0123") && !shown.contains("hunter2"), "{shown}");
    for name in ["GITHUB_CLIENT_SECRET", "LOCALAUTH_OIDC_CLIENT_SECRET"] {
        let others = sound.iter().copied().filter(|(other, _)| *other != name);
        let environment: Vec<_> = others.chain([(name, "hunter2\nmore")]).collect();
        assert!(!refusal(&[], &environment).contains("hunter2"), "{name}");
    }
}
