"""Break brokers, lines and workers again and again, and count.

    make chaos                                       # everything, 50 cycles each, into docs/reliability.md
    PYTHONPATH=tests python -m chaos.run --cycles 5 --broker redis --fault black-hole --json out.json

The table goes to standard output, progress to standard error. The exit status is 1 when something was not as promised.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pytest

from chaos.brokers import BROKERS
from chaos.cycle import POOLS, Combination, Outcome, combinations, run
from chaos.faults import FAULTS
from chaos.report import render, rewrite
from chaos.scene import LEASE


def main(arguments: Sequence[str]) -> int:
    given = make_parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    chosen = [
        each
        for each in combinations()
        if each.broker in given.broker and each.pool in given.pool and each.fault in given.fault
    ]
    outcomes: list[Outcome] = []
    try:
        for number, combination in enumerate(chosen, 1):
            outcomes.append(measure(combination, given, f"[{number}/{len(chosen)}]"))
    except KeyboardInterrupt:
        say("stopped")
        return 130
    except pytest.skip.Exception as missing:
        say(str(missing))
        return 1
    command = " ".join(["PYTHONPATH=tests python -m chaos.run", *arguments])
    print(text := render(outcomes, command))
    if given.json:
        given.json.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=1) + "\n")
    if given.write_docs:
        rewrite(text)
    return int(any(outcome.problems for outcome in outcomes))


def measure(combination: Combination, given: argparse.Namespace, place: str) -> Outcome:
    began = time.monotonic()
    outcome = run(combination, given.cycles, given.seed, given.lease)
    say(f"{place} {combination}: {told(outcome)} ({time.monotonic() - began:.0f} s)")
    for problem in outcome.problems:
        say(f"    ! {problem}")
    return outcome


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
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/reliability.md")
    return parser


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
