//! A map with a fixed number of places, read without a lock.

use std::collections::VecDeque;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use papaya::HashMap;

/// A digest as a map's key. It is uniform already, so its first bytes are its hash.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct DigestKey(pub(crate) [u8; 32]);

impl Hash for DigestKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut first = [0_u8; 8];
        first.copy_from_slice(&self.0[..8]);
        state.write_u64(u64::from_le_bytes(first));
    }
}

/// Takes the last `u64` written as the hash: for keys that are uniform and that no caller can choose.
#[derive(Default)]
pub(crate) struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &b in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(b);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

pub(crate) type DigestHasher = BuildHasherDefault<AsIs>;

struct Slot<V> {
    value: V,
    /// Set by a reader, cleared by the clock hand: what is in use stays.
    used: AtomicBool,
}

/// At most `capacity` entries, replaced by the second-chance ("clock") rule.
///
/// Readers take no lock. Writers take one among themselves.
pub(crate) struct BoundedMap<K, V, S = DigestHasher> {
    slots: HashMap<K, Slot<V>, S>,
    ring: Mutex<VecDeque<K>>,
    capacity: usize,
}

impl<K: Hash + Eq + Copy, V: Clone, S: BuildHasher + Default> BoundedMap<K, V, S> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            slots: HashMap::with_capacity_and_hasher(0, S::default()),
            ring: Mutex::new(VecDeque::new()),
            capacity: capacity.max(1),
        }
    }

    /// Looks at the entry of `key` through `read`, without a lock.
    pub(crate) fn with<R>(&self, key: &K, read: impl FnOnce(&V) -> R) -> Option<R> {
        let slots = self.slots.pin();
        let slot = slots.get(key)?;
        // Written only when it changes: a line that is only read stays in every core's cache.
        if !slot.used.load(Ordering::Relaxed) {
            slot.used.store(true, Ordering::Relaxed);
        }
        Some(read(&slot.value))
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        self.with(key, V::clone)
    }

    /// Puts `value` in, in the place of an older one of this key or of one that nobody used lately.
    pub(crate) fn insert(&self, key: K, value: V) {
        let mut ring = self.ring.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let slots = self.slots.pin();
        // A new entry has to prove itself: a flood of new ones pushes out the flood, not those in use.
        if slots
            .insert(
                key,
                Slot {
                    value,
                    used: AtomicBool::new(false),
                },
            )
            .is_some()
        {
            return;
        }
        ring.push_back(key);
        while ring.len() > self.capacity {
            let Some(oldest) = ring.pop_front() else { break };
            let used = slots
                .get(&oldest)
                .is_some_and(|slot| slot.used.swap(false, Ordering::Relaxed));
            if used {
                ring.push_back(oldest);
            } else {
                slots.remove(&oldest);
            }
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.slots.pin().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u64) -> DigestKey {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        DigestKey(bytes)
    }

    #[test]
    fn never_more_than_its_places_and_the_used_ones_stay() {
        let map: BoundedMap<DigestKey, u64> = BoundedMap::new(100);
        for n in 0..50 {
            map.insert(key(n), n);
        }
        for n in 1_000..20_000 {
            // The fifty are in use all the time; the flood is not.
            if n % 10 == 0 {
                assert!((0..50).all(|n| map.get(&key(n)) == Some(n)));
            }
            map.insert(key(n), n);
        }
        assert!(map.len() <= 100, "{}", map.len());
        assert!((0..50).all(|n| map.get(&key(n)) == Some(n)));
    }

    #[test]
    fn a_second_insert_replaces() {
        let map: BoundedMap<DigestKey, u64> = BoundedMap::new(2);
        map.insert(key(1), 1);
        map.insert(key(1), 2);
        assert_eq!((map.get(&key(1)), map.len()), (Some(2), 1));
    }

    #[test]
    fn with_everything_in_use_it_still_makes_room() {
        let map: BoundedMap<DigestKey, u64> = BoundedMap::new(3);
        for n in 0..10 {
            map.insert(key(n), n);
            let _ = map.get(&key(n));
        }
        assert_eq!(map.len(), 3);
    }
}
