"""How fast Celeriac is, beside its peers, in one run.

    make bench                                   # everything, three rounds
    python bench/run.py --quick                  # does it all still work
    python bench/run.py --only celeriac,huey --rows W1,W3 --json out.json

Tables go to standard output, progress to standard error. The exit status is 1 when something of ours was not as it
should be: tasks lost or run twice, a worker that did not stop. What was wrong with others is told as well.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path

from harness.calibration import calibrate
from harness.commands import time_commands
from harness.documents import rewrite
from harness.isolation import ask
from harness.machine import describe
from harness.measurement import Question
from harness.plan import ROWS, Options, chosen, questions
from harness.report import about, tables
from harness.summary import Run
from systems import ENTRIES

_RESERVE = 120.0
"""Seconds that a measurement gets beside the wait for its tasks: to fill the queue, to settle, to stop."""


def main() -> int:
    parser = make_parser()
    given = parser.parse_args()
    options = Options(
        1 if given.quick else given.rounds,
        given.quick,
        given.rows or [row.key for row in ROWS],
        given.only,
        given.seconds,
    )
    unknown = [name for name in given.only if not any(entry.name.startswith(name) for entry in ENTRIES)]
    if unknown:
        parser.error(f"no system is called {unknown[0]!r}; there are {', '.join(entry.name for entry in ENTRIES)}")
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    machine = describe(sys.argv[1:])
    try:
        runs = measure(options, given.folder)
        commands = time_commands(3 if given.quick else 15, say) if "W5" in options.rows else {}
    except KeyboardInterrupt:
        say("stopped")
        return 130
    text = f"{about(machine, runs)}\n\n{tables(runs, ENTRIES, commands)}"
    print(text)
    if given.json:
        found = {"machine": machine, "runs": [asdict(run) for run in runs], "commands": commands}
        given.json.write_text(json.dumps(found, indent=1) + "\n")
    if given.write_docs:
        rewrite(text)
    return int(any(run.problems and run.entry.startswith("celeriac:") for run in runs))


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="how often each measurement is made (3)")
    parser.add_argument(
        "--quick", action="store_true", help="one round of few tasks: a test of the benchmark, no result"
    )
    parser.add_argument("--only", type=names, default=[], metavar="NAME,…", help="systems, or how their names begin")
    parser.add_argument("--rows", type=rows, metavar="ROW,…", help=f"of {', '.join(row.key for row in ROWS)}")
    parser.add_argument("--seconds", type=float, default=60.0, help="the longest wait for the tasks of one run (60)")
    parser.add_argument("--folder", type=Path, help="where the queues' files go (the temporary folder)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single run there")
    parser.add_argument("--write-docs", action="store_true", help="put the tables into docs/benchmarks.md")
    return parser


def names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def rows(text: str) -> list[str]:
    found, known = names(text), {row.key for row in ROWS}
    if not known.issuperset(found):
        raise argparse.ArgumentTypeError(f"rows are {', '.join(sorted(known))}")
    return found


def measure(options: Options, folder: Path | None) -> list[Run]:
    todo, runs, begin = list(questions(ENTRIES, options)), list[Run](), time.monotonic()
    systems = len(chosen(ENTRIES, options))
    say(f"{len(todo)} measurements of {systems} systems")
    for number, (turn, question) in enumerate(todo, 1):
        before = calibrate()
        answer = ask(question, options.seconds + _RESERVE, folder)
        run = Run(
            question.row, question.entry, question.results, turn, answer.values, answer.problems, (before, calibrate())
        )
        runs.append(run)
        say(f"[{number}/{len(todo)} {time.monotonic() - begin:4.0f} s] {told(question, run)}")
    return runs


def told(question: Question, run: Run) -> str:
    results = f" results {'on' if run.results else 'off'}" if run.row == "W1" else ""
    values = ", ".join(f"{name} {value:,.4g}" for name, value in run.values.items() if isinstance(value, int | float))
    problems = "".join(f"\n    ! {problem}" for problem in run.problems)
    return f"{run.row}{results} {run.entry} N={question.number} round {run.round + 1}: {values}{problems}"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
