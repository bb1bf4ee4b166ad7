"""Huey, as its documentation shows it: on SQLite without fsync, which is its faster way; on Redis with the
notification that its results need to come at once."""

from __future__ import annotations

from huey import RedisHuey, SqliteHuey

from systems import bodies

setup = bodies.setup
huey = (
    RedisHuey("bench", url=setup.redis, results=setup.results, notify_result=setup.results)
    if setup.broker == "redis"
    else SqliteHuey("bench", filename=str(setup.folder / "huey.db"), fsync=False, results=setup.results)
)
tasks = {name: huey.task()(body) for name, body in bodies.FUNCTIONS.items()}
