//! Every algorithm that an ID token may be signed with, and those it may not.

use std::time::Duration;

use serde_json::json;

use crate::idp::SECRET;
use crate::keys::Signer;
use crate::world::World;

#[tokio::test]
async fn every_asymmetric_algorithm_is_accepted() {
    let world = World::new().await;
    for alg in [
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
    ] {
        world.idp.signs_with(Signer::new(alg, alg));
        world.clock.advance(Duration::from_mins(1));
        assert_eq!(world.sign_in().await.location(), "/", "{alg}");
    }
}

#[tokio::test]
async fn the_right_one_of_many_keys_is_taken() {
    let world = World::new().await;
    let signers = ["RS256", "PS256", "ES256", "EdDSA"].map(|alg| Signer::new(alg, alg));
    world.idp.be(|script| {
        script.published = signers.iter().map(Signer::jwk).collect();
        // Kinds of keys that nobody here knows are passed over.
        script
            .published
            .push(json!({ "kty": "AKP", "alg": "ML-DSA-44", "kid": "new", "pub": "AAAA" }));
        script
            .published
            .push(json!({ "kty": "EC", "crv": "P-521", "kid": "big", "x": "AAAA", "y": "AAAA" }));
    });
    for signer in signers {
        let alg = signer.alg;
        world.idp.be(|script| script.signer = signer);
        assert_eq!(world.sign_in().await.location(), "/", "{alg}");
    }
}

#[tokio::test]
async fn no_signature_is_no_signature() {
    let world = World::new().await;
    for alg in ["none", "None", "NONE", "nOnE"] {
        world.idp.be(|script| {
            script.signer = Signer::new("none", "one");
            script.header = Box::new(move |header| header["alg"] = alg.into());
        });
        world.refused("provider", alg).await;
    }
}

#[tokio::test]
async fn a_signature_cut_off_or_changed_is_refused() {
    let world = World::new().await;
    for edit in [
        |token: &str| format!("{}.", token.rsplit_once('.').unwrap().0),
        |token: &str| token.rsplit_once('.').unwrap().0.to_owned(),
        |token: &str| token[..token.len() - 4].to_owned(),
        |token: &str| format!("{}AAAA", &token[..token.len() - 4]),
        |token: &str| format!("{token}.x.y"),
        |_: &str| String::new(),
        |_: &str| "..".to_owned(),
    ] {
        world.idp.be(|script| {
            script.answer = Box::new(move |answer| {
                answer["id_token"] = edit(answer["id_token"].as_str().unwrap()).into();
            });
        });
        world.refused("provider", "a broken signature").await;
    }
}

#[tokio::test]
async fn a_secret_signs_nothing() {
    let world = World::new().await;
    let rsa = Signer::new("RS256", "one");
    world.idp.signs_with(rsa.clone());
    for (secret, why) in [
        (rsa.public_bytes(), "the public key as a secret"),
        (SECRET.as_bytes().to_vec(), "the client's secret"),
        (Vec::new(), "nothing as a secret"),
    ] {
        world.idp.be(|script| script.signer = Signer::hmac(&secret, "one"));
        world.refused("provider", why).await;
    }
    let secret = json!({ "kty": "oct", "kid": "one", "k": "AAAA", "alg": "HS256" });
    world.idp.be(|script| {
        script.published = vec![secret];
        script.signer = Signer::hmac(&[0, 0, 0], "one");
    });
    world.clock.advance(Duration::from_hours(1));
    world.refused("provider", "a secret that is published").await;
}

#[tokio::test]
async fn an_algorithm_that_the_key_is_not_for_is_refused() {
    let world = World::new().await;
    let signer = Signer::new("RS256", "one");
    world.idp.signs_with(signer.clone());
    for alg in ["RS512", "PS256", "ES256", "EdDSA", "HS256", "ES512", "XX256", "A128GCM"] {
        world
            .idp
            .be(|script| script.header = Box::new(move |header| header["alg"] = alg.into()));
        world.refused("provider", alg).await;
    }
    world.idp.be(|script| {
        script.header = Box::new(|_| {});
        let mut jwk = signer.jwk();
        jwk["use"] = "enc".into();
        script.published = vec![jwk];
    });
    world.clock.advance(Duration::from_hours(1));
    world.refused("provider", "a key for encryption").await;
    world.idp.be(|script| {
        let mut jwk = script.signer.jwk();
        jwk["alg"] = "PS256".into();
        script.published = vec![jwk];
    });
    world.clock.advance(Duration::from_hours(1));
    world.refused("provider", "a key for another algorithm").await;
}

#[tokio::test]
async fn a_header_that_must_be_understood_is_refused() {
    let world = World::new().await;
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("cty", json!("JWT")),
        ("typ", json!("at+jwt")),
    ] {
        world.idp.be(|script| {
            let value = value.clone();
            script.header = Box::new(move |header| header[name] = value.clone());
        });
        world.refused("provider", name).await;
    }
}
