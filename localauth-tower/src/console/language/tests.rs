use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use http::HeaderMap;

use super::*;

fn messages(tag: &str) -> BTreeMap<String, BTreeSet<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("locales").join(tag);
    let mut messages = BTreeMap::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let read = FluentResource::try_new(text.clone());
        assert!(
            read.is_ok(),
            "{}: {:?}",
            path.display(),
            read.err().map(|(_, errors)| errors)
        );
        let mut name = String::new();
        for line in text.lines() {
            if let Some((id, _)) = line.split_once(" =").filter(|(id, _)| !id.starts_with([' ', '#', '['])) {
                id.clone_into(&mut name);
                let before = messages.insert(name.clone(), BTreeSet::new());
                assert!(before.is_none(), "{tag}: `{name}` is there twice");
            }
            for part in line.split("{ $").skip(1) {
                let variable = part.split([' ', '}']).next().unwrap();
                messages.get_mut(&name).unwrap().insert(variable.to_owned());
            }
        }
    }
    messages
}

#[test]
fn every_language_has_the_same_texts_with_the_same_gaps() {
    let english = messages("en");
    for language in Language::all() {
        let own = messages(language.tag());
        let ids = |all: &BTreeMap<String, BTreeSet<String>>| all.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(
            ids(&english).symmetric_difference(&ids(&own)).collect::<Vec<_>>(),
            Vec::<&String>::new(),
            "{}",
            language.name()
        );
        for (id, variables) in &own {
            assert_eq!(variables, &english[id], "{}: {id}", language.name());
            assert!(
                language.texts.has_message(id),
                "{}: {id} lies in a file that is not read",
                language.name()
            );
        }
    }
}

fn files(folder: &Path, found: &mut Vec<String>) {
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.file_name().is_none_or(|name| name != "tests.rs") {
            found.push(std::fs::read_to_string(path).unwrap());
        }
    }
}

/// Ids as they are written in templates and code: `t("id")`, `t1("id"`, …, `Trouble::bad("id")`, `"error-…"`, `done(…, "id")`.
#[test]
fn every_text_that_is_used_is_there_and_the_others_are_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    files(&root.join("templates"), &mut sources);
    files(&root.join("src/console"), &mut sources);
    let sources = sources.join("\n");
    let english = messages("en");
    let mut missing = BTreeSet::new();
    for call in [
        ".t(\"",
        ".t1(\"",
        ".t2(\"",
        "::bad(\"",
        "::missing(\"",
        "frame(&console, \"",
    ] {
        for part in sources.split(call).skip(1) {
            let id = part.split('"').next().unwrap();
            if !english.contains_key(id) {
                missing.insert(id.to_owned());
            }
        }
    }
    for kind in ["error-", "done-"] {
        for part in sources.split(&format!("\"{kind}")).skip(1) {
            let id = format!("{kind}{}", part.split('"').next().unwrap());
            if id.len() > kind.len() && !id.contains('{') && !english.contains_key(&id) {
                missing.insert(id);
            }
        }
    }
    assert_eq!(missing, BTreeSet::new(), "used, and nowhere written");
    // Ids that are put together from parts name their beginning.
    let prefixes: Vec<&str> = sources
        .split("&format!(\"")
        .skip(1)
        .filter_map(|part| part.split('{').next().filter(|prefix| prefix.ends_with('-')))
        .collect();
    let unused: Vec<&String> = english
        .keys()
        .filter(|id| {
            !sources.contains(&format!("\"{id}\""))
                && !prefixes
                    .iter()
                    .any(|prefix| *prefix != "done-" && id.starts_with(prefix))
        })
        .collect();
    assert_eq!(unused, Vec::<&String>::new(), "written, and never used");
}

#[test]
fn the_reader_chooses_and_else_the_browser() {
    let of = |headers: &[(&'static str, &'static str)]| {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        Language::of(&map).tag()
    };
    assert_eq!(of(&[]), "en");
    assert_eq!(of(&[("accept-language", "de-AT,de;q=0.9,en;q=0.8")]), "de");
    assert_eq!(of(&[("accept-language", "fr, en;q=0.2, de;q=0.7")]), "de");
    assert_eq!(of(&[("accept-language", "de;q=0, *")]), "en");
    assert_eq!(of(&[("accept-language", "de;q=x,;;,,")]), "en");
    assert_eq!(of(&[("accept-language", "en"), ("cookie", "a=b; lang=de")]), "de");
    assert_eq!(of(&[("accept-language", "de"), ("cookie", "lang=<b>")]), "de");
}

#[test]
fn numbers_are_written_as_the_language_does() {
    let (english, german) = (&Language::all()[0], &Language::all()[1]);
    assert_eq!(english.number(1_234_567), "1,234,567");
    assert_eq!(german.number(1_234), "1.234");
    assert_eq!(english.number(999), "999");
    assert_eq!(english.money(1_500_000), "1.50");
    assert_eq!(german.money(1_234_000_001), "1.234,000001");
}
