//! Databases for one test each.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::required;

/// The URL of an SQLite file in `folder`.
pub fn sqlite(folder: &Path) -> String {
    format!("sqlite://{}", folder.join("test.db").display())
}

/// A database of its own on the test's PostgreSQL. Dropped by [`Postgres::drop`].
#[derive(Debug)]
pub struct Postgres {
    admin: String,
    name: String,
    /// Its URL.
    pub url: String,
}

impl Postgres {
    /// A fresh database named after `test`.
    pub async fn create(test: &str) -> Self {
        let admin = required("LOCALAUTH_TEST_POSTGRES");
        let name = format!("localauth_{test}_{}", std::process::id());
        let (server, _) = admin.rsplit_once('/').expect("a URL with a database");
        let url = format!("{server}/{name}");
        let this = Self { admin, name, url };
        this.sql(&format!("CREATE DATABASE {}", this.name)).await;
        this
    }

    /// Drops it, with whatever is still connected.
    pub async fn drop(self) {
        self.sql(&format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
    }

    async fn sql(&self, statement: &str) {
        let output = Command::new("psql")
            .args([&self.admin, "-v", "ON_ERROR_STOP=1", "-qc", statement])
            .stdin(Stdio::null())
            .output()
            .await
            .expect("psql can be run");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
