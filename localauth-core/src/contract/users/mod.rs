//! Rules of [`UserStore`].

mod accounts;
mod admins;
mod admission;
mod deletion;
mod epochs;
mod identities;
mod queries;

pub use self::accounts::*;
pub use self::admins::*;
pub use self::admission::*;
pub use self::deletion::*;
pub use self::epochs::*;
pub use self::identities::*;
pub use self::queries::*;
use crate::store::UserStore;

group!(__contract_users: UserStore);
