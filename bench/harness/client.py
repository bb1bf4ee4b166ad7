"""The process of one measurement: it makes the system, asks the row, and writes the answer into its folder."""

from __future__ import annotations

import json
import os
import sys
import traceback
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from harness.measurement import Answer, Question
from harness.rows import enqueue, eta, round_trip, sleepers, start_up, throughput
from systems import ENTRIES
from systems.setup import Setup
from systems.system import Entry, System

ANSWER = "answer.json"
_ROWS = {
    "W1": throughput.measure,
    "W2": enqueue.measure,
    "W3": round_trip.measure,
    "W5": start_up.measure,
    "W6": eta.measure,
    "W8": sleepers.measure,
}


def answer(question: Question, folder: Path) -> Answer:
    entry = next(entry for entry in ENTRIES if entry.name == question.entry)
    setup = Setup(folder, entry.broker, question.results)
    os.environ.update(setup.environment())
    system = _open(entry, setup)
    try:
        return _ROWS[question.row](system, question)
    finally:
        system.close()


def _open(entry: Entry, setup: Setup) -> System:
    module, _, name = entry.adapter.partition(":")
    system: System = getattr(import_module(module), name)(setup, **entry.options)
    return system


def main() -> None:
    question = Question(**json.loads(sys.argv[1]))
    try:
        found = answer(question, Path.cwd())
    except Exception as error:
        found = Answer(problems=[f"{error!r}\n{traceback.format_exc(limit=-4)}"])
    Path(ANSWER).write_text(json.dumps(asdict(found)))


if __name__ == "__main__":
    main()
