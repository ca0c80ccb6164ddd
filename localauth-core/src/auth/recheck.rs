//! Whether what a request came with is still good, long after.

use std::sync::Arc;

use super::Auth;
use super::question::Question;
use super::resolve::Answer;
use crate::cache::DigestKey;
use crate::error::Denial;
use crate::identity::{Identity, Source};

impl Auth {
    /// Who `identity` is by now: the same credential looked up anew, by its id. For what goes on for long after a request
    /// was let in, when [`Identity::is_current`] says that something changed.
    ///
    /// # Errors
    ///
    /// The [`Denial`] that a request with this credential would meet now.
    pub async fn recheck(&self, identity: &Identity) -> Result<Arc<Identity>, Denial> {
        let question = Question {
            inner: &self.0,
            head: b"",
            tail: b"",
            // No token has it: nothing is remembered under it that anybody could find.
            digest: DigestKey([0; 32]),
            address: None,
        };
        let answer: Answer = match identity.source() {
            Source::ApiKey { id, public_id, .. } => question.key_again(*id, public_id, identity.expires_at()).await,
            Source::Session { id } => question.session_again(identity.user_id(), *id).await,
            Source::SharedKey => {
                let gone = || Denial::InvalidApiKey;
                let digest = identity.shared_key().ok_or_else(gone)?;
                let known = self.0.shared.identity_of(digest);
                known.ok_or_else(gone)
            }
        };
        let identity = answer?;
        identity.admit(self.now())?;
        Ok(identity)
    }
}
