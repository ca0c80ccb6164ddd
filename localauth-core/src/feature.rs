//! Features: what can be switched on and off for a user.

use std::collections::BTreeMap;

use crate::scope::KeyScope;

/// One feature of a [`FeatureRegistry`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feature {
    /// Its name in settings, rules and the API.
    pub key: &'static str,
    /// What people read.
    pub label: &'static str,
    /// Which group it is shown in.
    pub group: FeatureGroup,
    /// Whether a user has it when nothing was said.
    pub default: bool,
}

/// The groups of the wire contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FeatureGroup {
    /// Agents and what belongs to them.
    Agent,
    /// Everything that is neither agents nor the API.
    General,
    /// Routes of the API.
    Api,
}

/// All features there are. What is not in it does not exist: a rule that names it is an error, a permission is refused.
///
/// ```
/// use localauth_core::{Feature, FeatureGroup, FeatureRegistry};
///
/// let features = FeatureRegistry::preset()
///     .with(Feature { key: "reports", label: "Reports", group: FeatureGroup::General, default: false });
/// assert!(features.get("chat").is_some_and(|f| f.default));
/// assert!(features.get("reports").is_some_and(|f| !f.default));
/// assert!(features.get("chta").is_none());
/// ```
#[derive(Debug, Clone)]
pub struct FeatureRegistry(Vec<Feature>);

impl FeatureRegistry {
    /// No features at all, for a program that has only its own.
    pub const fn empty() -> Self {
        Self(Vec::new())
    }

    /// The preset of the wire contract, section 8: LocalAI's keys and labels.
    pub fn preset() -> Self {
        Self(PRESET.to_vec())
    }

    /// Adds `feature`, or replaces the one with its key.
    #[must_use]
    pub fn with(mut self, feature: Feature) -> Self {
        self.0.retain(|f| f.key != feature.key);
        self.0.push(feature);
        self
    }

    /// The feature named `key`.
    pub fn get(&self, key: &str) -> Option<&Feature> {
        self.0.iter().find(|f| f.key == key)
    }

    /// All features, in the order they are shown.
    pub fn iter(&self) -> impl Iterator<Item = &Feature> {
        self.0.iter()
    }

    /// What a user with `permissions` has in effect: the defaults, what their tier says, and what was said about them.
    pub(crate) fn effective(&self, permissions: &BTreeMap<String, bool>, tier: &BTreeMap<String, bool>) -> FeatureSet {
        let said = |key: &str| permissions.get(key).or_else(|| tier.get(key)).copied();
        let mut keys: Vec<&'static str> = self
            .0
            .iter()
            .filter(|f| said(f.key).unwrap_or(f.default))
            .map(|f| f.key)
            .collect();
        keys.sort_unstable();
        FeatureSet(keys.into())
    }

    /// Every feature, as administrators have it.
    pub(crate) fn everything(&self) -> FeatureSet {
        let mut keys: Vec<&'static str> = self.0.iter().map(|f| f.key).collect();
        keys.sort_unstable();
        FeatureSet(keys.into())
    }
}

impl Default for FeatureRegistry {
    fn default() -> Self {
        Self::preset()
    }
}

/// Features in effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureSet(Box<[&'static str]>);

impl FeatureSet {
    /// Those of them that a key is not narrowed from.
    pub(crate) fn within(self, scope: &KeyScope) -> Self {
        let kept: Vec<&'static str> = self.iter().filter(|key| scope.allows_feature(key)).collect();
        Self(kept.into())
    }

    /// Those of them that a tier does not switch off.
    pub(crate) fn without(self, switched: &BTreeMap<String, bool>) -> Self {
        let is_off = |key: &str| switched.get(key) == Some(&false);
        let kept: Vec<&'static str> = self.iter().filter(|key| !is_off(key)).collect();
        Self(kept.into())
    }

    /// None.
    pub(crate) fn nothing() -> Self {
        Self(Box::default())
    }

    /// Whether `key` is among them.
    pub fn contains(&self, key: &str) -> bool {
        self.0.binary_search(&key).is_ok()
    }

    /// Their keys, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.iter().copied()
    }
}

const fn off(group: FeatureGroup, key: &'static str, label: &'static str) -> Feature {
    Feature {
        key,
        label,
        group,
        default: false,
    }
}

const fn api(key: &'static str, label: &'static str) -> Feature {
    Feature {
        key,
        label,
        group: FeatureGroup::Api,
        default: true,
    }
}

const PRESET: &[Feature] = &[
    off(FeatureGroup::Agent, "agents", "Agents"),
    off(FeatureGroup::Agent, "skills", "Skills"),
    off(FeatureGroup::Agent, "collections", "Collections"),
    off(FeatureGroup::Agent, "mcp_jobs", "MCP CI Jobs"),
    off(FeatureGroup::Agent, "localai_assistant", "LocalAI Assistant"),
    off(FeatureGroup::General, "fine_tuning", "Fine-Tuning"),
    off(FeatureGroup::General, "quantization", "Quantization"),
    api("chat", "Chat Completions"),
    api("images", "Image Generation"),
    api("audio_speech", "Audio Speech / TTS"),
    api("audio_transcription", "Audio Transcription"),
    api("audio_diarization", "Audio Diarization"),
    api("audio_classification", "Audio Classification"),
    api("vad", "Voice Activity Detection"),
    api("detection", "Detection"),
    api("video", "Video Generation"),
    api("3d", "3D Generation"),
    api("embeddings", "Embeddings"),
    api("sound", "Sound Generation"),
    api("realtime", "Realtime"),
    api("moderation", "Moderation"),
    api("rerank", "Rerank"),
    api("tokenize", "Tokenize"),
    api("mcp", "MCP"),
    api("stores", "Stores"),
    api("face_recognition", "Face Recognition"),
    api("voice_recognition", "Voice Recognition"),
    api("audio_transform", "Audio Transform"),
    api("pii_filter", "PII Analyze / Redact"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_wins_over_the_default_and_the_unknown_stays_unknown() {
        let said = BTreeMap::from([
            ("chat".into(), false),
            ("agents".into(), true),
            ("nonsense".into(), true),
        ]);
        let set = FeatureRegistry::preset().effective(&said, &BTreeMap::new());
        assert!(!set.contains("chat"));
        assert!(set.contains("agents"));
        assert!(set.contains("embeddings"));
        assert!(!set.contains("skills"));
        assert!(!set.contains("nonsense"));
    }

    #[test]
    fn keys_are_unique() {
        let registry = FeatureRegistry::preset();
        for feature in registry.iter() {
            assert_eq!(
                registry.iter().filter(|f| f.key == feature.key).count(),
                1,
                "{}",
                feature.key
            );
        }
    }
}
