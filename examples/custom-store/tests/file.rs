//! What the file is good for: it outlives the process, and a failure never makes it worse.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use custom_store::{FileStore, OpenError, builder};
use localauth_core::{
    Admission, ApiKey, AuditActor, ChangeUser, Digest, Epoch, FirstUser, InsertKey, InsertUser, KeyId, KeyScope,
    KeyStore as _, KeyUse, NewUser, OsEntropy, PasswordHash, Provider, Role, SecretVersion, Session, SessionId,
    SessionStore as _, Status, StoreErrorKind, StoredDigest, Timestamp, User, UserId, UserQuery, UserStore as _,
};
use tempfile::TempDir;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.json");
    (folder, path)
}

/// User number `n`, `n` milliseconds younger than the first.
fn new_user(n: usize) -> NewUser {
    let created_at = NOW + Duration::from_millis(n as u64);
    NewUser {
        id: UserId::generate(created_at, &OsEntropy).unwrap(),
        email: format!("user{n}@example.org").parse().unwrap(),
        name: format!("User {n}"),
        role: Role::Admin,
        status: Status::Active,
        provider: Provider::Local,
        password: Some(PasswordHash::from_stored("$argon2id$..")),
        avatar_url: String::new(),
        permissions: BTreeMap::new(),
        created_at,
    }
}

async fn add(store: &FileStore, n: usize) -> User {
    match store
        .insert_user(new_user(n), Admission::new(FirstUser::AsGiven))
        .await
        .unwrap()
    {
        InsertUser::Inserted(user) => user,
        other => panic!("{other:?}"),
    }
}

fn digest(n: u8) -> StoredDigest {
    StoredDigest {
        version: SecretVersion(7),
        digest: Digest::from_bytes([n; 32]),
    }
}

fn key(n: u8, user_id: UserId) -> ApiKey {
    ApiKey {
        id: KeyId::generate(NOW, &OsEntropy).unwrap(),
        public_id: format!("Key{n:015}").parse().unwrap(),
        user_id,
        name: "a key".to_owned(),
        digest: digest(n),
        created_at: NOW,
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
        last_used_ip: String::new(),
        scope: KeyScope::default(),
        parent_id: None,
        previous: None,
    }
}

fn session(n: u8, user: &User) -> Session {
    Session {
        id: SessionId::generate(NOW, &OsEntropy).unwrap(),
        user_id: user.id,
        digest: digest(n),
        previous: None,
        renewed_at: NOW,
        sign_in_epoch: user.sign_in_epoch,
        created_at: NOW,
        expires_at: Timestamp::MAX,
        last_seen_at: NOW,
        ip: "::1".to_owned(),
        user_agent: "a browser".to_owned(),
        key_id: None,
        shared_key: None,
        impersonator: None,
        impersonator_epoch: Epoch::default(),
    }
}

/// The store, opened anew, as after a restart.
fn reopen(store: FileStore, path: &Path) -> FileStore {
    drop(store);
    FileStore::open(path).unwrap()
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions()) & 0o777
}

#[tokio::test]
async fn state_survives_reopening() {
    let (_folder, path) = place();
    let store = FileStore::open(&path).unwrap();
    let (ada, bob) = (add(&store, 1).await, add(&store, 2).await);
    let (kept, revoked) = (key(1, ada.id), key(2, bob.id));
    for key in [&kept, &revoked] {
        assert_eq!(store.insert_key(key.clone()).await.unwrap(), InsertKey::Inserted);
    }
    let used = KeyUse {
        id: kept.id,
        at: NOW,
        ip: "::1".to_owned(),
        previous: false,
    };
    store.touch_keys(&[used]).await.unwrap();
    let (goes_on, ended) = (session(1, &ada), session(2, &bob));
    for session in [&goes_on, &ended] {
        store.insert_session(session.clone()).await.unwrap();
    }
    store.end_session(None, ended.id).await.unwrap().unwrap();
    let (_, last) = store.revoke_key(None, revoked.id, NOW).await.unwrap().unwrap();

    let users = store.list_users(&UserQuery::default()).await.unwrap();
    let changes = store.changes_since(Epoch::default()).await.unwrap();
    let store = reopen(store, &path);

    assert_eq!(store.list_users(&UserQuery::default()).await.unwrap(), users);
    assert_eq!(store.changes_since(Epoch::default()).await.unwrap(), changes);
    assert_eq!(store.latest_epoch().await.unwrap(), last);
    let (found, owner) = store.find_key(&kept.public_id).await.unwrap().unwrap();
    let used = ApiKey {
        last_used_at: Some(NOW),
        last_used_ip: "::1".to_owned(),
        ..kept
    };
    assert_eq!((found, owner), (used, ada.clone()));
    let (found, owner) = store.find_key(&revoked.public_id).await.unwrap().unwrap();
    assert_eq!((found.revoked_at, owner.epoch), (Some(NOW), last));
    let found = store.find_session(&[digest(1)]).await.unwrap().unwrap();
    assert_eq!((found.session, found.user), (goes_on, Some(ada)));
    assert_eq!(store.find_session(&[digest(2)]).await.unwrap(), None);
    assert!(add(&store, 3).await.epoch > last, "an epoch was given out twice");
}

#[tokio::test]
async fn a_deletion_survives_reopening() {
    let (_folder, path) = place();
    let store = FileStore::open(&path).unwrap();
    let (ada, bob) = (add(&store, 1).await, add(&store, 2).await);
    let key = key(1, bob.id);
    store.insert_key(key.clone()).await.unwrap();
    let from_key = Session {
        key_id: Some(key.id),
        ..session(1, &bob)
    };
    let acted = Session {
        impersonator: Some(AuditActor {
            id: bob.id,
            name: bob.name.clone(),
        }),
        ..session(2, &ada)
    };
    for session in [from_key, acted] {
        store.insert_session(session).await.unwrap();
    }
    store.end_sessions(UserId::SHARED, None).await.unwrap();
    store.delete_user(bob.id, NOW).await.unwrap();
    let changes = store.changes_since(Epoch::default()).await.unwrap();
    let mut told: Vec<_> = changes.iter().map(|&(id, _)| id).collect();
    told.sort_unstable();
    assert_eq!(told, [UserId::SHARED, ada.id, bob.id]);

    let store = reopen(store, &path);
    assert_eq!(store.changes_since(Epoch::default()).await.unwrap(), changes);
    assert_eq!(store.find_user(bob.id).await.unwrap(), None);
    assert_eq!(store.find_key(&key.public_id).await.unwrap(), None);
    for n in [1, 2] {
        assert_eq!(store.find_session(&[digest(n)]).await.unwrap(), None);
    }
}

#[tokio::test]
async fn what_many_were_told_at_once_is_in_the_file() {
    let (_folder, path) = place();
    let store = FileStore::open(&path).unwrap();
    let ada = add(&store, 0).await;
    let tasks = (1..=40).map(|n| {
        let (store, owner) = (store.clone(), ada.id);
        tokio::spawn(async move {
            let user = add(&store, n).await;
            let key = key(u8::try_from(n).unwrap(), owner);
            store.insert_key(key.clone()).await.unwrap();
            let (_, epoch) = store.revoke_key(Some(owner), key.id, NOW).await.unwrap().unwrap();
            (user, key, epoch)
        })
    });
    let mut told = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        told.push(task.await.unwrap());
    }
    let store = reopen(store, &path);
    let mut epochs = vec![ada.epoch];
    for (user, key, epoch) in told {
        assert_eq!(store.find_user(user.id).await.unwrap().as_ref(), Some(&user));
        let (found, _) = store.find_key(&key.public_id).await.unwrap().unwrap();
        assert_eq!(found.revoked_at, Some(NOW));
        epochs.extend([user.epoch, epoch]);
    }
    epochs.sort_unstable();
    assert_eq!(epochs, (1..=81).map(Epoch).collect::<Vec<_>>(), "each given out once");
    assert_eq!(store.latest_epoch().await.unwrap(), Epoch(81));
}

#[tokio::test]
async fn a_damaged_file_is_an_error_and_stays_as_it_is() {
    let (_folder, path) = place();
    let store = FileStore::open(&path).unwrap();
    let ada = add(&store, 1).await;
    store.insert_key(key(1, ada.id)).await.unwrap();
    drop(store);
    let good = fs::read_to_string(&path).unwrap();
    let id = ada.id.to_string();
    let nobody = UserId::generate(NOW, &OsEntropy).unwrap().to_string();
    let damaged = [
        (String::new(), "EOF"),
        ("{}".to_owned(), "missing field `format`"),
        (good[..good.len() / 2].to_owned(), "EOF"),
        (good.replacen("custom-store 3", "custom-store 2", 1), "unknown variant"),
        (
            good.replacen("\"epoch\"", "\"later\": 1, \"epoch\"", 1),
            "unknown field",
        ),
        (good.replacen("\"admin\"", "\"owner\"", 1), "expected one of"),
        (good.replacen("\"epoch\": 1", "\"epoch\": 0", 1), "yet to come"),
        (good.replacen(&id, &nobody, 1), "a key belongs to nobody"),
    ];
    for (content, reason) in damaged {
        assert_ne!(content, good, "{reason}");
        fs::write(&path, &content).unwrap();
        let error = FileStore::open(&path).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, OpenError::Damaged { .. }), "{text}");
        assert!(text.contains("users.json") && text.contains(reason), "{text}");
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
    fs::write(&path, &good).unwrap();
    assert_eq!(
        FileStore::open(&path).unwrap().find_user(ada.id).await.unwrap(),
        Some(ada)
    );
}

#[tokio::test]
async fn a_change_that_cannot_be_written_did_not_happen() {
    let (_folder, path) = place();
    let store = FileStore::open(&path).unwrap();
    let ada = add(&store, 1).await;
    let key = key(1, ada.id);
    store.insert_key(key.clone()).await.unwrap();
    let before = fs::read(&path).unwrap();

    // Nobody, not even root, makes a file where there is a folder.
    let in_the_way = path.with_extension("json.tmp");
    fs::create_dir(&in_the_way).unwrap();
    let error = store.revoke_key(None, key.id, NOW).await.unwrap_err();
    assert!(
        matches!(error.kind(), StoreErrorKind::Unavailable | StoreErrorKind::ReadOnly),
        "{error:?}"
    );
    assert!(
        store
            .insert_user(new_user(2), Admission::new(FirstUser::AsGiven))
            .await
            .is_err()
    );
    assert_eq!(
        store.find_key(&key.public_id).await.unwrap(),
        Some((key.clone(), ada.clone()))
    );
    assert_eq!(
        store.list_users(&UserQuery::default()).await.unwrap(),
        std::slice::from_ref(&ada)
    );
    assert_eq!(store.latest_epoch().await.unwrap(), ada.epoch);
    assert_eq!(fs::read(&path).unwrap(), before);
    // What changes nothing needs no file.
    assert_eq!(store.set_role(ada.id, Role::User).await.unwrap(), ChangeUser::LastAdmin);

    fs::remove_dir(&in_the_way).unwrap();
    let (_, epoch) = store.revoke_key(None, key.id, NOW).await.unwrap().unwrap();
    assert_eq!(epoch, Epoch(ada.epoch.0 + 1));
    assert_eq!(reopen(store, &path).latest_epoch().await.unwrap(), epoch);
}

#[tokio::test]
async fn what_a_crash_left_halfway_is_passed_over() {
    let (_folder, path) = place();
    let store = FileStore::open(&path).unwrap();
    let ada = add(&store, 1).await;
    fs::write(path.with_extension("json.tmp"), "{\"format\": \"loc").unwrap();
    let store = reopen(store, &path);
    let bob = add(&store, 2).await;
    assert_eq!(
        reopen(store, &path).list_users(&UserQuery::default()).await.unwrap(),
        [ada, bob]
    );
}

#[test]
fn a_file_has_one_store_at_a_time() {
    let (_folder, path) = place();
    let store = FileStore::open(&path).unwrap();
    let error = FileStore::open(&path).unwrap_err();
    assert!(matches!(error, OpenError::InUse(_)), "{error}");
    reopen(store, &path);
}

#[test]
fn a_folder_that_is_not_there_is_told_at_once() {
    let (folder, _) = place();
    let error = FileStore::open(folder.path().join("none/users.json")).unwrap_err();
    assert!(matches!(error, OpenError::Unusable { .. }), "{error}");
    assert!(error.to_string().contains("none/users.json"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    let (folder, path) = place();
    drop(builder(&path).unwrap());
    let secret = fs::read(path.with_extension("json.secret")).unwrap();
    assert_eq!(secret.len(), 64);
    // A backup that was restored carelessly is private again after the first change.
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    add(&FileStore::open(&path).unwrap(), 1).await;
    let mut names = Vec::new();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(mode(&entry.path()), 0o600, "{:?}", entry.path());
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort_unstable();
    assert_eq!(names, ["users.json", "users.json.lock", "users.json.secret"]);
}

#[tokio::test]
async fn a_lost_secret_is_not_replaced_while_there_are_users() {
    let (_folder, path) = place();
    let secret = path.with_extension("json.secret");
    drop(builder(&path).unwrap());
    add(&FileStore::open(&path).unwrap(), 1).await;
    let made = fs::read(&secret).unwrap();
    drop(builder(&path).unwrap());
    assert_eq!(fs::read(&secret).unwrap(), made, "made once");

    fs::write(&secret, "too short").unwrap();
    let error = builder(&path).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    fs::remove_file(&secret).unwrap();
    let error = builder(&path).unwrap_err();
    assert!(matches!(error, OpenError::NoSecret(_)), "{error}");
    assert!(!secret.exists());
}
