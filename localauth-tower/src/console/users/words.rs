//! What roles, standings and providers are called.

use localauth_core::{Provider, Role, Status};

pub(super) const fn role(role: Role) -> &'static str {
    match role {
        Role::Admin => "users-role-admin",
        _ => "users-role-user",
    }
}

/// The id of its name, and how its badge looks.
pub(super) const fn status(status: Status) -> (&'static str, &'static str) {
    match status {
        Status::Active => ("users-status-active", "good"),
        Status::Pending => ("users-status-pending", "warn"),
        _ => ("users-status-disabled", "bad"),
    }
}

pub(super) const fn provider(provider: Provider) -> &'static str {
    match provider {
        Provider::Github => "users-provider-github",
        Provider::Oidc => "users-provider-oidc",
        Provider::Service => "users-provider-service",
        _ => "users-provider-local",
    }
}
