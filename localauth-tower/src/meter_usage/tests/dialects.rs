//! What each family of servers sends, as their documentation has it.

use super::{Case, EVENTS, JSON, LINES, PROMPT_ESTIMATE, about, check, exactly};

/// Anthropic's messages, with a thought, a text and a tool, and the cache beside the prompt.
pub(super) const MESSAGES: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_01\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":25,\"cache_creation_input_tokens\":5,\"cache_read_input_tokens\":100,\"cache_creation\":{\"ephemeral_5m_input_tokens\":5},\"output_tokens\":1,\"service_tier\":\"standard\"}}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n",
    "event: ping\ndata: {\"type\": \"ping\"}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"Hm\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"EqQBCgIYAhIM\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":2,\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_01\",\"name\":\"weather\",\"input\":{}}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"city\\\":\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\" \\\"Paris\\\"}\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":2}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":89}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

/// Ollama's chat, with a thought and a call.
pub(super) const OLLAMA_CHAT: &str = concat!(
    "{\"model\":\"llama3.2\",\"created_at\":\"2025-08-15T21:38:23.714020953Z\",\"message\":{\"role\":\"assistant\",\"content\":\"\",\"thinking\":\"Hm\"},\"done\":false}\n",
    "{\"model\":\"llama3.2\",\"created_at\":\"2025-08-15T21:38:23.714042126Z\",\"message\":{\"role\":\"assistant\",\"content\":\"The\"},\"done\":false}\n",
    "{\"model\":\"llama3.2\",\"created_at\":\"2025-08-15T21:38:23.714049239Z\",\"message\":{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"function\":{\"name\":\"weather\",\"arguments\":{\"city\":\"Paris\",\"days\":2}}}]},\"done\":false}\n",
    "{\"model\":\"llama3.2\",\"created_at\":\"2025-08-15T21:38:23.714055557Z\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\",\"total_duration\":4883583458,\"load_duration\":1334875,\"prompt_eval_count\":26,\"prompt_eval_duration\":342546000,\"eval_count\":282,\"eval_duration\":4535599000}\n",
);

/// Ollama's completion.
pub(super) const OLLAMA_GENERATE: &str = concat!(
    "{\"model\":\"llama3.2\",\"created_at\":\"2025-08-04T08:52:19.385406455-07:00\",\"response\":\"\",\"thinking\":\"Hm\",\"done\":false}\n",
    "{\"model\":\"llama3.2\",\"created_at\":\"2025-08-04T08:52:19.385406455-07:00\",\"response\":\"The\",\"done\":false}\n",
    "{\"model\":\"llama3.2\",\"created_at\":\"2025-08-04T19:22:45.499127Z\",\"response\":\"\",\"done\":true,\"done_reason\":\"stop\",\"context\":[1,2,3],\"total_duration\":10706818083,\"load_duration\":6338219291,\"prompt_eval_count\":26,\"prompt_eval_duration\":130079000,\"eval_count\":259,\"eval_duration\":4232710000}\n",
);

/// OpenAI's chat with `stream_options.include_usage`, two choices.
pub(super) const CHAT: &str = concat!(
    "data: {\"id\":\"chatcmpl-123\",\"object\":\"chat.completion.chunk\",\"created\":1694268190,\"model\":\"gpt-4o-mini\",\"system_fingerprint\":\"fp_44709d6fcb\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n",
    "data: {\"id\":\"chatcmpl-123\",\"object\":\"chat.completion.chunk\",\"created\":1694268190,\"model\":\"gpt-4o-mini\",\"system_fingerprint\":\"fp_44709d6fcb\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n",
    "data: {\"id\":\"chatcmpl-123\",\"object\":\"chat.completion.chunk\",\"created\":1694268190,\"model\":\"gpt-4o-mini\",\"system_fingerprint\":\"fp_44709d6fcb\",\"choices\":[{\"index\":1,\"delta\":{\"content\":\"Hi\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n",
    "data: {\"id\":\"chatcmpl-123\",\"object\":\"chat.completion.chunk\",\"created\":1694268190,\"model\":\"gpt-4o-mini\",\"system_fingerprint\":\"fp_44709d6fcb\",\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":null}\n\n",
    "data: {\"id\":\"chatcmpl-123\",\"object\":\"chat.completion.chunk\",\"created\":1694268190,\"model\":\"gpt-4o-mini\",\"system_fingerprint\":\"fp_44709d6fcb\",\"choices\":[{\"index\":1,\"delta\":{\"content\":\"!\"},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":null}\n\n",
    "data: {\"id\":\"chatcmpl-123\",\"object\":\"chat.completion.chunk\",\"created\":1694268190,\"model\":\"gpt-4o-mini\",\"system_fingerprint\":\"fp_44709d6fcb\",\"choices\":[],\"usage\":{\"prompt_tokens\":19,\"completion_tokens\":10,\"total_tokens\":29,\"prompt_tokens_details\":{\"cached_tokens\":8,\"audio_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0}}}\n\n",
    "data: [DONE]\n\n",
);

/// OpenAI's responses.
pub(super) const RESPONSES: &str = concat!(
    "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_67\",\"object\":\"response\",\"created_at\":1741290958,\"status\":\"in_progress\",\"error\":null,\"incomplete_details\":null,\"model\":\"gpt-4o\",\"output\":[],\"parallel_tool_calls\":true,\"tool_choice\":\"auto\",\"tools\":[],\"usage\":null}}\n\n",
    "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"sequence_number\":1,\"output_index\":0,\"item\":{\"id\":\"msg_67\",\"type\":\"message\",\"status\":\"in_progress\",\"role\":\"assistant\",\"content\":[]}}\n\n",
    "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":2,\"item_id\":\"msg_67\",\"output_index\":0,\"content_index\":0,\"delta\":\"Hi\"}\n\n",
    "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":3,\"item_id\":\"msg_67\",\"output_index\":0,\"content_index\":0,\"delta\":\" there\"}\n\n",
    "event: response.output_text.done\ndata: {\"type\":\"response.output_text.done\",\"sequence_number\":4,\"item_id\":\"msg_67\",\"output_index\":0,\"content_index\":0,\"text\":\"Hi there\"}\n\n",
    "event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":5,\"response\":{\"id\":\"resp_67\",\"object\":\"response\",\"created_at\":1741290958,\"status\":\"completed\",\"model\":\"gpt-4o\",\"output\":[{\"id\":\"msg_67\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"Hi there\",\"annotations\":[]}]}],\"usage\":{\"input_tokens\":37,\"input_tokens_details\":{\"cached_tokens\":32},\"output_tokens\":11,\"output_tokens_details\":{\"reasoning_tokens\":0},\"total_tokens\":48}}}\n\n",
);

/// OpenAI's text completions, as an older server sends them: no word of usage.
pub(super) const COMPLETIONS: &str = concat!(
    "data: {\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"created\":1690759702,\"choices\":[{\"text\":\"This\",\"index\":0,\"logprobs\":null,\"finish_reason\":null}],\"model\":\"instruct\"}\r\n\r\n",
    ": keep going\r\n\r\n",
    "data: {\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"created\":1690759702,\"choices\":[{\"text\":\" is\",\"index\":0,\"logprobs\":null,\"finish_reason\":\"stop\"}],\"model\":\"instruct\"}\r\n\r\n",
    "data: [DONE]\r\n\r\n",
);

#[test]
fn streams_of_events() {
    check(
        EVENTS,
        true,
        vec![
            Case {
                name: "messages",
                text: MESSAGES,
                came_to: exactly("claude", 130, 89).cached(100),
            },
            Case {
                name: "messages: each message_delta tells all so far, the prompt too",
                text: "data: {\"type\":\"message_start\",\"message\":{\"model\":\"m\",\"usage\":{\"input_tokens\":3,\"cache_read_input_tokens\":0,\"output_tokens\":1}}}\n\n\
                   data: {\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"input_tokens\":10,\"cache_read_input_tokens\":7,\"output_tokens\":20}}\n\n\
                   data: {\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"input_tokens\":30,\"cache_read_input_tokens\":7,\"output_tokens\":50}}\n\n",
                came_to: exactly("m", 37, 50).cached(7),
            },
            Case {
                name: "chat",
                text: CHAT,
                came_to: exactly("gpt-4o-mini", 19, 10).cached(8),
            },
            Case {
                name: "chat: usage in every chunk",
                text: "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1}}\n\n\
                   data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"b\"}}],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\n\
                   data: [DONE]\n\n",
                came_to: exactly("m", 5, 2),
            },
            Case {
                name: "responses",
                text: RESPONSES,
                came_to: exactly("gpt-4o", 37, 11).cached(32),
            },
            Case {
                name: "completions",
                text: COMPLETIONS,
                came_to: about("instruct", PROMPT_ESTIMATE, 2),
            },
            Case {
                name: "a picture",
                text: "event: image_generation.partial_image\ndata: {\"type\":\"image_generation.partial_image\",\"b64_json\":\"aGVsbG8=\",\"partial_image_index\":0}\n\n\
                   event: image_generation.completed\ndata: {\"type\":\"image_generation.completed\",\"b64_json\":\"aGVsbG8=\",\"usage\":{\"total_tokens\":100,\"input_tokens\":50,\"output_tokens\":50,\"input_tokens_details\":{\"text_tokens\":10,\"image_tokens\":40}}}\n\n",
                came_to: exactly("", 50, 50),
            },
            Case {
                name: "a transcript",
                text: "data: {\"type\":\"transcript.text.delta\",\"delta\":\"I\"}\n\n\
                   data: {\"type\":\"transcript.text.done\",\"text\":\"I\",\"usage\":{\"type\":\"tokens\",\"input_tokens\":14,\"input_token_details\":{\"audio_tokens\":4},\"output_tokens\":31,\"total_tokens\":45}}\n\n",
                came_to: exactly("", 14, 31),
            },
        ],
    );
}

#[test]
fn documents_a_line() {
    check(
        LINES,
        true,
        vec![
            Case {
                name: "chat",
                text: OLLAMA_CHAT,
                came_to: exactly("llama3.2", 26, 282),
            },
            Case {
                name: "completion",
                text: OLLAMA_GENERATE,
                came_to: exactly("llama3.2", 26, 259),
            },
            Case {
                name: "the whole prompt was in the cache, and is not told",
                text: "{\"model\":\"m\",\"response\":\"a\",\"done\":false}\r\n\r\n{\"model\":\"m\",\"response\":\"\",\"done\":true,\"eval_count\":2}",
                came_to: about("m", PROMPT_ESTIMATE, 2),
            },
            Case {
                name: "a line that is no JSON",
                text: "oops {\"eval_count\":9}\n{\"model\":\"m\",\"response\":\"\",\"done\":true,\"prompt_eval_count\":3,\"eval_count\":2}\n",
                came_to: exactly("m", 3, 2),
            },
            Case {
                name: "an error in the middle",
                text: "{\"model\":\"m\",\"response\":\"a\",\"done\":false}\n{\"error\":\"out of memory\"}\n",
                came_to: about("m", PROMPT_ESTIMATE, 1),
            },
            Case {
                name: "a model that is fetched",
                text: "{\"status\":\"pulling manifest\"}\n{\"status\":\"success\"}\n",
                came_to: exactly("", 0, 0),
            },
        ],
    );
    check(
        LINES,
        false,
        vec![Case {
            name: "broken off: a thought, a text, the strings of a call",
            text: OLLAMA_CHAT.rsplit_once("{\"model\"").map_or("", |(head, _)| head),
            came_to: about("llama3.2", PROMPT_ESTIMATE, 3),
        }],
    );
}

#[test]
fn documents() {
    check(
        JSON,
        true,
        vec![
            Case {
                name: "messages",
                text: r#"{"id":"msg_01","type":"message","role":"assistant","model":"claude","content":[{"type":"tool_use","id":"t","name":"f","input":{"city":"Paris"}}],
                "usage":{"input_tokens":10,"cache_creation_input_tokens":2,"cache_read_input_tokens":88,"output_tokens":25}}"#,
                came_to: exactly("claude", 100, 25).cached(88),
            },
            Case {
                name: "chat through a proxy that tells the cache twice",
                text: r#"{"model":"m","choices":[],"usage":{"prompt_tokens":100,"completion_tokens":7,"total_tokens":107,
                "prompt_tokens_details":{"cached_tokens":88},"cache_read_input_tokens":88,"cache_creation_input_tokens":2}}"#,
                came_to: exactly("m", 100, 7).cached(88),
            },
            Case {
                name: "responses",
                text: r#"{"object":"response","model":"m","output":[],"usage":{"input_tokens":36,"input_tokens_details":{"cached_tokens":30},"output_tokens":87}}"#,
                came_to: exactly("m", 36, 87).cached(30),
            },
            Case {
                name: "Ollama's chat",
                text: r#"{"model":"m","message":{"role":"assistant","content":"Hello"},"done":true,"done_reason":"stop","prompt_eval_count":26,"eval_count":298}"#,
                came_to: exactly("m", 26, 298),
            },
            Case {
                name: "Ollama's embeddings",
                text: r#"{"model":"m","embeddings":[[0.01,-0.02],[0.5,0.25]],"total_duration":14143917,"load_duration":1019500,"prompt_eval_count":8}"#,
                came_to: exactly("m", 8, 0),
            },
            Case {
                name: "Ollama's older embeddings, which do not tell",
                text: r#"{"embedding":[0.5,0.25]}"#,
                came_to: about("", PROMPT_ESTIMATE, 0),
            },
            Case {
                name: "Ollama's counts where they do not belong",
                text: r#"{"model":"m","message":{"content":"","eval_count":9},"options":{"prompt_eval_count":9},"done":true}"#,
                came_to: about("m", PROMPT_ESTIMATE, 0),
            },
            Case {
                name: "a picture",
                text: r#"{"created":1,"data":[{"b64_json":"aGVsbG8="}],"usage":{"total_tokens":100,"input_tokens":50,"output_tokens":50,"input_tokens_details":{"text_tokens":10,"image_tokens":40}}}"#,
                came_to: exactly("", 50, 50),
            },
        ],
    );
}
