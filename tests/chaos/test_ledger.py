"""The books find what is lost and what ran again for no reason."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from chaos.ledger import Ledger, Span


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    books = Ledger(tmp_path / "diary")
    books.fault(Span(100, 102))
    return books


def write(ledger: Ledger, *lines: str) -> None:
    ledger.diary.file.write_text("".join(f"{line}\n" for line in lines))


def test_what_was_published_and_neither_ran_nor_died_is_lost(ledger: Ledger) -> None:
    for task_id in ("ran", "dead", "lost", "cut-off"):
        ledger.publish(task_id, Span(1, 2), True)
    write(ledger, "begin ran 3 3", "end ran 3 4", "begin cut-off 3 3")

    balance = ledger.balance({"dead"})

    assert balance.lost == ["cut-off", "lost"]
    assert (balance.published, balance.executed, balance.dead, balance.doubles) == (4, 1, 1, 0)


def test_a_publish_that_ended_in_an_error_may_have_gone_either_way(ledger: Ledger) -> None:
    ledger.publish("there", Span(1, 2), False)
    ledger.publish("not there", Span(1, 2), False)
    write(ledger, "begin there 3 3", "end there 3 4")

    balance = ledger.balance(())

    assert balance.lost == []
    assert (balance.published, balance.unknown, balance.executed) == (0, 2, 1)


@pytest.mark.parametrize(
    ("runs", "is_explained"),
    [
        pytest.param([(99, 101), (105, 106)], True, id="it ran when the fault came"),
        pytest.param([(90, math.inf), (105, 106)], True, id="it was cut off"),
        pytest.param([(98, 99.5), (105, 106)], True, id="it was being settled when the fault came"),
        pytest.param([(90, 91), (105, 106)], False, id="it was long settled"),
        pytest.param([(105, 106), (107, 108)], False, id="all was well again"),
        pytest.param([(99, 101), (105, 106), (107, 108)], False, id="the second time nothing was broken"),
    ],
)
def test_a_second_run_needs_a_fault_that_hit_the_first(
    ledger: Ledger, runs: list[tuple[float, float]], is_explained: bool
) -> None:
    ledger.publish("it", Span(80, 81), True)
    lines = [f"begin it {began} {began}" for began, _ in runs]
    lines += [f"end it {began} {ended}" for began, ended in runs if ended < math.inf]
    write(ledger, *lines)

    balance = ledger.balance(())

    assert balance.doubles == len(runs) - 1
    assert balance.unexplained == ([] if is_explained else ["it"])


def test_a_publish_that_a_fault_hit_may_have_been_made_twice(ledger: Ledger) -> None:
    ledger.publish("it", Span(101, 103), True)
    write(ledger, "begin it 105 105", "end it 105 106", "begin it 107 107", "end it 107 108")

    assert ledger.balance(()).unexplained == []


def test_a_line_counts_once_it_is_whole(ledger: Ledger) -> None:
    """The diary is read bit by bit, while it is written."""
    with ledger.diary.file.open("a", buffering=1) as diary:
        for piece in ("begin a 1 1\nend a", " 1 2", "\nend b"):
            diary.write(piece)
            diary.flush()
            seen = ledger.runs(), ledger.ended()
            ended = 2 if "\n" in piece and not piece.startswith("begin") else math.inf
            assert seen == ({"a": [Span(1, ended)]}, {"a"} if ended == 2 else set())
    assert ledger.runs_of("a") == [Span(1, 2)]
    assert ledger.runs_of("b") == []
