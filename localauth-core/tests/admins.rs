//! Administrators: what they may not do to themselves, the last of them, and acting as somebody else.

mod support;

use std::time::Duration;

use futures_util::future::join_all;
use localauth_core::{
    Caller, CreateInviteError, Denial, ExternalIdentity, ExternalProfile, IMPERSONATION_LIFETIME, ImpersonateError,
    KeyError, KeyScope, LinkError, ManageError, ModelAllowList, NewKey, Password, Provider, Role, SharedKeysError,
    Status, User, UserQuery, UserStore as _,
};
use support::{PASSWORD, World, nobody, operator};

const SHARED: &str = "a-shared-key-of-the-run-time";

struct House {
    world: World,
    root: User,
    ada: User,
    /// The administrator, signed in.
    by: Caller,
}

async fn house() -> House {
    let world = World::new().await;
    let root = world.admin("root@example.org").await;
    let ada = world.user("ada@example.org").await;
    let by = world.by(&world.session("root@example.org").await).await;
    House { world, root, ada, by }
}

impl House {
    /// The token of a session in which `by` acts as `whom`.
    async fn act_as(&self, by: &Caller, whom: &User) -> String {
        let acting = self.world.auth.impersonate(by, whom.id).await.unwrap();
        acting.signed_in.token.expose().to_owned()
    }
}

#[tokio::test]
async fn nobody_changes_their_own_standing() {
    let House { world, root, by, .. } = house().await;
    world.admin("second@example.org").await;
    let auth = &world.auth;
    for done in [
        auth.set_role(&by, root.id, Role::User).await,
        auth.set_status(&by, root.id, Status::Disabled).await,
        auth.delete_user(&by, root.id).await,
        auth.reset_password(&by, root.id, Password::new(PASSWORD)).await,
    ] {
        assert!(matches!(done, Err(ManageError::OnOneself)), "{done:?}");
    }
    let as_oneself = auth.impersonate(&by, root.id).await;
    assert!(matches!(
        as_oneself,
        Err(ImpersonateError::Manage(ManageError::OnOneself))
    ));
    assert_eq!(world.store.find_user(root.id).await.unwrap().unwrap().role, Role::Admin);
}

#[tokio::test]
async fn without_the_role_nothing_is_managed() {
    let House { world, root, ada, .. } = house().await;
    let user = world.by(&world.session("ada@example.org").await).await;
    let shared = [SHARED.to_owned()];
    for (caller, why) in [(user, Denial::AdminRequired), (nobody(), Denial::MissingCredentials)] {
        let auth = &world.auth;
        let password = Password::new(PASSWORD);
        for done in [
            auth.set_role(&caller, ada.id, Role::Admin).await,
            auth.set_role(&caller, root.id, Role::User).await,
            auth.set_status(&caller, root.id, Status::Disabled).await,
            auth.delete_user(&caller, root.id).await,
            auth.reset_password(&caller, root.id, password).await,
            auth.set_permissions(&caller, ada.id, &[("agents".to_owned(), true)].into())
                .await,
            auth.set_models(&caller, ada.id, ModelAllowList::default()).await,
        ] {
            assert!(matches!(&done, Err(ManageError::Denied(d)) if *d == why), "{done:?}");
        }
        let acting = auth.impersonate(&caller, root.id).await.unwrap_err();
        assert_eq!(acting.to_string(), why.to_string());
        let invite = auth.create_invite(&caller, None).await;
        assert!(matches!(invite, Err(CreateInviteError::Manage(ManageError::Denied(d))) if d == why));
        let key = auth.create_key_for(&caller, root.id, NewKey::named("x")).await;
        assert!(matches!(key, Err(KeyError::Denied(d)) if d == why));
        let replaced = auth.replace_shared_keys(&caller, &shared).await;
        assert!(
            matches!(replaced, Err(SharedKeysError::Denied(d)) if d == why),
            "{replaced:?}"
        );
    }
    assert_eq!(world.store.find_user(ada.id).await.unwrap().unwrap().role, Role::User);
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let House { world, root, ada, .. } = house().await;
    let operator = operator();
    let auth = &world.auth;
    for done in [
        auth.set_role(&operator, root.id, Role::User).await,
        auth.set_status(&operator, root.id, Status::Disabled).await,
        auth.delete_user(&operator, root.id).await,
    ] {
        assert!(matches!(done, Err(ManageError::LastAdmin)), "{done:?}");
    }
    // One who may not come in does not count.
    auth.set_role(&operator, ada.id, Role::Admin).await.unwrap();
    auth.set_status(&operator, ada.id, Status::Disabled).await.unwrap();
    let alone = auth.set_role(&operator, root.id, Role::User).await;
    assert!(matches!(alone, Err(ManageError::LastAdmin)));
    auth.set_status(&operator, ada.id, Status::Active).await.unwrap();
    auth.delete_user(&operator, root.id).await.unwrap();
    let gone = auth.delete_user(&operator, root.id).await;
    assert!(matches!(gone, Err(ManageError::NotFound)));
    let waiting = auth.set_status(&operator, ada.id, Status::Pending).await;
    assert!(matches!(waiting, Err(ManageError::Status)));
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_who_demote_each_other_at_once_leave_one() {
    for _ in 0..20 {
        let world = World::new().await;
        let mut all = Vec::new();
        for n in 0..4 {
            let email = format!("a{n}@example.org");
            all.push((
                world.admin(&email).await.id,
                world.by(&world.session(&email).await).await,
            ));
        }
        let each = (0..4).map(|n| {
            let (auth, by, next) = (world.auth.clone(), all[n].1.clone(), all[(n + 1) % 4].0);
            tokio::spawn(async move { auth.set_role(&by, next, Role::User).await })
        });
        let refused = join_all(each)
            .await
            .into_iter()
            .filter(|done| done.as_ref().unwrap().is_err())
            .count();
        assert_eq!(refused, 1);
        let users = world.auth.list_users(&UserQuery::default()).await.unwrap();
        assert_eq!(users.iter().filter(|user| user.role == Role::Admin).count(), 1);
    }
}

#[tokio::test]
async fn who_acts_as_somebody_is_them_for_a_quarter_of_an_hour() {
    let house = house().await;
    let House { world, root, ada, by } = &house;
    let acting = world.auth.impersonate(by, ada.id).await.unwrap();
    assert_eq!(acting.expires_at, world.auth.now() + IMPERSONATION_LIFETIME);
    assert_eq!(acting.signed_in.lifetime, IMPERSONATION_LIFETIME);
    let token = acting.signed_in.token.expose();
    let me = world.ask(token).await.unwrap();
    assert_eq!((me.user_id(), me.is_admin()), (ada.id, false));
    assert_eq!(me.impersonator().unwrap().id, root.id);
    world
        .pass(IMPERSONATION_LIFETIME.saturating_sub(Duration::from_millis(1)))
        .await;
    world.ask(token).await.unwrap();
    world.pass(Duration::from_millis(1)).await;
    assert_eq!(world.ask(token).await.unwrap_err(), Denial::InvalidSession);
    // Or until they sign out, which leaves them their own session.
    let token = house.act_as(by, ada).await;
    world.auth.sign_out(&world.by(&token).await).await.unwrap();
    assert_eq!(world.ask(&token).await.unwrap_err(), Denial::InvalidSession);
    assert!(by.identity().unwrap().is_current());
}

#[tokio::test]
async fn who_acts_as_somebody_hands_out_nothing_in_their_name() {
    let house = house().await;
    let House { world, root, by, .. } = &house;
    let second = world.admin("second@example.org").await;
    let third = world.admin("third@example.org").await;
    let key = world.key(&second).await;
    world.session("second@example.org").await;
    // As an administrator, so that it is not the role that refuses.
    let acting = world.by(&house.act_as(by, &second).await).await;
    let auth = &world.auth;
    let text = Denial::Impersonating.to_string();
    let key_id = auth.find_key(&key.public_id()).await.unwrap().unwrap().id;
    let new = || NewKey::named("x");
    for refused in [
        auth.create_own_key(&acting, new()).await.map(drop),
        auth.create_key_for(&acting, third.id, new()).await.map(drop),
        auth.create_key_for(&acting, second.id, new()).await.map(drop),
        auth.rotate_key(&acting, key_id, Duration::ZERO).await.map(drop),
    ] {
        assert_eq!(refused.unwrap_err().to_string(), text);
    }
    let nested = auth.impersonate(&acting, third.id).await;
    assert_eq!(nested.unwrap_err().to_string(), text);
    let changed = auth
        .change_password(&acting, Password::new(PASSWORD), Password::new("x"), true)
        .await;
    assert_eq!(changed.unwrap_err().to_string(), text);
    let reset = auth.reset_password(&acting, third.id, Password::new(PASSWORD)).await;
    assert_eq!(reset.unwrap_err().to_string(), text);
    assert_eq!(auth.end_other_sessions(&acting).await.unwrap_err().to_string(), text);
    let shared = auth.replace_shared_keys(&acting, &[SHARED.to_owned()]).await;
    assert_eq!(shared.unwrap_err().to_string(), text);
    let identity = ExternalIdentity {
        provider: Provider::Github,
        subject: "17".to_owned(),
    };
    let profile = ExternalProfile {
        identity: identity.clone(),
        email: None,
        email_verified: false,
        name: String::new(),
        avatar_url: String::new(),
        grant: None,
    };
    let linked = auth.link_external(&acting, &profile).await;
    assert!(matches!(linked, Err(LinkError::Manage(error)) if error.to_string() == text));
    assert_eq!(
        auth.unlink_external(&acting, &identity).await.unwrap_err().to_string(),
        text
    );
    // Nor do they get at their own account by the way round.
    let on_oneself = auth.set_status(&acting, root.id, Status::Disabled).await;
    assert!(matches!(on_oneself, Err(ManageError::OnOneself)));
}

#[tokio::test]
async fn acting_ends_with_the_administrator() {
    for what in ["role", "status", "account"] {
        let house = house().await;
        let House { world, root, ada, by } = &house;
        world.admin("second@example.org").await;
        let token = house.act_as(by, ada).await;
        world.ask(&token).await.unwrap();
        let operator = operator();
        match what {
            "role" => world.auth.set_role(&operator, root.id, Role::User).await.unwrap(),
            "status" => world
                .auth
                .set_status(&operator, root.id, Status::Disabled)
                .await
                .unwrap(),
            _ => world.auth.delete_user(&operator, root.id).await.unwrap(),
        }
        assert_eq!(
            world.ask(&token).await.unwrap_err(),
            Denial::InvalidSession,
            "{what}: the next request"
        );
    }
}

#[tokio::test]
async fn acting_ends_with_the_administrator_on_another_node_too() {
    for what in ["role", "status", "account"] {
        let house = house().await;
        let House { world, root, ada, by } = &house;
        world.admin("second@example.org").await;
        let token = house.act_as(by, ada).await;
        let other = world.another().await;
        other.authenticate(&support::bearer(&token)).await.unwrap();
        match what {
            "role" => world.auth.set_role(&operator(), root.id, Role::User).await.unwrap(),
            "status" => world
                .auth
                .set_status(&operator(), root.id, Status::Disabled)
                .await
                .unwrap(),
            _ => world.auth.delete_user(&operator(), root.id).await.unwrap(),
        }
        other.follow_changes().await.unwrap();
        let answer = other.authenticate(&support::bearer(&token)).await;
        assert_eq!(answer.unwrap_err(), Denial::InvalidSession, "{what}");
    }
}

#[tokio::test]
async fn only_a_whole_administrator_acts_and_only_as_who_may_come_in() {
    let house = house().await;
    let House { world, root, ada, by } = &house;
    for status in [Status::Disabled, Status::Pending] {
        world.store.set_status(ada.id, status).await.unwrap();
        let shut_out = world.auth.impersonate(by, ada.id).await;
        assert!(matches!(
            shut_out,
            Err(ImpersonateError::Manage(ManageError::NotActive))
        ));
    }
    world
        .auth
        .set_status(&operator(), ada.id, Status::Active)
        .await
        .unwrap();
    world.auth.delete_user(by, ada.id).await.unwrap();
    let nobody = world.auth.impersonate(by, ada.id).await;
    assert!(matches!(nobody, Err(ImpersonateError::Manage(ManageError::NotFound))));

    // With a key that may mint and is not narrowed: for as long as that key is good.
    let bob = world.user("bob@example.org").await;
    let scope = KeyScope {
        can_mint: true,
        ..KeyScope::default()
    };
    let key = world.key_with(root, scope).await;
    let by_key = world.by(key.plain.expose()).await;
    let token = house.act_as(&by_key, &bob).await;
    assert!(
        world.ask(&token).await.unwrap().scope().is_none(),
        "all that the other may do"
    );
    world.auth.revoke_own_key(by, key.key.id).await.unwrap();
    assert_eq!(world.ask(&token).await.unwrap_err(), Denial::InvalidSession);
}

#[tokio::test]
async fn acting_by_a_shared_key_ends_with_it() {
    let house = house().await;
    let House { world, ada, by, .. } = &house;
    world.auth.replace_shared_keys(by, &[SHARED.to_owned()]).await.unwrap();
    let shared = world.by(SHARED).await;
    let token = house.act_as(&shared, ada).await;
    let me = world.ask(&token).await.unwrap();
    assert_eq!(
        (me.user_id(), me.impersonator().unwrap().name.as_str()),
        (ada.id, "API Key User")
    );
    world.auth.replace_shared_keys(by, &[]).await.unwrap();
    assert_eq!(world.ask(&token).await.unwrap_err(), Denial::InvalidSession);
}

#[tokio::test]
async fn a_session_in_which_somebody_acts_cannot_renew_itself_beyond_its_end() {
    let house = house().await;
    let token = house.act_as(&house.by, &house.ada).await;
    let identity = house.world.ask(&token).await.unwrap();
    house
        .world
        .pass(IMPERSONATION_LIFETIME.saturating_sub(Duration::from_secs(1)))
        .await;
    let renewed = house
        .world
        .auth
        .renew_session(&identity, token.as_bytes())
        .await
        .unwrap();
    assert!(renewed.is_none());
}
