//! Epochs: one for each change, in one order that everybody sees.

use std::collections::{BTreeMap, HashMap};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::contract::crowd::{CROWD, at_once, give_up_after};
use crate::contract::fixture::{AS_GIVEN, add, at, changes, get, hash, new_admin, new_user, user_id};
use crate::id::{Epoch, UserId};
use crate::model::ModelAllowList;
use crate::store::{ChangeUser, UserStore};
use crate::user::{NewUser, Role, Status, User};

/// Each change gets a greater epoch than the one before it, which is then its user's and the greatest of all; a change
/// to what is so already is one too.
pub async fn every_change_moves_the_epoch<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let user = add(&*store, new_user(1)).await;
    let other = add(&*store, new_user(2)).await;
    assert!(other.epoch > user.epoch);
    let mut last = other.epoch;
    let done = |epoch: Option<Epoch>| ChangeUser::Changed(epoch.expect("the user is there"));
    for step in 0..10 {
        let change = match step {
            0 => store.set_role(user.id, Role::User).await.unwrap(),
            1 | 3 => store.set_role(user.id, Role::Admin).await.unwrap(),
            2 => store.set_status(user.id, Status::Active).await.unwrap(),
            4 | 5 => done(store.set_profile(user.id, "Ada", "").await.unwrap()),
            6 => done(store.set_permissions(user.id, &BTreeMap::new()).await.unwrap()),
            7 => done(store.set_models(user.id, &ModelAllowList::default()).await.unwrap()),
            _ => done(store.set_password(user.id, None, &hash(step)).await.unwrap()),
        };
        let ChangeUser::Changed(epoch) = change else {
            panic!("step {step}: {change:?}")
        };
        assert!(epoch > last, "step {step}: {epoch:?} is not after {last:?}");
        last = epoch;
        assert_eq!(get(&*store, user.id).await.epoch, epoch);
        assert_eq!(store.latest_epoch().await.unwrap(), epoch);
        assert_eq!(changes(&*store).await, [(other.id, other.epoch), (user.id, epoch)]);
    }
    assert_eq!(get(&*store, other.id).await, other, "nobody else was touched");
}

/// What is refused moves nobody's epoch.
pub async fn a_refused_change_moves_nobody<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let admin = add(&*store, new_admin(1)).await;
    let before = changes(&*store).await;
    let taken = NewUser {
        email: admin.email.clone(),
        ..new_user(2)
    };
    store.insert_user(taken, AS_GIVEN).await.unwrap();
    store.set_role(admin.id, Role::User).await.unwrap();
    store.set_status(admin.id, Status::Disabled).await.unwrap();
    store.set_role(user_id(9), Role::User).await.unwrap();
    store.set_password(user_id(9), None, &hash(1)).await.unwrap();
    store.set_profile(user_id(9), "Nobody", "").await.unwrap();
    store.delete_user(admin.id, at(0)).await.unwrap();
    store.delete_user(user_id(9), at(0)).await.unwrap();
    store.rehash_password(admin.id, &hash(1), &hash(2)).await.unwrap();
    assert_eq!(changes(&*store).await, before);
}

/// A new password moves the epoch that sessions were made under.
pub async fn a_new_password_ends_sessions<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let user = add(&*store, new_user(1)).await;
    assert_eq!(user.sign_in_epoch, user.epoch);
    let epoch = store.set_password(user.id, None, &hash(2)).await.unwrap().unwrap();
    let after = User {
        epoch,
        sign_in_epoch: epoch,
        password: Some(hash(2)),
        ..user
    };
    assert_eq!(get(&*store, after.id).await, after);
}

/// A role that differs from the one before moves the epoch that sessions were made under; the same one does not.
pub async fn another_role_ends_sessions<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    add(&*store, new_admin(0)).await;
    let mut user = add(&*store, new_user(1)).await;
    for role in [Role::User, Role::Admin, Role::Admin, Role::User] {
        let ChangeUser::Changed(epoch) = store.set_role(user.id, role).await.unwrap() else {
            panic!("another administrator is there");
        };
        let sign_in_epoch = if user.role == role { user.sign_in_epoch } else { epoch };
        user = User {
            role,
            epoch,
            sign_in_epoch,
            ..user
        };
        assert_eq!(get(&*store, user.id).await, user);
    }
}

/// To shut somebody out who was in moves the epoch that sessions were made under; to let them in does not, nor to shut
/// out who was out already.
pub async fn shutting_somebody_out_ends_their_sessions<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let mut user = add(&*store, new_user(1)).await;
    let steps = [
        (Status::Active, false),
        (Status::Disabled, true),
        (Status::Disabled, false),
        (Status::Pending, false),
        (Status::Active, false),
        (Status::Pending, true),
        (Status::Disabled, false),
        (Status::Active, false),
    ];
    for (status, ends) in steps {
        let ChangeUser::Changed(epoch) = store.set_status(user.id, status).await.unwrap() else {
            panic!("no administrator is concerned");
        };
        let sign_in_epoch = if ends { epoch } else { user.sign_in_epoch };
        user = User {
            status,
            epoch,
            sign_in_epoch,
            ..user
        };
        assert_eq!(get(&*store, user.id).await, user);
    }
}

/// A name, a picture, features and models are written as given, and nobody is signed out by it.
pub async fn profile_permissions_and_models_end_no_sessions<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let mut user = add(&*store, new_user(1)).await;
    let bystander = add(&*store, new_user(2)).await;
    for round in 0..2_usize {
        user.name = format!("Zoë {round}");
        user.avatar_url = format!("https://example.org/{round}.png");
        user.epoch = store
            .set_profile(user.id, &user.name, &user.avatar_url)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(get(&*store, user.id).await, user);

        // The second time with fewer: what is not named any more is gone.
        user.permissions = (round..3).map(|n| (format!("feature {n}"), n == 1)).collect();
        user.epoch = store
            .set_permissions(user.id, &user.permissions)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(get(&*store, user.id).await, user);

        user.models = ModelAllowList {
            enabled: round == 0,
            models: (round..3).map(|n| format!("model {n} Ω")).collect(),
        };
        user.epoch = store.set_models(user.id, &user.models).await.unwrap().unwrap();
        assert_eq!(get(&*store, user.id).await, user);
    }
    assert_eq!(get(&*store, bystander.id).await, bystander);
}

/// What changed since an epoch: each user once, at their present epoch, in order, without the asked epoch itself.
pub async fn changes_since_is_in_order<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    for n in 0..4 {
        add(&*store, new_user(n)).await;
    }
    let before = store.latest_epoch().await.unwrap();
    assert_eq!(store.changes_since(before).await.unwrap(), []);
    let first = store.set_password(user_id(3), None, &hash(9)).await.unwrap().unwrap();
    let second = store.set_password(user_id(1), None, &hash(9)).await.unwrap().unwrap();
    assert_eq!(
        store.changes_since(before).await.unwrap(),
        [(user_id(3), first), (user_id(1), second)]
    );
    assert_eq!(store.changes_since(first).await.unwrap(), [(user_id(1), second)]);
    let third = store.set_password(user_id(3), None, &hash(10)).await.unwrap().unwrap();
    assert_eq!(
        store.changes_since(before).await.unwrap(),
        [(user_id(1), second), (user_id(3), third)]
    );
    assert_eq!(store.changes_since(third).await.unwrap(), []);
    assert_eq!(
        store.changes_since(Epoch(u64::MAX)).await.unwrap(),
        [],
        "the end of time is after everything"
    );
}

/// Of many changes at once, to one user and to many, each gets an epoch of its own.
pub async fn epochs_are_given_out_once<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    for n in 0..5 {
        add(&**store, new_user(n)).await;
    }
    let before = store.latest_epoch().await.unwrap();
    let mut epochs = at_once(CROWD, |i| {
        let store = Arc::clone(&store);
        async move {
            store
                .set_password(user_id(i % 5), None, &hash(i))
                .await
                .unwrap()
                .unwrap()
        }
    })
    .await;
    epochs.sort_unstable();
    assert!(epochs[0] > before);
    assert!(
        epochs.windows(2).all(|pair| pair[0] < pair[1]),
        "given out twice: {epochs:?}"
    );
    assert_eq!(store.latest_epoch().await.unwrap(), epochs[CROWD - 1]);
    for n in 0..5 {
        let user = get(&**store, user_id(n)).await;
        assert_eq!(user.epoch, user.sign_in_epoch);
        assert!(epochs.contains(&user.epoch));
    }
}

/// Whoever follows `changes_since` from the last epoch seen misses nothing while many write, and whoever sees a change
/// sees the user in it.
pub async fn epochs_become_visible_in_order<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    let finished = Arc::new(AtomicBool::new(false));
    let followers = [(); 3].map(|()| tokio::spawn(follow(Arc::clone(&store), Arc::clone(&finished))));
    let mut last_of: HashMap<UserId, Epoch> = HashMap::new();
    for round in 0..4 {
        // Nobody changes again after their round: a change that was missed stays missed.
        let changes = at_once(CROWD, |i| {
            let (store, user) = (Arc::clone(&store), new_user(round * CROWD + i));
            async move {
                let id = add(&**store, user).await.id;
                (id, store.set_password(id, None, &hash(i)).await.unwrap().unwrap())
            }
        })
        .await;
        last_of.extend(changes);
    }
    finished.store(true, Ordering::SeqCst);
    for follower in followers {
        let seen = follower.await.expect("a follower panicked");
        for (id, epoch) in &last_of {
            assert_eq!(
                seen.get(id),
                Some(epoch),
                "{id} changed at {epoch:?}, but who followed never saw it"
            );
        }
    }
}

async fn follow<D>(store: Arc<D>, finished: Arc<AtomicBool>) -> HashMap<UserId, Epoch>
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let mut seen = HashMap::new();
    let mut last = Epoch::default();
    loop {
        // Read before the look, so that the last look is after the last change.
        let over = finished.load(Ordering::SeqCst);
        let news = store.changes_since(last).await.unwrap();
        for &(id, epoch) in &news {
            assert!(epoch > last, "{epoch:?} came after {last:?}");
            last = epoch;
            seen.insert(id, epoch);
        }
        if let Some(&(id, epoch)) = news.first() {
            let found = get(&**store, id).await;
            assert!(
                found.epoch >= epoch,
                "the log says {epoch:?}, the user says {:?}",
                found.epoch
            );
        }
        if over {
            return seen;
        }
        tokio::task::yield_now().await;
    }
}

/// A change that its caller walks away from is done wholly or not at all, perhaps a little later; and nobody has to wait
/// for it.
pub async fn a_change_given_up_halfway_blocks_nobody<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let user = add(&*store, new_admin(0)).await;
    let mut last = user.epoch;
    for polls in 0..60 {
        give_up_after(polls % 20 + 1, store.set_password(user.id, None, &hash(polls))).await;
        let newcomer = new_user(polls + 1);
        give_up_after(polls % 20 + 1, store.insert_user(newcomer, AS_GIVEN)).await;
        let insisted = hash(1_000 + polls);
        let epoch = store.set_password(user.id, None, &insisted).await.unwrap().unwrap();
        assert!(epoch > last);
        last = epoch;

        let after = get(&*store, user.id).await;
        assert_eq!(after.epoch, after.sign_in_epoch);
        if after.epoch == epoch {
            assert_eq!(after.password, Some(insisted));
        } else {
            let one_given_up = (0..=polls).any(|n| after.password == Some(hash(n)));
            assert!(after.epoch > epoch && one_given_up);
        }
    }
    for (id, epoch) in changes(&*store).await {
        assert!(get(&*store, id).await.epoch >= epoch);
    }
}
