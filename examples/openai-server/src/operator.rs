//! Commands for an operator who is locked out: on the same database, without the server and without a password.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use anyhow::{Context as _, bail};
use localauth_core::{
    Auth, Caller, KEY_PREFIX, KeyId, NewAccount, NewKey, Password, PublicId, Role, User as Account, UserQuery,
    parse_duration,
};

use crate::{
    access,
    cli::{Key, User},
    data_dir,
    settings::Settings,
};

/// Does what a command about users says.
///
/// # Errors
///
/// What kept it from being done, in one line.
pub async fn user(settings: &Settings, command: User) -> anyhow::Result<()> {
    data_dir::prepare(&settings.data_dir)?;
    let auth = access::open(settings).await?;
    match command {
        User::Add { email, name, admin } => {
            let account = NewAccount {
                name: name.unwrap_or_default(),
                role: if admin { Role::Admin } else { Role::User },
                ..NewAccount::local(email, ask_password()?)
            };
            let user = auth.add_user(account).await?;
            say(&format!("{} is {} now", user.email, user.role))
        }
        User::SetPassword { user } => {
            let found = find(&auth, &user).await?;
            let changed = auth.set_password(found.email.as_str(), ask_password()?, false).await?;
            changed.with_context(|| no_such_user(&user))?;
            say(&format!("{} has a new password; all sessions are ended", found.email))
        }
        User::List => {
            for user in auth.list_users(&UserQuery::default()).await? {
                say(&format!(
                    "{}  {:8}  {:5}  {}  {}",
                    user.id,
                    user.status.as_str(),
                    user.role.as_str(),
                    user.email,
                    user.name
                ))?;
            }
            Ok(())
        }
    }
}

/// Does what a command about keys says.
///
/// # Errors
///
/// What kept it from being done, in one line.
pub async fn key(settings: &Settings, command: Key) -> anyhow::Result<()> {
    data_dir::prepare(&settings.data_dir)?;
    let auth = access::open(settings).await?;
    match command {
        Key::Create { user, name, expires } => {
            let owner = find(&auth, &user).await?;
            let mut new = NewKey::named(name);
            if let Some(text) = expires {
                let life = parse_duration(&text).with_context(|| format!("--expires {text}"))?;
                new = new.expiring(auth.now() + life);
            }
            let created = auth.create_key(owner.id, new).await?;
            eprintln!("a key for {}, shown this once:", owner.email);
            say(created.plain.expose())
        }
        Key::Revoke { key } => {
            let id = match key.parse::<KeyId>() {
                Ok(id) => id,
                Err(_) => by_prefix(&auth, &key).await?,
            };
            if !auth.revoke_key(&Caller::operator(), id).await? {
                bail!("there is no such key, or it is revoked already");
            }
            say("the key is revoked; servers that run refuse it within a second")
        }
    }
}

/// The key with this prefix. A whole key is understood too; it is not repeated in an error.
async fn by_prefix(auth: &Auth, text: &str) -> anyhow::Result<KeyId> {
    const WANTED: &str = "name a key by its id or its prefix, as `sk-local-…` in the list of keys";
    let rest = text.strip_prefix(KEY_PREFIX).context(WANTED)?;
    let public_id: PublicId = rest.split('-').next().unwrap_or(rest).parse().ok().context(WANTED)?;
    let key = auth.find_key(&public_id).await?;
    Ok(key.context("there is no key with this prefix")?.id)
}

async fn find(auth: &Auth, user: &str) -> anyhow::Result<Account> {
    let found = match user.parse() {
        Ok(id) => auth.find_user(id).await?,
        Err(_) => auth.find_user_by_email(&user.parse()?).await?,
    };
    found.with_context(|| no_such_user(user))
}

fn no_such_user(user: &str) -> String {
    format!("there is no user `{}`: `user list` shows all", user.escape_debug())
}

/// Asks for a password where somebody sits, reads a line where nobody does.
fn ask_password() -> anyhow::Result<Password> {
    if io::stdin().is_terminal() {
        let first = rpassword::prompt_password("password: ").context("no password could be read")?;
        let again = rpassword::prompt_password("again: ").context("no password could be read")?;
        if first != again {
            bail!("the two passwords differ");
        }
        return Ok(Password::new(first));
    }
    let mut line = String::new();
    io::stdin()
        .lock()
        .read_line(&mut line)
        .context("no password could be read")?;
    Ok(Password::new(line.trim_end_matches(['\r', '\n'])))
}

fn say(line: &str) -> anyhow::Result<()> {
    writeln!(io::stdout().lock(), "{line}").context("standard output is closed")
}
