//! Many at once, on whatever is checked before it is done.

use std::sync::Arc;
use std::time::Duration;

use localauth_core::{
    Admission, Attempt, AttemptLimit, AttemptStore as _, ChangeUser, ExternalIdentity, FirstUser, InsertUser,
    InviteClaim, InviteStore as _, KeyStore as _, KeyUse, LinkIdentity, NewUser, Provider, RevokeInvite, Role,
    SessionStore as _, Status, StoreErrorKind, UserStore as _,
};
use localauth_store::SqlStore;
use tokio::sync::Barrier;

use super::{NOW, add, add_as, add_key, add_session, all_users, at, digest, invite, new_session, new_user};

const CROWD: usize = 50;

/// Runs `act` on tasks of their own that all begin at the same moment.
async fn at_once<T, Fut>(store: &SqlStore, count: usize, act: impl Fn(SqlStore, usize) -> Fut) -> Vec<T>
where
    T: Send + 'static,
    Fut: Future<Output = T> + Send + 'static,
{
    let start = Arc::new(Barrier::new(count));
    let tasks: Vec<_> = (0..count)
        .map(|n| {
            let (start, act) = (Arc::clone(&start), act(store.clone(), n));
            tokio::spawn(async move {
                start.wait().await;
                act.await
            })
        })
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

fn claim(n: u8) -> Admission {
    Admission {
        invite: Some(InviteClaim {
            digests: vec![digest(0), digest(n)],
            at: NOW,
        }),
        ..Admission::new(FirstUser::AsGiven)
    }
}

fn github(subject: &str) -> ExternalIdentity {
    ExternalIdentity {
        provider: Provider::Github,
        subject: subject.to_owned(),
    }
}

fn inserted(answers: &[InsertUser]) -> usize {
    answers.iter().filter(|a| matches!(a, InsertUser::Inserted(_))).count()
}

pub(crate) async fn one_invite_lets_one_in(store: &SqlStore) {
    let admin = add(store, "ada").await;
    store.insert_invite(invite(admin.id, 1)).await.unwrap();
    let answers = at_once(store, CROWD, move |store, n| async move {
        store
            .insert_user(new_user(&format!("user{n}")), claim(1))
            .await
            .unwrap()
    })
    .await;
    assert_eq!(inserted(&answers), 1);
    assert!(answers.iter().filter(|a| **a == InsertUser::InviteInvalid).count() == CROWD - 1);
    let users = all_users(store).await;
    assert_eq!(users.len(), 2, "who was refused is not there");
    let used = store.find_invite(&[digest(1)]).await.unwrap().unwrap();
    assert!(
        users
            .iter()
            .any(|user| Some(user.id) == used.used_by && user.id != admin.id)
    );
    assert_eq!(used.used_at, Some(NOW));
}

pub(crate) async fn one_address_is_one_account(store: &SqlStore) {
    let answers = at_once(store, CROWD, move |store, _| async move {
        let admission = Admission::new(FirstUser::BecomesAdmin);
        store.insert_user(new_user("ada"), admission).await.unwrap()
    })
    .await;
    assert_eq!(inserted(&answers), 1);
    assert_eq!(
        answers.iter().filter(|a| **a == InsertUser::EmailTaken).count(),
        CROWD - 1
    );
    assert_eq!(all_users(store).await[0].role, Role::Admin);
}

pub(crate) async fn one_identity_is_one_account(store: &SqlStore) {
    let answers = at_once(store, CROWD, move |store, n| async move {
        let admission = Admission {
            external: Some(github("17")),
            ..Admission::new(FirstUser::AsGiven)
        };
        store
            .insert_user(new_user(&format!("user{n}")), admission)
            .await
            .unwrap()
    })
    .await;
    assert_eq!(inserted(&answers), 1);
    assert_eq!(
        answers.iter().filter(|a| **a == InsertUser::ExternalTaken).count(),
        CROWD - 1
    );
    let owner = store.find_user_by_identity(&github("17")).await.unwrap();
    assert_eq!(owner, all_users(store).await.pop());
}

pub(crate) async fn an_invite_is_used_or_revoked(store: &SqlStore) {
    let admin = add(store, "ada").await;
    for n in 1..=20 {
        let one = invite(admin.id, n);
        let id = one.id;
        store.insert_invite(one).await.unwrap();
        let answers = at_once(store, 2, move |store, who| async move {
            if who == 0 {
                let answer = store.insert_user(new_user(&format!("user{n}")), claim(n)).await;
                matches!(answer.unwrap(), InsertUser::Inserted(_))
            } else {
                store.revoke_invite(id).await.unwrap() == RevokeInvite::Revoked
            }
        })
        .await;
        assert_ne!(answers[0], answers[1], "round {n}");
        assert_eq!(store.find_invite(&[digest(n)]).await.unwrap().is_some(), answers[0]);
    }
}

pub(crate) async fn two_administrators_cannot_remove_each_other(store: &SqlStore) {
    let mut stays = add(store, "ada").await.id;
    for round in 0..30 {
        let admin = NewUser {
            role: Role::Admin,
            ..new_user(&format!("admin{round}"))
        };
        let both = [stays, add_as(store, admin).await.id];
        let answers = at_once(store, 2, move |store, who| async move {
            let other = both[1 - who];
            match (round + who) % 3 {
                0 => store.set_role(other, Role::User).await.unwrap(),
                1 => store.set_status(other, Status::Disabled).await.unwrap(),
                _ => store.delete_user(other, NOW).await.unwrap(),
            }
        })
        .await;
        let done: Vec<bool> = answers.iter().map(|a| matches!(a, ChangeUser::Changed(_))).collect();
        assert_ne!(done[0], done[1], "{answers:?}");
        assert!(answers.contains(&ChangeUser::LastAdmin), "{answers:?}");
        stays = both[usize::from(!done[0])];
        let user = store.find_user(stays).await.unwrap().unwrap();
        assert_eq!((user.role, user.status), (Role::Admin, Status::Active));
    }
}

pub(crate) async fn of_many_attempts_the_limit_is_allowed(store: &SqlStore) {
    let limit = AttemptLimit {
        count: 5,
        window: Duration::from_mins(1),
    };
    for (bucket, later) in [("a", 0), ("b", 0), ("a", 60_000)] {
        let answers = at_once(store, CROWD, move |store, _| async move {
            store.attempt(bucket, limit, at(later)).await.unwrap()
        })
        .await;
        let allowed = answers.iter().filter(|a| **a == Attempt::Allowed).count();
        assert_eq!(allowed, 5, "{bucket} after {later} ms");
        let until = at(later + 60_000);
        assert!(
            answers
                .iter()
                .all(|a| *a == Attempt::Allowed || *a == Attempt::Limited { until })
        );
    }
    assert_eq!(store.latest_epoch().await.unwrap(), localauth_core::Epoch::default());
    assert_eq!(store.sweep_attempts(at(1)).await.unwrap(), 1, "the bucket `b`");
    assert_eq!(store.sweep_attempts(at(1)).await.unwrap(), 0);
    assert!(matches!(
        store.attempt("b", limit, at(2)).await.unwrap(),
        Attempt::Allowed
    ));
}

pub(crate) async fn of_many_renewals_one_wins(store: &SqlStore) {
    let user = add(store, "ada").await;
    let session = add_session(store, new_session(user.id, 1)).await;
    let answers = at_once(store, CROWD, move |store, n| async move {
        let new = digest(u8::try_from(n).unwrap() + 100);
        let won = store
            .renew_session(session.id, &digest(1), new, at(1), at(61))
            .await
            .unwrap();
        won.map(|won| (new, won))
    })
    .await;
    let won: Vec<_> = answers.into_iter().flatten().collect();
    let [(new, (user_id, epoch))] = *won else {
        panic!("{} won", won.len())
    };
    assert_eq!((user_id, epoch), (user.id, store.latest_epoch().await.unwrap()));
    for either in [new, digest(1)] {
        let found = store.find_session(&[either]).await.unwrap().unwrap();
        assert_eq!(found.session.digest, new);
        assert_eq!(found.session.previous.unwrap().digest, digest(1));
        assert_eq!(found.user.unwrap().epoch, epoch);
    }
}

pub(crate) async fn rotations_follow_each_other(store: &SqlStore) {
    let user = add(store, "ada").await;
    let key = add_key(store, user.id, 1).await;
    let answers = at_once(store, CROWD, move |store, n| async move {
        let new = digest(u8::try_from(n).unwrap() + 100);
        let done = store
            .rotate_key(Some(user.id), key.id, None, new, at(100), NOW)
            .await
            .unwrap();
        (done.unwrap().1, new)
    })
    .await;
    let mut answers = answers;
    answers.sort_unstable_by_key(|(epoch, _)| *epoch);
    let (key, owner) = store.find_key(&key.public_id).await.unwrap().unwrap();
    assert_eq!((owner.epoch, key.digest), answers[CROWD - 1]);
    assert_eq!(key.previous.unwrap().digest, answers[CROWD - 2].1);
}

pub(crate) async fn the_last_way_in_stays(store: &SqlStore) {
    add(store, "ada").await;
    for round in 0..20 {
        let subjects = [format!("{round}"), format!("https://issuer.example {round}")];
        let user = NewUser {
            password: None,
            ..new_user(&format!("user{round}"))
        };
        let user = add_as(store, user).await;
        let identities = [
            github(&subjects[0]),
            ExternalIdentity {
                provider: Provider::Oidc,
                subject: subjects[1].clone(),
            },
        ];
        for identity in &identities {
            let linked = store.link_identity(user.id, identity.clone(), NOW).await.unwrap();
            assert_eq!(linked, LinkIdentity::Linked);
        }
        let (id, all) = (user.id, identities.clone());
        let taken = at_once(store, 2, move |store, who| {
            let identity = all[who].clone();
            async move { store.unlink_identity(id, &identity).await.unwrap() }
        })
        .await;
        assert_ne!(taken[0], taken[1]);
        let left = store.identities(user.id).await.unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].identity, identities[usize::from(taken[0])]);
        let now = store.find_user(user.id).await.unwrap().unwrap();
        assert_eq!(now.epoch, user.epoch, "no epoch moves");
    }
}

/// Keys and sessions that come, go and are used while their user is deleted: nobody waits for each other in a circle,
/// and nothing is left.
pub(crate) async fn nobody_gets_in_the_way_of_a_deletion(store: &SqlStore) {
    let admin = add(store, "ada").await;
    for round in 0..10 {
        let user = add(store, &format!("user{round}")).await;
        let mut keys = Vec::new();
        let mut sessions = Vec::new();
        for n in 0..8 {
            let key = add_key(store, user.id, round * 8 + n).await;
            let mut session = new_session(user.id, round * 8 + n);
            session.key_id = Some(key.id);
            sessions.push((add_session(store, session).await.id, at(1)));
            keys.push(KeyUse {
                id: key.id,
                at: at(1),
                ip: "::1".to_owned(),
                previous: false,
            });
        }
        keys.reverse();
        sessions.reverse();
        let (id, admin) = (user.id, super::actor(&admin));
        let results = at_once(store, 10, move |store, who| {
            let (keys, sessions, admin) = (keys.clone(), sessions.clone(), admin.clone());
            async move {
                match who {
                    0 => store.delete_user(id, NOW).await.map(|_| ()),
                    1 => {
                        let mut session = new_session(id, 200);
                        session.impersonator = Some(admin);
                        gone(store.insert_session(session).await)
                    }
                    2 => {
                        let mut session = new_session(id, 201);
                        session.key_id = Some(keys[0].id);
                        gone(store.insert_session(session).await)
                    }
                    3 => store.end_sessions(id, None).await.map(|_| ()),
                    4 => store.revoke_key(None, keys[1].id, NOW).await.map(|_| ()),
                    5 => store.sweep_keys(NOW).await.map(|_| ()),
                    n if n % 2 == 0 => store.touch_keys(&keys).await,
                    _ => store.touch_sessions(&sessions).await,
                }
            }
        })
        .await;
        for (who, result) in results.into_iter().enumerate() {
            result.unwrap_or_else(|error| panic!("{who}: {error:?}"));
        }
        assert_eq!(store.list_keys(None).await.unwrap(), []);
        for n in [round * 8, 200, 201] {
            assert_eq!(store.find_session(&[digest(n)]).await.unwrap(), None);
        }
    }
}

/// What was refused because its user is not there any more is as it should be.
fn gone(result: Result<(), localauth_core::StoreError>) -> Result<(), localauth_core::StoreError> {
    match result {
        Err(error) if error.kind() == StoreErrorKind::Inconsistent => Ok(()),
        other => other,
    }
}
