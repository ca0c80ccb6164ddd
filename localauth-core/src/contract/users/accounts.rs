//! Storing and finding users, their addresses and passwords.

use std::ops::Deref;
use std::sync::Arc;

use crate::contract::crowd::{CROWD, at_once, both};
use crate::contract::fixture::{
    AS_GIVEN, BECOMES_ADMIN, ODD_TEXTS, add, at, changes, everybody, get, hash, huge_text, new_admin, new_user, user_id,
};
use crate::id::Epoch;
use crate::model::ModelAllowList;
use crate::store::{ChangeUser, InsertUser, UserStore};
use crate::user::{NewUser, Provider, Role, Status, User};

/// In a fresh store there is nobody, and nothing has changed.
pub async fn a_fresh_store_is_empty<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    assert!(!store.has_users().await.unwrap());
    assert_eq!(everybody(&*store).await, []);
    assert_eq!(store.find_user(user_id(1)).await.unwrap(), None);
    assert_eq!(store.find_user_by_email(&new_user(1).email).await.unwrap(), None);
    assert_eq!(store.latest_epoch().await.unwrap(), Epoch::default());
    assert_eq!(changes(&*store).await, []);
}

/// Every field of a user comes back as it was, by id, by address and in the list.
pub async fn what_was_stored_is_found<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let kinds = [
        (Role::User, Status::Pending, Provider::Local, Some(hash(7))),
        (Role::Admin, Status::Active, Provider::Github, None),
        (Role::User, Status::Disabled, Provider::Oidc, None),
        (Role::User, Status::Active, Provider::Service, None),
    ];
    for (n, (role, status, provider, password)) in kinds.into_iter().enumerate() {
        let new = NewUser {
            role,
            status,
            provider,
            password,
            avatar_url: format!("https://example.org/{n}.png"),
            permissions: [("chat".to_owned(), n == 0), (ODD_TEXTS[n].to_owned(), true)].into(),
            ..new_user(n)
        };
        let user = add(&*store, new.clone()).await;
        assert!(user.epoch > Epoch::default(), "the first epoch is after the beginning");
        assert_eq!(user, User::from_new(new, user.epoch));
        assert_eq!(store.find_user(user.id).await.unwrap().as_ref(), Some(&user));
        assert_eq!(
            store.find_user_by_email(&user.email).await.unwrap().as_ref(),
            Some(&user)
        );
        assert!(everybody(&*store).await.contains(&user));
        assert!(store.has_users().await.unwrap());
    }
}

/// The list is in the order of making, whatever the order of storing.
pub async fn users_are_listed_oldest_first<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    for n in [5, 1, 9, 3] {
        add(&*store, new_user(n)).await;
    }
    let listed: Vec<_> = everybody(&*store).await.into_iter().map(|u| u.id).collect();
    assert_eq!(listed, [1, 3, 5, 9].map(user_id));
}

/// A taken address is refused, whatever its spelling was, and its owner stays as they were.
pub async fn an_address_belongs_to_one_user<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let first = add(&*store, new_user(1)).await;
    let second = NewUser {
        email: " USER1@Example.Org ".parse().unwrap(),
        ..new_admin(2)
    };
    for ask in [AS_GIVEN, BECOMES_ADMIN] {
        let answer = store.insert_user(second.clone(), ask).await.unwrap();
        assert_eq!(answer, InsertUser::EmailTaken);
        assert_eq!(store.find_user(second.id).await.unwrap(), None);
        assert_eq!(
            store.find_user_by_email(&second.email).await.unwrap().as_ref(),
            Some(&first)
        );
    }
}

/// Of many who register with one address at once, one gets it.
pub async fn an_address_is_given_to_one_of_many_at_once<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    let answers = at_once(CROWD, |i| {
        let store = Arc::clone(&store);
        let user = NewUser {
            email: new_user(0).email,
            ..new_user(i)
        };
        async move { store.insert_user(user, AS_GIVEN).await.unwrap() }
    })
    .await;
    let stored: Vec<_> = answers
        .iter()
        .filter(|a| matches!(a, InsertUser::Inserted(_)))
        .collect();
    assert_eq!(stored.len(), 1, "one address was given to {}", stored.len());
    let users = everybody(&**store).await;
    assert_eq!(users.len(), 1);
    assert_eq!(*stored[0], InsertUser::Inserted(users[0].clone()));
}

/// A second user with an id in use is not stored, and the first stays as they were.
pub async fn an_id_belongs_to_one_user<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let first = add(&*store, new_user(1)).await;
    let second = NewUser {
        id: first.id,
        ..new_admin(2)
    };
    let email = second.email.clone();
    let answer = store.insert_user(second, AS_GIVEN).await;
    assert!(!matches!(answer, Ok(InsertUser::Inserted(_))), "{answer:?}");
    assert_eq!(get(&*store, first.id).await, first);
    assert_eq!(store.find_user_by_email(&email).await.unwrap(), None);
}

/// A name comes back as it was, or is refused; never changed.
pub async fn odd_names_come_back_whole_or_are_refused<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let texts = ODD_TEXTS.map(str::to_owned).into_iter().chain([huge_text()]);
    for (n, name) in texts.enumerate() {
        let new = NewUser { name, ..new_user(n) };
        let stored = store.insert_user(new.clone(), AS_GIVEN).await.is_ok();
        let found = store.find_user(new.id).await.unwrap();
        assert_eq!(found.map(|u| u.name), stored.then_some(new.name));
    }
}

/// A better hash replaces exactly the one it was made for; nobody is signed out by it.
pub async fn a_rehash_needs_the_old_hash_and_moves_no_epoch<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let before = add(&*store, new_user(1)).await;
    assert!(
        !store.rehash_password(before.id, &hash(2), &hash(3)).await.unwrap(),
        "not the present hash"
    );
    assert_eq!(get(&*store, before.id).await, before);
    assert!(store.rehash_password(before.id, &hash(1), &hash(2)).await.unwrap());
    assert!(
        !store.rehash_password(before.id, &hash(1), &hash(3)).await.unwrap(),
        "replaced already"
    );
    assert!(
        !store.rehash_password(user_id(9), &hash(1), &hash(2)).await.unwrap(),
        "nobody"
    );
    let after = get(&*store, before.id).await;
    assert_eq!(
        after,
        User {
            password: Some(hash(2)),
            ..before
        }
    );

    let without = add(
        &*store,
        NewUser {
            password: None,
            ..new_user(2)
        },
    )
    .await;
    assert!(
        !store.rehash_password(without.id, &hash(2), &hash(3)).await.unwrap(),
        "no password to replace"
    );
}

/// Whoever signs in while the password is changed does not bring the old one back.
pub async fn a_rehash_never_undoes_a_new_password<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    let user = add(&**store, new_user(0)).await;
    for round in 0..20 {
        let (old, new, better) = (hash(round), hash(round + 1), hash(round + 1_000));
        let (a, b) = (Arc::clone(&store), Arc::clone(&store));
        let set = new.clone();
        let (_, changed) = both(
            async move { a.rehash_password(user.id, &old, &better).await.unwrap() },
            async move { b.set_password(user.id, None, &set).await.unwrap() },
        )
        .await;
        assert!(changed.is_some());
        assert_eq!(get(&**store, user.id).await.password, Some(new));
    }
}

/// Who names the present hash sets a password only while it is that: of many at once, one does.
pub async fn a_new_password_can_ask_for_the_old_one<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    let user = add(&**store, new_user(0)).await;
    store.set_password(user.id, None, &hash(1)).await.unwrap();
    let before = get(&**store, user.id).await;
    assert_eq!(
        store.set_password(user.id, Some(&hash(2)), &hash(3)).await.unwrap(),
        None
    );
    assert_eq!(get(&**store, user.id).await, before, "nothing is written");
    for round in 1..20 {
        let (a, b) = (Arc::clone(&store), Arc::clone(&store));
        let (one, other) = both(
            async move {
                let old = hash(round);
                a.set_password(user.id, Some(&old), &hash(round + 1)).await.unwrap()
            },
            async move {
                let old = hash(round);
                b.set_password(user.id, Some(&old), &hash(round + 1)).await.unwrap()
            },
        )
        .await;
        assert!(one.is_some() != other.is_some(), "round {round}: {one:?} {other:?}");
        assert_eq!(get(&**store, user.id).await.password, Some(hash(round + 1)));
    }
}

/// What is done to a user who does not exist answers so, and makes nobody.
pub async fn changes_to_nobody_say_so<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    add(&*store, new_admin(1)).await;
    let nobody = user_id(2);
    assert_eq!(store.set_password(nobody, None, &hash(1)).await.unwrap(), None);
    assert_eq!(store.set_role(nobody, Role::Admin).await.unwrap(), ChangeUser::NotFound);
    assert_eq!(store.set_role(nobody, Role::User).await.unwrap(), ChangeUser::NotFound);
    assert_eq!(
        store.set_status(nobody, Status::Active).await.unwrap(),
        ChangeUser::NotFound
    );
    assert_eq!(
        store.set_status(nobody, Status::Disabled).await.unwrap(),
        ChangeUser::NotFound
    );
    assert_eq!(store.set_profile(nobody, "Nobody", "").await.unwrap(), None);
    assert_eq!(
        store
            .set_permissions(nobody, &[("chat".to_owned(), true)].into())
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        store.set_models(nobody, &ModelAllowList::default()).await.unwrap(),
        None
    );
    assert_eq!(store.delete_user(nobody, at(0)).await.unwrap(), ChangeUser::NotFound);
    assert_eq!(everybody(&*store).await.len(), 1);
}
