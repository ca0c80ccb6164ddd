use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing::{info, warn};

use super::*;

/// What was written.
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn logged(format: LogFormat, events: impl FnOnce()) -> String {
    let written = Written::default();
    let writer = written.clone();
    let subscriber = subscriber(EnvFilter::new("info"), format, move || writer.clone());
    tracing::subscriber::with_default(subscriber, events);
    String::from_utf8(written.0.lock().unwrap().clone()).unwrap()
}

#[test]
fn json_is_one_object_a_line_whatever_is_in_it() {
    let text = logged(LogFormat::Json, || {
        warn!(
            odd = "a \"quote\"\nand a line",
            count = 3,
            yes = true,
            level = "forged",
            "it {}",
            "happened\n"
        );
        info!("second");
    });
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert_eq!(lines[0]["message"], "it happened\n");
    assert_eq!(lines[0]["odd"], "a \"quote\"\nand a line");
    assert_eq!((&lines[0]["count"], &lines[0]["yes"]), (&3.into(), &true.into()));
    assert_eq!(lines[0]["level"], "WARN");
    assert!(lines[0]["time"].as_str().unwrap().ends_with('Z'));
    assert_eq!(lines[1]["message"], "second");
}

#[test]
fn text_is_for_people() {
    let text = logged(LogFormat::Text, || warn!(count = 3, "it happened"));
    assert!(text.contains(" WARN it happened count=3"), "{text}");
}
