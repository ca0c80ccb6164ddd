//! What is asked of users, sessions, the audit log and usage, and how the databases' own ways do not show.

use localauth_core::{
    AttemptLimit, AttemptStore as _, AuditAction, AuditEvent, AuditId, AuditLog as _, AuditOutcome, AuditQuery,
    ExternalIdentity, Grain, LinkIdentity, NewUser, OsEntropy, PreviousToken, Provider, SessionStore as _, Status,
    Timestamp, UsageQuery, UsageReader as _, UsageSink as _, UsageSource, User, UserId, UserQuery, UserStore as _,
};
use localauth_store::SqlStore;

use super::{NOW, actor, add, add_as, add_key, add_session, at, digest, event, new_session, new_user};

async fn found(store: &SqlStore, text: &str) -> Vec<String> {
    let query = UserQuery {
        search: Some(text.to_owned()),
        ..UserQuery::default()
    };
    let users = store.list_users(&query).await.unwrap();
    users.into_iter().map(|user| user.name).collect()
}

pub(crate) async fn a_search_means_what_it_says(store: &SqlStore) {
    for (n, name) in ["Zoë ÄRGER", "100 % sure", "a_b", r"back\slash", "two\nlines"]
        .into_iter()
        .enumerate()
    {
        let user = NewUser {
            name: name.to_owned(),
            created_at: at(i64::try_from(n).unwrap()),
            ..new_user(&format!("user{n}"))
        };
        add_as(store, user).await;
    }
    for (text, names) in [
        ("ärger", vec!["Zoë ÄRGER"]),
        ("ZOË", vec!["Zoë ÄRGER"]),
        ("%", vec!["100 % sure"]),
        ("_", vec!["a_b"]),
        (r"\", vec![r"back\slash"]),
        (r"K\S", vec![r"back\slash"]),
        ("USER1@", vec!["100 % sure"]),
        ("o\nl", vec!["two\nlines"]),
        ("org\nzo", vec![]),
        ("' OR 1=1 --", vec![]),
        ("\0", vec![]),
    ] {
        assert_eq!(found(store, text).await, names, "{text:?}");
    }
    assert_eq!(found(store, "").await.len(), 5);
    assert_eq!(found(store, &"x".repeat(100_000)).await.len(), 0);

    let zoe = store
        .find_user_by_email(&"user0@example.org".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    let before = store.latest_epoch().await.unwrap();
    let epoch = store
        .set_profile(zoe.id, "Ömer", "https://example.org/o.png")
        .await
        .unwrap()
        .unwrap();
    assert!(epoch > before);
    assert_eq!(found(store, "ärger").await, Vec::<String>::new());
    assert_eq!(found(store, "öMER").await, ["Ömer"]);
    assert_eq!(found(store, "user0").await, ["Ömer"]);
    let nobody = UserId::generate(NOW, &OsEntropy).unwrap();
    assert_eq!(store.set_profile(nobody, "x", "").await.unwrap(), None);
}

pub(crate) async fn pages_follow_each_other_without_a_gap(store: &SqlStore) {
    let mut all = Vec::new();
    for n in 0..25 {
        let user = NewUser {
            // Many at the same time, so that ids decide.
            created_at: at(n / 10),
            status: if n % 2 == 0 { Status::Active } else { Status::Pending },
            ..new_user(&format!("user{n}"))
        };
        all.push(add_as(store, user).await);
    }
    all.sort_unstable_by_key(|user| (user.created_at, user.id));
    let pages = async |query: UserQuery| {
        let (mut read, mut query): (Vec<User>, _) = (
            Vec::new(),
            UserQuery {
                limit: Some(4),
                ..query
            },
        );
        loop {
            let page = store.list_users(&query).await.unwrap();
            assert!(page.len() <= 4);
            let Some(last) = page.last() else { return read };
            query.after = Some((last.created_at, last.id));
            read.extend(page);
        }
    };
    assert_eq!(pages(UserQuery::default()).await, all);
    let pending = UserQuery {
        status: Some(Status::Pending),
        search: Some("USER".to_owned()),
        ..UserQuery::default()
    };
    let read = pages(pending).await;
    assert_eq!(
        read,
        all.into_iter()
            .filter(|u| u.status == Status::Pending)
            .collect::<Vec<_>>()
    );
    let none = UserQuery {
        limit: Some(0),
        ..UserQuery::default()
    };
    assert_eq!(store.list_users(&none).await.unwrap(), []);
    let most = UserQuery {
        limit: Some(usize::MAX),
        ..UserQuery::default()
    };
    assert_eq!(store.list_users(&most).await.unwrap().len(), 25);
}

/// A null character is in nothing that is stored, and a store that is asked for one still answers.
pub(crate) async fn odd_texts_are_found_or_refused(store: &SqlStore) {
    let ada = add(store, "ada").await;
    for text in ["", "'; --", "Zoë, 李小龍 👩‍👧", "\u{202e}\u{feff}", "%_\\\r\n\t", "a\0b"] {
        let identity = ExternalIdentity {
            provider: Provider::Oidc,
            subject: text.to_owned(),
        };
        let is_storable = !text.contains('\0');
        let linked = store.link_identity(ada.id, identity.clone(), NOW).await;
        assert_eq!(
            matches!(linked, Ok(LinkIdentity::Linked)),
            is_storable,
            "{text:?}: {linked:?}"
        );
        let owner = store.find_user_by_identity(&identity).await.unwrap();
        assert_eq!(owner.is_some(), is_storable);
        assert_eq!(store.unlink_identity(ada.id, &identity).await.unwrap(), is_storable);
        let limit = AttemptLimit {
            count: 1,
            window: std::time::Duration::from_secs(1),
        };
        assert_eq!(store.attempt(text, limit, NOW).await.is_ok(), is_storable);
        let line = AuditEvent {
            target: text.to_owned(),
            ..line(NOW, AuditAction::SignIn)
        };
        assert_eq!(
            store.append_audit(std::slice::from_ref(&line)).await.is_ok(),
            is_storable
        );
        let stored = store.audit(&AuditQuery::default()).await.unwrap();
        assert_eq!(stored.contains(&line), is_storable);
    }
}

pub(crate) async fn names_of_many_are_found(store: &SqlStore) {
    let ada = add(store, "ada").await;
    let mut ids: Vec<UserId> = (0..40_000)
        .map(|_| UserId::generate(NOW, &OsEntropy).unwrap())
        .collect();
    ids.push(ada.id);
    ids.push(ada.id);
    let names = store.names_of(&ids).await.unwrap();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), [(ada.id, "ada".to_owned())]);
    assert!(store.names_of(&[]).await.unwrap().is_empty());
}

pub(crate) async fn sessions_are_found_with_all_they_depend_on(store: &SqlStore) {
    let ada = add(store, "ada").await;
    let bob = add(store, "bob").await;
    let key = add_key(store, bob.id, 1).await;
    let mut session = new_session(bob.id, 2);
    session.previous = Some(PreviousToken {
        digest: digest(3),
        until: at(60),
    });
    session.key_id = Some(key.id);
    session.impersonator = Some(actor(&ada));
    let session = add_session(store, session).await;
    for present in [digest(2), digest(3)] {
        let found = store.find_session(&[digest(9), present]).await.unwrap().unwrap();
        assert_eq!(found.session, session);
        assert_eq!(found.user.as_ref(), Some(&bob));
        assert_eq!(found.key.as_ref(), Some(&key));
        assert_eq!(found.impersonator.as_ref(), Some(&ada));
    }
    let mut other_secret = digest(2);
    other_secret.version.0 += 1;
    assert_eq!(store.find_session(&[other_secret]).await.unwrap(), None);
    assert_eq!(store.find_session(&[]).await.unwrap(), None);

    let mut shared = new_session(UserId::SHARED, 4);
    shared.shared_key = Some(digest(200));
    let shared = add_session(store, shared).await;
    let found = store.find_session(&[digest(4)]).await.unwrap().unwrap();
    assert_eq!(found.session, shared);
    assert_eq!((found.user, found.key, found.impersonator), (None, None, None));
    assert_eq!(
        store.list_sessions(UserId::SHARED, NOW).await.unwrap(),
        std::slice::from_ref(&shared)
    );
    assert_eq!(store.list_sessions(UserId::SHARED, Timestamp::MAX).await.unwrap(), []);

    for wrong in [
        new_session(UserId::generate(NOW, &OsEntropy).unwrap(), 50),
        new_session(bob.id, 2),
        new_session(bob.id, 3),
    ] {
        store.insert_session(wrong).await.unwrap_err();
    }
    assert_eq!(store.end_session(Some(bob.id), shared.id).await.unwrap(), None);
    let (whose, epoch) = store
        .end_session(Some(UserId::SHARED), shared.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(whose, UserId::SHARED);
    assert_eq!(store.changes_since(bob.epoch).await.unwrap(), [(UserId::SHARED, epoch)]);
    store
        .touch_sessions(&[(session.id, at(9)), (session.id, at(5))])
        .await
        .unwrap();
    store
        .touch_sessions(&[(session.id, at(7)), (shared.id, at(7))])
        .await
        .unwrap();
    let found = store.find_session(&[digest(2)]).await.unwrap().unwrap();
    assert_eq!(found.session.last_seen_at, at(9));
}

fn line(at: Timestamp, action: AuditAction) -> AuditEvent {
    AuditEvent {
        id: AuditId::generate(at, &OsEntropy).unwrap(),
        at,
        actor: None,
        impersonator: None,
        action,
        target: String::new(),
        address: "::1".to_owned(),
        user_agent: String::new(),
        outcome: AuditOutcome::Failure,
        detail: String::new(),
    }
}

pub(crate) async fn the_audit_log_is_asked_in_every_way(store: &SqlStore) {
    let ada = add(store, "ada").await;
    let bob = add(store, "bob").await;
    let mut lines: Vec<AuditEvent> = AuditAction::ALL
        .iter()
        .zip(0..)
        .map(|(action, n)| line(at(n), *action))
        .collect();
    lines[1].actor = Some(actor(&ada));
    lines[2].actor = Some(actor(&bob));
    lines[2].impersonator = Some(actor(&ada));
    lines[3].impersonator = Some(actor(&bob));
    lines[4].outcome = AuditOutcome::Success;
    store.append_audit(&lines).await.unwrap();
    let mut changed = lines[0].clone();
    "changed".clone_into(&mut changed.detail);
    store.append_audit(&[changed]).await.unwrap();
    store.append_audit(&[]).await.unwrap();
    store.delete_user(bob.id, NOW).await.unwrap();

    let asked = async |query: AuditQuery| store.audit(&query).await.unwrap();
    let all = AuditQuery::default;
    let mut newest_first = lines.clone();
    newest_first.reverse();
    assert_eq!(asked(all()).await, newest_first);
    let of = |actor: UserId| AuditQuery {
        actor: Some(actor),
        ..all()
    };
    assert_eq!(asked(of(ada.id)).await, [lines[2].clone(), lines[1].clone()]);
    assert_eq!(asked(of(bob.id)).await, [lines[3].clone(), lines[2].clone()]);
    let one = AuditQuery {
        limit: Some(1),
        before: Some(lines[2].id),
        ..of(ada.id)
    };
    assert_eq!(asked(one).await, [lines[1].clone()]);
    let since = AuditQuery {
        since: Some(at(3)),
        before: Some(lines[5].id),
        ..all()
    };
    assert_eq!(asked(since).await, [lines[4].clone(), lines[3].clone()]);
    let action = AuditQuery {
        action: Some(lines[7].action),
        ..all()
    };
    assert_eq!(asked(action).await, [lines[7].clone()]);
    assert_eq!(store.sweep_audit(at(3)).await.unwrap(), 3);
    assert_eq!(asked(all()).await.len(), lines.len() - 3);
}

pub(crate) async fn usage_is_told_apart_by_source_and_key(store: &SqlStore) {
    let user = add(store, "ada").await;
    let key = add_key(store, user.id, 1).await;
    // From one in the morning of the first day on: hours of that day, and a whole one.
    let hour = |n: i64| at(n * 3_600_000 - NOW.as_millis().rem_euclid(24 * 3_600_000));
    let mut batch = Vec::new();
    for (n, source) in [UsageSource::Legacy, UsageSource::Web, UsageSource::ApiKey]
        .into_iter()
        .enumerate()
    {
        for (time, model) in [(0, "a"), (1, "a"), (2, "b"), (24, "a")] {
            let mut one = event(&user);
            one.at = hour(time);
            one.source = source;
            model.clone_into(&mut one.model);
            one.key = (n == 2).then(|| (key.id, format!("key at {time}")));
            one.prompt_tokens = u64::MAX >> 1;
            batch.push(one);
        }
    }
    store.record_usage(&batch).await.unwrap();
    let query = UsageQuery {
        since: Some(hour(1)),
        user_id: None,
        key_id: None,
        grain: Grain::Day,
    };
    let rows = store.usage_by_source(query).await.unwrap();
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row.at, row.source, row.key.clone(), row.totals.requests, row.last_at))
        .collect();
    let named = Some((key.id, "key at 24".into()));
    assert_eq!(
        told,
        [
            (hour(0), UsageSource::ApiKey, named.clone(), 2, hour(2)),
            (hour(0), UsageSource::Web, None, 2, hour(2)),
            (hour(0), UsageSource::Legacy, None, 2, hour(2)),
            (hour(24), UsageSource::ApiKey, named.clone(), 1, hour(24)),
            (hour(24), UsageSource::Web, None, 1, hour(24)),
            (hour(24), UsageSource::Legacy, None, 1, hour(24)),
        ]
    );
    assert!(
        rows.iter()
            .all(|row| &*row.user_name == "ada" && row.user_id == user.id)
    );
    assert_eq!(
        rows[0].totals.prompt_tokens,
        u64::MAX - 1,
        "exact beyond what a column holds"
    );
    let of_key = UsageQuery {
        key_id: Some(key.id),
        ..query
    };
    let rows = store.usage_by_source(of_key).await.unwrap();
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.key == named));
    let rows = store.usage(of_key).await.unwrap();
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row.at, &*row.model, row.totals.requests))
        .collect();
    assert_eq!(told, [(hour(0), "a", 1), (hour(0), "b", 1), (hour(24), "a", 1)]);
}
