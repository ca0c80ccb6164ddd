//! Rules of [`UserStore`].

mod accounts;
mod admins;
mod epochs;

pub use self::accounts::*;
pub use self::admins::*;
pub use self::epochs::*;
use crate::store::UserStore;

group!(__contract_users: UserStore);
