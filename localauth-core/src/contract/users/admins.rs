//! The first administrator, and the last.

use std::ops::Deref;
use std::sync::Arc;

use crate::contract::crowd::{CROWD, at_once, both};
use crate::contract::fixture::{
    BECOMES_ADMIN, add, done, everybody, get, is_active_admin, new_admin, new_user, user_id,
};
use crate::store::{ChangeUser, InsertUser, UserStore};
use crate::user::{NewUser, Role, Status};

/// Of many first registrations at once, one becomes administrator and may come in; all others stay what they asked to
/// be.
pub async fn the_first_of_many_at_once_is_the_only_admin<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    let answers = at_once(CROWD, |i| {
        let store = Arc::clone(&store);
        let user = NewUser {
            status: Status::Pending,
            ..new_user(i)
        };
        async move { store.insert_user(user, BECOMES_ADMIN).await.unwrap() }
    })
    .await;
    let users = everybody(&**store).await;
    assert_eq!(users.len(), CROWD);
    let (admins, others): (Vec<_>, Vec<_>) = users.iter().partition(|u| u.role == Role::Admin);
    assert_eq!(admins.len(), 1, "{} of {CROWD} became administrator", admins.len());
    assert_eq!(admins[0].status, Status::Active, "the first administrator may come in");
    assert!(others.iter().all(|u| u.status == Status::Pending));
    for answer in answers {
        let InsertUser::Inserted(user) = answer else {
            panic!("{answer:?}")
        };
        assert!(users.contains(&user), "told something else than is stored: {user:?}");
    }
}

/// Who is stored as given stays as given, in an empty store too; and the second is no first.
pub async fn only_who_asks_for_it_becomes_first_admin<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let pending = |n| NewUser {
        status: Status::Pending,
        ..new_user(n)
    };
    let first = add(&*store, pending(1)).await;
    assert_eq!((first.role, first.status), (Role::User, Status::Pending));
    let InsertUser::Inserted(second) = store.insert_user(pending(2), BECOMES_ADMIN).await.unwrap() else {
        panic!("a fresh address is said to be taken");
    };
    assert_eq!((second.role, second.status), (Role::User, Status::Pending));
}

/// The only administrator can be neither demoted nor shut out, until there is another.
pub async fn the_last_admin_stays_an_active_admin<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let admin = add(&*store, new_admin(1)).await;
    let user = add(&*store, new_user(2)).await;
    assert_eq!(
        store.set_role(admin.id, Role::User).await.unwrap(),
        ChangeUser::LastAdmin
    );
    assert_eq!(
        store.set_status(admin.id, Status::Disabled).await.unwrap(),
        ChangeUser::LastAdmin
    );
    assert_eq!(
        store.set_status(admin.id, Status::Pending).await.unwrap(),
        ChangeUser::LastAdmin
    );
    assert_eq!(get(&*store, admin.id).await, admin, "nothing was written");

    // What leaves them an active administrator is no danger.
    assert!(matches!(
        store.set_role(admin.id, Role::Admin).await.unwrap(),
        ChangeUser::Changed(_)
    ));
    assert!(matches!(
        store.set_status(admin.id, Status::Active).await.unwrap(),
        ChangeUser::Changed(_)
    ));

    assert!(matches!(
        store.set_role(user.id, Role::Admin).await.unwrap(),
        ChangeUser::Changed(_)
    ));
    assert!(matches!(
        store.set_role(admin.id, Role::User).await.unwrap(),
        ChangeUser::Changed(_)
    ));
    assert_eq!(
        store.set_status(user.id, Status::Disabled).await.unwrap(),
        ChangeUser::LastAdmin
    );
}

/// A pending or disabled administrator is not one who could help, so the other stays; and can themselves be demoted.
pub async fn an_admin_who_cannot_come_in_does_not_count<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let admin = add(&*store, new_admin(1)).await;
    let pending = add(
        &*store,
        NewUser {
            status: Status::Pending,
            ..new_admin(2)
        },
    )
    .await;
    let disabled = add(
        &*store,
        NewUser {
            status: Status::Disabled,
            ..new_admin(3)
        },
    )
    .await;
    assert_eq!(
        store.set_role(admin.id, Role::User).await.unwrap(),
        ChangeUser::LastAdmin
    );
    assert_eq!(
        store.set_status(admin.id, Status::Disabled).await.unwrap(),
        ChangeUser::LastAdmin
    );

    assert!(matches!(
        store.set_role(disabled.id, Role::User).await.unwrap(),
        ChangeUser::Changed(_)
    ));
    assert!(matches!(
        store.set_status(pending.id, Status::Active).await.unwrap(),
        ChangeUser::Changed(_)
    ));
    assert!(matches!(
        store.set_role(admin.id, Role::User).await.unwrap(),
        ChangeUser::Changed(_)
    ));
}

/// Two administrators who demote each other at once: one of them stays.
pub async fn two_admins_cannot_demote_each_other<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    for n in [0, 1] {
        add(&**store, new_admin(n)).await;
    }
    for round in 0..20 {
        let (a, b) = (Arc::clone(&store), Arc::clone(&store));
        let (first, second) = both(
            async move { a.set_role(user_id(0), Role::User).await.unwrap() },
            async move { b.set_role(user_id(1), Role::User).await.unwrap() },
        )
        .await;
        assert_eq!(done(&[first, second]), 1, "round {round}: {first:?} and {second:?}");
        assert_one_admin(&**store).await;
        for n in [0, 1] {
            store.set_role(user_id(n), Role::Admin).await.unwrap();
        }
    }
}

/// One administrator disables the other while that one demotes the first: one of them stays.
pub async fn two_admins_cannot_shut_each_other_out<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    for n in [0, 1] {
        add(&**store, new_admin(n)).await;
    }
    for round in 0..20 {
        let (a, b) = (Arc::clone(&store), Arc::clone(&store));
        let (first, second) = both(
            async move { a.set_status(user_id(0), Status::Disabled).await.unwrap() },
            async move {
                if round % 2 == 0 {
                    b.set_status(user_id(1), Status::Disabled).await.unwrap()
                } else {
                    b.set_role(user_id(1), Role::User).await.unwrap()
                }
            },
        )
        .await;
        assert_eq!(done(&[first, second]), 1, "round {round}: {first:?} and {second:?}");
        assert_one_admin(&**store).await;
        for n in [0, 1] {
            store.set_status(user_id(n), Status::Active).await.unwrap();
            store.set_role(user_id(n), Role::Admin).await.unwrap();
        }
    }
}

/// Ten administrators, all of whom are demoted or disabled by many at once: one stays.
pub async fn of_many_admins_one_is_left<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    for n in 0..10 {
        add(&**store, new_admin(n)).await;
    }
    for _ in 0..5 {
        let answers = at_once(CROWD, |i| {
            let (store, id) = (Arc::clone(&store), user_id(i % 10));
            async move {
                if i % 3 == 0 {
                    store.set_status(id, Status::Disabled).await.unwrap()
                } else {
                    store.set_role(id, Role::User).await.unwrap()
                }
            }
        })
        .await;
        assert!(answers.contains(&ChangeUser::LastAdmin));
        assert_one_admin(&**store).await;
        for n in 0..10 {
            store.set_status(user_id(n), Status::Active).await.unwrap();
            store.set_role(user_id(n), Role::Admin).await.unwrap();
        }
    }
}

pub(super) async fn assert_one_admin<S: UserStore + ?Sized>(store: &S) {
    let users = everybody(store).await;
    let left = users.iter().filter(|u| is_active_admin(u)).count();
    assert_eq!(left, 1, "{left} active administrators are left");
}
