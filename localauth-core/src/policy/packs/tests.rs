//! What must hold of every pack, and of all of them together.

use std::collections::BTreeSet;

use http::Method;

use super::{Door, Engine, pack};
use crate::FeatureRegistry;
use crate::policy::{Access, Asks, Dialect, ModelIn, RouteTable, openai_routes};

/// Every way to stand in front of several engines.
fn mixes() -> impl Iterator<Item = Vec<Engine>> {
    (1..1_u32 << Engine::ALL.len()).map(|bits| {
        let is_in = |place: usize| bits >> place & 1 == 1;
        let places = Engine::ALL.into_iter().enumerate();
        places
            .filter(|(place, _)| is_in(*place))
            .map(|(_, engine)| engine)
            .collect()
    })
}

#[test]
fn each_pack_says_each_route_once() {
    for engine in Engine::ALL {
        let pack = pack(engine);
        assert_eq!(pack.engine(), engine);
        assert!(!pack.release().is_empty());
        let mut known = BTreeSet::new();
        for route in pack.routes() {
            let key = format!("{} {}", route.method(), route.pattern());
            assert!(known.insert(key.clone()), "{engine}: {key} twice");
            assert_eq!(pack.find(route.method(), route.pattern()), Some(route));
        }
    }
}

/// In any order, since who sets several up thinks of none.
#[test]
fn any_packs_go_together() {
    let features = FeatureRegistry::preset();
    for mut mix in mixes() {
        for _ in 0..mix.len() {
            mix.rotate_left(1);
            let builder = mix
                .iter()
                .fold(RouteTable::builder(), |table, engine| pack(*engine).declare(table));
            let rules = builder.rules().to_vec();
            let table = builder.build(&features);
            assert!(table.is_ok(), "{mix:?}: {:?}", table.err());
            // Never more than each of them lets pass, and nothing that none of them knows.
            for rule in &rules {
                let routes = mix.iter().filter_map(|engine| {
                    let route = pack(*engine).find(rule.method(), rule.pattern())?;
                    route.door().access().map(|access| (engine, access))
                });
                let mut answers = 0;
                for (engine, access) in routes {
                    assert!(pack(*engine).answers(rule));
                    let is_stricter = access == *rule.access() || *rule.access() == Access::Admin;
                    assert!(is_stricter, "{mix:?}: {rule:?} is wider than {engine} has it");
                    answers += 1;
                }
                assert!(answers > 0, "{mix:?}: {rule:?}");
            }
        }
    }
}

#[test]
fn what_is_shut_is_in_no_table() {
    let features = FeatureRegistry::preset();
    for engine in Engine::ALL {
        let table = pack(engine).declare(RouteTable::builder()).build(&features).unwrap();
        for route in pack(engine).routes().filter(|route| route.door() == Door::Closed) {
            assert_eq!(route.rule(), None);
            assert_eq!(route.asks(), Asks::NOTHING, "{route:?}");
            let path = route.pattern().replace(['{', '}'], "");
            let found = table
                .find(route.method(), &path)
                .filter(|rule| rule.method() == *route.method());
            // A shut route may lie within an open pattern for another method only.
            assert_eq!(found, None, "{engine}: {} {path}", route.method());
        }
        assert!(table.find(&Method::GET, "/metrics").is_none(), "{engine}: ours");
    }
}

#[test]
fn what_a_route_asks_for_fits_it() {
    for engine in Engine::ALL {
        for route in pack(engine).routes() {
            let asks = route.asks();
            let shown = format!("{engine}: {} {}", route.method(), route.pattern());
            let has_body = *route.method() == Method::POST;
            let is_in_path = asks.model() == ModelIn::Path;
            assert_eq!(
                is_in_path,
                route.pattern().contains("{model}") && asks != Asks::NOTHING,
                "{shown}"
            );
            assert!(
                has_body || asks.model().is_address() || asks == Asks::NOTHING,
                "{shown}"
            );
            // Nobody is counted for what a model did not do, and no model works for nobody.
            assert!(!asks.is_work() || asks.model() != ModelIn::Nothing, "{shown}");
            assert!(asks.is_work() || asks.dialect().is_none(), "{shown}");
            match route.door() {
                Door::Feature(_) => assert!(asks.is_work(), "{shown}"),
                Door::SignedIn => assert!(!asks.is_work(), "{shown}"),
                Door::Admin | Door::Closed => {}
            }
            let is_native = matches!(asks.dialect(), Some(Dialect::Ollama | Dialect::LlamaCpp));
            assert!(!is_native || !route.pattern().starts_with("/v1/"), "{shown}");
            assert_eq!(
                asks.dialect() == Some(Dialect::Anthropic),
                route.pattern() == "/v1/messages",
                "{shown}"
            );
        }
    }
}

#[test]
fn the_contract_is_part_of_the_pack_for_openai() {
    let contract = openai_routes(RouteTable::builder());
    let whole = pack(Engine::OpenAi).declare(RouteTable::builder());
    let whole = whole.rules();
    assert!(contract.rules().iter().all(|rule| whole.contains(rule)));
    assert_eq!(contract.rules().len(), 43);
}

#[test]
fn zero_tokens_are_no_bound_to_ollama() {
    let table = pack(Engine::OpenAi).declare(RouteTable::builder());
    let is_unlimited = |table: &crate::policy::RouteTableBuilder| {
        let chat = table
            .rules()
            .iter()
            .find(|rule| rule.pattern() == "/v1/chat/completions");
        chat.unwrap().asks().is_zero_unlimited()
    };
    assert!(!is_unlimited(&table));
    assert!(is_unlimited(&pack(Engine::Ollama).declare(table)));
}
