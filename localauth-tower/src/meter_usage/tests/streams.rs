//! Answers in a stream of events, as servers send them, and as they should not.

use super::{Case, EVENTS, PROMPT_ESTIMATE, about, check, exactly, measure_text};

#[test]
fn streams() {
    check(
        EVENTS,
        true,
        vec![
            Case {
                name: "chat, usage in the last piece of text",
                text: "data: {\"id\":\"0\",\"choices\":[{\"finish_reason\":null,\"index\":0,\"delta\":{\"content\":\"Hi\",\"role\":\"assistant\"},\"logprobs\":null}],\"created\":1,\"model\":\"demo\",\"system_fingerprint\":\"local\",\"object\":\"chat.completion.chunk\",\"usage\":null}\n\n\
                   data: {\"id\":\"0\",\"choices\":[{\"finish_reason\":\"stop\",\"index\":0,\"delta\":{\"content\":\"!\",\"role\":\"assistant\"},\"logprobs\":null}],\"created\":1,\"model\":\"demo\",\"system_fingerprint\":\"local\",\"object\":\"chat.completion.chunk\",\"usage\":{\"completion_tokens\":28,\"prompt_tokens\":12,\"total_tokens\":40,\"avg_tok_per_sec\":1.5,\"avg_prompt_tok_per_sec\":null,\"total_time_sec\":0.1}}\n\n\
                   data: [DONE]\n\n",
                came_to: exactly("demo", 12, 28),
            },
            Case {
                name: "chat, usage in a piece of its own, zeros before",
                text: "data: {\"model\":\"\",\"choices\":[],\"prompt_filter_results\":[]}\n\n\
                   data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"Hi\"}}],\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":0,\"total_tokens\":0}}\n\n\
                   data: {\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":3,\"total_tokens\":5}}\n\n\
                   data: [DONE]\n\n",
                came_to: exactly("m", 2, 3),
            },
            Case {
                name: "text completion without usage",
                text: "data: {\"model\":\"m\",\"choices\":[{\"text\":\"a\"}]}\n\ndata: {\"model\":\"m\",\"choices\":[{\"text\":\" b\"}]}\n\ndata: [DONE]\n\n",
                came_to: about("m", PROMPT_ESTIMATE, 2),
            },
            Case {
                name: "a long piece is more than a token",
                text: "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"function\":{\"arguments\":\"0123456789012345678901234567890123456789\"}}]}}]}\n\n",
                came_to: about("", PROMPT_ESTIMATE, 10),
            },
            Case {
                name: "responses",
                text: "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"model\":\"m\",\"output\":[],\"usage\":null}}\n\n\
                   event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"Hi\"}\n\n\
                   event: response.output_text.done\ndata: {\"type\":\"response.output_text.done\",\"text\":\"Hi\"}\n\n\
                   event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"model\":\"m\",\"output\":[{\"content\":[{\"type\":\"output_text\",\"text\":\"Hi\"}]}],\"usage\":{\"input_tokens\":37,\"output_tokens\":11,\"total_tokens\":48}}}\n\n",
                came_to: exactly("m", 37, 11),
            },
            Case {
                name: "responses without usage",
                text: "data: {\"response\":{\"model\":\"m\"}}\n\ndata: {\"delta\":\"a\"}\n\ndata: {\"delta\":\"b\"}\n\ndata: {\"response\":{\"output\":[{\"content\":[{\"text\":\"ab\"}]}]}}\n\n",
                came_to: about("m", PROMPT_ESTIMATE, 2),
            },
            Case {
                name: "messages",
                text: "data: {\"message\":{\"model\":\"m\",\"usage\":{\"input_tokens\":25,\"output_tokens\":1}}}\n\n\
                   data: {\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello\"}}\n\n\
                   data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":15}}\n\n",
                came_to: exactly("m", 25, 15),
            },
            Case {
                name: "an error in the middle",
                text: "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: {\"error\":{\"message\":\"usage\"}}\n\n",
                came_to: about("m", PROMPT_ESTIMATE, 1),
            },
            Case {
                name: "pictures in progress",
                text: "data: {\"type\":\"image_generation.partial_image\",\"b64_json\":\"aGVsbG8=\"}\n\n",
                came_to: exactly("", 0, 0),
            },
            Case {
                name: "nothing",
                text: "",
                came_to: exactly("", 0, 0),
            },
        ],
    );
}

#[test]
fn broken_off() {
    check(
        EVENTS,
        false,
        vec![
            Case {
                name: "before anything",
                text: "",
                came_to: about("", PROMPT_ESTIMATE, 0),
            },
            Case {
                name: "after two pieces, in the third",
                text: "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n\
                   data: {\"choices\":[{\"delta\":{\"content\":\"one\"}}]}\n\n\
                   data: {\"choices\":[{\"delta\":{\"content\":\"two\"}}]}\n\n\
                   data: {\"choices\":[{\"delta\":{\"content\":\"thr",
                came_to: about("m", PROMPT_ESTIMATE, 3),
            },
            Case {
                name: "while each piece tells the usage so far",
                text: "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1}}\n\n\
                   data: {\"choices\":[{\"delta\":{\"content\":\"b\"}}],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\n",
                came_to: exactly("", 5, 2),
            },
            Case {
                name: "while each piece tells zeros until it knows better",
                text: "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":0}}\n\n\
                   data: {\"choices\":[{\"delta\":{\"content\":\"b\"}}],\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":0}}\n\n",
                came_to: about("", PROMPT_ESTIMATE, 2),
            },
            Case {
                name: "messages, before the last word",
                text: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"m\",\"content\":[],\"usage\":{\"input_tokens\":25,\"output_tokens\":1}}}\n\n\
                   event: content_block_delta\ndata: {\"delta\":{\"type\":\"text_delta\",\"text\":\"Hel\"}}\n\n\
                   event: content_block_delta\ndata: {\"delta\":{\"type\":\"text_delta\",\"text\":\"lo\"}}\n\n",
                came_to: about("m", 25, 3),
            },
        ],
    );
}

#[test]
fn every_way_to_write_a_stream() {
    const USAGE: &str = "{\"model\":\"m\",\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":3}}";
    let counted = exactly("m", 2, 3);
    for (name, text) in [
        ("line feeds", format!("data: {USAGE}\n\n")),
        ("carriage returns and line feeds", format!("data: {USAGE}\r\n\r\n")),
        ("carriage returns", format!("data: {USAGE}\r\r")),
        ("all of them", format!("data: {{}}\r\n\ndata: {{}}\n\r\ndata: {{}}\r\rdata: {USAGE}\r\n\r")),
        ("no space", format!("data:{USAGE}\n\n")),
        ("more space", format!("data:  \t{USAGE}\n\n")),
        ("no empty line at the end", format!("data: {USAGE}")),
        ("byte order mark", format!("\u{feff}data: {USAGE}\n\n")),
        ("comments", format!(": ping\n\n:\n\n:data: x\ndata: {USAGE}\n: {{\n\n")),
        ("other fields", format!("id: 7\nevent: data\nretry: 3\ndata: {USAGE}\nid\nnonsense\ndatas: {{\n\n")),
        ("several lines", "data: {\"model\":\ndata:\"m\",\ndata\ndata: \"usage\":{\"prompt_tokens\":2\ndata:,\"completion_tokens\":3}}\n\n".to_owned()),
        ("broken events around", format!("data: {{\"a\n\ndata: \"\\\n\ndata: {{\"b\":\"\\u00\n\ndata: {USAGE}\n\ndata: }}\n\n")),
        ("numbers that a line ends", format!("data: 1\n\ndata: {USAGE}\n\ndata: tru\n\n")),
    ] {
        assert_eq!(measure_text(EVENTS, &text, true), counted, "{name}");
    }
    for (name, text) in [
        ("part of a byte order mark", format!("\u{fef0}data: {USAGE}\n\n")),
        ("a mark later on", format!("\n\u{feff}data: {USAGE}\n\n")),
        ("space before the name", format!(" data: {USAGE}\n\n")),
        ("space after the name", format!("data : {USAGE}\n\n")),
        (
            "another name",
            format!("Data: {USAGE}\n\ndat: {USAGE}\n\ndata2: {USAGE}\n\n"),
        ),
        (
            "a number over two lines",
            "data: {\"usage\":{\"prompt_tokens\":1\ndata:2}}\n\n".to_owned(),
        ),
        ("two documents in one event", format!("data: {{}}\ndata: {USAGE}\n\n")),
    ] {
        assert_eq!(measure_text(EVENTS, &text, true), exactly("", 0, 0), "{name}");
    }
}
