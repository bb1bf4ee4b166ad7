"""How fast Celeriac is, beside its peers and beside what the brokers allow, in one run on private servers.

    make bench                                          # everything
    python bench/run.py --quick                         # does it all still work
    python bench/run.py --systems celeriac,huey --only redis --rows W1,W3 --json out.json

Tables go to standard output, progress to standard error. The exit status is 1 when something of ours was not as it
should be: tasks lost or run twice, a worker that did not stop. What was wrong with others is told as well.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import environments
from harness.calibration import calibrate
from harness.charts import draw
from harness.commands import time_commands
from harness.documents import CHARTS, rewrite
from harness.isolation import Isolation
from harness.machine import describe
from harness.measurement import Question
from harness.pilot import try_out
from harness.plan import ROWS, Options, chosen, questions
from harness.report import about, tables
from harness.servers import Servers, missing, running
from harness.summary import Run
from systems import ENTRIES
from systems.system import Entry

_RESERVE = 120.0
"""Seconds that a measurement gets beside the wait for its tasks: to fill the queue, to settle, to stop."""

_NEVER_SLOW = ("celeriac:", "floor@")
"""They get the full number of tasks: a few hundred, which are done before a worker is warm, would say less of them."""


def main() -> int:
    given = make_parser().parse_args()
    options = Options(
        1 if given.quick else given.rounds, given.quick, given.rows or [*ROWS], given.systems, given.only, given.seconds
    )
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        with running() as servers:
            runs = measure(options, servers, given.folder)
            machine = describe(sys.argv[1:], servers.versions())
        wanted = "W5" in options.rows and not options.systems and not options.brokers
        commands = time_commands(3 if given.quick else 10, say) if wanted else {}
    except KeyboardInterrupt:
        say("stopped")
        return 130
    text = f"{about(machine, runs)}\n\n{tables(runs, ENTRIES, commands)}"
    print(text)
    if given.json:
        found = {"machine": machine, "runs": [asdict(run) for run in runs], "commands": commands}
        given.json.write_text(json.dumps(found, indent=1) + "\n")
    if given.write_docs:
        rewrite(text, draw(runs, ENTRIES, CHARTS))
    return int(any(run.problems and run.entry.startswith("celeriac:") for run in runs))


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="each measurement at most so often (3)")
    parser.add_argument(
        "--quick", action="store_true", help="one round of few tasks: a test of the benchmark, no result"
    )
    parser.add_argument("--systems", type=systems, default=[], metavar="NAME,…", help="names, or how they begin")
    parser.add_argument("--only", type=brokers, default=[], metavar="BROKER,…", help="systems on these brokers")
    parser.add_argument("--rows", type=rows, metavar="ROW,…", help=f"of {', '.join(ROWS)}")
    parser.add_argument("--seconds", type=float, default=60.0, help="the longest wait for the tasks of one run (60)")
    parser.add_argument("--folder", type=Path, help="where the queues' files go (the temporary folder)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single run there")
    parser.add_argument("--write-docs", action="store_true", help="put tables and charts into docs/benchmarks.md")
    return parser


def systems(text: str) -> list[str]:
    return _checked(text, [entry.name for entry in ENTRIES], "systems", str.startswith)


def brokers(text: str) -> list[str]:
    return _checked(text, list(dict.fromkeys(entry.broker for entry in ENTRIES)), "brokers", str.__eq__)


def rows(text: str) -> list[str]:
    return _checked(text, [*ROWS], "rows", str.__eq__)


def _checked(text: str, known: Sequence[str], what: str, fits: Callable[[str, str], bool]) -> list[str]:
    found = [name for name in text.split(",") if name]
    for name in found:
        if not any(fits(each, name) for each in known):
            raise argparse.ArgumentTypeError(f"there is no {name!r}; {what} are {', '.join(known)}")
    return found


def measure(options: Options, servers: Servers, folder: Path | None) -> list[Run]:
    isolation, runs, begin = Isolation(servers, folder), list[Run](), time.monotonic()
    able, rates = try_all(chosen(ENTRIES, options), isolation, runs, options.quick)
    todo = list(questions(able, options, rates))
    say(f"{len(todo)} measurements of {len(able)} systems")
    for number, (turn, entry, question) in enumerate(todo, 1):
        before = calibrate()
        answer = isolation.ask(entry, question, options.seconds + _RESERVE)
        run = Run(
            question.row, question.entry, question.results, turn, answer.values, answer.problems, (before, calibrate())
        )
        runs.append(run)
        say(f"[{number}/{len(todo)} {time.monotonic() - begin:4.0f} s] {told(question, run)}")
    return runs


def try_all(
    entries: Sequence[Entry], isolation: Isolation, runs: list[Run], quick: bool
) -> tuple[list[Entry], dict[str, float]]:
    """Those that run, and how fast the slower ones are; `runs` tells why others do not. A quick run does not try."""
    able, rates = [], {}
    for entry in entries:
        lacking = missing(entry.broker) or environments.missing(entry.environment)
        rate, problems = None, [lacking] if lacking else []
        if not lacking and not quick:
            rate, answer = try_out(isolation, entry)
            problems = [] if rate else answer.problems or ["it ran nothing"]
            say(f"trying {entry.name}: about {rate or 0:,.0f}/s")
            if rate and not entry.name.startswith(_NEVER_SLOW):
                rates[entry.name] = rate
        if problems:
            say(f"{entry.name} is left out: {problems[0]}")
            runs.append(Run("-", entry.name, True, 0, {}, problems, None))
        else:
            able.append(entry)
    return able, rates


def told(question: Question, run: Run) -> str:
    results = f" results {'on' if run.results else 'off'}" if run.row == "W1" else ""
    values = ", ".join(f"{name} {value:,.4g}" for name, value in run.values.items() if isinstance(value, int | float))
    problems = "".join(f"\n    ! {problem}" for problem in run.problems)
    return f"{run.row}{results} {run.entry} N={question.number} round {run.round + 1}: {values}{problems}"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
