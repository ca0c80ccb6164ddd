//! Deleting users: what goes with them, what stays, and who is told.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::admins::assert_one_admin;
use crate::contract::crowd::{CROWD, at_once, both};
use crate::contract::fixture::{
    AS_GIVEN, add, add_by, at, changes, done, everybody, external, get, hash, is_active_admin, new_admin, new_user,
    user_id,
};
use crate::id::Epoch;
use crate::store::{Admission, ChangeUser, LinkIdentity, UserQuery, UserStore};
use crate::user::{NewUser, Provider, Role, Status};

async fn delete<S: UserStore + ?Sized>(store: &S, n: usize) -> Epoch {
    match store.delete_user(user_id(n), at(1)).await.expect("the store answers") {
        ChangeUser::Changed(epoch) => epoch,
        other => panic!("user {n} can be deleted: {other:?}"),
    }
}

/// A deleted user is nowhere any more, and all others stay as they were.
pub async fn a_deleted_user_is_gone<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let bob = add(&*store, new_user(2)).await;
    let ada = add(&*store, new_user(1)).await;
    let epoch = delete(&*store, 1).await;
    assert!(epoch > ada.epoch);
    assert_eq!(store.find_user(ada.id).await.unwrap(), None);
    assert_eq!(store.find_user_by_email(&ada.email).await.unwrap(), None);
    assert_eq!(everybody(&*store).await, [bob]);
    let search = UserQuery {
        search: Some("user 1".to_owned()),
        ..UserQuery::default()
    };
    assert_eq!(store.list_users(&search).await.unwrap(), []);
    assert_eq!(store.delete_user(ada.id, at(2)).await.unwrap(), ChangeUser::NotFound);
    assert_eq!(store.set_password(ada.id, None, &hash(1)).await.unwrap(), None);
    assert_eq!(store.set_role(ada.id, Role::Admin).await.unwrap(), ChangeUser::NotFound);
    assert_eq!(store.latest_epoch().await.unwrap(), epoch);
}

/// Whoever follows the changes is told of a deletion once, at its epoch, and a day later still.
pub async fn a_deletion_is_told_like_any_change<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    for n in 0..4 {
        add(&*store, new_user(n)).await;
    }
    let before = store.latest_epoch().await.unwrap();
    let first = delete(&*store, 1).await;
    assert_eq!(store.changes_since(before).await.unwrap(), [(user_id(1), first)]);
    assert!(
        !changes(&*store)
            .await
            .iter()
            .any(|&(id, epoch)| id == user_id(1) && epoch != first)
    );

    let a_day_later = at(1) + Duration::from_hours(24) - Duration::from_millis(1);
    let ChangeUser::Changed(second) = store.delete_user(user_id(2), a_day_later).await.unwrap() else {
        panic!("user 2 can be deleted");
    };
    let third = store.set_password(user_id(0), None, &hash(9)).await.unwrap().unwrap();
    let told = [(user_id(1), first), (user_id(2), second), (user_id(0), third)];
    assert_eq!(store.changes_since(before).await.unwrap(), told);
    assert_eq!(store.changes_since(first).await.unwrap(), told[1..]);
}

/// The address and the identity of a deleted user are free: whoever registers with them is somebody else.
pub async fn the_address_of_a_deleted_user_is_free<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    add(&*store, new_user(0)).await;
    let admission = Admission {
        external: Some(external(Provider::Oidc, 1)),
        ..AS_GIVEN
    };
    let old = add_by(&*store, new_user(1), admission.clone()).await;
    let linked = store
        .link_identity(old.id, external(Provider::Github, 1), at(1))
        .await
        .unwrap();
    assert_eq!(linked, LinkIdentity::Linked);
    let mut last = delete(&*store, 1).await;
    for provider in [Provider::Oidc, Provider::Github] {
        let found = store.find_user_by_identity(&external(provider, 1)).await.unwrap();
        assert_eq!(found, None, "an identity of nobody");
    }
    assert_eq!(store.identities(old.id).await.unwrap(), []);
    for n in 2..5 {
        let again = NewUser {
            email: old.email.clone(),
            ..new_user(n)
        };
        let new = add_by(&*store, again, admission.clone()).await;
        assert!(new.epoch > last, "an epoch was given out twice");
        assert_eq!(store.find_user_by_email(&old.email).await.unwrap().as_ref(), Some(&new));
        let found = store.find_user_by_identity(&external(Provider::Oidc, 1)).await.unwrap();
        assert_eq!(found.as_ref(), Some(&new));
        assert_eq!(store.find_user(old.id).await.unwrap(), None);
        last = delete(&*store, n).await;
    }
}

/// The only active administrator cannot be deleted until there is another; one who cannot come in does not count, and
/// can be deleted.
pub async fn the_last_admin_is_not_deleted<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let admin = add(&*store, new_admin(1)).await;
    add(&*store, new_user(2)).await;
    for (n, status) in [(3, Status::Pending), (4, Status::Disabled)] {
        add(&*store, NewUser { status, ..new_admin(n) }).await;
    }
    let before = changes(&*store).await;
    assert_eq!(store.delete_user(admin.id, at(1)).await.unwrap(), ChangeUser::LastAdmin);
    assert_eq!(get(&*store, admin.id).await, admin, "nothing was written");
    assert_eq!(changes(&*store).await, before);
    delete(&*store, 4).await;
    store.set_status(user_id(3), Status::Active).await.unwrap();
    delete(&*store, 1).await;
    assert_eq!(
        store.delete_user(user_id(3), at(1)).await.unwrap(),
        ChangeUser::LastAdmin
    );
}

/// Two administrators who delete each other at once, or of whom one deletes and one demotes: one of them stays.
pub async fn two_admins_cannot_delete_each_other<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    for n in [0, 1] {
        add(&**store, new_admin(n)).await;
    }
    for round in 0..20 {
        let admins: Vec<_> = everybody(&**store).await;
        let admins: Vec<_> = admins.into_iter().filter(is_active_admin).map(|u| u.id).collect();
        let (left, right) = (admins[0], admins[1]);
        let (a, b) = (Arc::clone(&store), Arc::clone(&store));
        let (first, second) = both(async move { a.delete_user(left, at(1)).await.unwrap() }, async move {
            match round % 3 {
                0 => b.set_role(right, Role::User).await.unwrap(),
                1 => b.set_status(right, Status::Disabled).await.unwrap(),
                _ => b.delete_user(right, at(1)).await.unwrap(),
            }
        })
        .await;
        assert_eq!(done(&[first, second]), 1, "round {round}: {first:?} and {second:?}");
        assert_one_admin(&**store).await;
        add(&**store, new_admin(round + 2)).await;
    }
}

/// Of many who delete one user at once, one does it.
pub async fn a_user_is_deleted_by_one_of_many_at_once<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    add(&**store, new_user(1)).await;
    let answers = at_once(CROWD, |_| {
        let store = Arc::clone(&store);
        async move { store.delete_user(user_id(1), at(1)).await.unwrap() }
    })
    .await;
    assert_eq!(done(&answers), 1, "deleted {} times", done(&answers));
    let epoch = store.latest_epoch().await.unwrap();
    assert!(answers.contains(&ChangeUser::Changed(epoch)));
    assert_eq!(changes(&**store).await, [(user_id(1), epoch)]);
}
