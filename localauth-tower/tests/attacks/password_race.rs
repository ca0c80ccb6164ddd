//! A password that changes while somebody else's change is under way.

use std::sync::{Arc, Mutex, mpsc};

use http::HeaderMap;
use localauth_core::{
    Auth, Caller, ChangePasswordError, Entropy, EntropyError, MemoryStore, NewAccount, OsEntropy, Password,
    PasswordCost, PasswordHash, UserStore as _,
};
use tokio::sync::oneshot;

use crate::support::PASSWORD;

/// Stops whoever next asks for randomness, which a change of the password does for its salt: after it has read and
/// verified the present one, and before it writes the new one.
#[derive(Debug, Clone, Default)]
struct Gate(Arc<Mutex<Option<Armed>>>);

/// Tells that it was reached, and waits for leave to go on.
type Armed = (oneshot::Sender<()>, mpsc::Receiver<()>);

impl Entropy for Gate {
    fn fill(&self, buf: &mut [u8]) -> Result<(), EntropyError> {
        let armed = self.0.lock().unwrap().take();
        if let Some((reached, go_on)) = armed {
            reached.send(()).unwrap();
            go_on.recv().unwrap();
        }
        OsEntropy.fill(buf)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_password_is_not_overwritten_by_a_change_under_way() {
    let (gate, store) = (Gate::default(), MemoryStore::new());
    let auth = Auth::builder(store.clone())
        .entropy(gate.clone())
        .password_cost(PasswordCost::INSECURE)
        .attempt_limits(false)
        .build()
        .unwrap();
    let bob = NewAccount::local("bob@example.org", Password::new(PASSWORD));
    let bob = auth.add_user(bob).await.unwrap().id;
    let nobody = Caller::anonymous();
    let session = auth.sign_in("bob@example.org", Password::new(PASSWORD), &nobody);
    let mut headers = HeaderMap::new();
    let bearer = format!("Bearer {}", session.await.unwrap().token.expose());
    headers.insert("authorization", bearer.parse().unwrap());
    let thief = Caller::from_identity(auth.authenticate(&headers).await.unwrap());

    let (reached, under_way) = oneshot::channel();
    let (go_on, waits) = mpsc::channel();
    *gate.0.lock().unwrap() = Some((reached, waits));
    let change = tokio::spawn({
        let auth = auth.clone();
        let new = Password::new("the-thiefs-own-battery-horse");
        async move { auth.change_password(&thief, Password::new(PASSWORD), new, true).await }
    });
    under_way.await.unwrap();
    // What the administrator sets meanwhile; straight into the store, as the thief may hold the only place to hash.
    let reset = PasswordHash::from_stored("set by the administrator");
    store.set_password(bob, None, &reset).await.unwrap().unwrap();
    go_on.send(()).unwrap();

    let changed = change.await.unwrap();
    assert!(
        matches!(changed, Err(ChangePasswordError::WrongPassword)),
        "{changed:?}"
    );
    let present = store.find_user(bob).await.unwrap().unwrap().password;
    assert!(present == Some(reset), "the administrator's password stays");
}
