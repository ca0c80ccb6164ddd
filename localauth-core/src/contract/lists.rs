//! The lists of rules.
//!
//! A list is a macro that hands its rules to another one, so that each rule is named in one place only.

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
            a_new_password_can_ask_for_the_old_one,
            changes_to_nobody_say_so,
            a_search_finds_names_and_addresses_in_any_case,
            a_search_is_no_pattern,
            users_are_listed_by_status,
            pages_are_complete_and_without_duplicates,
            a_page_begins_after_a_user_who_is_gone,
            names_are_of_those_who_exist,
            a_first_user_can_be_refused,
            nobody_is_second_before_there_is_a_first,
            after_the_last_user_somebody_is_first_again,
            whoever_comes_by_a_provider_is_found_by_it,
            a_taken_identity_lets_nobody_else_in,
            an_identity_makes_one_of_many_accounts_at_once,
            the_first_of_many_at_once_is_the_only_admin,
            only_who_asks_for_it_becomes_first_admin,
            the_last_admin_stays_an_active_admin,
            an_admin_who_cannot_come_in_does_not_count,
            two_admins_cannot_demote_each_other,
            two_admins_cannot_shut_each_other_out,
            of_many_admins_one_is_left,
            a_deleted_user_is_gone,
            a_deletion_is_told_like_any_change,
            the_address_of_a_deleted_user_is_free,
            the_last_admin_is_not_deleted,
            two_admins_cannot_delete_each_other,
            a_user_is_deleted_by_one_of_many_at_once,
            a_linked_identity_finds_its_user,
            an_identity_belongs_to_one_user,
            a_user_has_one_identity_at_each_provider,
            an_identity_is_linked_by_one_of_many_at_once,
            an_unlinked_identity_is_free_again,
            the_last_way_to_sign_in_stays,
            two_last_identities_are_not_both_unlinked_at_once,
            odd_subjects_come_back_whole_or_are_refused,
            every_change_moves_the_epoch,
            a_refused_change_moves_nobody,
            a_new_password_ends_sessions,
            another_role_ends_sessions,
            shutting_somebody_out_ends_their_sessions,
            profile_permissions_and_models_end_no_sessions,
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
            the_keys_of_all_are_listed_together,
            odd_names_come_back_whole_or_are_refused,
            a_revoked_key_is_found_as_such,
            a_key_is_revoked_once,
            a_key_is_revoked_by_one_of_many_at_once,
            a_key_of_somebody_else_is_not_revoked,
            a_key_and_its_owner_are_of_one_moment,
            a_revocation_given_up_halfway_blocks_nobody,
            a_rotated_key_has_a_new_secret_and_the_one_before,
            a_secret_that_many_saw_is_replaced_once,
            a_still_older_secret_is_forgotten,
            only_a_good_key_of_ones_own_is_rotated,
            a_rotation_is_of_one_moment,
            rotations_at_once_follow_one_another,
            no_rotation_undoes_a_revocation,
            last_use_never_moves_back,
            use_of_an_old_secret_is_noted_by_itself,
            last_use_is_the_latest_of_many_at_once,
            many_keys_are_touched_in_one_call,
            sweeping_deletes_keys_that_ended_long_ago,
            sweeping_a_key_leaves_those_made_with_it,
            keys_are_deleted_with_their_owner,
            no_key_outlives_a_deletion_at_once
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
            a_sign_in_racing_with_a_new_password_is_recognisable,
            odd_texts_come_back_whole_or_are_refused,
            a_session_comes_with_all_it_depends_on,
            a_session_needs_its_key_and_impersonator,
            sessions_are_listed_newest_first_without_those_over,
            sessions_of_an_earlier_sign_in_epoch_are_not_listed,
            last_seen_never_moves_back,
            a_renewed_session_is_found_by_both_tokens,
            only_the_present_token_renews,
            a_session_is_renewed_by_one_of_many_at_once,
            no_renewal_undoes_an_end,
            a_token_is_good_throughout_its_renewal,
            a_session_ends_once_and_moves_the_epoch,
            a_session_is_ended_by_one_of_many_at_once,
            a_session_and_its_user_are_of_one_moment,
            a_session_of_somebody_else_is_not_ended,
            all_sessions_end_but_the_one_named,
            a_session_and_its_key_are_of_one_moment,
            a_session_and_its_impersonator_are_of_one_moment,
            sweeping_deletes_what_is_over_and_nothing_else,
            sessions_end_with_a_swept_key,
            a_rotation_ends_sessions_made_from_the_key,
            sessions_are_deleted_with_their_user,
            acting_as_somebody_ends_with_the_account,
            no_session_outlives_a_deletion_at_once,
            a_session_of_the_synthetic_admin_has_no_user,
            sessions_of_the_synthetic_admin_move_an_epoch,
            the_synthetic_admin_needs_no_session_to_end_all,
            the_synthetic_admin_outlives_every_account
        ] $($rest)* }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __contract_invites {
    ($then:ident $($rest:tt)*) => {
        $crate::$then! { invites [
            an_unknown_invite_is_absent,
            an_invite_is_found_as_stored,
            invites_are_listed_newest_first,
            ids_and_digests_of_invites_are_unique,
            an_invite_is_consumed_by_who_comes_in,
            an_invite_lets_one_of_many_in_at_once,
            an_invite_that_is_no_good_lets_nobody_in,
            whoever_is_refused_consumes_no_invite,
            the_first_administrator_needs_no_invite,
            a_good_invite_is_left_by_the_first_administrator,
            only_an_unused_invite_is_revoked,
            a_revocation_or_a_registration_wins,
            invites_are_deleted_with_their_maker,
            a_used_invite_outlives_who_used_it,
            odd_prefixes_come_back_whole_or_are_refused
        ] $($rest)* }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __contract_shared_keys {
    ($then:ident $($rest:tt)*) => {
        $crate::$then! { shared_keys [
            a_fresh_store_has_no_shared_keys,
            shared_keys_are_replaced_together,
            replacing_shared_keys_moves_an_epoch,
            of_many_replacements_the_last_one_stays,
            odd_masks_come_back_whole_or_are_refused,
            one_shared_key_comes_and_goes,
            a_shared_key_is_one_under_each_of_its_digests,
            of_many_shared_keys_at_once_none_takes_anothers_place
        ] $($rest)* }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __contract_limits {
    ($then:ident $($rest:tt)*) => {
        $crate::$then! { limits [
            nobody_has_no_limits,
            limits_come_back_as_put_in_the_order_of_models,
            a_limit_for_the_same_model_keeps_its_id,
            a_user_has_at_most_so_many_limits,
            a_limit_is_taken_away_once,
            a_user_is_put_into_a_tier_that_is_there,
            limits_of_several_are_told_together,
            limits_are_deleted_with_their_user,
            odd_models_come_back_whole_or_are_refused,
            a_fresh_house_has_default_rules,
            house_rules_come_back_as_given,
            outdated_rules_replace_nothing,
            a_tier_in_use_stays,
            odd_rules_come_back_whole_or_are_refused,
            every_change_of_limits_moves_the_epoch,
            refused_limits_move_nobody,
            a_change_of_the_house_is_told_like_any,
            a_model_has_one_limit_of_many_at_once,
            a_user_gets_no_more_limits_of_many_at_once,
            a_limit_is_taken_away_by_one_of_many_at_once,
            house_rules_are_replaced_by_one_of_many_at_once,
            nobody_is_in_a_tier_that_is_not_there,
            no_limit_outlives_a_deletion_at_once
        ] $($rest)* }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __contract_audit {
    ($then:ident $($rest:tt)*) => {
        $crate::$then! { audit [
            a_line_comes_back_as_written,
            lines_are_read_newest_first,
            a_line_is_written_once,
            lines_written_by_many_at_once_are_there_once,
            the_log_is_read_from_a_time_on,
            the_log_of_a_user_has_what_they_did_as_others,
            the_log_can_be_about_one_action,
            pages_of_the_log_are_complete,
            sweeping_deletes_lines_from_before,
            odd_lines_come_back_whole_or_are_refused,
            a_large_batch_of_lines_is_written_whole
        ] $($rest)* }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __contract_attempts {
    ($then:ident $($rest:tt)*) => {
        $crate::$then! { attempts [
            attempts_are_limited_until_the_oldest_is_past,
            limited_attempts_are_not_counted,
            buckets_are_independent,
            no_more_than_the_limit_of_many_at_once,
            attempts_are_decided_by_the_one_rule,
            sweeping_forgets_quiet_buckets,
            odd_buckets_are_told_apart_or_refused
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
            estimates_are_counted,
            large_counts_are_exact,
            too_large_sums_stay_large,
            odd_labels_hold_up_no_batch,
            a_large_batch_is_written_whole,
            rows_are_told_apart_by_time_user_and_model,
            a_report_is_in_order,
            a_report_begins_with_the_hour_asked_for,
            a_report_can_be_about_one_user,
            a_users_latest_name_is_shown,
            usage_is_told_apart_by_source_and_key,
            a_report_by_source_is_in_order,
            the_last_of_it_is_told,
            a_keys_latest_name_is_shown,
            a_report_can_be_about_one_key,
            both_reports_add_up_to_the_same,
            odd_key_names_hold_up_no_report,
            cached_tokens_and_cost_are_counted,
            recent_usage_is_told_by_the_second,
            older_usage_is_told_by_the_hour,
            history_can_be_about_user_keys_and_model,
            history_has_requests_whatever_their_ids_say,
            sweeping_forgets_single_requests_and_no_sums
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

#[doc(hidden)]
#[macro_export]
macro_rules! __contract_ledger {
    ($then:ident $($rest:tt)*) => {
        $crate::$then! { ledger [
            unknown_counters_are_told_and_nothing_is_held,
            nothing_binds_without_claims,
            all_or_none_over_several_claims,
            each_maximum_holds_for_itself,
            a_maximum_of_none_refuses_all,
            a_soft_limit_never_refuses,
            requests_at_the_same_time_are_limited,
            asked_again_in_the_same_name_more_is_held,
            cost_is_counted_in_millionths,
            the_longest_refusal_is_told,
            absurd_amounts_are_very_many,
            counters_are_told_apart,
            what_is_held_counts_whatever_the_window,
            what_was_used_counts_for_the_window,
            the_time_of_a_refusal_is_exact,
            days_and_months_end_at_midnight,
            each_window_forgets_at_its_own_time,
            standings_tell_when_there_is_room,
            a_counter_begins_with_its_history,
            history_of_the_future_counts_from_now_on,
            seeding_twice_counts_once,
            of_many_histories_at_once_one_counts,
            sweeping_loses_nothing_that_counts,
            idle_counters_are_forgotten,
            nothing_is_posted_to_unknown_counters,
            use_takes_the_place_of_what_was_held,
            who_uses_nothing_leaves_nothing,
            a_hold_is_settled_in_parts,
            postings_in_any_order_come_to_the_same,
            who_walks_away_holds_nothing,
            of_five_hundred_at_once_a_hundred_pass,
            small_grants_use_the_limit_and_no_more,
            who_comes_and_goes_leaves_nothing_behind,
            scripts_follow_the_model
        ] $($rest)* }
    };
}
