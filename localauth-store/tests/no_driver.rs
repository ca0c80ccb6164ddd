//! The store without any database driver.
#![cfg(not(any(feature = "sqlite", feature = "postgres")))]

use localauth_store::{ConnectErrorKind, connect};

#[tokio::test]
async fn without_a_driver_there_is_one_clear_line() {
    for url in ["sqlite://localauth.db", "postgres://ada:hunter2@localhost/auth"] {
        let error = connect(url).await.unwrap_err();
        assert_eq!(error.kind(), ConnectErrorKind::NoDriver);
        assert!(
            error.to_string().starts_with("no database driver compiled in"),
            "{error}"
        );
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    assert_eq!(
        connect("mysql://localhost").await.unwrap_err().kind(),
        ConnectErrorKind::BadUrl
    );
}
