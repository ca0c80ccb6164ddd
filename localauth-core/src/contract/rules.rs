//! The lists of rules, and the two things done with each list: a test for each rule, or a report over all.
//!
//! A list is a macro that hands its rules to another one, so that each rule is named in one place only.

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
        $crate::store_contract!(users, keys, sessions, usage, settings: $make);
    };
    ($($group:ident),+ : $make:ident) => {
        $($crate::__contract_group!($group __contract_tests $make);)+
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __contract_group {
    (users $($then:tt)+) => { $crate::__contract_users!($($then)+); };
    (keys $($then:tt)+) => { $crate::__contract_keys!($($then)+); };
    (sessions $($then:tt)+) => { $crate::__contract_sessions!($($then)+); };
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

#[doc(hidden)]
#[macro_export]
macro_rules! __contract_users {
    ($then:ident $($rest:tt)*) => {
        $crate::$then! { users [
            a_fresh_store_is_empty,
            what_was_stored_is_found,
            users_are_listed_oldest_first,
            an_address_belongs_to_one_user,
            an_address_is_given_to_one_of_many_at_once,
            an_id_belongs_to_one_user,
            odd_names_come_back_whole_or_are_refused,
            a_rehash_needs_the_old_hash_and_moves_no_epoch,
            a_rehash_never_undoes_a_new_password,
            changes_to_nobody_say_so,
            the_first_of_many_at_once_is_the_only_admin,
            only_who_asks_for_it_becomes_first_admin,
            the_last_admin_stays_an_active_admin,
            an_admin_who_cannot_come_in_does_not_count,
            two_admins_cannot_demote_each_other,
            two_admins_cannot_shut_each_other_out,
            of_many_admins_one_is_left,
            every_change_moves_the_epoch,
            a_refused_change_moves_nobody,
            a_new_password_ends_sessions,
            changes_since_is_in_order,
            epochs_are_given_out_once,
            epochs_become_visible_in_order,
            a_change_given_up_halfway_blocks_nobody
        ] $($rest)* }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __contract_keys {
    ($then:ident $($rest:tt)*) => {
        $crate::$then! { keys [
            an_unknown_key_is_absent,
            a_key_is_found_as_stored_with_its_owner,
            a_key_needs_a_user,
            ids_and_public_ids_are_unique,
            a_public_id_is_given_to_one_of_many_at_once,
            keys_are_listed_newest_first_without_revoked_ones,
            a_revoked_key_is_found_as_such,
            a_key_is_revoked_once,
            a_key_is_revoked_by_one_of_many_at_once,
            a_key_of_somebody_else_is_not_revoked,
            a_key_and_its_owner_are_of_one_moment,
            last_use_never_moves_back,
            last_use_is_the_latest_of_many_at_once,
            many_keys_are_touched_in_one_call,
            odd_names_come_back_whole_or_are_refused,
            a_revocation_given_up_halfway_blocks_nobody
        ] $($rest)* }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __contract_sessions {
    ($then:ident $($rest:tt)*) => {
        $crate::$then! { sessions [
            an_unknown_session_is_absent,
            a_session_is_found_as_stored_with_its_user,
            a_session_is_found_by_any_of_several_digests,
            the_version_of_the_secret_counts,
            a_session_needs_a_user,
            ids_and_digests_are_unique,
            a_session_ends_once_and_moves_the_epoch,
            a_session_is_ended_by_one_of_many_at_once,
            a_session_and_its_user_are_of_one_moment,
            sweeping_deletes_what_is_over_and_nothing_else,
            a_sign_in_racing_with_a_new_password_is_recognisable,
            odd_texts_come_back_whole_or_are_refused
        ] $($rest)* }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __contract_usage {
    ($then:ident $($rest:tt)*) => {
        $crate::$then! { usage [
            no_usage_is_an_empty_report,
            a_request_counts_once_within_a_batch,
            a_request_counts_once_across_batches,
            a_request_counts_once_among_many_at_once,
            sums_are_exact_under_overlapping_batches_at_once,
            rows_are_told_apart_by_time_user_and_model,
            a_report_is_in_order,
            a_report_begins_with_the_hour_asked_for,
            a_report_can_be_about_one_user,
            a_users_latest_name_is_shown,
            estimates_are_counted,
            large_counts_are_exact,
            too_large_sums_stay_large,
            odd_labels_hold_up_no_batch,
            a_large_batch_is_written_whole
        ] $($rest)* }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __contract_settings {
    ($then:ident $($rest:tt)*) => {
        $crate::$then! { settings [
            the_first_value_stays,
            a_value_can_be_replaced,
            names_are_told_apart,
            of_many_first_values_one_wins,
            odd_texts_come_back_whole_or_are_refused
        ] $($rest)* }
    };
}
