"""What ``celeriac --as-celery`` loads: puts the face on, and reads Celery's command line.

Options of Celery's worker and beat that mean nothing here are taken and said to have no effect, so that a unit file or
a Procfile changes in one word.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence

from celeriac.errors import ConfigurationError
from celeriac_contrib.celery.installation import install

__all__ = ("arguments", "install")

OPTION = "--as-celery"

WITHOUT_EFFECT: Mapping[str, tuple[int, str]] = {
    "--without-gossip": (0, ""),
    "--without-mingle": (0, ""),
    "--without-heartbeat": (0, ""),
    "--heartbeat-interval": (1, "a worker answers when it is asked"),
    "-O": (1, "tasks are handed to free slots anyway"),
    "--optimization": (1, "tasks are handed to free slots anyway"),
    "--disable-prefetch": (0, "slow tasks are claimed one for each slot anyway"),
    "--statedb": (1, "revocations are not kept over a restart; use `expires`"),
    "--pool-start-method": (1, "children are forked from a process that has nothing open"),
    "--executable": (1, "the worker is this Python"),
    "--enable-remote-control": (0, ""),
    "--no-enable-remote-control": (0, ""),
    "--skip-checks": (0, ""),
}
"""Options to their number of words, and why they are not needed; no reason where nobody misses anything."""

REFUSED: Mapping[str, str] = {
    "-D": "a worker stays in the foreground; systemd, a container or another supervisor keeps it",
    "--detach": "a worker stays in the foreground; systemd, a container or another supervisor keeps it",
    "--pidfile": "a worker stays in the foreground; who starts it knows its pid",
    "--uid": "start the worker as that user",
    "--gid": "start the worker as that group",
    "--umask": "start the worker with that umask",
    "--loader": "an app takes a loader as an argument",
}
OTHER_NAMES = {"--discard": "--purge", "--schedule-filename": "--schedule"}
POOLS = {"processes": "prefork", "thread": "threads"}
COMMANDS = frozenset({"worker", "beat"})


def arguments(words: Sequence[str]) -> list[str]:
    """Celery's words as ours.

    Raises:
        ConfigurationError: an option asks for something that is not here; the text says what to do instead.
    """
    words = [word for word in words if word != OPTION]
    command = next((word for word in words if word in COMMANDS), "")
    if not command:
        return list(words)
    return list(_translated(list(words), command))


def _translated(words: list[str], command: str) -> Iterator[str]:
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if command == "beat" and name == "-S":
            yield word
            yield scheduler_name(words.pop(0)) if words else ""
            continue
        if command == "worker" and name == "-S":
            name = "--statedb"
        if name in REFUSED:
            raise ConfigurationError(f"{name} is not here: {REFUSED[name]}")
        if name in WITHOUT_EFFECT:
            count, reason = WITHOUT_EFFECT[name]
            if not equals:
                del words[:count]
            if reason:
                print(f"{name} has no effect here: {reason}", file=sys.stderr)  # noqa: T201
            continue
        if name in ("-P", "--pool") and (equals or words):
            pool = value if equals else words.pop(0)
            yield from ("-P", _pool(pool))
            continue
        if name == "--scheduler" and (equals or words):
            yield from ("-S", scheduler_name(value if equals else words.pop(0)))
            continue
        if name in OTHER_NAMES:
            yield OTHER_NAMES[name] + equals + value
            continue
        yield word


def _pool(pool: str) -> str:
    if pool in ("gevent", "eventlet"):
        print(f"-P {pool} is threads here: greenlets are not, and -P asyncio runs coroutines", file=sys.stderr)  # noqa: T201
        return "threads"
    return POOLS.get(pool, pool)


def scheduler_name(name: str) -> str:
    """Celery's name of a scheduler as ours."""
    if name.replace(":", ".") in ("celery.beat.PersistentScheduler", "PersistentScheduler"):
        return "file"
    return name
