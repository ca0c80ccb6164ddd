//! Whatever chain of makers: what a key may do in effect is within what its maker may do.

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use http::Method;
use localauth_core::{Identity, KeyScope, NewKey, Password, Role, Timestamp};
use proptest::prelude::*;
use support::{World, operator};

const FEATURES: [&str; 3] = ["chat", "images", "agents"];
const MODELS: [&str; 3] = ["a", "b", "c"];
const ROUTES: [&str; 5] = ["GET /*", "GET /a/*", "GET /a/b", "POST /a/*", "POST /a/b"];
const NETS: [&str; 4] = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "::/0"];

/// What the maker of the next key comes with.
#[derive(Debug, Clone, Copy)]
enum Maker {
    Key,
    SessionOfKey,
    OldSecret,
    SessionOfOldSecret,
}

#[derive(Debug, Clone)]
struct Link {
    maker: Maker,
    scope: KeyScope,
    hours: Option<u64>,
}

fn some_of(all: &'static [&'static str]) -> impl Strategy<Value = Option<Vec<&'static str>>> {
    proptest::option::weighted(0.3, proptest::sample::subsequence(all, 1..all.len()))
}

fn scopes() -> impl Strategy<Value = KeyScope> {
    let set = |list: Vec<&str>| list.into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
    let lists = (some_of(&MODELS), some_of(&FEATURES), some_of(&ROUTES), some_of(&NETS));
    (lists, proptest::bool::weighted(0.9)).prop_map(move |((models, features, routes, ips), can_mint)| KeyScope {
        limits: Vec::new(),
        tier: None,
        models: models.map(set),
        features: features.map(set),
        routes: routes.map(|list| list.into_iter().map(|one| one.parse().unwrap()).collect()),
        ips: ips.map(|list| list.into_iter().map(|one| one.parse().unwrap()).collect()),
        can_mint,
    })
}

fn links() -> impl Strategy<Value = Link> {
    let maker = prop_oneof![
        4 => Just(Maker::Key),
        2 => Just(Maker::SessionOfKey),
        1 => Just(Maker::OldSecret),
        1 => Just(Maker::SessionOfOldSecret),
    ];
    (maker, scopes(), proptest::option::of(1..100_u64)).prop_map(|(maker, scope, hours)| Link { maker, scope, hours })
}

/// Everything that `who` may do, as far as these tests can ask.
fn rights(who: &Identity) -> BTreeSet<String> {
    let mut rights = BTreeSet::new();
    rights.extend(FEATURES.iter().filter(|f| who.may(f)).map(|f| format!("feature {f}")));
    rights.extend(
        MODELS
            .iter()
            .filter(|m| who.may_use_model(m))
            .map(|m| format!("model {m}")),
    );
    for path in ["/", "/a/", "/a/b", "/a/b/c", "/x", "/a/../x"] {
        for method in [Method::GET, Method::POST] {
            for ip in ["10.0.0.1", "10.1.9.9", "10.1.2.3", "::1", "192.0.2.1", "unknown"] {
                if who.admit_request(&method, path, ip.parse().ok()).is_ok() {
                    rights.insert(format!("{method} {path} from {ip}"));
                }
            }
        }
    }
    for (right, has) in [
        ("role", who.require_admin()),
        ("mint", who.require_minting()),
        ("mint unbound", who.require_unbound_minting()),
    ] {
        rights.extend(has.is_ok().then(|| right.to_owned()));
    }
    rights
}

async fn check(first: KeyScope, chain: Vec<Link>) {
    let world = World::new().await;
    world.admin("root@example.org").await;
    let ada = world.user("ada@example.org").await;
    let owner = world.by(&world.session("ada@example.org").await).await;
    let mut maker = world.key_with(&ada, first).await;
    for link in chain {
        let old = maker.plain.expose().to_owned();
        if matches!(link.maker, Maker::OldSecret | Maker::SessionOfOldSecret) {
            let rotated = world
                .auth
                .rotate_key(&owner, maker.key.id, Duration::from_hours(50))
                .await;
            maker.plain = rotated.unwrap().plain;
        }
        let end = world.ask(&old).await.unwrap().expires_at();
        let token = match link.maker {
            Maker::Key | Maker::OldSecret => old,
            Maker::SessionOfKey | Maker::SessionOfOldSecret => {
                let made = world
                    .auth
                    .sign_in_with_token(Password::new(&old), &support::nobody().at("10.1.2.3".parse().ok()))
                    .await;
                match made {
                    Ok(made) => made.token.expose().to_owned(),
                    Err(_) => old,
                }
            }
        };
        let by = world.by(&token).await;
        let expires_at = link.hours.map(|hours| world.auth.now() + Duration::from_hours(hours));
        let new = NewKey::named("link").scoped(link.scope);
        let new = expires_at.map_or(new.clone(), |end| new.expiring(end));
        let Ok(child) = world.auth.create_own_key(&by, new).await else {
            continue;
        };
        assert!(child.key.expires_at.unwrap_or(Timestamp::MAX) <= end);
        // Whatever becomes of their owner, one never gets past the other.
        for role in [Role::User, Role::Admin, Role::User] {
            world.auth.set_role(&operator(), ada.id, role).await.unwrap();
            let makers = rights(&world.ask(maker.plain.expose()).await.unwrap());
            let childs = rights(&world.ask(child.plain.expose()).await.unwrap());
            assert!(
                childs.is_subset(&makers),
                "{:?}",
                childs.difference(&makers).collect::<Vec<_>>()
            );
        }
        maker = child;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_child_is_within_its_maker(first in scopes(), chain in proptest::collection::vec(links(), 1..6)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(first, chain));
    }
}
