"""The process of one measurement: it makes the system, asks the row, and writes the answer into its folder."""

from __future__ import annotations

import json
import sys
import traceback
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from harness.measurement import Answer, Question
from harness.plan import MODULES
from systems import ENTRIES
from systems.setup import Setup
from systems.system import System

ANSWER = "answer.json"


def answer(question: Question) -> Answer:
    """Only the modules of this system and this row are imported: others would be counted as its memory."""
    entry = next(entry for entry in ENTRIES if entry.name == question.entry)
    module, _, name = entry.adapter.partition(":")
    measure = import_module(f"harness.rows.{MODULES[question.row]}").measure
    system: System = getattr(import_module(module), name)(Setup.from_environment())
    try:
        found: Answer = measure(system, question)
        return found
    finally:
        system.close()


def main() -> None:
    question = Question(**json.loads(sys.argv[1]))
    try:
        found = answer(question)
    except Exception as error:
        found = Answer(problems=[f"{error!r}\n{traceback.format_exc(limit=-4)}"])
    Path(ANSWER).write_text(json.dumps(asdict(found)))


if __name__ == "__main__":
    main()
