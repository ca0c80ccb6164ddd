//! Programs that run as they are pasted.
//!
//! Names of models and the address come from others: each is quoted by the rules of the language it stands in.

/// How to ask a model.
#[derive(Debug)]
pub(super) struct Snippets {
    pub(super) url: String,
    /// What each is written in, its id, and its text.
    pub(super) all: [Snippet; 4],
}

/// One of them.
#[derive(Debug)]
pub(super) struct Snippet {
    pub(super) name: &'static str,
    pub(super) id: &'static str,
    pub(super) text: String,
}

/// Asked where there is no better question.
const QUESTION: &str = "Say hello.";

/// A text in single quotes, in which a shell changes nothing.
fn shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A text as JSON has it, which is one in Python and JavaScript too.
fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl Snippets {
    /// For the server at `url`; with the `key`, or else with `LOCALAUTH_KEY` from the environment.
    pub(super) fn new(url: &str, model: &str, key: Option<&str>) -> Self {
        let url = if url.is_empty() { "http://localhost" } else { url };
        let url = format!("{url}/v1");
        let all = [
            ("curl", "snippet-curl", curl(&url, model, key)),
            ("Python", "snippet-python", python(&url, model, key)),
            ("Node.js", "snippet-node", node(&url, model, key)),
            ("Rust", "snippet-rust", rust(&url, model, key)),
        ];
        Self {
            url,
            all: all.map(|(name, id, text)| Snippet { name, id, text }),
        }
    }
}

fn curl(url: &str, model: &str, key: Option<&str>) -> String {
    let header = match key {
        Some(key) => shell(&format!("Authorization: Bearer {key}")),
        None => r#""Authorization: Bearer $LOCALAUTH_KEY""#.to_owned(),
    };
    let body = format!(
        r#"{{"model": {}, "messages": [{{"role": "user", "content": {}}}]}}"#,
        json(model),
        json(QUESTION)
    );
    let address = shell(&format!("{url}/chat/completions"));
    format!(
        "curl {address} \\\n  -H {header} \\\n  -H 'Content-Type: application/json' \\\n  -d {}",
        shell(&body)
    )
}

fn python(url: &str, model: &str, key: Option<&str>) -> String {
    let (import, key) = match key {
        Some(key) => ("", json(key)),
        None => ("import os\n", r#"os.environ["LOCALAUTH_KEY"]"#.to_owned()),
    };
    let (url, model, question) = (json(url), json(model), json(QUESTION));
    format!(
        "# pip install openai\n{import}from openai import OpenAI\n\n\
         client = OpenAI(base_url={url}, api_key={key})\n\
         answer = client.chat.completions.create(\n    model={model},\n    \
         messages=[{{\"role\": \"user\", \"content\": {question}}}],\n)\n\
         print(answer.choices[0].message.content)"
    )
}

fn node(url: &str, model: &str, key: Option<&str>) -> String {
    let key = key.map_or_else(|| "process.env.LOCALAUTH_KEY".to_owned(), json);
    let (url, model, question) = (json(url), json(model), json(QUESTION));
    format!(
        "// npm install openai, then: node hello.mjs\nimport OpenAI from \"openai\";\n\n\
         const client = new OpenAI({{ baseURL: {url}, apiKey: {key} }});\n\
         const answer = await client.chat.completions.create({{\n  model: {model},\n  \
         messages: [{{ role: \"user\", content: {question} }}],\n}});\n\
         console.log(answer.choices[0].message.content);"
    )
}

fn rust(url: &str, model: &str, key: Option<&str>) -> String {
    let key = key.map_or_else(
        || r#"std::env::var("LOCALAUTH_KEY")?"#.to_owned(),
        |key| format!("{key:?}"),
    );
    format!(
        "// cargo add async-openai --features chat-completion && cargo add tokio --features full\n\
         use async_openai::types::chat::{{ChatCompletionRequestUserMessage, CreateChatCompletionRequestArgs}};\n\
         use async_openai::{{Client, config::OpenAIConfig}};\n\n\
         #[tokio::main]\n\
         async fn main() -> Result<(), Box<dyn std::error::Error>> {{\n    \
         let config = OpenAIConfig::new()\n        .with_api_base({url:?})\n        .with_api_key({key});\n    \
         let request = CreateChatCompletionRequestArgs::default()\n        .model({model:?})\n        \
         .messages([ChatCompletionRequestUserMessage::from({QUESTION:?}).into()])\n        .build()?;\n    \
         let answer = Client::with_config(config).chat().create(request).await?;\n    \
         println!(\"{{}}\", answer.choices[0].message.content.clone().unwrap_or_default());\n    \
         Ok(())\n}}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ODD: &str = "it's \"$HOME\" `id` \\ \n{x}";

    #[test]
    fn names_stay_names_in_every_language() {
        let snippets = Snippets::new("http://it's.example", ODD, None);
        let [curl, python, node, rust] = snippets.all.map(|snippet| snippet.text);
        assert!(
            curl.starts_with(r"curl 'http://it'\''s.example/v1/chat/completions' \"),
            "{curl}"
        );
        assert!(curl.contains(r#""model": "it'\''s \"$HOME\" `id` \\ \n{x}""#), "{curl}");
        for text in [python, node, rust] {
            assert!(
                text.contains(r#""it's \"$HOME\" `id` \\ \n{x}""#) || text.contains(r"it\'s"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_key_is_in_all_of_them_or_in_none() {
        for snippet in Snippets::new("http://a", "m", Some("sk-local-x")).all {
            assert_eq!(snippet.text.matches("sk-local-x").count(), 1, "{}", snippet.text);
            assert!(!snippet.text.contains("LOCALAUTH_KEY"));
        }
        for snippet in Snippets::new("http://a", "m", None).all {
            assert_eq!(snippet.text.matches("LOCALAUTH_KEY").count(), 1, "{}", snippet.text);
        }
    }
}
