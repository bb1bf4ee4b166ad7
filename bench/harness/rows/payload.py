"""W9: as W1, with an argument of 100 KB each."""

from __future__ import annotations

from harness.measurement import Answer, Question
from harness.rows.throughput import consume
from harness.tally import Tally
from systems.system import System

_DATA = "x" * 100_000


def measure(system: System, question: Question) -> Answer:
    tally = Tally.create(system.setup.tally_path)
    system.call_many("weigh", [{"data": _DATA}] * question.number)
    answer = consume(system, question, tally)
    if answer.values["rate"]:
        answer.values["megabytes"] = answer.values["rate"] * len(_DATA) / 1e6
    return answer
