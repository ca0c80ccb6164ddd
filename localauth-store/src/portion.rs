//! Statements about many rows at once.

/// The most rows in one statement: of twelve columns each, within the 32,766 parameters of SQLite and the 65,535 of
/// PostgreSQL.
const MOST: usize = 1024;

/// `rows` in portions for one statement each, in order.
///
/// A portion is as large as possible, and a power of two: drivers keep prepared statements by their text, and a batch
/// of 700 rows and one of 701 then share theirs instead of filling the cache with one for each number of rows.
pub(crate) fn portions<T>(rows: &[T]) -> impl Iterator<Item = &[T]> {
    let mut rest = rows;
    std::iter::from_fn(move || {
        let most = rest.len().checked_ilog2().map(|log| 1_usize << log)?;
        let (portion, later) = rest.split_at(most.min(MOST));
        rest = later;
        Some(portion)
    })
}

/// How many rows are wanted, as databases count them.
pub(crate) fn limit(most: usize) -> u64 {
    i64::try_from(most).unwrap_or(i64::MAX).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portions_are_powers_of_two_and_lose_nothing() {
        let rows: Vec<usize> = (0..2_700).collect();
        let sizes: Vec<usize> = portions(&rows).map(<[usize]>::len).collect();
        assert_eq!(sizes, [1024, 1024, 512, 128, 8, 4]);
        assert_eq!(portions(&rows).collect::<Vec<_>>().concat(), rows);
        assert_eq!(portions::<u8>(&[]).count(), 0);
    }
}
