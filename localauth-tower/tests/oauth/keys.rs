//! Keys that sign ID tokens.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair as RsaPair, PublicKeyComponents};
use ring::signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RsaEncoding};
use serde_json::{Value, json};

/// Made with `openssl genpkey` for these tests: they protect nothing.
const RSA: [&[u8]; 2] = [include_bytes!("keys/rsa-1.der"), include_bytes!("keys/rsa-2.der")];

enum Pair {
    Rsa(RsaPair, &'static dyn RsaEncoding),
    Ec(EcdsaKeyPair, &'static str),
    Ed(Ed25519KeyPair),
    Hmac(Vec<u8>),
    None,
}

/// A key, what it is called, and what it signs with.
#[derive(Clone)]
pub(crate) struct Signer {
    pub(crate) kid: Option<String>,
    pub(crate) alg: &'static str,
    pair: Arc<Pair>,
}

impl Signer {
    pub(crate) fn new(alg: &'static str, kid: &str) -> Self {
        Self::rsa_of(alg, kid, 0)
    }

    /// Another one of the same kind.
    pub(crate) fn other(alg: &'static str, kid: &str) -> Self {
        Self::rsa_of(alg, kid, 1)
    }

    fn rsa_of(alg: &'static str, kid: &str, which: usize) -> Self {
        let rsa = |encoding| Pair::Rsa(RsaPair::from_der(RSA[which]).unwrap(), encoding);
        let ec = |algorithm: &'static EcdsaSigningAlgorithm, curve| {
            let random = SystemRandom::new();
            let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
            Pair::Ec(
                EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap(),
                curve,
            )
        };
        let pair = match alg {
            "RS256" => rsa(&signature::RSA_PKCS1_SHA256 as &dyn RsaEncoding),
            "RS384" => rsa(&signature::RSA_PKCS1_SHA384),
            "RS512" => rsa(&signature::RSA_PKCS1_SHA512),
            "PS256" => rsa(&signature::RSA_PSS_SHA256),
            "PS384" => rsa(&signature::RSA_PSS_SHA384),
            "PS512" => rsa(&signature::RSA_PSS_SHA512),
            "ES256" => ec(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, "P-256"),
            "ES384" => ec(&signature::ECDSA_P384_SHA384_FIXED_SIGNING, "P-384"),
            "EdDSA" => {
                let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
                Pair::Ed(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap())
            }
            "none" => Pair::None,
            other => panic!("no key for {other}"),
        };
        Self {
            kid: Some(kid.to_owned()),
            alg,
            pair: Arc::new(pair),
        }
    }

    /// Signs with a secret: what no ID token may be signed with here.
    pub(crate) fn hmac(secret: &[u8], kid: &str) -> Self {
        Self {
            kid: Some(kid.to_owned()),
            alg: "HS256",
            pair: Arc::new(Pair::Hmac(secret.to_vec())),
        }
    }

    pub(crate) fn without_kid(mut self) -> Self {
        self.kid = None;
        self
    }

    /// What the provider publishes of it.
    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = match &*self.pair {
            Pair::Rsa(pair, _) => {
                let public = PublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({ "kty": "RSA", "n": BASE64.encode(public.n), "e": BASE64.encode(public.e) })
            }
            Pair::Ec(pair, curve) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                json!({ "kty": "EC", "crv": curve, "x": BASE64.encode(x), "y": BASE64.encode(y) })
            }
            Pair::Ed(pair) => json!({ "kty": "OKP", "crv": "Ed25519", "x": BASE64.encode(pair.public_key()) }),
            Pair::Hmac(_) | Pair::None => return Value::Null,
        };
        jwk["use"] = "sig".into();
        if let Some(kid) = &self.kid {
            jwk["kid"] = kid.as_str().into();
        }
        jwk
    }

    /// What somebody who has only the public key could take for a secret.
    pub(crate) fn public_bytes(&self) -> Vec<u8> {
        match &*self.pair {
            Pair::Rsa(pair, _) => PublicKeyComponents::<Vec<u8>>::from(pair.public()).n,
            _ => panic!("only RSA"),
        }
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let input = format!(
            "{}.{}",
            BASE64.encode(header.to_string()),
            BASE64.encode(claims.to_string())
        );
        let random = SystemRandom::new();
        let signature = match &*self.pair {
            Pair::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(*encoding, &random, input.as_bytes(), &mut signature).unwrap();
                signature
            }
            Pair::Ec(pair, _) => pair.sign(&random, input.as_bytes()).unwrap().as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(input.as_bytes()).as_ref().to_vec(),
            Pair::Hmac(secret) => {
                let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
                ring::hmac::sign(&key, input.as_bytes()).as_ref().to_vec()
            }
            Pair::None => Vec::new(),
        };
        format!("{input}.{}", BASE64.encode(signature))
    }
}
