//! Identities at providers: whose they are, and how they come and go.

use std::ops::Deref;
use std::sync::Arc;

use crate::contract::crowd::{CROWD, at_once, both};
use crate::contract::fixture::{AS_GIVEN, ODD_TEXTS, add, add_by, at, changes, external, hash, new_user, user_id};
use crate::external::{ExternalIdentity, LinkedIdentity};
use crate::store::{Admission, InsertUser, LinkIdentity, UserStore};
use crate::user::{NewUser, Provider, User};

const BOTH: [Provider; 2] = [Provider::Github, Provider::Oidc];

/// A user who signs in by this identity alone.
async fn add_without_password<S: UserStore + ?Sized>(store: &S, n: usize, provider: Provider) -> User {
    let new = NewUser {
        provider,
        password: None,
        ..new_user(n)
    };
    let admission = Admission {
        external: Some(external(provider, n)),
        ..AS_GIVEN
    };
    add_by(store, new, admission).await
}

async fn link<S: UserStore + ?Sized>(store: &S, user: &User, identity: ExternalIdentity) -> LinkIdentity {
    store
        .link_identity(user.id, identity, at(7))
        .await
        .expect("the store answers")
}

/// A linked identity finds its user, and is listed with the others, by provider. No epoch moves.
pub async fn a_linked_identity_finds_its_user<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let (ada, bob) = (add(&*store, new_user(1)).await, add(&*store, new_user(2)).await);
    let before = changes(&*store).await;
    assert_eq!(store.identities(ada.id).await.unwrap(), []);
    for provider in [Provider::Oidc, Provider::Github] {
        assert_eq!(link(&*store, &ada, external(provider, 1)).await, LinkIdentity::Linked);
        let found = store.find_user_by_identity(&external(provider, 1)).await.unwrap();
        assert_eq!(found.as_ref(), Some(&ada));
    }
    let linked = |provider| LinkedIdentity {
        identity: external(provider, 1),
        linked_at: at(7),
    };
    assert_eq!(store.identities(ada.id).await.unwrap(), BOTH.map(linked));
    assert_eq!(store.identities(bob.id).await.unwrap(), []);
    assert_eq!(store.identities(user_id(9)).await.unwrap(), []);
    assert_eq!(changes(&*store).await, before);
}

/// An identity belongs to one user, and to link it again to that one changes nothing.
pub async fn an_identity_belongs_to_one_user<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let (ada, bob) = (add(&*store, new_user(1)).await, add(&*store, new_user(2)).await);
    let identity = external(Provider::Oidc, 1);
    assert_eq!(link(&*store, &ada, identity.clone()).await, LinkIdentity::Linked);
    let again = store.link_identity(ada.id, identity.clone(), at(9)).await.unwrap();
    assert_eq!(again, LinkIdentity::AlreadyTheirs);
    assert_eq!(
        store.identities(ada.id).await.unwrap()[0].linked_at,
        at(7),
        "linked since then"
    );
    assert_eq!(link(&*store, &bob, identity.clone()).await, LinkIdentity::Taken);
    assert_eq!(store.identities(bob.id).await.unwrap(), []);
    let nobody = store
        .link_identity(user_id(9), external(Provider::Oidc, 9), at(1))
        .await
        .unwrap();
    assert_eq!(nobody, LinkIdentity::NotFound);
    assert_eq!(
        store.find_user_by_identity(&external(Provider::Oidc, 9)).await.unwrap(),
        None
    );
    assert_eq!(store.find_user_by_identity(&identity).await.unwrap(), Some(ada));
}

/// A user has one identity at each provider: a second one is refused, the first stays.
pub async fn a_user_has_one_identity_at_each_provider<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let user = add_without_password(&*store, 1, Provider::Oidc).await;
    assert_eq!(
        link(&*store, &user, external(Provider::Oidc, 2)).await,
        LinkIdentity::Taken
    );
    assert_eq!(
        store.find_user_by_identity(&external(Provider::Oidc, 2)).await.unwrap(),
        None
    );
    assert_eq!(
        link(&*store, &user, external(Provider::Github, 2)).await,
        LinkIdentity::Linked
    );
    assert_eq!(store.identities(user.id).await.unwrap().len(), 2);
    // What nobody has stays free for others.
    let other = add(&*store, new_user(3)).await;
    assert_eq!(
        link(&*store, &other, external(Provider::Oidc, 2)).await,
        LinkIdentity::Linked
    );
}

/// Of many users who link one identity at once, one gets it; of many identities at one provider, a user gets one.
pub async fn an_identity_is_linked_by_one_of_many_at_once<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    for n in 0..10 {
        add(&**store, new_user(n)).await;
    }
    let answers = at_once(CROWD, |i| {
        let store = Arc::clone(&store);
        async move {
            let identity = external(Provider::Oidc, 0);
            store.link_identity(user_id(i % 10), identity, at(1)).await.unwrap()
        }
    })
    .await;
    let linked = answers.iter().filter(|a| **a == LinkIdentity::Linked).count();
    let theirs = answers.iter().filter(|a| **a == LinkIdentity::AlreadyTheirs).count();
    assert_eq!((linked, theirs), (1, 4), "{answers:?}");

    let answers = at_once(CROWD, |i| {
        let store = Arc::clone(&store);
        async move {
            let identity = external(Provider::Github, i);
            store.link_identity(user_id(0), identity, at(1)).await.unwrap()
        }
    })
    .await;
    let linked = answers.iter().filter(|a| **a == LinkIdentity::Linked).count();
    assert_eq!(linked, 1, "{answers:?}");
    let kept = store.identities(user_id(0)).await.unwrap();
    assert_eq!(
        kept.iter().filter(|l| l.identity.provider == Provider::Github).count(),
        1
    );
}

/// An unlinked identity is free again, and no epoch moves; one of somebody else is not taken from them.
pub async fn an_unlinked_identity_is_free_again<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let (ada, bob) = (add(&*store, new_user(1)).await, add(&*store, new_user(2)).await);
    let identity = external(Provider::Oidc, 1);
    link(&*store, &ada, identity.clone()).await;
    let before = changes(&*store).await;
    assert!(!store.unlink_identity(bob.id, &identity).await.unwrap(), "not his");
    assert!(!store.unlink_identity(user_id(9), &identity).await.unwrap(), "nobody");
    let other = external(Provider::Oidc, 2);
    assert!(!store.unlink_identity(ada.id, &other).await.unwrap(), "nobody's");
    assert_eq!(store.find_user_by_identity(&identity).await.unwrap(), Some(ada.clone()));

    assert!(store.unlink_identity(ada.id, &identity).await.unwrap());
    assert!(
        !store.unlink_identity(ada.id, &identity).await.unwrap(),
        "taken already"
    );
    assert_eq!(store.find_user_by_identity(&identity).await.unwrap(), None);
    assert_eq!(store.identities(ada.id).await.unwrap(), []);
    assert_eq!(changes(&*store).await, before);
    assert_eq!(link(&*store, &bob, identity).await, LinkIdentity::Linked);
}

/// Who has no password keeps the last identity; with a password, or another identity, it can be taken.
pub async fn the_last_way_to_sign_in_stays<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let user = add_without_password(&*store, 1, Provider::Oidc).await;
    let (oidc, github) = (external(Provider::Oidc, 1), external(Provider::Github, 1));
    assert!(
        !store.unlink_identity(user.id, &oidc).await.unwrap(),
        "no other way to sign in"
    );
    assert_eq!(store.find_user_by_identity(&oidc).await.unwrap().as_ref(), Some(&user));
    link(&*store, &user, github.clone()).await;
    assert!(store.unlink_identity(user.id, &oidc).await.unwrap(), "GitHub is left");
    assert!(
        !store.unlink_identity(user.id, &github).await.unwrap(),
        "nothing else is left"
    );
    store.set_password(user.id, None, &hash(1)).await.unwrap();
    assert!(
        store.unlink_identity(user.id, &github).await.unwrap(),
        "a password is left"
    );
}

/// Two identities taken from one user at once, who has nothing else: one stays.
pub async fn two_last_identities_are_not_both_unlinked_at_once<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    let user = add_without_password(&**store, 0, Provider::Oidc).await;
    link(&**store, &user, external(Provider::Github, 0)).await;
    for round in 0..20 {
        let (a, b) = (Arc::clone(&store), Arc::clone(&store));
        let (first, second) = both(
            async move {
                a.unlink_identity(user_id(0), &external(Provider::Oidc, 0))
                    .await
                    .unwrap()
            },
            async move {
                b.unlink_identity(user_id(0), &external(Provider::Github, 0))
                    .await
                    .unwrap()
            },
        )
        .await;
        assert_ne!(first, second, "round {round}");
        assert_eq!(store.identities(user_id(0)).await.unwrap().len(), 1);
        for provider in BOTH {
            link(&**store, &user, external(provider, 0)).await;
        }
    }
}

/// What a provider calls somebody is kept as it was, or refused; never changed.
pub async fn odd_subjects_come_back_whole_or_are_refused<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    for (n, subject) in ODD_TEXTS.into_iter().enumerate() {
        let identity = ExternalIdentity {
            provider: Provider::Oidc,
            subject: subject.to_owned(),
        };
        let admission = Admission {
            external: Some(identity.clone()),
            ..AS_GIVEN
        };
        let answer = store.insert_user(new_user(n), admission).await;
        let kept: Vec<_> = store.identities(user_id(n)).await.unwrap();
        let kept: Vec<_> = kept.into_iter().map(|l| l.identity).collect();
        if matches!(answer, Ok(InsertUser::Inserted(_))) {
            assert_eq!(kept, [identity]);
        } else {
            assert!(kept.is_empty());
            assert_eq!(store.find_user(user_id(n)).await.unwrap(), None);
        }
    }
}
