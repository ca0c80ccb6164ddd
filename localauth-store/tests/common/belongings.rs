//! What goes with whom, and who hears of it.

use localauth_core::{
    AuditActor, ChangeUser, Epoch, ExternalIdentity, HouseRules, InviteStore as _, KeyStore as _, LimitStore as _,
    LinkIdentity, NewUser, Provider, ReplaceHouseRules, Role, SessionStore as _, UserId, UserStore as _,
};
use localauth_store::SqlStore;

use super::{NOW, actor, add, add_as, add_key, add_session, at, digest, invite, new_session, new_user};

const DAY: i64 = 24 * 60 * 60 * 1_000;

fn oidc(subject: &str) -> ExternalIdentity {
    ExternalIdentity {
        provider: Provider::Oidc,
        subject: subject.to_owned(),
    }
}

pub(crate) async fn whoever_is_deleted_leaves_nothing(store: &SqlStore) {
    let ada = add(store, "ada").await;
    let bob = add(store, "bob").await;
    let key = add_key(store, bob.id, 1).await;
    let theirs = add_session(store, new_session(bob.id, 2)).await;
    let mut from_key = new_session(bob.id, 3);
    from_key.key_id = Some(key.id);
    add_session(store, from_key).await;
    let others = add_session(store, new_session(ada.id, 4)).await;
    let linked = store.link_identity(bob.id, oidc("bob"), NOW).await.unwrap();
    assert_eq!(linked, LinkIdentity::Linked);
    store.insert_invite(invite(bob.id, 5)).await.unwrap();
    let mut used = invite(ada.id, 6);
    used.used_at = Some(NOW);
    used.used_by = Some(bob.id);
    store.insert_invite(used.clone()).await.unwrap();
    store.insert_invite(invite(UserId::SHARED, 7)).await.unwrap();

    let ChangeUser::Changed(epoch) = store.delete_user(bob.id, NOW).await.unwrap() else {
        panic!("not deleted")
    };
    assert_eq!(store.find_user(bob.id).await.unwrap(), None);
    assert_eq!(store.find_user_by_email(&bob.email).await.unwrap(), None);
    assert_eq!(store.find_user_by_identity(&oidc("bob")).await.unwrap(), None);
    assert_eq!(store.find_key(&key.public_id).await.unwrap(), None);
    assert_eq!(store.find_session(&[theirs.digest, digest(3)]).await.unwrap(), None);
    assert!(store.find_session(&[others.digest]).await.unwrap().is_some());
    assert_eq!(store.find_invite(&[digest(5)]).await.unwrap(), None);
    used.used_by = None;
    assert_eq!(store.find_invite(&[digest(6)]).await.unwrap(), Some(used));
    let shared = store.find_invite(&[digest(7)]).await.unwrap().unwrap();
    assert_eq!(shared.created_by, UserId::SHARED);
    assert_eq!(store.changes_since(bob.epoch).await.unwrap(), [(bob.id, epoch)]);
    assert_eq!(store.latest_epoch().await.unwrap(), epoch);
    assert_eq!(store.delete_user(bob.id, NOW).await.unwrap(), ChangeUser::NotFound);
    // Address and identity are free again.
    let again = add(store, "bob").await;
    let linked = store.link_identity(again.id, oidc("bob"), NOW).await.unwrap();
    assert_eq!(linked, LinkIdentity::Linked);
}

pub(crate) async fn who_was_acted_as_is_told_of(store: &SqlStore) {
    let ada = add(store, "ada").await;
    let admin = NewUser {
        role: Role::Admin,
        ..new_user("root")
    };
    let root = add_as(store, admin).await;
    let (bob, eve) = (add(store, "bob").await, add(store, "eve").await);
    for (n, user, by) in [(1, &bob, actor(&root)), (2, &bob, actor(&root)), (3, &eve, actor(&ada))] {
        let mut session = new_session(user.id, n);
        session.impersonator = Some(by);
        add_session(store, session).await;
    }
    let mut by_shared = new_session(bob.id, 4);
    by_shared.impersonator = Some(AuditActor {
        id: UserId::SHARED,
        name: "shared".to_owned(),
    });
    add_session(store, by_shared.clone()).await;

    let before = store.latest_epoch().await.unwrap();
    let ChangeUser::Changed(epoch) = store.delete_user(root.id, NOW).await.unwrap() else {
        panic!("not deleted")
    };
    let told = store.changes_since(before).await.unwrap();
    let bob = store.find_user(bob.id).await.unwrap().unwrap();
    assert_eq!(told, [(bob.id, bob.epoch), (root.id, epoch)]);
    assert!(before < bob.epoch && bob.epoch < epoch);
    assert_eq!(store.find_session(&[digest(1), digest(2)]).await.unwrap(), None);
    assert!(store.find_session(&[digest(3)]).await.unwrap().is_some());
    let found = store.find_session(&[digest(4)]).await.unwrap().unwrap();
    assert_eq!((found.session, found.impersonator), (by_shared, None));
}

pub(crate) async fn the_departed_are_told_of_for_a_day(store: &SqlStore) {
    let ada = add(store, "ada").await;
    let bob = add(store, "bob").await;
    let ChangeUser::Changed(gone) = store.delete_user(bob.id, NOW).await.unwrap() else {
        panic!("not deleted")
    };
    let shared = store.end_sessions(UserId::SHARED, None).await.unwrap().unwrap();
    let rules = store
        .replace_house_rules(&HouseRules::default(), Epoch::default())
        .await;
    let ReplaceHouseRules::Replaced(house) = rules.unwrap() else {
        panic!("not replaced")
    };
    let all = [
        (ada.id, ada.epoch),
        (bob.id, gone),
        (UserId::SHARED, shared),
        (UserId::HOUSE, house),
    ];
    let everything = async || store.changes_since(Epoch::default()).await.unwrap();
    assert_eq!(everything().await, all);
    store.sweep_sessions(at(DAY)).await.unwrap();
    assert_eq!(everything().await, all);
    store.sweep_sessions(at(DAY + 1)).await.unwrap();
    assert_eq!(everything().await, [all[0], all[2], all[3]]);
    let shared = store.end_sessions(UserId::SHARED, None).await.unwrap().unwrap();
    assert_eq!(everything().await, [all[0], all[3], (UserId::SHARED, shared)]);
}

pub(crate) async fn sessions_go_with_their_key(store: &SqlStore) {
    let ada = add(store, "ada").await;
    let key = add_key(store, ada.id, 1).await;
    let mut session = new_session(ada.id, 2);
    session.key_id = Some(key.id);
    add_session(store, session).await;
    add_session(store, new_session(ada.id, 3)).await;
    store.revoke_key(None, key.id, at(10)).await.unwrap().unwrap();
    assert_eq!(store.sweep_keys(at(9)).await.unwrap(), 0);
    let found = store.find_session(&[digest(2)]).await.unwrap().unwrap();
    assert_eq!(found.key.unwrap().revoked_at, Some(at(10)));
    assert_eq!(store.sweep_keys(at(10)).await.unwrap(), 1);
    assert_eq!(store.find_session(&[digest(2)]).await.unwrap(), None);
    assert!(store.find_session(&[digest(3)]).await.unwrap().is_some());
}
