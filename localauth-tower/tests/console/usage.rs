//! Usage: one's own, and everybody's.

use std::time::Duration;

use localauth_core::{Caller, HouseRules, KeyId, LimitRule, NewKey, Price, Role, UsageEvent, UsageSource, UserId};

use crate::support::{MARKUP, NOBODY, Seen, World};

pub(crate) fn event(world: &World, user_id: UserId, name: &str, source: UsageSource) -> UsageEvent {
    UsageEvent {
        request_id: world.auth.new_request_id(),
        at: world.auth.now(),
        user_id,
        user_name: name.to_owned(),
        key: None,
        source,
        model: "demo".to_owned(),
        endpoint: "/v1/chat/completions".to_owned(),
        prompt_tokens: 2,
        cached_tokens: 1,
        completion_tokens: 3,
        cost_micros: 0,
        estimated: false,
    }
}

/// The numbers of all cells in the table under `heading`, row by row.
fn numbers(seen: &Seen, heading: &str) -> Vec<Vec<u64>> {
    let (_, rest) = seen.text.split_once(&format!("<h2>{heading}</h2>")).unwrap();
    let table = rest.split("</table>").next().unwrap();
    let rows = table.split("<tr>").skip(2);
    rows.map(|row| {
        let cells = row.split("<td class=\"number\">").skip(1);
        cells
            .map(|cell| cell.split('<').next().unwrap().replace(',', "").parse().unwrap())
            .collect()
    })
    .collect()
}

#[tokio::test]
async fn without_usage_the_page_says_what_to_do() {
    let world = World::new();
    world.user("root", Role::Admin).await;
    let (_, mut browser) = world.visitor("ada", Role::User).await;
    let seen = browser
        .get("/usage")
        .await
        .expect(200)
        .says("Nothing was used in this time")
        .does_not_say("<svg");
    seen.says("Nothing limits how much you may use").does_not_say("Cost");
    let (_, mut admin) = world.visitor("eve", Role::Admin).await;
    admin
        .get("/admin/usage")
        .await
        .expect(200)
        .says("Nobody used anything in this time");
}

#[tokio::test]
async fn the_tables_add_up_to_what_the_api_says() {
    let world = World::new();
    let (user, mut browser) = world.visitor("ada", Role::User).await;
    let key = world
        .auth
        .create_key(user.id, NewKey::named("laptop"))
        .await
        .unwrap()
        .key;
    for n in 0..40_u64 {
        let source = if n % 2 == 0 {
            UsageSource::Web
        } else {
            UsageSource::ApiKey
        };
        world.auth.record_usage(UsageEvent {
            model: format!("model-{n:02}"),
            prompt_tokens: 1_000 + n,
            completion_tokens: n,
            estimated: n == 3,
            key: (n % 2 == 1).then(|| (key.id, key.name.clone())),
            ..event(&world, user.id, "ada", source)
        });
        world.clock.advance(Duration::from_hours(1));
    }
    let others = event(&world, UserId::SHARED, "somebody", UsageSource::Legacy);
    world.auth.record_usage(UsageEvent {
        prompt_tokens: 777_777,
        ..others
    });
    let seen = browser.get("/usage").await.expect(200).does_not_say("777,777");
    let report: serde_json::Value = serde_json::from_str(&browser.get("/api/auth/usage").await.text).unwrap();
    let totals = &report["totals"];
    for (heading, lines) in [("By model", 21), ("By key", 2)] {
        let rows = numbers(&seen, heading);
        assert_eq!(rows.len(), lines, "{heading}");
        let sums: Vec<u64> = (0..4).map(|column| rows.iter().map(|row| row[column]).sum()).collect();
        let names = ["request_count", "prompt_tokens", "completion_tokens", "total_tokens"];
        assert_eq!(sums, names.map(|name| totals[name].as_u64().unwrap()), "{heading}");
    }
    seen.says("20 more")
        .says("of which 40 from the cache")
        .says("requests whose tokens are estimated");

    // The chart as a table, and its bars.
    let seen = browser
        .get("/usage?period=week&by=key")
        .await
        .expect(200)
        .says("Signed in, without a key");
    let (_, chart) = seen.text.split_once("<figure").unwrap();
    let (_, table) = chart.split_once("<tbody>").unwrap();
    let rows: Vec<&str> = table.split("</tbody>").next().unwrap().split("<tr>").skip(1).collect();
    assert_eq!(rows.len(), 7, "days without usage are there too");
    let last = |row: &&str| -> u64 {
        let cell = row.rsplit("<td class=\"number\">").next().unwrap();
        cell.split('<').next().unwrap().replace(',', "").parse().unwrap()
    };
    assert_eq!(
        rows.iter().map(last).sum::<u64>(),
        totals["total_tokens"].as_u64().unwrap()
    );
    seen.says("role=\"img\" aria-label=\"")
        .does_not_say("NaN")
        .does_not_say("style=");
}

#[tokio::test]
async fn periods_and_ways_to_tell_apart_are_those_on_the_page() {
    let world = World::new();
    let (user, mut browser) = world.visitor("ada", Role::User).await;
    world.auth.record_usage(event(&world, user.id, "ada", UsageSource::Web));
    for period in ["day", "week", "month", "all"] {
        let seen = browser.get(&format!("/usage?period={period}")).await.expect(200);
        seen.says(&format!("?period={period}&amp;by=model\" aria-current=\"true\""));
    }
    for wrong in ["?period=year", "?by=colour", "?period=%3Cscript%3E"] {
        browser
            .get(&format!("/usage{wrong}"))
            .await
            .expect(400)
            .does_not_say("<script>");
        browser
            .get(&format!("/usage.csv{}", wrong.replace("by=colour", "period=x")))
            .await
            .expect(400);
    }
}

#[tokio::test]
async fn where_nothing_has_tokens_requests_are_drawn() {
    let world = World::new();
    let (user, mut browser) = world.visitor("ada", Role::User).await;
    world.auth.record_usage(UsageEvent {
        prompt_tokens: 0,
        cached_tokens: 0,
        completion_tokens: 0,
        ..event(&world, user.id, "ada", UsageSource::Web)
    });
    browser
        .get("/usage")
        .await
        .expect(200)
        .says("aria-label=\"Requests over time")
        .says("<rect");
}

#[tokio::test]
async fn limits_are_shown_with_what_is_left_of_them() {
    let world = World::new();
    let (user, mut browser) = world.visitor("ada", Role::User).await;
    let operator = Caller::operator();
    let rule = |rule: LimitRule| world.auth.set_user_limit(&operator, user.id, rule);
    rule(
        LimitRule::per("1h".parse().unwrap())
            .requests(2)
            .total_tokens(1_000_000),
    )
    .await
    .unwrap();
    rule(
        LimitRule::per("month".parse().unwrap())
            .cost_micros(2_500_000)
            .of_model(MARKUP),
    )
    .await
    .unwrap();
    let seen = browser.get("/usage").await.expect(200).shows_markup_as_text();
    let seen = seen
        .says("0 of 2</meter>")
        .says("0 of 1,000,000")
        .says("Requests in 1 hour")
        .says("0.00 of 2.50");
    seen.says("Cost in a calendar month (UTC)");
    for _ in 0..2 {
        world.auth.record_usage(event(&world, user.id, "ada", UsageSource::Web));
    }
    // A limit that is new counts what was used before.
    rule(LimitRule::per("1d".parse().unwrap()).requests(2).of_model("demo"))
        .await
        .unwrap();
    let seen = browser
        .get("/usage")
        .await
        .expect(200)
        .says("2 of 2</meter>")
        .says("used up; the next request passes at");
    seen.says("<time datetime=\"2027-01-16T08:");
    browser
        .get("/")
        .await
        .expect(200)
        .says("The limit you are closest to")
        .says("2 of 2</meter>");
}

#[tokio::test]
async fn costs_are_shown_where_there_are_prices() {
    let world = World::new();
    let (user, mut browser) = world.visitor("ada", Role::User).await;
    world
        .auth
        .change_house_rules(&Caller::operator(), |house: &mut HouseRules| {
            house.prices.insert(
                String::new(),
                Price {
                    completion: 1,
                    ..Price::FREE
                },
            );
            Ok(())
        })
        .await
        .unwrap();
    world.auth.record_usage(UsageEvent {
        cost_micros: 1_250_000,
        ..event(&world, user.id, "ada", UsageSource::Web)
    });
    browser
        .get("/usage")
        .await
        .expect(200)
        .says("<b>1.25</b> <span>Cost</span>");
    browser.language = "de";
    browser.get("/usage").await.says("<b>1,25</b> <span>Kosten</span>");
}

#[tokio::test]
async fn the_file_is_ones_own_and_runs_nothing() {
    let world = World::new();
    let (user, mut browser) = world.visitor("ada", Role::User).await;
    let (eve, _) = world.visitor("eve", Role::User).await;
    world.auth.record_usage(UsageEvent {
        model: "=HYPERLINK(1)".to_owned(),
        ..event(&world, user.id, "ada", UsageSource::Web)
    });
    world.auth.record_usage(event(&world, eve.id, "eve", UsageSource::Web));
    let file = browser.get("/usage.csv?period=day").await.expect(200);
    assert!(file.headers["content-type"].to_str().unwrap().starts_with("text/csv"));
    assert!(
        file.headers["content-disposition"]
            .to_str()
            .unwrap()
            .starts_with("attachment")
    );
    assert_eq!(file.headers["cache-control"], "no-store");
    file.says(",'=HYPERLINK(1),").does_not_say("eve");
}

#[tokio::test]
async fn two_who_were_deleted_and_had_one_name_stay_two() {
    let world = World::new();
    let (_, mut admin) = world.visitor("root", Role::Admin).await;
    for (id, times) in [(NOBODY, 1), ("0192f0c1-2345-7890-abcd-ef0123456700", 2)] {
        for _ in 0..times {
            let gone = event(&world, id.parse().unwrap(), "zoe", UsageSource::Web);
            world.auth.record_usage(gone);
        }
    }
    let seen = admin.get("/admin/usage").await.expect(200);
    let mut requests: Vec<u64> = numbers(&seen, "By user").iter().map(|row| row[0]).collect();
    requests.sort_unstable();
    assert_eq!(requests, [1, 2]);
    assert_eq!(seen.text.matches("zoe (deleted)").count(), 2);
}

#[tokio::test]
async fn administrators_see_everybodys_and_one_users() {
    let world = World::new();
    let (root, mut admin) = world.visitor("root", Role::Admin).await;
    let (user, mut browser) = world.visitor("ada", Role::User).await;
    world.auth.record_usage(event(&world, user.id, "ada", UsageSource::Web));
    world
        .auth
        .record_usage(event(&world, root.id, "root", UsageSource::Web));
    world
        .auth
        .record_usage(event(&world, UserId::SHARED, "API Key User", UsageSource::Legacy));
    let gone: UserId = NOBODY.parse().unwrap();
    world.auth.record_usage(event(&world, gone, "zoe", UsageSource::Web));
    browser.get("/admin/usage").await.expect(403).says("for administrators");
    let seen = admin
        .get("/admin/usage")
        .await
        .expect(200)
        .says("zoe (deleted)")
        .says("Shared keys");
    let link = format!("<a href=\"/admin/users/{}\">ada</a>", user.id);
    let seen = seen.says(&link).does_not_say(&format!("/admin/users/{gone}"));
    assert_eq!(numbers(&seen, "By user").iter().map(|row| row[0]).sum::<u64>(), 4);
    admin
        .get("/admin/usage?by=user")
        .await
        .expect(200)
        .says("<span class=\"wrap\">ada</span>");
    let one = format!("/admin/usage?user_id={}", user.id);
    let seen = admin
        .get(&one)
        .await
        .expect(200)
        .says("the usage of ada only")
        .does_not_say("zoe");
    seen.says(&format!("format=csv&amp;period=month&amp;user_id={}", user.id));
    admin
        .get("/admin/usage?user_id=legacy-api-key")
        .await
        .expect(200)
        .says("the usage of Shared keys only");
    for wrong in [format!("?user_id={NOBODY}"), "?user_id=nonsense".to_owned()] {
        admin
            .get(&format!("/admin/usage{wrong}"))
            .await
            .expect(404)
            .says("There is no such user")
            .does_not_say("ada</a>");
    }
    admin.get("/admin/usage?by=colour").await.expect(400);
}

#[tokio::test]
async fn three_hundred_of_everything_with_markup_fit_on_a_page() {
    let world = World::new();
    let (user, mut browser) = world.visitor("ada", Role::User).await;
    let (_, mut admin) = world.visitor("root", Role::Admin).await;
    for n in 0..300_u64 {
        let entropy = localauth_core::SeededEntropy::insecure(n);
        let key = KeyId::generate(world.auth.now(), &entropy).unwrap();
        world.auth.record_usage(UsageEvent {
            key: Some((key, format!("{MARKUP} key {n}"))),
            model: format!("{MARKUP} model {n}"),
            user_name: MARKUP.to_owned(),
            prompt_tokens: 10_000 - n,
            ..event(&world, user.id, "ada", UsageSource::ApiKey)
        });
        world.clock.advance(Duration::from_hours(2));
    }
    let assets: usize = ["rel=\"stylesheet\" href=\"", "<script src=\""].len() * 15_000;
    for path in ["/usage?period=month", "/usage?period=month&by=key", "/usage?period=all"] {
        let seen = browser
            .get(path)
            .await
            .expect(200)
            .shows_markup_as_text()
            .says("Others")
            .says("280 more");
        assert!(seen.text.len() + assets < 100_000, "{path}: {}", seen.text.len());
    }
    for by in ["model", "key", "user"] {
        let seen = admin
            .get(&format!("/admin/usage?by={by}"))
            .await
            .expect(200)
            .shows_markup_as_text();
        assert!(seen.text.len() + assets < 100_000, "{by}: {}", seen.text.len());
    }
}

#[tokio::test]
async fn all_of_it_is_german_for_germans() {
    let world = World::new();
    let (user, mut browser) = world.visitor("ada", Role::User).await;
    let (_, mut admin) = world.visitor("root", Role::Admin).await;
    let rule = LimitRule::per("1h".parse().unwrap()).requests(2_000);
    world
        .auth
        .set_user_limit(&Caller::operator(), user.id, rule)
        .await
        .unwrap();
    world.auth.record_usage(UsageEvent {
        prompt_tokens: 1_234,
        ..event(&world, user.id, "ada", UsageSource::Web)
    });
    browser.language = "de";
    admin.language = "de";
    let own = browser
        .get("/usage")
        .await
        .expect(200)
        .says("1.234")
        .says("Anfragen in 1 Stunde")
        .says("1 von 2.000");
    let all = admin.get("/admin/usage").await.expect(200).says("Nach Benutzer");
    for seen in [own, all] {
        let seen = seen.does_not_say("Requests").does_not_say("Tokens").does_not_say("By ");
        seen.does_not_say("over time").does_not_say("Download").says(". Jan.");
    }
}
