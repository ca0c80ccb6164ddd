//! The two things done with each [list](super::lists) of rules: a test for each rule, or a report over all.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;

/// Which rules were broken.
#[derive(Default)]
pub(super) struct Report {
    checked: usize,
    broken: Vec<&'static str>,
}

impl Report {
    /// Checks one rule, and notes its name when it panics.
    pub(super) async fn check(&mut self, name: &'static str, rule: impl Future<Output = ()>) {
        self.checked += 1;
        if AssertUnwindSafe(rule).catch_unwind().await.is_err() {
            self.broken.push(name);
        }
    }

    /// Panics with the names of the broken rules, if there are any.
    pub(super) fn finish(self) {
        assert!(
            self.broken.is_empty(),
            "the store breaks {} of {} rules of its contract: {} (each one's reason is printed above)",
            self.broken.len(),
            self.checked,
            self.broken.join(", "),
        );
    }
}

/// A group's `run`: all its rules on stores that have the given traits.
macro_rules! group {
    ($rules:ident: $($bound:ident),+) => {
        /// Checks every rule of this group, each on a store made by `make`. Panics with the names of the rules that
        /// are broken.
        pub async fn run<D, Fut>(make: impl Fn() -> Fut)
        where
            D: std::ops::Deref<Target: $($bound +)+> + Send + Sync + 'static,
            Fut: Future<Output = D>,
        {
            let mut report = crate::contract::rules::Report::default();
            crate::$rules!(__contract_check report make);
            report.finish();
        }
    };
}

/// Makes one `#[tokio::test]` for each rule of the [store contract](crate::contract).
///
/// Takes the path of an `async fn() -> D` in scope that makes a fresh, empty store (`D` derefs to it), and before that
/// the groups wanted, if not all. The calling crate needs `tokio` with the features `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! store_contract {
    ($make:ident) => {
        $crate::store_contract!(
            users, keys, sessions, invites, shared_keys, limits, audit, attempts, usage, settings: $make
        );
    };
    ($($group:ident),+ : $make:ident) => {
        $($crate::__contract_group!($group __contract_tests $make);)+
    };
}

/// Makes one `#[tokio::test]` for each rule of the [ledger's contract](crate::contract::ledger).
///
/// Takes the path of an `async fn() -> D` in scope that makes a fresh, empty ledger (`D` derefs to it). The calling crate
/// needs `tokio` with the features `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! ledger_contract {
    ($make:ident) => {
        $crate::__contract_ledger!(__contract_tests $make);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __contract_group {
    (users $($then:tt)+) => { $crate::__contract_users!($($then)+); };
    (keys $($then:tt)+) => { $crate::__contract_keys!($($then)+); };
    (sessions $($then:tt)+) => { $crate::__contract_sessions!($($then)+); };
    (invites $($then:tt)+) => { $crate::__contract_invites!($($then)+); };
    (shared_keys $($then:tt)+) => { $crate::__contract_shared_keys!($($then)+); };
    (limits $($then:tt)+) => { $crate::__contract_limits!($($then)+); };
    (audit $($then:tt)+) => { $crate::__contract_audit!($($then)+); };
    (attempts $($then:tt)+) => { $crate::__contract_attempts!($($then)+); };
    (usage $($then:tt)+) => { $crate::__contract_usage!($($then)+); };
    (settings $($then:tt)+) => { $crate::__contract_settings!($($then)+); };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __contract_tests {
    ($group:ident [$($rule:ident),+] $make:ident) => {
        mod $group {
            $(
                #[::tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $rule() {
                    $crate::contract::$group::$rule(super::$make().await).await;
                }
            )+
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __contract_check {
    ($group:ident [$($rule:ident),+] $report:ident $make:ident) => {
        $(
            let name = concat!(stringify!($group), "::", stringify!($rule));
            $report.check(name, $crate::contract::$group::$rule($make().await)).await;
        )+
    };
}
