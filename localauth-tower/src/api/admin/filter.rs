//! What lists are narrowed by. An empty value is one that was left out, as forms send it.

use super::super::error::ApiError;
use super::super::view::parse_user_id;
use localauth_core::UserId;

/// The most entries of one page.
const MAX: usize = 1_000;

/// The value, unless it is empty.
pub(super) fn given(value: Option<&str>) -> Option<&str> {
    value.map(str::trim).filter(|text| !text.is_empty())
}

/// How many entries are asked for.
pub(super) fn limit(value: Option<&str>) -> Result<Option<usize>, ApiError> {
    let Some(text) = given(value) else { return Ok(None) };
    match text.parse() {
        Ok(limit @ 1..=MAX) => Ok(Some(limit)),
        _ => Err(ApiError::bad(format!("limit must be a whole number from 1 to {MAX}"))),
    }
}

/// Whose entries are asked for. What is no id must not mean everybody's.
pub(super) fn user(name: &str, value: Option<&str>) -> Result<Option<UserId>, ApiError> {
    let Some(text) = given(value) else { return Ok(None) };
    match parse_user_id(text) {
        Some(id) => Ok(Some(id)),
        None => Err(ApiError::bad(format!("{name}: expected the id of a user"))),
    }
}

/// A cursor that is not from an answer of ours.
pub(super) fn bad_cursor() -> ApiError {
    ApiError::bad("cursor: expected the `next` of the page before")
}

/// Cuts `found`, which has one entry more than `limit` when there is another page, and names the last that stays then.
pub(crate) fn cut<T>(found: &mut Vec<T>, limit: usize, cursor: impl FnOnce(&T) -> String) -> Option<String> {
    let more = found.len() > limit;
    found.truncate(limit);
    if more { found.last().map(cursor) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_cut_where_there_is_another() {
        for (count, next) in [(0, None), (2, None), (3, None), (4, Some("2".to_owned()))] {
            let mut found: Vec<usize> = (0..count).collect();
            assert_eq!(cut(&mut found, 3, ToString::to_string), next);
            assert_eq!(found.len(), count.min(3));
        }
    }
}
