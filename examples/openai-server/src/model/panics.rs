//! Keeps panics of the model runtime from the operator's terminal.
//!
//! mistral.rs unwraps in many places where a file is not what it should be, on threads of its own too. While a model
//! loads, such a panic is the reason why it cannot be loaded and belongs into the one line that says so.

use std::{
    panic::{self, PanicHookInfo},
    sync::{Arc, Mutex, PoisonError},
};

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Sync + Send + 'static>;

/// While this lives, panics of all threads are kept instead of printed.
pub(super) struct Capture {
    first: Arc<Mutex<Option<String>>>,
    before: Option<Hook>,
}

impl Capture {
    pub(super) fn start() -> Self {
        let first = Arc::new(Mutex::new(None));
        let before = Some(panic::take_hook());
        let kept = Arc::clone(&first);
        panic::set_hook(Box::new(move |info| {
            let message = info
                .payload_as_str()
                .unwrap_or("the model runtime failed without a reason");
            // The first panic is the cause; later ones are threads that fall over it.
            kept.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_or_insert_with(|| message.to_owned());
        }));
        Self { first, before }
    }

    /// The first panic since the start, or since this was last asked.
    pub(super) fn take(&self) -> Option<String> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        // The hook cannot be changed by a thread that panics, and then it does not matter either.
        if let Some(before) = self.before.take()
            && !std::thread::panicking()
        {
            panic::set_hook(before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_of_any_thread_are_kept_once() {
        let capture = Capture::start();
        for message in ["the cause", "the consequence"] {
            std::thread::spawn(move || panic!("{message}")).join().unwrap_err();
        }
        assert_eq!(capture.take().as_deref(), Some("the cause"));
        assert_eq!(capture.take(), None);
    }
}
