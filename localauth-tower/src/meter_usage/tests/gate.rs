//! What is kept from the client, and that nothing else is.

use http::HeaderMap;
use http_body::Body as _;
use http_body_util::BodyExt as _;

use super::super::hide::HideUsage;
use super::EVENTS;
use super::dialects::{CHAT, COMPLETIONS, MESSAGES, RESPONSES};
use super::support::{Frames, Metered, NOTHING, Purse, Step, answer, one};

const PLAIN: &str = "data: {\"model\":\"m\",\"choices\":[{\"text\":\"a\"}],\"usage\":null}\n\n";
const USAGE: &str =
    "data: {\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":7}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

/// What a client gets of these frames whose request did not ask for usage.
async fn hidden(frames: &[&str]) -> (Vec<String>, Metered) {
    let metered = Metered::new().await;
    let frames = Frames::of(frames.iter().map(|frame| (*frame).to_owned()));
    let request = metered.request_with(HideUsage);
    let mut body = metered.ask(request, Ok(answer(EVENTS, frames))).await.unwrap();
    let mut got = Vec::new();
    while let Some(frame) = body.frame().await {
        let data = frame.unwrap().into_data().unwrap();
        got.push(String::from_utf8(data.to_vec()).unwrap());
    }
    (got, metered)
}

#[tokio::test]
async fn usage_alone_is_hidden() {
    let (got, metered) = hidden(&[PLAIN, USAGE, DONE]).await;
    assert_eq!(got, [PLAIN, DONE]);
    assert_eq!(metered.recorded().await, one("m", 5, 7, false), "but counted");

    let joined = [PLAIN, USAGE, DONE].concat();
    assert_eq!(hidden(&[&joined]).await.0, [PLAIN, DONE], "in one frame with others");
    assert_eq!(hidden(&[USAGE]).await.0, [""; 0], "all there is");
    assert_eq!(hidden(&[PLAIN, USAGE.trim_end()]).await.0, [PLAIN], "without its end");

    let expected = CHAT
        .split_inclusive("\n\n")
        .filter(|event| !event.contains("\"choices\":[]"));
    assert_eq!(hidden(&[CHAT]).await.0.concat(), expected.collect::<String>());
}

#[tokio::test]
async fn nothing_else_is_hidden() {
    for text in [
        PLAIN,
        "data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n",
        "data: {\"choices\":[],\"usage\":null}\n\n",
        "data: {\"usage\":{\"prompt_tokens\":5}}\n\n",
        "data: {\"choices\":[{\"delta\":{}}],\"usage\":{\"prompt_tokens\":5}}\n\n",
        "data: {\"x\":{\"choices\":[],\"usage\":{\"prompt_tokens\":5}}}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"choices\\\":[],\\\"usage\\\":{}\"}}]}\n\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5}\n\n",
        ": ping\n\n",
        "\n\n\n",
        "\u{feff}event: x\r\rdata: y\r\n\r\n",
        MESSAGES,
        RESPONSES,
        COMPLETIONS,
    ] {
        assert_eq!(hidden(&[text]).await.0, [text], "the same frame");
        let bytes: Vec<&str> = text.split_inclusive(|_: char| true).collect();
        assert_eq!(hidden(&bytes).await.0.concat(), text, "the same bytes");
    }
}

#[tokio::test]
async fn a_hidden_event_goes_with_its_line_ends() {
    for end in ["\n\n", "\r\r", "\r\n\r\n"] {
        let (plain, usage, done) = (PLAIN.trim_end(), USAGE.trim_end(), DONE.trim_end());
        let text = format!("{plain}{end}{usage}{end}{done}{end}");
        let bytes: Vec<&str> = text.split_inclusive(|_: char| true).collect();
        let wanted = format!("{plain}{end}{done}{end}");
        assert_eq!(hidden(&bytes).await.0.concat(), wanted, "{end:?}");
        assert_eq!(hidden(&[&text]).await.0.concat(), wanted, "{end:?}");
    }
}

#[tokio::test]
async fn an_event_is_kept_back_until_it_is_whole() {
    let (head, tail) = PLAIN.split_at(20);
    let both = format!("{tail}{head}");
    let (got, _) = hidden(&[head, &both, tail, DONE]).await;
    assert_eq!(got, [PLAIN, PLAIN, DONE]);
}

#[tokio::test]
async fn what_is_kept_back_is_bounded() {
    let long = format!(
        "data: {{\"text\":\"{}\",\"choices\":[],\"usage\":{{\"prompt_tokens\":1}}}}\n\n",
        "x".repeat(70_000)
    );
    let bytes: Vec<&str> = long
        .as_bytes()
        .chunks(1_000)
        .map(|piece| str::from_utf8(piece).unwrap())
        .collect();
    let (got, metered) = hidden(&[&bytes[..], &[USAGE, DONE]].concat()).await;
    assert_eq!(
        got.concat(),
        format!("{long}{DONE}"),
        "too long to be hidden, and the next one is again"
    );
    assert_eq!(got[0].len(), 66_000, "as soon as it is too long");
    assert_eq!(metered.recorded().await, one("m", 5, 7, false));
}

#[tokio::test]
async fn trailers_come_after_what_was_kept_back() {
    let metered = Metered::new().await;
    let trailers = HeaderMap::from_iter([("x-checksum".parse().unwrap(), "abc".parse().unwrap())]);
    let steps = [
        Ok(Step::Data(PLAIN.into())),
        Ok(Step::Data("data: {".into())),
        Ok(Step::Trailers(trailers.clone())),
    ];
    let mut inner = Frames::new(steps);
    inner.knows_its_end = true;
    let request = metered.request_with(HideUsage);
    let mut body = metered.ask(request, Ok(answer(EVENTS, inner))).await.unwrap();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), PLAIN);
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "data: {");
    assert!(!body.is_end_stream());
    assert_eq!(metered.recorded().await, NOTHING);
    assert_eq!(body.frame().await.unwrap().unwrap().into_trailers().unwrap(), trailers);
    assert_eq!(
        metered.recorded().await,
        one("m", 10, 1, true),
        "before they are handed on"
    );
    assert!(body.is_end_stream());
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn a_body_that_knows_its_end_has_nothing_kept_back() {
    let metered = Metered::new().await;
    let mut inner = Frames::of([PLAIN, "data: {\"choices\":[],", "\"usage\":{\"completion_tokens\":4}}"]);
    inner.knows_its_end = true;
    let request = metered.request_with(HideUsage);
    let mut body = metered.ask(request, Ok(answer(EVENTS, inner))).await.unwrap();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), PLAIN);
    assert!(!body.is_end_stream());
    assert!(body.frame().await.is_none());
    assert!(body.is_end_stream());
    assert_eq!(metered.recorded().await, one("m", 10, 4, true));
}

#[tokio::test]
async fn a_model_that_panics_is_counted_what_it_gave() {
    for gated in [false, true] {
        let metered = Metered::new().await;
        let request = if gated {
            metered.request_with(HideUsage)
        } else {
            metered.request()
        };
        let steps = [Ok(Step::Data(PLAIN.into())), Ok(Step::Panic)];
        let body = metered
            .ask(request, Ok(answer(EVENTS, Frames::new(steps))))
            .await
            .unwrap();
        let read = tokio::spawn(async move { body.collect().await.map(|_| ()) });
        assert!(read.await.unwrap_err().is_panic());
        assert_eq!(metered.recorded().await, one("m", 10, 1, true));
    }
}

/// The client goes away at each frame: what is recorded is what it got, and the model is told to stop.
#[tokio::test]
async fn a_client_that_leaves_is_counted_what_it_got() {
    const EVENTS_SENT: usize = 20;
    let event =
        |at: usize| format!("data: {{\"model\":\"m\",\"choices\":[{{\"delta\":{{\"content\":\"w{at} \"}}}}]}}\n\n");
    let text: String = (0..EVENTS_SENT).map(event).collect();
    for piece in [7, 61, 64, 200, 4_000] {
        for (gated, pending) in [(false, false), (true, false), (true, true)] {
            for frames in 0..EVENTS_SENT {
                let metered = Metered::new().await;
                let purse = if pending {
                    Purse::of(1_000).slow()
                } else {
                    Purse::of(1_000)
                };
                let request = if gated {
                    metered.request_with(purse.slot())
                } else {
                    metered.request()
                };
                let pieces = text.as_bytes().chunks(piece).map(<[u8]>::to_vec);
                let inner = Frames::unending(pieces);
                let life = inner.life();
                let mut body = metered.ask(request, Ok(answer(EVENTS, inner))).await.unwrap();
                let mut got = Vec::new();
                for _ in 0..frames {
                    if got.len() < text.len() && (!gated || got.len() + piece < text.len()) {
                        got.extend(body.frame().await.unwrap().unwrap().into_data().unwrap());
                    }
                }
                assert_eq!(life.strong_count(), 1);
                drop(body);
                assert_eq!(life.strong_count(), 0, "the model is told");
                let got = String::from_utf8(got).unwrap();
                // Of an event that the client has half of, it may have the text.
                let whole = got.matches("\n\n").count() as u64;
                let begun = got.matches("\"content\":\"w").count() as u64;
                let (_, _, recorded, _, _) = metered.recorded().await;
                if gated {
                    assert_eq!(recorded, whole, "{piece} {frames} {got:?}");
                    let spent = purse.spent();
                    assert_eq!(spent.settled.len(), 1);
                    assert_eq!(spent.settled[0].completion_tokens, recorded);
                    assert_eq!(spent.committed, u32::from(frames > 0 && !got.is_empty()));
                } else {
                    assert_eq!(recorded, begun, "{piece} {frames} {got:?}");
                }
            }
        }
    }
}
