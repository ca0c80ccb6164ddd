//! The audit log.

use std::collections::BTreeSet;
use std::time::Duration;

use localauth_core::{AuditAction, Caller, Role};

use crate::support::{MARKUP, World};
use crate::users::admin;

#[tokio::test]
async fn lines_are_narrowed_by_day_person_and_action() {
    let world = World::new();
    let (root, mut browser) = admin(&world).await;
    let (ada, _) = world.visitor("ada", Role::User).await;
    let all = browser.get("/admin/audit").await.expect(200);
    all.says("Signed in")
        .says("Made a user")
        .says(">ada</a>")
        .says("Tester/1.0");
    let rows = |text: &str| text.split("<tr>").count() - 2;
    let of_ada = browser.get("/admin/audit?actor=ada%40example.org").await.expect(200);
    assert_eq!(rows(&of_ada.text), 1);
    let same = browser.get(&format!("/admin/audit?actor={}", ada.id)).await.expect(200);
    assert_eq!(rows(&same.text), 1);
    let made = browser.get("/admin/audit?action=user.create").await.expect(200);
    assert_eq!(rows(&made.text), 2);
    made.says("value=\"user.create\" selected").says("Show everything");
    // The clock stands at 2027-01-15.
    let today = browser.get("/admin/audit?since=2027-01-15").await.expect(200);
    assert_eq!(rows(&today.text), 4);
    today.says("value=\"2027-01-15\"");
    browser
        .get("/admin/audit?since=2027-01-16")
        .await
        .expect(200)
        .says("Nothing of this kind");
    let nothing = format!("/admin/audit?actor={}&action=key.create", root.id);
    browser.get(&nothing).await.expect(200).says("Nothing of this kind");
    for (wrong, status) in [
        ("since=yesterday", 400),
        ("action=odd", 400),
        ("cursor=odd", 400),
        ("actor=nobody", 404),
        ("actor=example.org", 400),
    ] {
        let refused = browser.get(&format!("/admin/audit?{wrong}")).await.expect(status);
        refused.says("role=\"alert\"").does_not_say("Tester/1.0");
    }
    browser
        .get("/admin/audit?actor=legacy-api-key")
        .await
        .expect(200)
        .says("Nothing of this kind");
}

#[tokio::test]
async fn paging_loses_and_repeats_no_line() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    for n in 0..123 {
        if n % 3 == 0 {
            world.clock.advance(Duration::from_millis(1));
        }
        let caller = Caller::anonymous();
        world
            .auth
            .audit_failed_sign_in(&caller, &format!("target-{n:03}"), "")
            .await;
    }
    let mut seen = Vec::new();
    let mut path = "/admin/audit?action=session.sign_in&since=2027-01-01".to_owned();
    loop {
        let page = browser.get(&path).await.expect(200);
        let targets = page.text.split("<td>target-").skip(1);
        seen.extend(targets.map(|rest| rest.split('<').next().unwrap().to_owned()));
        if !page.text.contains("rel=\"next\"") {
            assert!(page.text.contains("First page"));
            break;
        }
        path = page.after("rel=\"next\" href=\"").replace("&#38;", "&");
        assert!(path.contains("action=session.sign_in"), "{path}");
    }
    assert_eq!((seen.len(), seen.iter().collect::<BTreeSet<_>>().len()), (123, 123));
    assert_eq!(seen[0], "122", "newest first");
}

#[tokio::test]
async fn whatever_was_noted_is_text() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    let caller = Caller::anonymous().with_user_agent(MARKUP);
    world.auth.audit_failed_sign_in(&caller, MARKUP, MARKUP).await;
    let page = browser.get("/admin/audit").await.expect(200).shows_markup_as_text();
    assert_eq!(page.text.matches("script&#62;alert").count(), 3);
    page.says("Failed");
    let query: String = form_urlencoded::byte_serialize(MARKUP.as_bytes()).collect();
    for field in ["actor", "since", "action", "cursor"] {
        let page = browser.get(&format!("/admin/audit?{field}={query}")).await;
        page.does_not_say("<script>alert").does_not_say("<img src=x");
    }
}

#[tokio::test]
async fn every_action_has_words_in_both_languages() {
    let world = World::new();
    let (_, mut browser) = admin(&world).await;
    let options = |text: &str| {
        let options = text.split("<option value=\"").skip(2);
        let words = options.map(|rest| rest.split_once('>').unwrap().1.split('<').next().unwrap().to_owned());
        words.collect::<Vec<_>>()
    };
    let english = options(&browser.get("/admin/audit").await.text);
    browser.language = "de";
    let german = options(&browser.get("/admin/audit").await.text);
    assert_eq!(english.len(), AuditAction::ALL.len());
    for (english, german) in english.iter().zip(&german) {
        assert!(
            !english.contains("audit-action") && english != german,
            "{english} {german}"
        );
    }
}
