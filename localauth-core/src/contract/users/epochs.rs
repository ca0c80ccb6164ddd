//! Epochs: one for each change, in one order that everybody sees.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::contract::crowd::{CROWD, at_once, give_up_after};
use crate::contract::fixture::{add, changes, get, hash, new_admin, new_user, user_id};
use crate::id::{Epoch, UserId};
use crate::store::{ChangeUser, FirstUser, UserStore};
use crate::user::{NewUser, Role, Status};

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
    for step in 0..6 {
        let change = match step {
            0 => store.set_role(user.id, Role::User).await.unwrap(),
            1 | 3 => store.set_role(user.id, Role::Admin).await.unwrap(),
            2 => store.set_status(user.id, Status::Active).await.unwrap(),
            _ => ChangeUser::Changed(store.set_password(user.id, &hash(step)).await.unwrap().unwrap()),
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
    store.insert_user(taken, FirstUser::AsGiven).await.unwrap();
    store.set_role(admin.id, Role::User).await.unwrap();
    store.set_status(admin.id, Status::Disabled).await.unwrap();
    store.set_role(user_id(9), Role::User).await.unwrap();
    store.set_password(user_id(9), &hash(1)).await.unwrap();
    store.rehash_password(admin.id, &hash(1), &hash(2)).await.unwrap();
    assert_eq!(changes(&*store).await, before);
}

/// A new password moves the epoch that sessions were made under; nothing else does.
pub async fn a_new_password_ends_sessions<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let user = add(&*store, new_user(1)).await;
    assert_eq!(user.sign_in_epoch, user.epoch);
    store.set_role(user.id, Role::Admin).await.unwrap();
    store.set_status(user.id, Status::Active).await.unwrap();
    assert_eq!(get(&*store, user.id).await.sign_in_epoch, user.sign_in_epoch);

    let epoch = store.set_password(user.id, &hash(2)).await.unwrap().unwrap();
    let after = get(&*store, user.id).await;
    assert_eq!(
        (after.epoch, after.sign_in_epoch, after.password),
        (epoch, epoch, Some(hash(2)))
    );
    store.set_role(user.id, Role::Admin).await.unwrap();
    assert_eq!(get(&*store, user.id).await.sign_in_epoch, epoch);
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
    let first = store.set_password(user_id(3), &hash(9)).await.unwrap().unwrap();
    let second = store.set_password(user_id(1), &hash(9)).await.unwrap().unwrap();
    assert_eq!(
        store.changes_since(before).await.unwrap(),
        [(user_id(3), first), (user_id(1), second)]
    );
    assert_eq!(store.changes_since(first).await.unwrap(), [(user_id(1), second)]);
    let third = store.set_password(user_id(3), &hash(10)).await.unwrap().unwrap();
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
        async move { store.set_password(user_id(i % 5), &hash(i)).await.unwrap().unwrap() }
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
                (id, store.set_password(id, &hash(i)).await.unwrap().unwrap())
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
        give_up_after(polls % 20 + 1, store.set_password(user.id, &hash(polls))).await;
        let newcomer = new_user(polls + 1);
        give_up_after(polls % 20 + 1, store.insert_user(newcomer, FirstUser::AsGiven)).await;
        let insisted = hash(1_000 + polls);
        let epoch = store.set_password(user.id, &insisted).await.unwrap().unwrap();
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
