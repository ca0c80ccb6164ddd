//! Which users are listed, and what they are called.

use std::ops::Deref;

use crate::contract::fixture::{add, at, everybody, new_user, user_id};
use crate::id::UserId;
use crate::store::{UserQuery, UserStore};
use crate::user::{NewUser, Role, Status, User};

async fn ids<S: UserStore + ?Sized>(store: &S, query: &UserQuery) -> Vec<UserId> {
    let users = store.list_users(query).await.expect("the store answers");
    users.into_iter().map(|u| u.id).collect()
}

fn search(text: &str) -> UserQuery {
    UserQuery {
        search: Some(text.to_owned()),
        ..UserQuery::default()
    }
}

/// Users with these names, numbered from 0.
async fn add_named<S: UserStore + ?Sized>(store: &S, names: &[&str]) {
    for (n, name) in names.iter().enumerate() {
        let name = (*name).to_owned();
        add(store, NewUser { name, ..new_user(n) }).await;
    }
}

/// A search finds a part of a name or address, in whatever case, whatever the alphabet.
pub async fn a_search_finds_names_and_addresses_in_any_case<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    add_named(
        &*store,
        &["Ada Lovelace", "ZOË ÅNGSTRÖM", "Ωμέγα", "Чехов", "李小龍", ""],
    )
    .await;
    let found = [
        ("ada", 0),
        ("LOVE", 0),
        ("a l", 0),
        ("zoë", 1),
        ("åNGSTRÖm", 1),
        ("ΩΜΈ", 2),
        ("ЧЕХ", 3),
        ("ехов", 3),
        ("小", 4),
        ("User5@", 5),
        ("SER3@EX", 3),
    ];
    for (text, n) in found {
        assert_eq!(ids(&*store, &search(text)).await, [user_id(n)], "{text:?}");
    }
    for text in ["example.ORG", "user", ""] {
        assert_eq!(
            ids(&*store, &search(text)).await,
            [0, 1, 2, 3, 4, 5].map(user_id),
            "{text:?}"
        );
    }
    for text in ["adal", "ada lovelace ", "zoe\u{308}", "user6@"] {
        assert_eq!(ids(&*store, &search(text)).await, [], "{text:?}");
    }
}

/// What has a meaning in a pattern, in SQL or elsewhere, is searched for to the letter.
pub async fn a_search_is_no_pattern<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let names = [
        "100% Ada", "100x Ada", "a_b", "aXb", "c\\d", "c\\\\d", "it's", "[ab]*?", "a\\%", "\"q\"",
    ];
    add_named(&*store, &names).await;
    let found: [(&str, &[usize]); 14] = [
        ("100%", &[0]),
        ("0% a", &[0]),
        ("%", &[0, 8]),
        ("_", &[2]),
        ("A_B", &[2]),
        ("\\", &[4, 5, 8]),
        ("\\\\", &[5]),
        ("c\\d", &[4]),
        ("\\%", &[8]),
        ("'", &[6]),
        ("[ab]", &[7]),
        ("*?", &[7]),
        ("\"", &[9]),
        ("%%", &[]),
    ];
    for (text, numbers) in found {
        let expected: Vec<_> = numbers.iter().copied().map(user_id).collect();
        assert_eq!(ids(&*store, &search(text)).await, expected, "{text:?}");
    }
}

/// The list can be about one status, and that together with a search.
pub async fn users_are_listed_by_status<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    let kinds = [Status::Active, Status::Pending, Status::Disabled];
    for n in 0..9 {
        let status = kinds[n % 3];
        add(&*store, NewUser { status, ..new_user(n) }).await;
    }
    for (n, status) in kinds.into_iter().enumerate() {
        let status = Some(status);
        let query = UserQuery {
            status,
            ..UserQuery::default()
        };
        assert_eq!(ids(&*store, &query).await, [n, n + 3, n + 6].map(user_id));
        let query = UserQuery {
            status,
            ..search(&format!("USER {}", n + 3))
        };
        assert_eq!(ids(&*store, &query).await, [user_id(n + 3)]);
        let query = UserQuery {
            status,
            ..search(&format!("user{}@", (n + 1) % 3))
        };
        assert_eq!(ids(&*store, &query).await, [], "a user of another status");
    }
    store.set_status(user_id(1), Status::Active).await.unwrap();
    let query = UserQuery {
        status: Some(Status::Pending),
        ..UserQuery::default()
    };
    assert_eq!(ids(&*store, &query).await, [4, 7].map(user_id));
    for role in [Role::User, Role::Admin] {
        let all = ids(&*store, &UserQuery::default()).await;
        let mut wanted = Vec::new();
        for (n, id) in all.into_iter().enumerate() {
            let given = if n % 4 == 0 { Role::Admin } else { Role::User };
            store.set_role(id, given).await.unwrap();
            wanted.extend((given == role).then_some(id));
        }
        let query = UserQuery {
            role: Some(role),
            ..UserQuery::default()
        };
        assert_eq!(ids(&*store, &query).await, wanted, "{role:?}");
    }
}

/// Page by page everybody comes once and in the order of the whole list, those who came at one moment too; a search goes
/// over pages as well.
pub async fn pages_are_complete_and_without_duplicates<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    // Stored in another order than listed, and seven at each moment.
    for n in (0..30).rev() {
        let created_at = at(i64::try_from(n / 7).unwrap_or(0));
        add(
            &*store,
            NewUser {
                created_at,
                ..new_user(n)
            },
        )
        .await;
    }
    let all = everybody(&*store).await;
    let order: Vec<_> = all.iter().map(|u| (u.created_at, u.id)).collect();
    assert!(order.is_sorted());
    assert_eq!(all.len(), 30);
    for limit in [1, 2, 7, 29, 30, 31] {
        assert_eq!(
            by_pages(&*store, UserQuery::default(), limit).await,
            all,
            "{limit} a page"
        );
    }
    let some = store.list_users(&search("User 1")).await.unwrap();
    assert_eq!(some.len(), 11);
    assert_eq!(by_pages(&*store, search("user 1"), 4).await, some);
    let none = UserQuery {
        limit: Some(0),
        ..UserQuery::default()
    };
    assert_eq!(ids(&*store, &none).await, []);
}

/// Everybody that `query` asks for, `limit` at a time.
async fn by_pages<S: UserStore + ?Sized>(store: &S, mut query: UserQuery, limit: usize) -> Vec<User> {
    query.limit = Some(limit);
    let mut users = Vec::new();
    loop {
        let page = store.list_users(&query).await.expect("the store answers");
        assert!(page.len() <= limit, "{} on a page of {limit}", page.len());
        let Some(last) = page.last() else {
            return users;
        };
        query.after = Some((last.created_at, last.id));
        users.extend(page);
        assert!(users.len() <= 100, "the pages never end");
    }
}

/// A page goes on where the last one ended, whether or not that user is still there.
pub async fn a_page_begins_after_a_user_who_is_gone<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    for n in 0..5 {
        add(&*store, new_user(n)).await;
    }
    store.delete_user(user_id(2), at(9)).await.unwrap();
    let query = UserQuery {
        after: Some((at(2), user_id(2))),
        ..UserQuery::default()
    };
    assert_eq!(ids(&*store, &query).await, [3, 4].map(user_id));
}

/// The names of those who exist, and of nobody else, however many are asked for.
pub async fn names_are_of_those_who_exist<D>(store: D)
where
    D: Deref<Target: UserStore> + Send + Sync + 'static,
{
    add_named(&*store, &["Ada", "", "Zoë"]).await;
    assert!(store.names_of(&[]).await.unwrap().is_empty());
    let asked = [0, 9, 1, 0, 2].map(user_id);
    let names = store.names_of(&asked).await.unwrap();
    let expected = [(0, "Ada"), (1, ""), (2, "Zoë")].map(|(n, name)| (user_id(n), name.to_owned()));
    assert_eq!(names, expected.into());
    store.set_profile(user_id(1), "Bob", "").await.unwrap();
    store.delete_user(user_id(2), at(9)).await.unwrap();
    // More than a statement has room for.
    let asked: Vec<_> = (0..40_000).map(user_id).collect();
    let names = store.names_of(&asked).await.unwrap();
    let expected = [(0, "Ada"), (1, "Bob")].map(|(n, name)| (user_id(n), name.to_owned()));
    assert_eq!(names, expected.into());
}
