//! The cases in which an extract could give somebody away, each with the tests that play it. A case without a test, or a
//! test that was renamed, fails here.

use std::path::Path;

/// The number of the case, what it is, and its tests.
const CASES: [(usize, &str, &[&str]); 28] = [
    (
        1,
        "an age of 116: coded as the top, never shown alone",
        &["case_1_the_oldest_is_coded_as_the_top", "case_1_measures_lose_their_ends_and_their_last_digits"],
    ),
    (
        2,
        "all of a crowd have one diagnosis",
        &[
            "case_2_a_crowd_with_one_diagnosis_is_not_released",
            "case_2_a_sensitive_column_without_a_model_needs_a_reason",
            "what_protects_nobody_or_can_never_be_carried_out_is_refused",
        ],
    ),
    (
        3,
        "a name in free text or in a coded column",
        &[
            "case_3_free_text_cannot_be_kept_and_a_name_in_a_coded_column_stops_everything",
            "case_3_and_4_names_and_numbers_in_a_column_that_is_kept_stop_everything",
        ],
    ),
    (
        4,
        "個人番号 in every writing",
        &[
            "case_4_an_individual_number_is_found_in_every_form",
            "case_4_a_number_over_two_columns_is_found",
            "control_characters_are_left_out_and_counted_and_none_hides_a_number",
        ],
    ),
    (
        5,
        "one text in many forms of Unicode",
        &["case_5_one_text_in_many_forms_has_one_key", "case_5_twins_are_one_value"],
    ),
    (
        6,
        "days of the eras, and days that never were",
        &["case_6_a_day_in_every_writing_is_one_day", "case_6_a_day_that_never_was_is_none"],
    ),
    (
        7,
        "cells that a spreadsheet would run",
        &[
            "case_7_a_cell_stays_one_cell_and_formulas_are_guarded_where_asked",
            "case_7_in_csv_formulas_are_counted_and_guarded_where_asked_and_control_characters_are_left_out",
        ],
    ),
    (
        8,
        "a ward, and the ward without one",
        &["case_8_the_same_ward_without_one_person_is_refused_and_only_the_earlier_permit_is_named"],
    ),
    (
        9,
        "the same persons, generalised otherwise",
        &[
            "case_9_the_same_persons_in_other_crowds_name_those_in_the_middle",
            "case_9_the_same_persons_by_other_columns_are_refused_where_both_together_show_few",
        ],
    ),
    (
        10,
        "one patient in two permits",
        &[
            "case_10_two_extracts_share_no_pseudonym",
            "case_10_an_id_has_one_pseudonym_in_all_tables_of_an_extract",
        ],
    ),
    (
        11,
        "trying all chart numbers",
        &[
            "case_11_nobody_finds_an_id_by_trying_all_without_the_key",
            "case_11_what_names_a_person_is_dropped_or_replaced_and_nothing_else",
        ],
    ),
    (12, "nothing is left to hand over", &["case_12_and_13_too_few_persons_give_nothing_and_no_number"]),
    (
        13,
        "fewer persons than k",
        &[
            "case_13_fewer_rows_than_k_are_refused_before_any_search",
            "case_12_and_13_too_few_persons_are_refused_without_their_number",
        ],
    ),
    (
        14,
        "NULL, blank, 不明, NaN",
        &[
            "case_14_what_is_not_known_is_one_value_of_its_own",
            "case_14_cells_that_are_not_known_form_a_group_of_their_own",
        ],
    ),
    (15, "a hierarchy that is none", &["case_15_a_bad_hierarchy_is_refused_when_it_is_read"]),
    (
        16,
        "one person in many rows",
        &[
            "case_16_many_stays_of_one_patient_are_one_person",
            "case_16_a_pseudonym_that_joins_rows_unseen_is_refused",
        ],
    ),
    (
        17,
        "over midnight, too early, a clock that went back",
        &[
            "case_17_a_permit_that_ends_in_the_middle_hands_nothing_over",
            "case_17_a_clock_that_went_back_stops_everything",
        ],
    ),
    (
        18,
        "revoked in the middle, two at once, once too often",
        &[
            "case_18_revoked_before_the_search_and_after_the_sealing_nothing_is_handed_over",
            "case_18_of_two_operators_at_once_one_hands_over",
            "case_17_and_18_the_permit_says_when_and_how_often",
        ],
    ),
    (
        19,
        "changed after the approval; keys that nobody knows",
        &[
            "case_19_whatever_changes_after_the_approval_voids_it",
            "case_19_what_is_not_known_is_refused_by_name",
        ],
    ),
    (20, "a source that drifted", &["case_20_a_source_that_changed_is_refused_with_what_changed"]),
    (
        21,
        "a small cell from its margins",
        &["case_21_a_small_cell_is_never_hidden_alone", "case_21_rounding_up_covers_totals_too"],
    ),
    (22, "a sum that one person makes", &["case_22_a_sum_that_one_person_makes_is_not_shown"]),
    (
        23,
        "rare values, alone and together",
        &[
            "case_23_a_rare_disease_is_folded_before_anything_is_released",
            "case_23_columns_that_single_out_together_are_named",
        ],
    ),
    (
        24,
        "order, fractions, shifts, logs, errors",
        &[
            "case_24_no_canary_of_any_column_gets_out",
            "case_24_rows_come_in_an_order_that_says_nothing",
            "an_extract_that_is_killed_at_any_step_is_handed_over_whole_or_not_at_all",
        ],
    ),
    (
        25,
        "exactly on a limit",
        &["case_25_limits_are_met_exactly", "numbers_near_their_limit_do_not_overflow"],
    ),
    (
        26,
        "too much, and bytes that are none",
        &[
            "case_26_bytes_that_are_not_in_the_encoding_are_an_error_with_their_line",
            "case_26_a_lattice_that_is_too_large_is_told_before_and_searched_without_a_claim",
        ],
    ),
    (
        27,
        "to whom, on what, until when, and after",
        &[
            "case_27_a_disk_that_is_full_when_the_sealed_file_is_kept_hands_nothing_over",
            "case_27_a_disk_that_is_full_while_an_extract_is_made_leaves_nothing_half_done",
            "case_27_an_address_is_over_with_its_time_its_permit_and_its_file",
            "case_27_an_after_use_measure_that_is_overdue_blocks_the_next_permit",
            "nothing_is_applied_for_that_no_program_would_carry_out",
        ],
    ),
    (
        28,
        "rules that joining crowds can break",
        &["case_28_the_engine_finds_what_a_walk_over_the_whole_lattice_finds"],
    ),
];

fn sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            text.push_str(&std::fs::read_to_string(&path).expect("a source"));
        }
    }
}

#[test]
fn every_case_is_played_by_a_test() {
    let root = Path::new(crate::support::ROOT);
    let mut text = String::new();
    for folder in ["src/anonymize", "src/domain", "src/policy_files", "tests/it"] {
        sources(&root.join(folder), &mut text);
    }
    for (place, (number, what, tests)) in CASES.iter().enumerate() {
        assert_eq!(*number, place + 1, "{what}");
        for test in *tests {
            assert!(text.contains(&format!("fn {test}(")), "case {number}, {what}: there is no test {test}");
        }
    }
}
