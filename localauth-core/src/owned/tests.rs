use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::clock::Timestamp;
use crate::error::Denial;
use crate::feature::FeatureRegistry;
use crate::id::Epoch;
use crate::identity::{Proof, Source, Watch};
use crate::scope::KeyScope;
use crate::{Auth, Caller, MemoryStore, NewAccount, NewKey, Password, PasswordCost, Role};

const T: Timestamp = Timestamp::from_millis(1_000_000);

struct World {
    auth: Auth,
}

impl World {
    fn new() -> Self {
        let auth = Auth::builder(MemoryStore::new())
            .password_cost(PasswordCost::INSECURE)
            .build()
            .unwrap();
        Self { auth }
    }

    async fn user(&self, name: &str, role: Role) -> UserId {
        let account = NewAccount::local(format!("{name}@example.org"), Password::new("correct-horse-battery"));
        let id = self.auth.add_user(account).await.unwrap().id;
        self.auth.set_role(&Caller::operator(), id, role).await.unwrap();
        id
    }

    async fn key(&self, user: UserId, scope: KeyScope) -> Arc<Identity> {
        let mut key = NewKey::named("k");
        key.scope = scope;
        let key = self.auth.create_key(user, key).await.unwrap();
        let headers = http::HeaderMap::from_iter([(
            http::HeaderName::from_static("x-api-key"),
            key.plain.expose().parse().unwrap(),
        )]);
        self.auth.authenticate(&headers).await.unwrap()
    }
}

fn models(names: &[&str]) -> KeyScope {
    KeyScope {
        models: Some(names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>()),
        ..KeyScope::default()
    }
}

#[tokio::test]
async fn the_owner_changes_administrators_read_and_nobody_else_knows() {
    let world = World::new();
    let ada = world.user("ada", Role::User).await;
    let bob = world.user("bob", Role::User).await;
    let root = world.user("root", Role::Admin).await;
    let owned = OwnedBy::new(ada, ()).made_with("llama");
    for (who, scope, reads, changes) in [
        (ada, KeyScope::default(), true, true),
        (ada, models(&["llama"]), true, true),
        (ada, models(&["phi"]), false, false),
        (ada, models(&[]), false, false),
        (bob, KeyScope::default(), false, false),
        (bob, models(&["llama"]), false, false),
        (root, KeyScope::default(), true, false),
        // Such a key is for using models, not for the house.
        (root, models(&["llama"]), false, false),
    ] {
        let shown = format!("{who} {scope:?}");
        let identity = world.key(who, scope).await;
        assert_eq!(
            (owned.may_read(&identity), owned.may_change(&identity)),
            (reads, changes),
            "{shown}"
        );
    }
    let no_model = OwnedBy::new(ada, ());
    let narrow = world.key(ada, models(&[])).await;
    assert!(no_model.may_read(&narrow));
}

#[test]
fn the_shared_administrator_reads() {
    let watch = Watch {
        cell: Arc::default(),
        epoch: Epoch::default(),
    };
    let admin = Identity::of_shared(
        Proof::new(Source::SharedKey, Timestamp::MAX),
        &FeatureRegistry::preset(),
        watch,
    );
    let owned = OwnedBy::new(UserId::from_uuid(uuid::Uuid::from_u128(7)), ());
    assert!(owned.may_read(&admin) && !owned.may_change(&admin));
    assert!(OwnedBy::new(UserId::SHARED, ()).may_change(&admin));
}

#[tokio::test]
async fn what_is_not_theirs_is_not_there() {
    let world = World::new();
    let (ada, bob) = (world.user("ada", Role::User).await, world.user("bob", Role::User).await);
    let mine = world.key(ada, KeyScope::default()).await;
    let theirs = world.key(bob, KeyScope::default()).await;
    let owners = Owners::new(10).lifetime(Duration::from_mins(1));
    owners.insert("a", OwnedBy::new(ada, 1), 7, T).unwrap();
    assert_eq!((owners.size_of("a", T), owners.size_of("b", T)), (Some(7), None));
    assert_eq!(owners.read("a", &theirs, T), Err(Denial::NotFound));
    assert_eq!(owners.own("a", &theirs, T), Err(Denial::NotFound));
    assert_eq!(owners.remove("a", &theirs, T), Err(Denial::NotFound));
    assert_eq!(owners.read("b", &theirs, T), Err(Denial::NotFound));
    assert_eq!(owners.read("a", &mine, T), Ok(1));
    assert_eq!((owners.own("a", &mine, T), owners.owner("a", T)), (Ok(1), Some(ada)));

    let over = T + Duration::from_mins(1);
    assert_eq!(owners.read("a", &mine, over), Err(Denial::NotFound));
    assert_eq!(owners.owner("a", over), None);
    assert_eq!(owners.expire(over).len(), 1);
    assert!(owners.is_empty());
}

#[tokio::test]
async fn an_id_is_taken_once() {
    let (ada, bob) = (
        UserId::from_uuid(uuid::Uuid::from_u128(1)),
        UserId::from_uuid(uuid::Uuid::from_u128(2)),
    );
    let owners = Owners::new(10);
    owners.insert("a", OwnedBy::new(ada, ()), 0, T).unwrap();
    for who in [ada, bob] {
        assert_eq!(owners.insert("a", OwnedBy::new(who, ()), 0, T), Err(NotTaken::InUse));
    }
    assert_eq!(owners.owner("a", T), Some(ada));
    let long = "x".repeat(257);
    assert_eq!(
        owners.insert(&long, OwnedBy::new(ada, ()), 0, T),
        Err(NotTaken::TooLong)
    );
    assert!(
        owners
            .insert(&long[1..], OwnedBy::new(ada, ()), 0, T)
            .unwrap()
            .is_empty()
    );
}

/// Inserts and says which ids had to go.
fn insert(owners: &Owners<()>, id: &str, user: u128, size: u64) -> Vec<String> {
    let owned = OwnedBy::new(UserId::from_uuid(uuid::Uuid::from_u128(user)), ());
    let gone = owners.insert(id, owned, size, T).unwrap();
    gone.iter().map(|(id, _)| id.to_string()).collect()
}

#[test]
fn the_oldest_make_room() {
    let owners = Owners::new(4).most_each(2);
    assert!(insert(&owners, "a1", 1, 0).is_empty());
    assert!(insert(&owners, "b1", 2, 0).is_empty());
    assert!(insert(&owners, "a2", 1, 0).is_empty());
    assert_eq!(insert(&owners, "a3", 1, 0), ["a1"], "their own");
    assert!(insert(&owners, "b2", 2, 0).is_empty());
    assert_eq!(insert(&owners, "c1", 3, 0), ["b1"], "of all");
    assert_eq!(owners.len(), 4);

    let owners = Owners::new(100).most_size(100).most_size_each(60);
    assert!(insert(&owners, "a1", 1, 30).is_empty());
    assert!(insert(&owners, "a2", 1, 30).is_empty());
    assert_eq!(insert(&owners, "a3", 1, 50), ["a1", "a2"]);
    assert!(insert(&owners, "b1", 2, 50).is_empty());
    assert_eq!(insert(&owners, "c1", 3, 10), ["a3"]);
    assert_eq!(insert(&owners, "c2", 3, 61), ["c2"], "too large for anybody");
    assert_eq!(owners.len(), 2);
}

#[test]
fn what_a_user_made_goes_with_them() {
    let owners = Owners::new(100);
    for n in 0..10 {
        insert(&owners, &format!("x{n}"), n % 2, 1);
    }
    let user = UserId::from_uuid(uuid::Uuid::from_u128(1));
    assert_eq!(owners.forget_user(user).len(), 5);
    assert_eq!((owners.len(), owners.forget_user(user).len()), (5, 0));
    assert_eq!(owners.size(), 5);
}
