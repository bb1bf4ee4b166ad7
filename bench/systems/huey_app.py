"""Huey on SQLite, as its documentation shows it: without fsync, which is its faster way."""

from __future__ import annotations

import time

from huey import SqliteHuey

from systems.setup import Setup

setup = Setup.from_environment()
huey = SqliteHuey("bench", filename=str(setup.folder / "huey.db"), fsync=False, results=setup.results)


@huey.task()
def count() -> int:
    setup.tally.hit()
    return 1


@huey.task()
def echo(value: int) -> int:
    return value


@huey.task()
def late(number: int, due: float) -> None:
    setup.late[number] = time.time() - due
    setup.tally.hit()
