//! Paths that everybody reads the same way.

/// Whether everybody reads `path` the same way. Something behind us might decode, merge or climb where we did not.
///
/// ```
/// use localauth_core::policy::is_plain_path;
///
/// assert!(is_plain_path("/v1/models/"));
/// for odd in ["/v1//models", "/v1/../admin", "/v1/%2e%2e/admin", "/v1/a;b", "v1"] {
///     assert!(!is_plain_path(odd), "{odd}");
/// }
/// ```
pub fn is_plain_path(path: &str) -> bool {
    path.starts_with('/')
        && !path.contains(['%', '\\', ';', '?', '#'])
        && !path.contains("//")
        && path.split('/').all(|part| part != "." && part != "..")
}
