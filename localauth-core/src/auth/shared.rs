//! The shared keys that are good at present: those of the configuration, and those that were set at run time.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use zeroize::Zeroizing;

use super::{Auth, Inner};
use crate::audit::{AuditAction, Caller};
use crate::clock::Timestamp;
use crate::entropy::{EntropyError, base62};
use crate::error::{Denial, StoreError};
use crate::feature::FeatureRegistry;
use crate::id::{Epoch, SharedKeyId, UserId};
use crate::identity::{Identity, Proof, Source, Watch};
use crate::key::SECRET_CHARS;
use crate::secret::{SecretRing, StoredDigest};
use crate::shared_key::{SharedKey, mask};
use crate::store::InsertSharedKey;

/// The most shared keys of the run time.
const MOST: usize = 100;

/// The shared keys of the configuration, and a table of all.
pub(super) struct SharedKeys {
    configured: Vec<(StoredDigest, String)>,
    /// Never moves: nothing in the store can take a configured key away.
    unchanging: Watch,
    table: ArcSwap<Table>,
}

/// A shared key that is good, as far as is known.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) identity: Arc<Identity>,
    /// Whether it needs nobody to have looked at the store lately.
    pub(super) is_configured: bool,
}

#[derive(Default)]
struct Table {
    /// By digest: that of another secret is another one.
    identities: HashMap<[u8; 32], Known>,
    /// As of which epoch the store was asked for those of the run time; `None` when it was not.
    complete_at: Option<Epoch>,
}

/// One shared key, as an administrator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedKeyInfo {
    /// Names it.
    pub id: String,
    /// What is shown of it.
    pub masked: String,
    /// Whether it comes from the configuration; if not, it was set at run time.
    pub is_configured: bool,
}

/// The shared keys were not replaced.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SharedKeysError {
    /// Not a shared key.
    #[error("a shared key needs 16 to 512 printable ASCII characters without spaces and commas")]
    Form,
    /// Too many.
    #[error("at most {MOST} shared keys can be set")]
    TooMany,
    /// It is there already.
    #[error("this shared key is there already")]
    Present,
    /// There is no such key of the run time.
    #[error("there is no such shared key that was set at run time")]
    NotFound,
    /// The credential may not hand out credentials.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SharedKeys {
    pub(super) fn new(configured: Vec<(StoredDigest, String)>) -> Self {
        Self {
            configured,
            unchanging: Watch {
                cell: Arc::default(),
                epoch: Epoch::default(),
            },
            table: ArcSwap::default(),
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.table.load().complete_at.is_some()
    }

    /// Whether nothing of what was known at `epoch` is missing.
    pub(super) fn is_complete_at(&self, epoch: Epoch) -> bool {
        self.table.load().complete_at.is_some_and(|at| at >= epoch)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.table.load().identities.is_empty()
    }

    /// Whether a key with this digest is among them.
    pub(super) fn holds(&self, digest: &StoredDigest) -> bool {
        self.table.load().identities.contains_key(digest.digest.as_bytes())
    }

    /// The identity behind the key with this digest.
    pub(super) fn identity_of(&self, digest: &StoredDigest) -> Option<Arc<Identity>> {
        let table = self.table.load();
        let known = table.identities.get(digest.digest.as_bytes())?;
        Some(Arc::clone(&known.identity))
    }

    pub(super) fn find(&self, token: &[u8], ring: &SecretRing) -> Option<Known> {
        let table = self.table.load();
        if table.identities.is_empty() {
            return None;
        }
        let digests = ring.all_digests(token);
        digests
            .iter()
            .find_map(|d| table.identities.get(d.digest.as_bytes()))
            .cloned()
    }

    /// Takes `runtime`, when the store was asked, beside those of the configuration.
    pub(super) fn set(&self, runtime: Option<&[SharedKey]>, features: &FeatureRegistry, watch: &Watch) {
        let known = |digest: &StoredDigest, is_configured: bool| {
            let proof = Proof {
                shared_key: Some(*digest),
                ..Proof::new(Source::SharedKey, Timestamp::MAX)
            };
            let watch = if is_configured { &self.unchanging } else { watch };
            let identity = Arc::new(Identity::of_shared(proof, features, watch.clone()));
            (
                *digest.digest.as_bytes(),
                Known {
                    identity,
                    is_configured,
                },
            )
        };
        let runtime_keys = runtime.unwrap_or_default().iter();
        // One that is both is the configuration's: that comes last.
        let all = runtime_keys.map(|key| known(&key.digest, false));
        let all = all.chain(self.configured.iter().map(|(digest, _)| known(digest, true)));
        self.table.store(Arc::new(Table {
            identities: all.collect(),
            complete_at: runtime.map(|_| watch.epoch),
        }));
    }
}

impl Inner {
    pub(super) fn watch_shared(&self) -> Watch {
        let cell = self.epochs.observe(UserId::SHARED, Epoch::default(), self.clock.now());
        Watch {
            epoch: cell.newest(),
            cell,
        }
    }

    /// What is kept of a shared key.
    fn new_shared_key(&self, text: &str, now: Timestamp) -> Result<SharedKey, SharedKeysError> {
        let fits = (16..=512).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic() && b != b',');
        // The id of one is shown on pages: it must not come to be one.
        if !fits || is_id(text) {
            return Err(SharedKeysError::Form);
        }
        Ok(SharedKey {
            id: SharedKeyId::generate(now, &*self.entropy)?,
            digest: self.ring.stored_digest(text.as_bytes()),
            masked: mask(text),
            created_at: now,
        })
    }

    /// The digests of a shared key under earlier secrets of the server: it may be there under one of them.
    fn older_digests(&self, text: &str) -> Vec<StoredDigest> {
        self.ring.all_digests(text.as_bytes()).into_iter().skip(1).collect()
    }

    /// Learns the shared keys of the run time from the store.
    pub(super) async fn load_shared_keys(&self) -> Result<(), StoreError> {
        loop {
            let watch = self.watch_shared();
            let keys = self.stores.shared_keys.shared_keys().await?;
            // A change that came while we read: what we read may be from before it.
            if watch.cell.newest() == watch.epoch {
                self.shared.set(Some(&keys), &self.features, &watch);
                if watch.cell.newest() == watch.epoch {
                    return Ok(());
                }
            }
        }
    }
}

impl Auth {
    /// Whether there are shared keys, as far as is known.
    pub fn has_shared_keys(&self) -> bool {
        !self.0.shared.is_empty()
    }

    /// All shared keys, those of the configuration first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    pub async fn shared_keys(&self) -> Result<Vec<SharedKeyInfo>, StoreError> {
        let configured = self.0.shared.configured.iter().enumerate();
        let mut all: Vec<SharedKeyInfo> = configured
            .map(|(n, (_, masked))| SharedKeyInfo {
                id: format!("env-{}", n + 1),
                masked: masked.clone(),
                is_configured: true,
            })
            .collect();
        all.extend(
            self.0
                .stores
                .shared_keys
                .shared_keys()
                .await?
                .into_iter()
                .map(|key| SharedKeyInfo {
                    id: key.id.to_string(),
                    masked: key.masked,
                    is_configured: false,
                }),
        );
        Ok(all)
    }

    /// Replaces the shared keys of the run time. Those that are left out are dead for the next request, and so are the
    /// sessions made from them. An entry that is the id or the masked form of a present one keeps that one.
    ///
    /// # Errors
    ///
    /// [`SharedKeysError`] when one is not possible, the caller may not hand out credentials, or the store could not
    /// answer.
    pub async fn replace_shared_keys(&self, caller: &Caller, keys: &[String]) -> Result<(), SharedKeysError> {
        let inner = &self.0;
        may_share(caller)?;
        if keys.len() > MOST {
            return Err(SharedKeysError::TooMany);
        }
        let now = self.now();
        let present = inner.stores.shared_keys.shared_keys().await?;
        let mut wanted: Vec<SharedKey> = Vec::new();
        let mut older = Vec::new();
        for text in keys {
            let text = text.trim();
            // Of several that look alike, each mention keeps another one.
            let mentioned = |key: &&SharedKey| key.id.to_string() == text || key.masked == text;
            let is_new = |key: &&SharedKey| !wanted.iter().any(|other| other.id == key.id);
            let mut kept = present.iter().filter(mentioned);
            let kept = kept.clone().find(is_new).or_else(|| kept.next());
            let key = match kept {
                Some(key) => key.clone(),
                // Whoever removed it meanwhile must not find its id, which everybody was shown, made into a key.
                None if is_id(text) => return Err(SharedKeysError::NotFound),
                None => {
                    older.extend(inner.older_digests(text));
                    inner.new_shared_key(text, now)?
                }
            };
            if !wanted.iter().any(|other| other.digest == key.digest) {
                wanted.push(key);
            }
        }
        // One that was given as text is not kept a second time under a digest of an earlier secret.
        wanted.retain(|key| !older.contains(&key.digest));
        let epoch = inner.stores.shared_keys.replace_shared_keys(&wanted).await?;
        let mut detail = format!("{} set at run time", wanted.len());
        for (word, these, others) in [("with", &wanted, &present), ("without", &present, &wanted)] {
            for key in these.iter().filter(|key| others.iter().all(|other| other.id != key.id)) {
                detail.extend([", ", word, " ", &named(key)]);
            }
        }
        self.shared_keys_changed(caller, epoch, &detail).await;
        Ok(())
    }

    /// Adds a shared key beside those of the run time: `text`, or without one a fresh one. Good for the next request.
    /// Returns the key; nobody sees it again.
    ///
    /// ```
    /// # use http::{HeaderMap, header::AUTHORIZATION};
    /// # use localauth_core::{Auth, Caller, MemoryStore};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let auth = Auth::builder(MemoryStore::new()).build()?;
    /// let key = auth.add_shared_key(&Caller::operator(), None).await?;
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.insert(AUTHORIZATION, format!("Bearer {}", *key).parse()?);
    /// assert!(auth.authenticate(&headers).await?.is_admin());
    ///
    /// let listed = auth.shared_keys().await?;
    /// auth.remove_shared_key(&Caller::operator(), listed[0].id.parse()?).await?;
    /// assert!(auth.authenticate(&headers).await.is_err());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SharedKeysError`] when it is not possible or there already, the caller may not hand out credentials, or the store
    /// could not answer.
    pub async fn add_shared_key(
        &self,
        caller: &Caller,
        text: Option<&str>,
    ) -> Result<Zeroizing<String>, SharedKeysError> {
        let inner = &self.0;
        may_share(caller)?;
        let text = if let Some(text) = text {
            Zeroizing::new(text.trim().to_owned())
        } else {
            let random = base62::<SECRET_CHARS>(&*inner.entropy)?;
            let mut text = Zeroizing::new(String::with_capacity(3 + SECRET_CHARS));
            text.push_str("sk-");
            text.extend(random.iter().map(|&b| char::from(b)));
            text
        };
        let key = inner.new_shared_key(&text, self.now())?;
        if inner.shared.configured.iter().any(|(digest, _)| *digest == key.digest) {
            return Err(SharedKeysError::Present);
        }
        let older = inner.older_digests(&text);
        let inserted = inner.stores.shared_keys.insert_shared_key(&key, &older, MOST).await?;
        let epoch = match inserted {
            InsertSharedKey::Inserted(epoch) => epoch,
            InsertSharedKey::Present => return Err(SharedKeysError::Present),
            InsertSharedKey::TooMany => return Err(SharedKeysError::TooMany),
        };
        self.shared_keys_changed(caller, epoch, &format!("with {}", named(&key)))
            .await;
        Ok(text)
    }

    /// Takes away one shared key of the run time. Dead for the next request, and so are the sessions made from it.
    ///
    /// # Errors
    ///
    /// [`SharedKeysError`] when there is no such key, the caller may not, or the store could not answer.
    pub async fn remove_shared_key(&self, caller: &Caller, id: SharedKeyId) -> Result<(), SharedKeysError> {
        may_share(caller)?;
        let gone = self.0.stores.shared_keys.delete_shared_key(id).await?;
        let (key, epoch) = gone.ok_or(SharedKeysError::NotFound)?;
        self.shared_keys_changed(caller, epoch, &format!("without {}", named(&key)))
            .await;
        Ok(())
    }

    /// What follows a change that is stored. It stands, whatever happens here.
    async fn shared_keys_changed(&self, caller: &Caller, epoch: Epoch, detail: &str) {
        self.0.changed(UserId::SHARED, epoch);
        self.audit_done(caller, AuditAction::SharedKeysChange, "shared-keys", detail)
            .await;
        if let Err(error) = self.0.load_shared_keys().await {
            tracing::warn!("the shared keys are changed, and could not be read again yet: {error}");
            // Those of the run time are unknown now: whoever comes with one asks for them.
            self.0.shared.set(None, &self.0.features, &self.0.watch_shared());
        }
    }
}

/// Administrators and the operator may, with a credential that may hand out others.
fn may_share(caller: &Caller) -> Result<(), Denial> {
    caller.require_admin()?;
    match caller.identity() {
        Some(identity) => identity.require_unbound_minting(),
        None => Ok(()),
    }
}

/// How the audit log tells keys apart: several may look alike.
fn named(key: &SharedKey) -> String {
    format!("{} ({})", key.masked, key.id)
}

/// Whether it is the id of a shared key, present or not, rather than a key somebody thought of.
fn is_id(text: &str) -> bool {
    let id = text.parse::<SharedKeyId>();
    id.is_ok_and(|id| id.as_uuid().get_version_num() == 7 && id.to_string() == text)
}
