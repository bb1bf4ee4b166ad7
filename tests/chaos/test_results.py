"""A run that was interrupted can be continued, and runs can be put together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from chaos import results, run
from chaos.cycle import POOLS, Combination, Outcome, combinations, mixed
from chaos.lanes import TESTS, Lanes
from chaos.results import Entry
from worker_process import until

ONE, OTHER = Combination("sqlite", "solo", "worker-kill"), Combination("sqlite", "threads", "worker-kill")


def entry(outcome: Outcome, commit: str = "abc") -> Entry:
    return Entry(commit, "2026-01-01", 4.0, 1, 2.5, outcome)


def test_what_was_written_is_read_back_and_a_half_line_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "all.jsonl"
    written = [entry(Outcome(ONE, 5, 50, slowest_start=1.5, problems=["lost: 1"])), entry(Outcome(OTHER, 3))]
    for each in written:
        results.append(file, each)
    with file.open("a") as lines:
        lines.write('{"commit": "ab')

    assert results.read(file) == written
    assert results.read(tmp_path / "none") == []


def test_runs_of_one_combination_are_added_and_their_longest_times_taken() -> None:
    first = Outcome(ONE, 5, 50, 1, 49, 2, 0, 3, 1.5, 0.2, ["a"])
    second = Outcome(ONE, 2, 20, 0, 20, 0, 1, 0, 0.5, 0.9, ["b"])

    found = results.merged([entry(first), entry(Outcome(OTHER, 1)), entry(second)])

    assert found[ONE] == Outcome(ONE, 7, 70, 1, 69, 2, 1, 3, 1.5, 0.9, ["a", "b"])
    assert found[OTHER].cycles == 1
    assert results.commits([entry(first), entry(second, "def")]) == {"abc": 5, "def": 2}


def test_resuming_runs_only_what_has_not_had_its_cycles_and_tells_of_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, asked = tmp_path / "all.jsonl", list[Combination]()

    def pretend(self: Lanes, chosen: list[Combination], cycles: int, *_: object) -> None:
        asked.extend(chosen)
        for each in chosen:
            self._done(Outcome(each, cycles), 1.0)

    monkeypatch.setattr(Lanes, "run", pretend)
    for each in combinations():
        if each.broker == "sqlite" and each != OTHER:
            results.append(file, entry(Outcome(each, 50)))

    assert run.main(["--broker", "sqlite", "--results", str(file), "--resume"]) == 0
    assert asked == [OTHER]
    told = capsys.readouterr().out
    assert "400 cycles" in told
    assert "abc (350 cycles)" in told
    assert len(results.read(file)) == 8
    assert run.main(["--resume"]) == 2


def test_lanes_have_all_combinations_and_neighbours_differ_in_their_faults() -> None:
    order = mixed(list(combinations()))
    assert sorted(map(str, order)) == sorted(map(str, combinations()))
    first = order[: 4 * len(POOLS)]
    assert all(left.fault != right.fault for left, right in pairwise(first))


@pytest.mark.slow
def test_combinations_run_side_by_side_and_an_interrupted_run_leaves_no_process(tmp_path: Path) -> None:
    file = tmp_path / "all.jsonl"
    command = [sys.executable, "-m", "chaos.run", "--broker", "sqlite", "--fault", "worker-kill", "--lanes", "2"]
    command += ["--cycles", "1", "--results", str(file), "--pool"]
    assert subprocess.run([*command, "solo", "threads"], cwd=TESTS, check=False, capture_output=True).returncode == 0
    assert {each.outcome.combination for each in results.read(file)} == {ONE, OTHER}
    assert all(each.outcome.cycles == 1 for each in results.read(file))

    mark = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen([*command, "solo", "--cycles", "1000"], cwd=TESTS, env=mark, stderr=subprocess.DEVNULL)
    until(lambda: any(tmp_path.glob("celeriac-chaos-*/worker0/worker.log")), "a worker")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 128 + signal.SIGTERM
    assert not any(tmp_path.glob("celeriac-chaos-*"))
