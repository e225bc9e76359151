"""Which tests are each check of the security gate, and which prove that it can fail.

A control is the same check, asked of a portal in which the one thing is broken, or of what would
stand in its place. Where one has cases of its own, they are named after the function.
"""

from __future__ import annotations

from typing import NamedTuple

DOOR, HTTP, PROFILE = "internal/test_door.py", "internal/test_http.py", "signing/test_profile.py"
BROKEN, DEBITS = "internal/test_broken_doors.py", "internal/test_debits.py"
SIGNATURES, PAIRS = "gate/test_signatures.py", "gate/test_key_pairs.py"
RACES, CONTROLS = "faults/test_races.py", "faults/test_controls.py"
SQLITE, POSTGRESQL = "gate/test_sqlite_guards.py", "gate/test_postgresql_guards.py"


class Check(NamedTuple):
    """What must hold; the tests of it and the controls of these, as file::function[cases]."""

    what: str
    tests: tuple[str, ...]
    controls: tuple[str, ...]


CHECKS: dict[int, Check] = {
    12: Check(
        "whoever has no good key gets one and the same answer, as soon, and nothing is done",
        (
            f"{DOOR}::test_every_forgery_gets_the_same_answer_and_does_nothing",
            f"{DOOR}::test_every_wrong_signature_gets_the_same_answer",
            f"{DOOR}::test_keys_revoked_not_yet_good_or_over_get_the_same_answer",
            f"{DOOR}::test_refusing_takes_the_same_time_whatever_is_wrong",
            f"{PROFILE}::test_it_refuses_every_key_that_is_not_good_now",
            f"{PAIRS}::test_it_refuses_every_key_that_is_not_good_now",
        ),
        (
            f"{BROKEN}::test_control_of_the_door[any-signature, unknown-kid-told, "
            "unknown-kid-looked-for, revoked-key]",
            f"{PROFILE}::test_control_without_comparing_the_mac_a_guessed_secret_passes",
        ),
    ),
    13: Check(
        "one flipped bit of any covered byte is refused",
        (
            "gate/test_flipped_bits.py::test_every_flipped_bit_gets_the_same_answer_and_does_nothing",
            f"{SIGNATURES}::test_it_refuses_every_flipped_bit_of_every_covered_byte",
            f"{PAIRS}::test_it_refuses_every_flipped_bit_of_every_covered_byte",
        ),
        (
            "gate/test_flipped_bits.py::test_control_without_the_check_a_flipped_body_charges",
            f"{SIGNATURES}::test_control_where_one_value_is_not_covered_its_bits_flip",
        ),
    ),
    14: Check(
        "another body, another digest and another spelling of either are refused",
        (
            f"{PROFILE}::test_it_refuses_content_under_the_digest_of_other_content",
            f"{PROFILE}::test_it_refuses_other_digests",
            f"{PROFILE}::test_it_refuses_a_mac_in_other_than_canonical_base64",
            f"{PAIRS}::test_it_refuses_a_signature_in_other_than_canonical_base64",
        ),
        (
            f"{PROFILE}::test_control_without_comparing_the_digest_other_content_passes",
            f"{BROKEN}::test_control_of_the_signature[lenient-base64]",
        ),
    ),
    15: Check(
        "a signature is worth nothing at another place, in another spelling or by another method",
        (
            f"{PROFILE}::test_a_signature_is_worth_nothing_elsewhere",
            f"{HTTP}::test_only_the_plain_spelling_of_a_signed_path_is_taken",
        ),
        (
            f"{PROFILE}::test_control_a_path_that_is_not_signed_can_be_moved",
            f"{DOOR}::test_control_without_the_raw_target_another_spelling_passes",
        ),
    ),
    16: Check(
        "only the one list of components is taken, once, with no parameter more",
        (
            f"{PROFILE}::test_it_refuses_any_other_list_of_components",
            f"{PROFILE}::test_it_refuses_parameters_on_components",
            f"{PROFILE}::test_it_refuses_any_other_number_or_form_of_signatures",
            f"{PROFILE}::test_it_refuses_a_parameter_missing_or_twice",
            f"{PROFILE}::test_it_refuses_an_unknown_parameter",
        ),
        (
            f"{BROKEN}::test_control_of_the_signature[covered-as-listed, parameters-of-components]",
            f"{SIGNATURES}::test_control_a_verifier_that_lacks_one_check_is_found_out[any-list, "
            "parameters-twice, any-parameter]",
        ),
    ),
    17: Check(
        "the key decides the algorithm, and a public key is no secret",
        (
            f"{PAIRS}::test_no_key_is_taken_for_one_of_another_algorithm",
            f"{PROFILE}::test_the_request_does_not_choose_the_algorithm",
        ),
        (f"{PAIRS}::test_control_where_the_request_chooses_a_public_key_is_a_secret",),
    ),
    18: Check(
        "times hold to their edges, and are plain seconds",
        (
            f"{PROFILE}::test_it_holds_the_times_to_the_second",
            f"{PROFILE}::test_it_refuses_times_that_are_not_plain_seconds",
            f"{DOOR}::test_times_hold_to_the_second_and_the_servers_is_told",
        ),
        (
            f"{PROFILE}::test_control_without_the_clock_a_copy_passes_for_ever",
            f"{SIGNATURES}::test_control_a_verifier_that_lacks_one_check_is_found_out[no-end, "
            "no-beginning]",
        ),
    ),
    19: Check(
        "odd signs in headers are refused, and never a failure",
        (
            f"{PROFILE}::test_odd_characters_anywhere_are_refused_and_raise_nothing_else",
            f"{HTTP}::test_odd_framing_is_refused_and_does_nothing",
        ),
        (f"{BROKEN}::test_control_of_the_signature[any-sign]",),
    ),
    20: Check(
        "what is accepted, a general library accepts",
        (
            f"{SIGNATURES}::test_no_mutant_is_accepted_that_the_library_refuses",
            f"{SIGNATURES}::test_whatever_the_library_signs_in_our_profile_we_accept",
            f"{PAIRS}::test_no_mutant_is_accepted_that_the_library_refuses",
            f"{PAIRS}::test_whatever_the_library_signs_in_our_profile_we_accept",
        ),
        (
            f"{SIGNATURES}::test_control_a_verifier_that_lacks_one_check_is_found_out",
            f"{PAIRS}::test_control_a_verifier_that_looks_at_no_signature_is_found_out",
        ),
    ),
    21: Check(
        "the same bytes sent again are the same answer, and after their window nothing",
        (
            f"{DEBITS}::test_the_same_bytes_a_hundred_times_charge_once",
            f"{DEBITS}::test_after_its_window_the_same_bytes_are_refused",
        ),
        (f"{BROKEN}::test_control_of_the_door[no-keys-replayed, copies-for-ever]",),
    ),
    22: Check(
        "a retry signed anew is the same answer, a year later too",
        (f"{DEBITS}::test_the_same_key_signed_anew_400_days_later_gets_the_same_bytes",),
        (f"{BROKEN}::test_control_of_the_door[no-keys-later]",),
    ),
    23: Check(
        "a key used for something else is refused by what differs; services' keys are their own",
        (
            f"{DEBITS}::test_the_same_key_for_another_request_names_what_differs",
            f"{DEBITS}::test_keys_of_services_are_their_own",
        ),
        (f"{BROKEN}::test_control_of_the_door[bodies-not-compared, keys-of-all-services]",),
    ),
    24: Check(
        "one job is charged once, whatever the key",
        (
            f"{DEBITS}::test_one_job_is_charged_once_whatever_the_key",
            f"{RACES}::test_one_job_under_many_keys_is_charged_once",
        ),
        (f"{BROKEN}::test_control_of_the_door[jobs-charged-again]",),
    ),
    25: Check(
        "many identical requests at once charge once",
        (
            f"{HTTP}::test_sixty_four_identical_requests_charge_once",
            f"{RACES}::test_the_same_debit_many_times_is_one",
        ),
        (
            f"{CONTROLS}::test_a_key_that_many_ask_under_at_once",
            f"{CONTROLS}::test_a_key_that_is_kept_beside_the_debit_pays_twice",
        ),
    ),
    26: Check(
        "funds for so many pay exactly so many",
        (
            f"{HTTP}::test_sixty_four_debits_share_what_is_there_exactly",
            f"{RACES}::test_funds_for_so_many_pay_exactly_so_many",
        ),
        (
            f"{CONTROLS}::test_accounts_that_are_read_and_not_locked",
            f"{CONTROLS}::test_a_plain_begin",
            f"{CONTROLS}::test_a_read_and_then_a_write_loses_debits",
        ),
    ),
    27: Check(
        "every two commands at once end as one after the other, either way",
        (
            "faults/test_pairs.py::test_two_at_once_end_as_one_after_the_other",
            "faults/test_pairs.py::test_the_matrix_has_every_pair_and_a_hold_ends_once_in_each",
        ),
        (
            f"{CONTROLS}::test_pairs_that_are_read_and_not_locked",
            f"{CONTROLS}::test_pairs_in_a_plain_begin",
            "faults/test_pairs.py::test_pairs_that_end_a_hold_agree_on_how",
        ),
    ),
    28: Check(
        "refunds in parts at once never pass what was charged",
        (f"{RACES}::test_refunds_in_parts_never_exceed_the_charge",),
        (f"{CONTROLS}::test_refunds_without_a_cap",),
    ),
    29: Check(
        "whoever is killed between COMMIT and answer is asked again and says the same",
        ("faults/test_crash.py::test_a_killed_writer_loses_nothing_acknowledged_and_doubles_nothing",),
        (
            "faults/test_crash.py::test_an_answer_before_its_commit_would_be_noticed",
            "faults/test_crash.py::test_the_sweep_would_notice_a_lost_and_a_doubled_debit",
        ),
    ),
    30: Check(
        "a debit refused for funds stays refused under its key, a hold does not",
        (
            f"{DEBITS}::test_a_debit_without_credits_is_refused_with_numbers_and_stays_refused",
            "internal/test_holds.py::"
            "test_a_hold_without_credits_may_be_tried_again_with_the_same_key",
        ),
        (
            f"{BROKEN}::test_control_of_the_door[refusal-of-a-debit-forgotten, "
            "refusal-of-a-hold-kept]",
        ),
    ),
    31: Check(
        "nothing said over the portal's SQLite connections changes what is written",
        (
            f"{SQLITE}::test_an_edit_is_refused_and_nothing_changes",
            f"{SQLITE}::test_no_policy_of_conflicts_lets_a_forged_row_in",
            f"{SQLITE}::test_a_setting_is_not_the_portals_to_change",
        ),
        (
            f"{SQLITE}::test_on_tables_without_rules_the_edit_works",
            f"{SQLITE}::test_over_a_connection_without_guards_the_edit_works",
        ),
    ),
    32: Check(
        "a login with the application's role changes nothing in PostgreSQL but by following",
        (
            f"{POSTGRESQL}::test_an_edit_is_refused_and_nothing_changes",
            f"{POSTGRESQL}::test_a_power_is_not_the_portals_to_take",
            "gate/test_racing_forgeries.py::test_no_grant_joins_an_entry_that_another_session_makes",
        ),
        (
            f"{POSTGRESQL}::test_on_tables_without_rules_the_edit_works",
            f"{POSTGRESQL}::test_for_a_superuser_without_triggers_the_edit_works",
        ),
    ),
    33: Check(
        "a superuser who takes no guard off forges nothing",
        (f"{POSTGRESQL}::test_a_superuser_forges_nothing_either",),
        ("gate/test_forgeries.py::test_without_guards_the_same_rows_get_in",),
    ),
    34: Check(
        "with every guard off, whatever is changed is found by the audit",
        (
            "gate/test_tampering.py::"
            "test_each_column_of_each_row_is_found_when_it_is_changed",
            "gate/test_tampering.py::test_each_row_is_missed_when_it_is_deleted",
            "gate/test_rewriting.py::test_the_command_exits_2_and_names_account_and_seq",
        ),
        ("gate/test_rewriting.py::test_an_untouched_ledger_audits_clean",),
    ),
    35: Check(
        "numbers of every odd kind are refused with a code",
        (
            "internal/test_content.py::test_units_of_every_odd_kind",
            "internal/test_content.py::test_a_member_that_comes_twice_is_named",
        ),
        (
            f"{BROKEN}::test_control_of_the_door[units-taken-as-truth, json-of-the-library-twice]",
            "internal/test_content.py::"
            "test_control_json_as_the_standard_library_reads_it_lets_them_in",
        ),
    ),
    36: Check(
        "a balance reaches its largest value and not one credit more",
        (
            f"{BROKEN}::test_a_balance_has_a_largest_value",
            "internal/test_largest_balance.py::"
            "test_it_is_reached_to_the_credit_and_not_passed",
            "ledger/test_grants.py::test_it_refuses_a_balance_past_the_largest_there_is",
        ),
        (f"{BROKEN}::test_control_of_the_door[no-largest-balance]",),
    ),
    37: Check(
        "texts of every odd kind are refused with a code",
        (
            "internal/test_content.py::test_texts_of_every_odd_kind",
            "internal/test_content.py::test_what_is_no_object_is_malformed",
            "internal/test_content.py::test_ten_megabytes_and_a_hundred_thousand_levels",
            "internal/test_content.py::test_references_that_look_alike_are_not_alike",
        ),
        (
            f"{BROKEN}::test_control_of_the_door[json-of-the-library-texts, "
            "json-of-the-library-nesting]",
        ),
    ),
    38: Check(
        "content has a size, a length and a type; framing that can be read two ways is refused",
        (
            f"{DOOR}::test_content_has_a_size",
            f"{DOOR}::test_content_comes_with_its_length",
            f"{DOOR}::test_any_other_type_of_content_is_refused",
            f"{HTTP}::test_odd_framing_is_refused_and_does_nothing",
        ),
        (f"{BROKEN}::test_control_of_the_door[any-length, chunks]",),
    ),
    39: Check(
        "no pattern takes long over any text, and none repeats what repeats",
        (
            "gate/test_expressions.py::test_no_pattern_takes_long_over_any_text",
            "gate/test_expressions.py::test_no_pattern_repeats_what_repeats",
            "gate/test_expressions.py::test_what_is_compiled_is_kept_where_it_is_found",
        ),
        (
            "gate/test_expressions.py::test_control_a_slow_pattern_is_found_out",
            "gate/test_expressions.py::test_control_what_repeats_what_repeats_is_found_out",
        ),
    ),
    45: Check(
        "no text of a file is a formula, no number is a text, no address gets into its headers",
        (
            "web/test_cells.py::test_no_text_is_taken_for_a_formula",
            "web/test_cells.py::test_no_text_is_one_however_it_is_split",
            "web/test_cells.py::test_what_happened_is_guarded_as_a_whole",
            "web/test_cells.py::test_numbers_stay_numbers",
            "web/test_export.py::test_its_headers_let_nobody_keep_it_or_take_it_for_a_page",
        ),
        (
            "web/test_cells.py::test_control_a_plain_writer_hands_formulas_on",
            "web/test_cells.py::test_control_a_plain_writer_hands_those_within_on",
        ),
    ),
    48: Check(
        "limits hold over workers; refusals and slow senders are felt by nobody else",
        (
            "gate/test_rate_limits.py::"
            "test_a_key_is_limited_over_all_workers_and_after_they_were_killed",
            "gate/test_rate_limits.py::"
            "test_an_account_is_limited_over_all_workers_and_its_holds_still_end",
            "gate/test_rate_limits.py::"
            "test_an_address_is_limited_at_pages_and_at_the_door_without_a_signature",
            "gate/test_slow_clients.py::test_a_storm_of_refusals_is_felt_by_nobody_else",
            "gate/test_slow_clients.py::test_two_hundred_slow_clients_keep_nobody_waiting",
            "gate/test_slow_readers.py::test_who_does_not_read_a_file_keeps_no_one_else_waiting",
            "gate/test_slow_readers.py::test_who_goes_away_leaves_room_for_the_next",
        ),
        (
            "gate/test_rate_limits.py::test_without_a_limit_nobody_is_refused",
            "gate/test_slow_clients.py::"
            "test_control_where_a_refusal_keeps_the_database_everybody_feels_it",
            "gate/test_slow_clients.py::"
            "test_control_where_threads_wait_for_them_nobody_is_answered",
            "gate/test_slow_readers.py::test_control_who_is_read_for_all_along_keeps_the_log",
        ),
    ),
    49: Check(
        "a line of the log is one JSON object, and no secret stands where it should not",
        (
            "gate/test_log_lines.py::test_no_secret_gets_into_any_line",
            "gate/test_log_lines.py::test_nothing_that_holds_a_secret_shows_it",
            "operations/test_logs.py::test_whatever_is_in_a_text_it_stays_one_line",
            "operations/test_logs.py::test_what_may_be_a_secret_is_cut",
        ),
        (
            "operations/test_logs.py::test_control_without_its_cuts_a_line_tells_a_secret",
            "operations/test_logs.py::test_control_as_the_library_writes_it_a_text_is_many_lines",
        ),
    ),
    50: Check(
        "nothing is open that nobody opened, and what breaks tells nobody how",
        (
            "gate/test_closed_doors.py::test_there_is_nothing_there",
            "gate/test_closed_doors.py::test_methods_that_echo_or_list_are_refused",
            "gate/test_closed_doors.py::"
            "test_what_breaks_at_the_door_is_a_problem_with_an_id_and_no_more",
            "gate/test_closed_doors.py::"
            "test_what_breaks_at_a_page_is_a_page_with_an_id_and_no_more",
        ),
        (
            "gate/test_closed_doors.py::test_control_with_a_debugger_there_is_something",
            "gate/test_closed_doors.py::test_control_what_tells_its_errors_is_found_out",
        ),
    ),
    51: Check(
        "the portal does not start where acknowledged credits could be lost",
        (
            "gate/test_safe_start.py::test_a_file_that_others_may_read_is_refused",
            "gate/test_safe_start.py::test_a_setting_that_sqlite_does_not_take_is_refused",
            "gate/test_safe_start.py::test_a_postgresql_database_that_is_not_safe_is_refused",
        ),
        ("gate/test_safe_start.py::test_a_sound_database_is_served",),
    ),
}  # fmt: skip
