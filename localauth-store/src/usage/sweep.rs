//! Forgetting single requests.

use localauth_core::{StoreError, Timestamp};
use sea_orm::prelude::Uuid;

use crate::sql_store::SqlStore;

/// How many requests are deleted at a time: some ten milliseconds' work, then whoever waits to write has a turn.
const PORTION: i64 = 5_000;

/// The least id of a request made at `at`: ids begin with the time.
pub(super) fn first_id(at: Timestamp) -> Uuid {
    let millis = u128::try_from(at.as_millis()).unwrap_or(0);
    Uuid::from_u128(millis.min((1 << 48) - 1) << 80)
}

impl SqlStore {
    /// Deletes the requests of before `before`, oldest first.
    pub(super) async fn sweep(&self, before: Timestamp) -> Result<u64, StoreError> {
        let before = first_id(before);
        let mut swept = 0;
        loop {
            let database = self.usage();
            let portion = self
                .carry_through(async move { database.delete_events(before, PORTION).await })
                .await?;
            swept += portion;
            if portion < PORTION.unsigned_abs() {
                return Ok(swept);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use localauth_core::{OsEntropy, RequestId};

    use super::*;

    #[test]
    fn the_first_id_of_a_time_is_before_all_of_that_time() {
        for millis in [0, 1, 1_700_000_000_000] {
            let at = Timestamp::from_millis(millis);
            let id = RequestId::generate(at, &OsEntropy).unwrap().as_uuid();
            assert!(first_id(at) <= id);
            assert!(id < first_id(Timestamp::from_millis(millis + 1)));
        }
        assert_eq!(first_id(Timestamp::from_millis(-1)), Uuid::nil());
        assert!(first_id(Timestamp::MAX) > first_id(Timestamp::from_millis(1 << 47)));
    }
}
