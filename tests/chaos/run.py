"""Break brokers, lines and workers again and again, and count.

    make chaos                                       # everything, 50 cycles each, into docs/reliability.md
    PYTHONPATH=tests python -m chaos.run --cycles 5 --broker redis --fault black-hole
    PYTHONPATH=tests python -m chaos.run --lanes 3 --results all.jsonl           # what is interrupted is not lost:
    PYTHONPATH=tests python -m chaos.run --lanes 3 --results all.jsonl --resume  # run what is missing there

The table goes to standard output, progress to standard error. `--results` appends a line for each combination when it
has ended; with `--resume` those are left out that have their cycles there, and the table is of all that the file has,
from whichever runs. The exit status is 1 when something was not as promised.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from chaos import results
from chaos.brokers import BROKERS
from chaos.cycle import POOLS, Outcome, combinations, mixed
from chaos.faults import FAULTS
from chaos.lanes import Lanes
from chaos.report import render, rewrite
from chaos.results import Entry
from chaos.scene import LEASE


def main(arguments: Sequence[str]) -> int:
    given = make_parser().parse_args(arguments)
    if given.resume and not given.results:
        say("--resume needs --results, the file that tells what has been run")
        return 2
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    entries = results.read(given.results) if given.resume else []
    known = results.merged(entries)
    chosen = [
        each
        for each in combinations()
        if each.broker in given.broker and each.pool in given.pool and each.fault in given.fault
    ]
    missing = [each for each in chosen if known.get(each, Outcome(each)).cycles < given.cycles]
    run = Run(given, len(missing))
    try:
        Lanes(given.lanes, run.done).run(mixed(missing), given.cycles, given.seed, given.lease, given.size)
    except KeyboardInterrupt:
        say("stopped; --resume goes on" if given.results else "stopped")
        return 130
    found = results.merged(entries := entries + run.entries)
    outcomes = [found[each] for each in combinations() if each in found]
    command = " ".join(["PYTHONPATH=tests python -m chaos.run", *arguments])
    print(text := render(outcomes, command, results.commits(entries)))
    if given.write_docs:
        rewrite(text)
    return int(any(outcome.problems for outcome in outcomes))


class Run:
    """What this run has found so far."""

    def __init__(self, given: argparse.Namespace, number: int) -> None:
        self.entries: list[Entry] = []
        self._given = given
        self._number = number
        self._commit = results.present_commit()

    def done(self, outcome: Outcome, seconds: float) -> None:
        given = self._given
        entry = Entry(self._commit, results.today(), given.lease, given.seed, round(seconds, 1), outcome)
        self.entries.append(entry)
        if given.results:
            results.append(given.results, entry)
        place = f"[{len(self.entries)}/{self._number}]"
        say(f"{place} {outcome.combination}: {told(outcome)} ({seconds:.0f} s)")
        for problem in outcome.problems:
            say(f"    ! {problem}")


def told(outcome: Outcome) -> str:
    return (
        f"{outcome.cycles} cycles, {outcome.published} published, {outcome.executed} executed, {outcome.dead} dead, "
        f"{outcome.lost} lost, {outcome.doubles} doubles, start within {outcome.slowest_start:.2f} s"
    )


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cycles", type=int, default=50, metavar="N", help="of each combination (50)")
    for name, known in (("broker", BROKERS), ("pool", POOLS), ("fault", FAULTS)):
        parser.add_argument(f"--{name}", nargs="+", choices=list(known), default=list(known), help="all, if not given")
    parser.add_argument("--seed", type=int, default=20261, metavar="N", help="another one breaks at other moments")
    parser.add_argument("--lease", type=float, default=LEASE, metavar="SECONDS", help=f"of the workers ({LEASE:g})")
    parser.add_argument("--size", type=int, default=0, metavar="BYTES", help="of an argument of each task (0)")
    parser.add_argument("--lanes", type=int, default=1, metavar="N", help="so many combinations side by side (1)")
    parser.add_argument("--results", type=Path, metavar="FILE", help="append every figure there, as JSON lines")
    parser.add_argument("--resume", action="store_true", help="leave out what has its cycles in the file of --results")
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/reliability.md")
    return parser


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
