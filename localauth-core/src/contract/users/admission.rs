//! How users come in: the first one, and those whom a provider vouches for.

use std::ops::Deref;
use std::sync::Arc;

use crate::contract::crowd::{CROWD, at_once};
use crate::contract::fixture::{
    AS_GIVEN, BECOMES_ADMIN, add, add_by, at, changes, everybody, external, new_admin, new_user, user_id,
};
use crate::external::LinkedIdentity;
use crate::id::Epoch;
use crate::store::{Admission, ChangeUser, FirstUser, InsertUser, UserStore};
use crate::user::{NewUser, Provider, Role, Status};

const REFUSED: Admission = Admission::new(FirstUser::Refused);

/// Where whoever comes first has to show more, nobody is stored while nobody is there; afterwards users are stored as
/// given.
pub async fn a_first_user_can_be_refused<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let admission = Admission {
        external: Some(external(Provider::Oidc, 1)),
        ..REFUSED
    };
    let answer = store.insert_user(new_admin(1), admission.clone()).await.unwrap();
    assert_eq!(answer, InsertUser::NoUsersYet);
    assert!(!store.has_users().await.unwrap());
    assert_eq!(store.find_user_by_email(&new_user(1).email).await.unwrap(), None);
    let somebody = store.find_user_by_identity(&external(Provider::Oidc, 1)).await.unwrap();
    assert_eq!(somebody, None);
    assert_eq!(store.latest_epoch().await.unwrap(), Epoch::default());

    add(&*store, new_admin(2)).await;
    let user = add_by(&*store, new_user(1), admission).await;
    assert_eq!((user.role, user.status), (Role::User, Status::Active));
}

/// Of many who come to an empty store at once, those who would have to be the second are refused until there is a first.
pub async fn nobody_is_second_before_there_is_a_first<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    let answers = at_once(CROWD, |i| {
        let store = Arc::clone(&store);
        let admission = if i % 10 == 0 { BECOMES_ADMIN } else { REFUSED };
        async move { store.insert_user(new_user(i), admission).await.unwrap() }
    })
    .await;
    let mut users: Vec<_> = answers
        .into_iter()
        .filter_map(|answer| match answer {
            InsertUser::Inserted(user) => Some(user),
            InsertUser::NoUsersYet => None,
            other => panic!("{other:?}"),
        })
        .collect();
    users.sort_unstable_by_key(|u| u.epoch);
    assert_eq!(
        users[0].role,
        Role::Admin,
        "who came first was to become the administrator"
    );
    assert!(users[1..].iter().all(|u| u.role == Role::User));
    assert_eq!(everybody(&**store).await.len(), users.len());
}

/// When everybody has been deleted, whoever comes next is the first again.
pub async fn after_the_last_user_somebody_is_first_again<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let user = add(&*store, new_user(1)).await;
    let ChangeUser::Changed(epoch) = store.delete_user(user.id, at(1)).await.unwrap() else {
        panic!("a user without rights can be deleted");
    };
    assert!(!store.has_users().await.unwrap());
    let answer = store.insert_user(new_user(2), REFUSED).await.unwrap();
    assert_eq!(answer, InsertUser::NoUsersYet);
    let first = add_by(&*store, new_user(3), BECOMES_ADMIN).await;
    assert_eq!(first.role, Role::Admin);
    assert!(first.epoch > epoch, "an epoch was given out twice");
}

/// Whoever comes in by a provider is found by that identity, by it alone and to the letter.
pub async fn whoever_comes_by_a_provider_is_found_by_it<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let identity = external(Provider::Oidc, 1);
    let admission = Admission {
        external: Some(identity.clone()),
        ..AS_GIVEN
    };
    let new = NewUser {
        provider: Provider::Oidc,
        password: None,
        ..new_user(1)
    };
    let user = add_by(&*store, new, admission).await;
    assert_eq!(
        store.find_user_by_identity(&identity).await.unwrap().as_ref(),
        Some(&user)
    );
    assert_eq!(
        store.identities(user.id).await.unwrap(),
        [LinkedIdentity {
            identity: identity.clone(),
            linked_at: user.created_at,
        }]
    );
    let mut others = [external(Provider::Github, 1), external(Provider::Oidc, 2), identity];
    others[2].subject = others[2].subject.to_uppercase();
    for other in others {
        assert_eq!(store.find_user_by_identity(&other).await.unwrap(), None, "{other:?}");
    }
}

/// An identity that somebody has lets nobody else in, and nothing is written.
pub async fn a_taken_identity_lets_nobody_else_in<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let admission = Admission {
        external: Some(external(Provider::Oidc, 1)),
        ..AS_GIVEN
    };
    let first = add_by(&*store, new_user(1), admission.clone()).await;
    let before = changes(&*store).await;
    let answer = store.insert_user(new_user(2), admission.clone()).await.unwrap();
    assert_eq!(answer, InsertUser::ExternalTaken);
    assert_eq!(store.find_user(user_id(2)).await.unwrap(), None);
    assert_eq!(store.find_user_by_email(&new_user(2).email).await.unwrap(), None);
    assert_eq!(changes(&*store).await, before);

    // The address of somebody else does not take the identity along.
    let same_address = NewUser {
        email: first.email.clone(),
        ..new_user(3)
    };
    let other = Admission {
        external: Some(external(Provider::Oidc, 3)),
        ..AS_GIVEN
    };
    let answer = store.insert_user(same_address, other).await.unwrap();
    assert_eq!(answer, InsertUser::EmailTaken);
    let somebody = store.find_user_by_identity(&external(Provider::Oidc, 3)).await.unwrap();
    assert_eq!(somebody, None);
    assert_eq!(
        store.find_user_by_identity(&external(Provider::Oidc, 1)).await.unwrap(),
        Some(first)
    );
}

/// Of many who come in with one identity at once, one gets an account.
pub async fn an_identity_makes_one_of_many_accounts_at_once<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    let answers = at_once(CROWD, |i| {
        let store = Arc::clone(&store);
        let admission = Admission {
            external: Some(external(Provider::Github, 0)),
            ..BECOMES_ADMIN
        };
        async move { store.insert_user(new_user(i), admission).await.unwrap() }
    })
    .await;
    let users = everybody(&**store).await;
    assert_eq!(users.len(), 1, "one identity made {} accounts", users.len());
    let (stored, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|a| matches!(a, InsertUser::Inserted(_)));
    assert_eq!(stored, [&InsertUser::Inserted(users[0].clone())]);
    assert!(refused.iter().all(|a| **a == InsertUser::ExternalTaken));
    assert_eq!(users[0].role, Role::Admin);
}
