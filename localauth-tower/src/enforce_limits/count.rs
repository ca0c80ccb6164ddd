//! How many tokens a prompt has.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::inspect::Inspected;

/// Counts the tokens of a prompt before it is answered, as the model's tokenizer would.
///
/// Without one a prompt is held as if each byte of its request were a token, which no tokenizer exceeds: then a hard
/// limit of tokens holds, but lets fewer requests in at once than it could.
pub trait CountPrompt: Send + Sync + 'static {
    /// The tokens of the prompt in `body`, a request to `path`; `None` when it cannot tell.
    ///
    /// Only asked about requests that a hard limit of tokens binds.
    fn count(&self, path: &str, asked: &Inspected) -> Pin<Box<dyn Future<Output = Option<u64>> + Send>>;

    /// How many bytes the model server adds to a prompt that is not counted: the earlier turns of a conversation that it
    /// has stored. They are held as tokens, too.
    fn stored_bytes(&self, path: &str, asked: &Inspected) -> u64 {
        let _ = (path, asked);
        0
    }
}

impl<T: CountPrompt + ?Sized> CountPrompt for Arc<T> {
    fn count(&self, path: &str, asked: &Inspected) -> Pin<Box<dyn Future<Output = Option<u64>> + Send>> {
        (**self).count(path, asked)
    }

    fn stored_bytes(&self, path: &str, asked: &Inspected) -> u64 {
        (**self).stored_bytes(path, asked)
    }
}
