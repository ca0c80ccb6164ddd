//! What is said of a model by another name is kept by its exact one.

mod support;

use std::sync::Arc;

use localauth_core::{Denial, KeyLimit, KeyScope, LimitRule, ModelAllowList, NewKey, Price, ResolveModel, Tier};
use support::{World, operator};

struct Ollama;

impl ResolveModel for Ollama {
    fn resolve(&self, name: &str) -> Option<Arc<str>> {
        match name.to_lowercase().as_str() {
            "llama" | "llama:latest" => Some("llama:latest".into()),
            "odd" => Some("o\ndd".into()),
            _ => None,
        }
    }

    fn known(&self) -> Vec<Arc<str>> {
        vec!["llama:latest".into()]
    }
}

fn rule(model: &str) -> LimitRule {
    let mut rule = LimitRule::per("1h".parse().unwrap()).requests(5);
    model.clone_into(&mut rule.model);
    rule
}

async fn world() -> World {
    let world = World::new().await;
    world.auth.resolve_models(Arc::new(Ollama));
    world
}

#[tokio::test]
async fn a_limit_and_a_list_of_a_user() {
    let world = world().await;
    let user = world.user("ada@example.org").await;
    for name in ["llama", "LLAMA:Latest", "", "gpt", "odd"] {
        world
            .auth
            .set_user_limit(&operator(), user.id, rule(name))
            .await
            .unwrap();
    }
    let limits = world.auth.user_limits(user.id).await.unwrap().limits;
    let mut models: Vec<_> = limits.iter().map(|limit| limit.rule.model.as_str()).collect();
    models.sort_unstable();
    assert_eq!(models, ["", "gpt", "llama:latest", "odd"]);

    let list = ModelAllowList {
        enabled: true,
        models: ["LLAMA".to_owned(), "llama".to_owned(), "gpt".to_owned()].into(),
    };
    world.auth.set_models(&operator(), user.id, list).await.unwrap();
    let key = world.key(&user).await;
    let identity = world.ask(key.expose()).await.unwrap();
    assert_eq!(identity.require_model("llama:latest"), Ok(()));
    assert_eq!(identity.require_model("llama"), Err(Denial::ModelNotAllowed));
}

#[tokio::test]
async fn a_key() {
    let world = world().await;
    let user = world.user("ada@example.org").await;
    let scope = KeyScope {
        models: Some(["Llama".to_owned()].into()),
        limits: vec![KeyLimit {
            holder: None,
            limit: world.auth.new_limit(rule("llama")).unwrap(),
        }],
        ..KeyScope::default()
    };
    let key = world.key_with(&user, scope).await.key;
    assert_eq!(key.scope.models, Some(["llama:latest".to_owned()].into()));
    assert_eq!(key.scope.limits[0].limit.rule.model, "llama:latest");
}

/// Whoever may not use a model does not learn by an alias what it is called.
#[tokio::test]
async fn a_key_of_ones_own_tells_no_names() {
    let world = world().await;
    let user = world.user("ada@example.org").await;
    let list = |model: &str| ModelAllowList {
        enabled: true,
        models: [model.to_owned()].into(),
    };
    let made = async || {
        let caller = world.by(&world.session("ada@example.org").await).await;
        let scope = KeyScope {
            models: Some(["Llama".to_owned()].into()),
            ..KeyScope::default()
        };
        let made = world
            .auth
            .create_own_key(&caller, NewKey::named("x").scoped(scope))
            .await;
        made.unwrap().key.scope.models.unwrap()
    };
    world.auth.set_models(&operator(), user.id, list("gpt")).await.unwrap();
    assert_eq!(made().await, ["Llama".to_owned()].into());
    world
        .auth
        .set_models(&operator(), user.id, list("llama"))
        .await
        .unwrap();
    assert_eq!(made().await, ["llama:latest".to_owned()].into());
}

#[tokio::test]
async fn the_house_rules() {
    let world = world().await;
    let auth = &world.auth;
    let by = operator();
    let price = |prompt| Price {
        prompt,
        cached_prompt: None,
        completion: 0,
        second: 0,
    };
    let change = auth.change_house_rules(&by, |rules| {
        rules.everyone.push(auth.new_limit(rule("llama"))?);
        let tier = Tier {
            models: Some(["LLAMA".to_owned()].into()),
            limits: vec![auth.new_limit(rule("LLAMA"))?],
            ..Tier::default()
        };
        rules.tiers.insert("pro".parse().unwrap(), tier);
        rules.prices.insert("llama".to_owned(), price(1));
        Ok(())
    });
    change.await.unwrap();
    let (rules, _) = auth.house_rules().await.unwrap();
    assert_eq!(rules.everyone[0].rule.model, "llama:latest");
    let tier = rules.tiers.values().next().unwrap();
    assert_eq!(tier.models, Some(["llama:latest".to_owned()].into()));
    assert_eq!(tier.limits[0].rule.model, "llama:latest");
    assert_eq!(rules.prices.keys().collect::<Vec<_>>(), ["llama:latest"]);

    // What the exact name has already is not overwritten by another name of it.
    let change = auth.change_house_rules(&by, |rules| {
        rules.prices.insert("llama".to_owned(), price(2));
        Ok(())
    });
    change.await.unwrap();
    let (rules, _) = auth.house_rules().await.unwrap();
    assert_eq!(rules.prices["llama:latest"].prompt, 1);
    assert_eq!(
        auth.known_models(&["gpt".to_owned(), "llama:latest".to_owned()]),
        ["gpt", "llama:latest"]
    );
}
