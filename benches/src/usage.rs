//! Usage as of a company: who asked what, when, with which key.

use localauth_core::{KeyId, RequestId, Timestamp, UsageEvent, UsageSource, UserId};
use localauth_store::SqlStore;
use sea_orm::{ConnectionTrait as _, Database};
use tempfile::TempDir;
use uuid::Uuid;

/// How many people.
pub const USERS: u64 = 1_000;
/// How long: a month.
pub const DAYS: i64 = 30;
/// The last millisecond of it.
pub const NOW: Timestamp = Timestamp::from_millis(1_767_225_599_999);
/// In one call.
pub const BATCH: u64 = 10_000;
const DAY: i64 = 86_400_000;
const MODELS: [&str; 12] = [
    "gpt-oss-120b",
    "gpt-oss-20b",
    "llama-3.3-70b-instruct",
    "llama-3.1-8b-instruct",
    "qwen3-32b",
    "qwen3-coder-30b-a3b",
    "mistral-small-3.2-24b",
    "gemma-3-27b-it",
    "deepseek-r1-distill-32b",
    "phi-4",
    "bge-m3",
    "whisper-large-v3",
];
const ENDPOINTS: [&str; 4] = [
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/responses",
    "/v1/embeddings",
];

/// The same number for the same two, and no pattern in it.
const fn mixed(a: u64, b: u64) -> u64 {
    let mut x = a.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b.wrapping_mul(0xd1b5_4a32_d192_ed03);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn id(at: i64, kind: u8, n: u64) -> Uuid {
    let mut rest = [0; 10];
    rest[0] = kind;
    rest[2..].copy_from_slice(&n.to_be_bytes());
    uuid::Builder::from_unix_timestamp_millis(at.unsigned_abs(), &rest).into_uuid()
}

/// When user number `n` came: in an order of their own, a year before.
const BEFORE: i64 = NOW.as_millis() - 365 * DAY;

/// User number `n`.
pub fn user_id(n: u64) -> UserId {
    UserId::from_uuid(id(BEFORE, 1, (n * 7_919) % USERS))
}

/// Request number `n` of `of` within the month, in order of time.
///
/// Everybody has one to three models of twelve, one or two keys, and the console; who is asked about most, and with what,
/// falls off as it does among people.
pub fn event(n: u64, of: u64) -> UsageEvent {
    let span = i128::from(DAYS * DAY);
    let passed = i64::try_from(span * i128::from(n) / i128::from(of)).unwrap_or(0);
    let at = NOW.as_millis() - DAYS * DAY + 1 + passed;
    let random = mixed(n, 1);
    // Half of all requests are of a fifth of the users.
    let user = (random % USERS) * (1 + (random >> 10) % USERS) / USERS;
    let person = mixed(user, 2);
    let model = match random >> 16 & 15 {
        0..10 => person,
        10..14 => person >> 8,
        _ => person >> 16,
    } % (MODELS.len() as u64);
    let keys = 1 + (person >> 32 & 1);
    let key = match random >> 24 & 7 {
        0 => None,
        other => Some(other % keys),
    };
    let prompt_tokens = 50 + (random >> 32) % 4_000;
    UsageEvent {
        request_id: RequestId::from_uuid(id(at, 4, n)),
        at: Timestamp::from_millis(at + 300),
        user_id: user_id(user),
        user_name: format!("Grace Brewster Hopper {user}"),
        key: key.map(|key| {
            let number = 10 * user + key;
            (KeyId::from_uuid(id(BEFORE, 2, number)), format!("laptop {number}"))
        }),
        source: if key.is_some() {
            UsageSource::ApiKey
        } else {
            UsageSource::Web
        },
        model: MODELS[usize::try_from(model).unwrap_or(0)].to_owned(),
        endpoint: ENDPOINTS[usize::try_from((random >> 40) % 10)
            .unwrap_or(0)
            .saturating_sub(6)
            .min(3)]
        .to_owned(),
        prompt_tokens,
        cached_tokens: prompt_tokens / 3,
        completion_tokens: 20 + (random >> 44) % 800,
        cost_micros: prompt_tokens / 7,
        estimated: random.is_multiple_of(50),
    }
}

/// Batch number `n` of those that `of` requests make.
pub fn batch(n: u64, of: u64) -> Vec<UsageEvent> {
    (n * BATCH..((n + 1) * BATCH).min(of)).map(|n| event(n, of)).collect()
}

/// As many a month as the targets speak of.
pub const MONTH: u64 = 10_000_000;

/// How many events: ten million, or as many as `LOCALAUTH_BENCH_EVENTS` says.
pub fn events() -> u64 {
    let wanted = std::env::var("LOCALAUTH_BENCH_EVENTS").ok();
    wanted.and_then(|text| text.parse().ok()).unwrap_or(MONTH)
}

/// A database for one run.
#[derive(Debug)]
pub struct Place {
    /// What it is called in the table.
    pub name: &'static str,
    /// Where it is.
    pub url: String,
    /// The file's folder; or the superuser's URL and the database's name.
    kept: Kept,
}

#[derive(Debug)]
enum Kept {
    File(TempDir),
    Server { admin: String, name: String },
}

impl Place {
    /// SQLite in a file, and PostgreSQL when the tests' URL is there.
    ///
    /// # Panics
    ///
    /// When neither can be made.
    #[expect(clippy::unwrap_used, reason = "a bench that cannot begin has nothing to say")]
    pub async fn all() -> Vec<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut all = vec![Self {
            name: "SQLite",
            url: format!("sqlite://{}/localauth.db", folder.path().display()),
            kept: Kept::File(folder),
        }];
        match std::env::var("LOCALAUTH_TEST_POSTGRES") {
            Ok(admin) => {
                let name = format!("localauth_bench_{}", std::process::id());
                let server = Database::connect(&admin).await.unwrap();
                server
                    .execute_unprepared(&format!("CREATE DATABASE {name}"))
                    .await
                    .unwrap();
                let (before, _) = admin.rsplit_once('/').unwrap();
                all.push(Self {
                    name: "PostgreSQL",
                    url: format!("{before}/{name}"),
                    kept: Kept::Server { admin, name },
                });
            }
            Err(_) => println!("SQLite only: LOCALAUTH_TEST_POSTGRES is not set"),
        }
        all
    }

    /// A store there.
    ///
    /// # Panics
    ///
    /// When it cannot be reached.
    #[expect(clippy::unwrap_used, reason = "a bench that cannot begin has nothing to say")]
    pub async fn connect(&self) -> SqlStore {
        localauth_store::connect(&self.url).await.unwrap()
    }

    /// Brings the database's statistics up to date and its log into its tables, as the passing of time does.
    ///
    /// # Panics
    ///
    /// When the database fails.
    #[expect(clippy::unwrap_used, reason = "a bench that cannot begin has nothing to say")]
    pub async fn settle(&self) {
        let database = Database::connect(&self.url).await.unwrap();
        let statement = match self.kept {
            Kept::File(_) => "PRAGMA wal_checkpoint(TRUNCATE)",
            Kept::Server { .. } => "VACUUM ANALYZE",
        };
        database.execute_unprepared(statement).await.unwrap();
        database.close().await.unwrap();
    }

    /// Deletes it.
    ///
    /// # Panics
    ///
    /// When that fails.
    #[expect(clippy::unwrap_used, reason = "what a bench leaves behind fills a disk")]
    pub async fn delete(self) {
        match self.kept {
            Kept::File(folder) => folder.close().unwrap(),
            Kept::Server { admin, name } => {
                let server = Database::connect(&admin).await.unwrap();
                let statement = format!("DROP DATABASE {name} WITH (FORCE)");
                server.execute_unprepared(&statement).await.unwrap();
            }
        }
    }
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
