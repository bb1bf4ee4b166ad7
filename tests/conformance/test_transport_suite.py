"""The suite bites: a transport with one fault fails the clauses about it, and no others."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from pathlib import Path

import pytest

WRONG = Path(__file__).with_name("wrong_transports.py")

# Long ones, and those with many parameters about what no transport here gets wrong.
CHOSEN = "not any_name and not plain_values and not byte_by_byte and not headers_and and (not many_receivers or Twice)"

FITTING = {
    "Sound": "",
    "AcksStaleTokens": """
        a_token_names_a_holding_and_not_just_a_message
        who_lost_its_lease_cannot_settle_what_another_holds
    """,
    "IgnoresPriority": """
        a_late_urgent_message_overtakes_those_that_wait
        a_message_that_was_given_back_keeps_its_priority
        higher_priority_comes_first
        no_priority_is_the_lowest_and_others_are_brought_into_range
        peek_shows_the_order_of_receiving
        the_order_within_a_priority_is_kept
    """,
    "LosesTheCount": """
        a_dead_letter_keeps_its_message_and_its_evidence
        a_delay_counts_when_the_message_had_started
        waiting_messages_survive_the_end_of_their_sender
        what_is_given_back_counts_as_delivered
        what_never_started_does_not_count
        who_lost_its_lease_cannot_settle_what_another_holds
    """,
    "CountsWhatNeverStarted": """
        a_delay_counts_when_the_message_had_started
        what_never_started_does_not_count
    """,
    "DeliversSomeTwice": """
        many_receivers_get_each_message_exactly_once
        the_order_holds_over_several_receives
        two_thousand_delayed_messages_are_not_in_the_way
    """,
    "ForgetsDelayedWhenClosed": """
        delayed_messages_survive_the_end_of_their_sender
    """,
    "GivesBackToTheEnd": """
        waiting_messages_survive_the_end_of_their_sender
        what_is_given_back_comes_before_younger_messages
    """,
    "PurgesHeldMessages": """
        purge_leaves_what_is_held
    """,
    "ReplaysWithTheOldCount": """
        a_message_may_die_again_after_its_replay
        a_replayed_message_is_as_it_was_and_counts_anew
    """,
    "BroadcastsToLateSubscribers": """
        a_broadcast_does_not_reach_those_who_subscribe_later
    """,
    "IgnoresWake": """
        wake_ends_one_wait_of_several
        wake_ends_the_next_wait_when_nobody_waits
        wake_ends_the_wait
        wake_may_come_from_a_signal_handler
    """,
    "ForgetsAnEarlyWake": """
        wake_ends_the_next_wait_when_nobody_waits
    """,
    "IgnoresTheLimit": """
        a_full_queue_does_not_starve_another
        a_late_urgent_message_overtakes_those_that_wait
        a_queue_that_is_refilled_all_the_time_does_not_starve_another
        an_acknowledged_message_is_gone
        messages_are_no_litter_wherever_they_are
        no_more_than_the_limit_is_received
        peek_shows_neither_held_nor_delayed_messages
        peek_shows_the_next_messages_and_leaves_them
        purge_drops_what_is_ready_and_delayed
        purge_leaves_what_is_held
        ready_held_and_delayed_messages_are_counted
        the_oldest_ready_message_has_a_time
        the_order_holds_over_several_receives
        waiting_messages_survive_the_end_of_their_sender
        what_is_given_back_comes_before_younger_messages
    """,
    "PublishesHalfABatch": """
        a_batch_with_a_message_that_cannot_be_written_is_not_published_at_all
    """,
    "StarvesLaterQueues": """
        a_full_queue_does_not_starve_another
        a_queue_that_is_refilled_all_the_time_does_not_starve_another
    """,
    "RenewsWithoutEffect": """
        a_renewed_message_is_held_for_another_lease_from_now
        renew_returns_what_is_lost
    """,
    "NeverSaysWhatIsLost": """
        renew_returns_what_is_lost
    """,
    "NeverEndsALease": """
        a_held_message_comes_again_when_its_lease_runs_out
        a_message_whose_lease_ran_out_keeps_its_priority
        a_renewed_message_comes_again_when_the_new_lease_runs_out
        a_renewed_message_is_held_for_another_lease_from_now
        renew_returns_what_is_lost
        what_was_held_at_the_close_comes_again_after_the_lease
        who_lost_its_lease_cannot_settle_what_another_holds
    """,
    "IgnoresDueTimes": """
        a_batch_may_hold_due_and_later_messages
        a_delay_can_be_years
        a_delayed_message_is_as_old_as_its_due_time
        delayed_messages_survive_the_end_of_their_sender
        messages_become_due_one_by_one
        nobody_sees_a_message_before_it_is_due
        peek_shows_neither_held_nor_delayed_messages
        two_thousand_delayed_messages_are_not_in_the_way
    """,
    "LosesTheEvidence": """
        a_dead_letter_keeps_its_message_and_its_evidence
    """,
    "ListsDeadLettersOldestFirst": """
        dead_letters_are_listed_newest_first
        the_oldest_dead_letters_beyond_the_limit_are_dropped
    """,
    "KeepsDeadLettersForEver": """
        the_oldest_dead_letters_beyond_the_limit_are_dropped
    """,
    "FindsDeadLettersByIdOnly": """
        a_dead_letter_is_found_by_its_id_and_by_its_task_id
        all_dead_letters_of_a_task_id_are_found
    """,
    "PeekTakesMessages": """
        peek_shows_neither_held_nor_delayed_messages
        peek_shows_the_next_messages_and_leaves_them
        peek_shows_the_order_of_receiving
        peek_shows_whole_messages
    """,
    "WaitsWithoutATimeout": """
        receive_waits_for_its_timeout_and_no_longer
    """,
    "TrimsQueueNames": """
        queues_of_similar_names_are_different_queues
    """,
    "SwallowsOptions": """
        an_unknown_option_is_a_configuration_error
    """,
    "SweepsWhatNobodyConsumes": """
        messages_are_no_litter_wherever_they_are
        what_the_living_use_is_no_litter
    """,
    "RepliesToEveryBox": """
        a_reply_to_nobody_is_passed_over
        each_box_hears_its_own
    """,
    "RepliesIntoQueues": """
        a_reply_to_nobody_is_passed_over
        replies_and_queues_do_not_touch
    """,
    "RepliesLastFirst": """
        all_that_is_there_is_received_without_waiting
        each_box_hears_its_own
        replies_come_in_order_and_once
        ten_thousand_replies_that_nobody_reads_block_nobody
    """,
    "DeclaresTheUnknown": """
        its_capabilities_are_known_ones
    """,
}


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The clauses that each of the wrong transports failed."""
    report = tmp_path_factory.mktemp("suite") / "report.xml"
    options = ["-o", "addopts=", "-p", "no:cacheprovider", "--import-mode=importlib", "--tb=no", "-q", "-k", CHOSEN]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", str(WRONG), *options, f"--junitxml={report}"], capture_output=True, text=True
    )
    assert run.returncode == 1, run.stdout + run.stderr
    found: dict[str, set[str]] = defaultdict(set)
    for case in ElementTree.parse(report).iter("testcase"):
        assert case.find("error") is None, f"{case.attrib}: {run.stdout}"
        driver = case.attrib["classname"].rpartition(".Test")[2]
        found[driver] |= {case.attrib["name"].partition("[")[0].removeprefix("test_")} & _failed(case)
    return found


def _failed(case: ElementTree.Element) -> set[str]:
    return {case.attrib["name"].partition("[")[0].removeprefix("test_")} if case.find("failure") is not None else set()


@pytest.mark.parametrize("driver", FITTING)
def test_a_wrong_transport_fails_the_clauses_about_its_fault_and_no_others(
    failed: dict[str, set[str]], driver: str
) -> None:
    assert failed[driver] == set(FITTING[driver].split())


def test_every_wrong_transport_fails_something(failed: dict[str, set[str]]) -> None:
    assert failed.keys() == FITTING.keys()
    assert [driver for driver, clauses in failed.items() if not clauses] == ["Sound"]
