//! Signing in through a provider.

mod support;

use std::sync::{Arc, Barrier};

use localauth_core::{
    ExternalCodes, ExternalIdentity, ExternalProfile, ExternalSignInError, GroupGrant, LinkError, NewAccount, Provider,
    Registered, RegistrationMode, Role, SeededEntropy, SetupCode, SignedIn, Status, UserQuery,
};
use support::{World, account, nobody, operator};

const BOSS: &str = "boss@example.org";

fn profile(subject: &str, email: &str) -> ExternalProfile {
    ExternalProfile {
        identity: ExternalIdentity {
            provider: Provider::Oidc,
            subject: format!("https://id.example.org {subject}"),
        },
        email: Some(email.to_owned()).filter(|email| !email.is_empty()),
        email_verified: true,
        name: String::new(),
        avatar_url: String::new(),
        grant: None,
    }
}

fn granted(subject: &str, admin: Option<bool>, features: &[(&str, bool)]) -> ExternalProfile {
    ExternalProfile {
        grant: Some(GroupGrant {
            admin,
            features: features.iter().map(|(name, on)| ((*name).to_owned(), *on)).collect(),
        }),
        ..profile(subject, &format!("{subject}@example.org"))
    }
}

async fn come(world: &World, profile: ExternalProfile) -> Result<SignedIn, ExternalSignInError> {
    world
        .auth
        .sign_in_external(profile, ExternalCodes::default(), &nobody())
        .await
}

#[tokio::test]
async fn somebody_is_recognised_by_their_identity_alone() {
    let world = World::new().await;
    world.admin("root@example.org").await;
    let ada = come(&world, profile("ada", "ada@example.org")).await.unwrap();
    assert_eq!((ada.user.provider, ada.user.role), (Provider::Oidc, Role::User));
    assert_eq!(world.ask(ada.token.expose()).await.unwrap().name(), "ada");
    // Whatever address they come with next, or none: the same account, whose address stays.
    for email in ["other@example.org", "root@example.org", ""] {
        let again = come(&world, profile("ada", email)).await.unwrap();
        assert_eq!(
            (again.user.id, again.user.email.as_str()),
            (ada.user.id, "ada@example.org")
        );
        assert_ne!(again.token.expose(), ada.token.expose());
    }
    // The same subject elsewhere is somebody else.
    let mut elsewhere = profile("ada", "ada2@example.org");
    elsewhere.identity.provider = Provider::Github;
    assert_ne!(come(&world, elsewhere).await.unwrap().user.id, ada.user.id);
}

/// The takeover that address matching invites: an account of the same address elsewhere is not ours.
#[tokio::test]
async fn an_address_links_to_no_account() {
    let world = World::new().await;
    let root = world.admin("root@example.org").await;
    for verified in [false, true] {
        for email in ["root@example.org", " ROOT@Example.org"] {
            let eve = ExternalProfile {
                email_verified: verified,
                ..profile("eve", email)
            };
            let refused = come(&world, eve).await;
            assert!(matches!(refused, Err(ExternalSignInError::EmailTaken)), "{refused:?}");
        }
    }
    assert!(world.auth.identities(root.id).await.unwrap().is_empty());
    // Nor the other way: registering with a password does not enter the provider's account.
    let ada = come(&world, profile("ada", "ada@example.org")).await.unwrap();
    let local = world
        .auth
        .register(account("ada@example.org"), &nobody())
        .await
        .unwrap();
    assert!(matches!(local, Registered::EmailTaken { .. }));
    assert!(ada.user.password.is_none());
}

#[tokio::test]
async fn only_a_verified_address_makes_the_administrator() {
    for mode in [
        RegistrationMode::Open,
        RegistrationMode::Approval,
        RegistrationMode::Invite,
    ] {
        let world = World::with(|b| b.registration(mode).admin_email(BOSS.parse().unwrap())).await;
        world.admin("root@example.org").await;
        let unverified = ExternalProfile {
            email_verified: false,
            ..profile("eve", "Boss@example.org")
        };
        match come(&world, unverified).await {
            Ok(eve) => assert_eq!(eve.user.role, Role::User),
            Err(ExternalSignInError::Pending | ExternalSignInError::InviteRequired) => {}
            Err(other) => panic!("{mode}: {other:?}"),
        }
        let eve = world.auth.find_user_by_email(&BOSS.parse().unwrap()).await.unwrap();
        if let Some(eve) = eve {
            assert_eq!(eve.role, Role::User);
            world.auth.delete_user(&operator(), eve.id).await.unwrap();
        }
        let boss = come(&world, profile("boss", "BOSS@example.org")).await.unwrap();
        assert_eq!(
            (boss.user.role, boss.user.status),
            (Role::Admin, Status::Active),
            "{mode}"
        );
        assert!(world.ask(boss.token.expose()).await.unwrap().is_admin());
    }
}

#[tokio::test]
async fn a_pending_administrator_is_let_in_and_a_disabled_one_is_not() {
    let world = World::with(|b| {
        b.registration(RegistrationMode::Approval)
            .admin_email(BOSS.parse().unwrap())
    })
    .await;
    world.admin("root@example.org").await;
    let waiting = come(&world, profile("boss", "first@example.org")).await;
    assert!(matches!(waiting, Err(ExternalSignInError::Pending)));
    let boss = come(&world, profile("boss", BOSS)).await.unwrap();
    assert_eq!((boss.user.role, boss.user.status), (Role::Admin, Status::Active));
    world
        .auth
        .set_status(&operator(), boss.user.id, Status::Disabled)
        .await
        .unwrap();
    let shut_out = come(&world, profile("boss", BOSS)).await;
    assert!(matches!(shut_out, Err(ExternalSignInError::Disabled)), "{shut_out:?}");
}

#[tokio::test]
async fn groups_give_and_take_with_each_sign_in() {
    let world = World::new().await;
    world.admin("root@example.org").await;
    let none = come(
        &world,
        granted("ada", None, &[("agents", true), ("chat", false), ("nonsense", true)]),
    )
    .await;
    let none = none.unwrap();
    assert_eq!(none.user.role, Role::User);
    let me = world.ask(none.token.expose()).await.unwrap();
    assert!(me.may("agents") && !me.may("chat") && !me.may("nonsense"));
    let up = come(&world, granted("ada", Some(true), &[])).await.unwrap();
    assert!(world.ask(up.token.expose()).await.unwrap().is_admin());
    assert!(
        world.ask(none.token.expose()).await.is_err(),
        "sessions of another role are over"
    );
    let unchanged = come(&world, granted("ada", None, &[])).await.unwrap();
    assert_eq!(unchanged.user.role, Role::Admin, "groups that say nothing take nothing");
    let down = come(&world, granted("ada", Some(false), &[("agents", false)]))
        .await
        .unwrap();
    let me = world.ask(down.token.expose()).await.unwrap();
    assert!(!me.is_admin() && !me.may("agents"));
    assert!(world.ask(up.token.expose()).await.is_err());
}

#[tokio::test]
async fn groups_do_not_take_the_last_administrator() {
    let world = World::new().await;
    let first = come(&world, granted("ada", Some(false), &[])).await.unwrap();
    assert_eq!(
        first.user.role,
        Role::Admin,
        "the first is the administrator, whatever the groups say"
    );
    assert!(world.ask(first.token.expose()).await.unwrap().is_admin());
    world.admin("root@example.org").await;
    let then = come(&world, granted("ada", Some(false), &[])).await.unwrap();
    assert_eq!(then.user.role, Role::User);
}

#[tokio::test]
async fn the_mode_counts_for_those_from_providers_too() {
    let world = World::with(|b| b.registration(RegistrationMode::Invite)).await;
    let first = come(&world, profile("root", "root@example.org")).await.unwrap();
    assert_eq!(first.user.role, Role::Admin);
    let without = come(&world, profile("ada", "ada@example.org")).await;
    assert!(matches!(without, Err(ExternalSignInError::InviteRequired)));
    let by = world.by(first.token.expose()).await;
    let code = world.auth.create_invite(&by, None).await.unwrap().code;
    let with = async |subject: &str, code: &str| {
        let codes = ExternalCodes {
            invite: Some(code),
            setup: None,
        };
        let profile = profile(subject, &format!("{subject}@example.org"));
        world.auth.sign_in_external(profile, codes, &nobody()).await
    };
    assert!(matches!(
        with("ada", "nonsense").await,
        Err(ExternalSignInError::InviteInvalid)
    ));
    let ada = with("ada", code.expose()).await.unwrap();
    assert_eq!(ada.user.status, Status::Active);
    assert!(matches!(
        with("eve", code.expose()).await,
        Err(ExternalSignInError::InviteInvalid)
    ));
    with("ada", code.expose()).await.unwrap();
    let waits = World::with(|b| b.registration(RegistrationMode::Approval)).await;
    waits.admin("root@example.org").await;
    for _ in 0..2 {
        let pending = come(&waits, profile("ada", "ada@example.org")).await;
        assert!(matches!(pending, Err(ExternalSignInError::Pending)));
    }
}

#[tokio::test]
async fn the_first_from_a_provider_needs_the_setup_code_unless_they_are_awaited() {
    let setup = || SetupCode::generate(&SeededEntropy::insecure(1)).unwrap();
    let world = World::with(|b| b.setup_code(setup()).admin_email(BOSS.parse().unwrap())).await;
    let code = setup().expose().to_owned();
    for wrong in [None, Some("nonsense")] {
        let codes = ExternalCodes {
            invite: Some(&code),
            setup: wrong,
        };
        let refused = world
            .auth
            .sign_in_external(profile("eve", "eve@example.org"), codes, &nobody())
            .await;
        assert!(
            matches!(refused, Err(ExternalSignInError::SetupCodeRequired)),
            "{refused:?}"
        );
    }
    let unverified = ExternalProfile {
        email_verified: false,
        ..profile("eve", BOSS)
    };
    assert!(matches!(
        come(&world, unverified).await,
        Err(ExternalSignInError::SetupCodeRequired)
    ));
    assert!(!world.auth.has_users().await.unwrap());
    let boss = come(&world, profile("boss", BOSS)).await.unwrap();
    assert_eq!(boss.user.role, Role::Admin);

    let other = World::with(|b| b.setup_code(setup())).await;
    let codes = ExternalCodes {
        invite: None,
        setup: Some(&code),
    };
    let first = other
        .auth
        .sign_in_external(profile("ada", "ada@example.org"), codes, &nobody())
        .await
        .unwrap();
    assert_eq!(first.user.role, Role::Admin);
}

#[tokio::test]
async fn first_sign_ins_at_once_are_one_account() {
    let world = World::with(|b| b.registration(RegistrationMode::Invite)).await;
    world.admin("root@example.org").await;
    let by = world.by(&world.session("root@example.org").await).await;
    let (mut codes, rounds) = (Vec::new(), 300);
    for _ in 0..rounds {
        let made = world.auth.create_invite(&by, None).await.unwrap();
        codes.push(made.code.expose().to_owned());
    }
    // Threads that meet before each round: tasks of so little work would run one after the other.
    let (together, codes) = (Arc::new(Barrier::new(4)), Arc::new(codes));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (auth, together, codes) = (world.auth.clone(), Arc::clone(&together), Arc::clone(&codes));
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                let come = |n: usize| {
                    // Without an address, or with the one that the twin brings.
                    let email = if n.is_multiple_of(2) {
                        String::new()
                    } else {
                        format!("u{n}@example.org")
                    };
                    let (profile, auth, code) = (profile(&n.to_string(), &email), auth.clone(), codes[n].clone());
                    async move {
                        let codes = ExternalCodes {
                            invite: Some(&code),
                            setup: None,
                        };
                        auth.sign_in_external(profile, codes, &nobody())
                            .await
                            .map(|done| done.user.id)
                    }
                };
                let all = (0..rounds).map(|n| {
                    together.wait();
                    runtime.block_on(come(n))
                });
                // Judged at the end: who stopped at the first failure would leave the others waiting.
                all.collect::<Vec<_>>()
            })
        })
        .collect();
    let ids: Vec<Vec<_>> = threads
        .into_iter()
        .map(|thread| thread.join().unwrap().into_iter().map(Result::unwrap).collect())
        .collect();
    assert!(ids.iter().all(|one| *one == ids[0]));
    assert_eq!(
        world.auth.list_users(&UserQuery::default()).await.unwrap().len(),
        1 + rounds
    );
}

#[tokio::test]
async fn identities_are_linked_by_whoever_is_signed_in_and_belong_to_one() {
    let world = World::new().await;
    world.admin("root@example.org").await;
    let (ada, bob) = (world.user("ada@example.org").await, world.user("bob@example.org").await);
    let (by_ada, by_bob) = (
        world.by(&world.session("ada@example.org").await).await,
        world.by(&world.session("bob@example.org").await).await,
    );
    let hers = profile("ada", "whatever@example.org");
    world.auth.link_external(&by_ada, &hers).await.unwrap();
    world.auth.link_external(&by_ada, &hers).await.unwrap();
    assert_eq!(come(&world, hers.clone()).await.unwrap().user.id, ada.id);
    let stolen = world.auth.link_external(&by_bob, &hers).await;
    assert!(matches!(stolen, Err(LinkError::Taken)));
    let second = world.auth.link_external(&by_ada, &profile("other", "")).await;
    assert!(matches!(second, Err(LinkError::Taken)), "one at each provider");
    assert!(world.auth.link_external(&nobody(), &profile("x", "")).await.is_err());
    assert!(!world.auth.unlink_external(&by_bob, &hers.identity).await.unwrap());
    assert_eq!(world.auth.identities(bob.id).await.unwrap(), []);
    assert!(
        world.auth.unlink_external(&by_ada, &hers.identity).await.unwrap(),
        "she has a password"
    );
    // Who has nothing else keeps it.
    let carol = come(&world, profile("carol", "carol@example.org")).await.unwrap();
    let by_carol = world.by(carol.token.expose()).await;
    let own = profile("carol", "").identity;
    assert!(!world.auth.unlink_external(&by_carol, &own).await.unwrap());
}

#[tokio::test]
async fn what_a_provider_says_is_not_taken_as_it_is() {
    let world = World::new().await;
    world.admin("root@example.org").await;
    let odd = ExternalProfile {
        name: "Ada\u{7}\u{202e}".repeat(100),
        avatar_url: "javascript:alert(1)".to_owned(),
        ..profile("ada", "not an address")
    };
    let ada = come(&world, odd).await.unwrap().user;
    assert_eq!(ada.avatar_url, "");
    assert!(ada.email.as_str().ends_with("@oidc.invalid"), "{}", ada.email);
    assert_eq!(ada.name, ada.email.as_str().split('@').next().unwrap());
    let admin_without_address = NewAccount::local("", localauth_core::Password::new("x"));
    assert!(world.auth.register(admin_without_address, &nobody()).await.is_err());
}
