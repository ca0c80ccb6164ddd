//! Who somebody would be, for administrators who ask.

mod support;

use std::time::Duration;

use localauth_core::{Caller, Denial, KeyScope, ManageError, NewKey, Status, UserId};
use support::{World, nobody, operator};

#[tokio::test]
async fn an_administrator_judges_by_what_somebody_may() {
    let world = World::new().await;
    let root = world.admin("root@example.org").await;
    let ada = world.user("ada@example.org").await;
    let by = world.by(&world.session("root@example.org").await).await;
    let them = world.auth.identity_of(&by, ada.id).await.unwrap();
    assert_eq!((them.user_id(), them.is_admin()), (ada.id, false));
    assert!(them.may("chat") && !them.may("agents"));
    assert!(world.auth.identity_of(&by, root.id).await.unwrap().is_admin());
    // It is a look, and no way in: it hands out nothing, and no session began.
    assert_eq!(them.require_minting(), Err(Denial::Impersonating));
    assert!(world.auth.list_sessions(ada.id).await.unwrap().is_empty());
    // What changes for them ends it, as it ends any identity.
    let off = [("chat".to_owned(), false)].into();
    world.auth.set_permissions(&operator(), ada.id, &off).await.unwrap();
    assert!(!them.is_current());
    assert!(!world.auth.identity_of(&by, ada.id).await.unwrap().may("chat"));
    world
        .auth
        .set_status(&operator(), ada.id, Status::Disabled)
        .await
        .unwrap();
    let now = world.auth.now();
    let them = world.auth.identity_of(&by, ada.id).await.unwrap();
    assert_eq!(them.admit(now), Err(Denial::AccountInactive));
}

#[tokio::test]
async fn a_key_is_judged_as_narrow_as_it_is() {
    let world = World::new().await;
    world.admin("root@example.org").await;
    let ada = world.user("ada@example.org").await;
    let scope = KeyScope {
        models: Some(["llama".to_owned()].into()),
        ..KeyScope::default()
    };
    let end = world.auth.now() + Duration::from_mins(1);
    let new = NewKey::named("laptop").scoped(scope).expiring(end);
    let key = world.auth.create_key(ada.id, new).await.unwrap().key;
    let them = world.auth.identity_of_key(&operator(), &key.public_id).await.unwrap();
    assert_eq!(them.require_model("llama"), Ok(()));
    assert_eq!(them.require_model("demo"), Err(Denial::KeyScope));
    assert_eq!(them.admit(end), Err(Denial::ExpiredApiKey));
    world.auth.revoke_key(&operator(), key.id).await.unwrap();
    let gone = world.auth.identity_of_key(&operator(), &key.public_id).await;
    assert!(matches!(gone, Err(ManageError::NotFound)));
}

#[tokio::test]
async fn nobody_else_judges_and_nobody_is_judged_who_is_not_there() {
    let world = World::new().await;
    world.admin("root@example.org").await;
    let ada = world.user("ada@example.org").await;
    let key = world.key(&ada).await.public_id();
    let user = world.by(&world.session("ada@example.org").await).await;
    for caller in [nobody(), Caller::anonymous(), user] {
        let refused = world.auth.identity_of(&caller, ada.id).await;
        assert!(matches!(refused, Err(ManageError::Denied(_))), "{refused:?}");
        let refused = world.auth.identity_of_key(&caller, &key).await;
        assert!(matches!(refused, Err(ManageError::Denied(_))), "{refused:?}");
    }
    let missing = world.auth.identity_of(&operator(), UserId::SHARED).await;
    assert!(matches!(missing, Err(ManageError::NotFound)));
    world.store.set_outage(true);
    let unknown = world.auth.identity_of(&operator(), ada.id).await;
    assert!(matches!(unknown, Err(ManageError::Store(_))));
}
