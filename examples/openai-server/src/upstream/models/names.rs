//! What a name means.

use std::sync::Arc;

use super::Known;

/// The exact name of the one model that `name` is another spelling of, as Ollama reads names: without regard to case, with
/// the defaults for host, namespace and tag left out or not.
///
/// A name that two models could be meant by means neither: whoever asks has to write it as it is listed.
pub(in super::super) fn exact(known: &Known, name: &str) -> Option<Arc<str>> {
    if let Some((name, _)) = known.models.get_key_value(name) {
        return Some(Arc::clone(name));
    }
    if !known.is_lenient {
        return None;
    }
    let wanted = folded(name);
    let mut found = known.models.keys().filter(|model| folded(model) == wanted);
    let first = found.next()?;
    found.next().is_none().then(|| Arc::clone(first))
}

fn folded(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let name = name.strip_prefix("registry.ollama.ai/").unwrap_or(&name);
    let name = name.strip_prefix("library/").unwrap_or(name);
    let has_tag = name.rsplit('/').next().is_some_and(|last| last.contains(':'));
    if has_tag {
        name.to_owned()
    } else {
        format!("{name}:latest")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_ollama_reads_names() {
        let names = [
            "llama3:latest",
            "Qwen3:8B",
            "org/x:latest",
            "a:latest",
            "A:latest",
            "host:5000/ns/m:latest",
        ];
        let known = |is_lenient| Known {
            models: names.map(|name| (name.into(), super::super::Entry::default())).into(),
            is_lenient,
            ..Known::default()
        };
        for (name, meant) in [
            ("llama3:latest", Some("llama3:latest")),
            ("llama3", Some("llama3:latest")),
            ("LLAMA3", Some("llama3:latest")),
            ("Llama3:Latest", Some("llama3:latest")),
            ("library/llama3", Some("llama3:latest")),
            ("registry.ollama.ai/library/llama3:latest", Some("llama3:latest")),
            ("qwen3:8b", Some("Qwen3:8B")),
            ("qwen3", None),
            ("org/X", Some("org/x:latest")),
            ("host:5000/ns/m", Some("host:5000/ns/m:latest")),
            // To the letter, or not at all.
            ("a:latest", Some("a:latest")),
            ("A", None),
            ("llama3 ", None),
            ("", None),
        ] {
            assert_eq!(exact(&known(true), name).as_deref(), meant, "{name}");
            let strict = names.contains(&name).then_some(name);
            assert_eq!(exact(&known(false), name).as_deref(), strict, "{name}");
        }
    }
}
