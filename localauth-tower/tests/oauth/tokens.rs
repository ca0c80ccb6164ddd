//! ID tokens that are wrong, and keys that change.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::idp::Case;
use crate::keys::Signer;
use crate::world::World;

#[tokio::test]
async fn wrong_claims_are_refused() {
    let world = World::new().await;
    let cases: [Case; 24] = [
        ("another audience", |c| c["aud"] = "somebody else".into()),
        ("no audience", |c| c["aud"] = json!([])),
        ("the audience left away", |c| c["aud"] = Value::Null),
        ("an audience that is not known", |c| {
            c["aud"] = json!(["localauth test", "other"]);
        }),
        ("another issuer", |c| c["iss"] = "https://evil.example".into()),
        ("almost the issuer", |c| {
            c["iss"] = format!("{}/", c["iss"].as_str().unwrap()).into();
        }),
        ("no issuer", |c| c["iss"] = Value::Null),
        ("another nonce", |c| c["nonce"] = "x".into()),
        ("an empty nonce", |c| c["nonce"] = "".into()),
        ("no nonce", |c| c["nonce"] = Value::Null),
        ("expired", |c| c["exp"] = (c["iat"].as_i64().unwrap() - 61).into()),
        ("expired long ago", |c| c["exp"] = 0.into()),
        ("no expiry", |c| c["exp"] = Value::Null),
        ("an expiry as text", |c| c["exp"] = "never".into()),
        ("issued in the future", |c| {
            c["iat"] = (c["iat"].as_i64().unwrap() + 120).into();
        }),
        ("no time of issue", |c| c["iat"] = Value::Null),
        ("not yet valid", |c| {
            c["nbf"] = (c["iat"].as_i64().unwrap() + 120).into();
        }),
        ("for another party", |c| c["azp"] = "somebody else".into()),
        ("no subject", |c| c["sub"] = Value::Null),
        ("an empty subject", |c| c["sub"] = "".into()),
        ("a subject as number", |c| c["sub"] = 7.into()),
        ("a subject with a line break", |c| c["sub"] = "a\nb".into()),
        ("a subject without end", |c| c["sub"] = "x".repeat(256).into()),
        ("another access token", |c| c["at_hash"] = "x".into()),
    ];
    for (why, edit) in cases {
        world.idp.claims(edit);
        world.refused("provider", why).await;
    }
    world.idp.claims(|_| {});
    assert_eq!(world.sign_in().await.location(), "/");
}

#[tokio::test]
async fn unusual_claims_pass() {
    let world = World::new().await;
    let cases: [Case; 8] = [
        ("one audience in a list", |c| c["aud"] = json!(["localauth test"])),
        ("our own party", |c| c["azp"] = "localauth test".into()),
        ("expired within the leeway", |c| {
            c["exp"] = (c["iat"].as_i64().unwrap() - 59).into();
        }),
        ("a clock ahead within the leeway", |c| {
            c["iat"] = (c["iat"].as_i64().unwrap() + 59).into();
        }),
        ("valid within the leeway", |c| {
            c["nbf"] = (c["iat"].as_i64().unwrap() + 59).into();
        }),
        ("times in fractions", |c| {
            c["exp"] = json!(c["exp"].as_f64().unwrap() + 0.5);
        }),
        ("a time as text", |c| c["updated_at"] = "2030-01-31T12:00:00Z".into()),
        ("what nobody knows", |c| c["x"] = json!({ "y": [1, null] })),
    ];
    for (why, edit) in cases {
        world.idp.claims(edit);
        assert_eq!(world.sign_in().await.location(), "/", "{why}");
    }
    world.idp.claims(|claims| {
        let hash = ring::digest::digest(&ring::digest::SHA256, b"at-hunter2");
        claims["at_hash"] = BASE64_URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16]).into();
    });
    assert_eq!(world.sign_in().await.location(), "/", "the hash of the access token");
}

#[tokio::test]
async fn no_id_token_is_no_sign_in() {
    let world = World::new().await;
    for value in [Value::Null, json!(""), json!(7), json!("at-hunter2"), json!({})] {
        world.idp.be(|script| {
            let value = value.clone();
            script.answer = Box::new(move |answer| answer["id_token"] = value.clone());
        });
        world.refused("provider", &value.to_string()).await;
    }
}

#[tokio::test]
async fn a_key_under_a_name_of_another_is_refused() {
    let world = World::new().await;
    for alg in ["RS256", "ES256", "EdDSA"] {
        world.idp.be(|script| {
            script.published = vec![Signer::new(alg, "one").jwk()];
            script.signer = Signer::other(alg, "one");
        });
        world.clock.advance(Duration::from_mins(1));
        world.refused("provider", alg).await;
    }
}

#[tokio::test]
async fn new_keys_are_fetched_once_and_not_too_often() {
    let world = World::new().await;
    assert_eq!(world.sign_in().await.location(), "/");
    assert_eq!((world.idp.asked("discovery"), world.idp.asked("jwks")), (1, 1));

    world.idp.signs_with(Signer::new("ES256", "two"));
    assert_eq!(world.sign_in().await.location(), "/", "the provider has a new key");
    assert_eq!(world.idp.asked("jwks"), 2);
    assert_eq!(world.sign_in().await.location(), "/");
    assert_eq!(world.idp.asked("jwks"), 2, "which is kept");

    world.idp.be(|script| script.signer = Signer::new("ES256", "unknown"));
    for _ in 0..3 {
        world.refused("provider", "a key that is never published").await;
    }
    assert_eq!(world.idp.asked("jwks"), 2, "somebody just looked");
    world.clock.advance(Duration::from_secs(10));
    world.refused("provider", "a key that is never published").await;
    assert_eq!(world.idp.asked("jwks"), 3);

    world.idp.signs_with(Signer::new("ES256", "three"));
    world.clock.advance(Duration::from_secs(10));
    assert_eq!(world.sign_in().await.location(), "/");
    assert_eq!(world.idp.asked("discovery"), 1);
    world.clock.advance(Duration::from_hours(1));
    assert_eq!(world.sign_in().await.location(), "/");
    assert_eq!(
        world.idp.asked("discovery"),
        2,
        "after an hour everything is asked anew"
    );
}

#[tokio::test]
async fn a_key_that_is_gone_is_gone_within_the_hour() {
    let world = World::new().await;
    assert_eq!(world.sign_in().await.location(), "/");
    world
        .idp
        .be(|script| script.published = vec![Signer::new("ES256", "two").jwk()]);
    world.clock.advance(Duration::from_hours(1));
    world.refused("provider", "a key that the provider withdrew").await;
}

#[tokio::test]
async fn a_key_needs_no_name_while_it_is_the_only_one() {
    let world = World::new().await;
    let signer = Signer::new("ES256", "one");
    world.idp.signs_with(signer.clone());
    world.idp.be(|script| script.signer = signer.clone().without_kid());
    assert_eq!(world.sign_in().await.location(), "/", "no name in the token");
    world.idp.signs_with(signer.clone().without_kid());
    world.clock.advance(Duration::from_hours(1));
    assert_eq!(world.sign_in().await.location(), "/", "no names at all");
    world
        .idp
        .be(|script| script.published = vec![signer.jwk(), Signer::new("ES256", "two").jwk()]);
    world.clock.advance(Duration::from_hours(1));
    world
        .refused("provider", "one of two keys (OpenID Connect Core 1.0, section 10.1)")
        .await;
}
