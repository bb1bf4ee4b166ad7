"""The hooks: points in the life of an app, a message, a task, a worker and beat at which any number of plugins may act.

A listener is a module or object whose functions carry ``celeriac.hookimpl``; it names only the arguments it wants. It
comes from the entry-point group ``celeriac.hooks`` or from ``app.hooks.register(listener)``. A listener that fails is
logged with its plugin's name and stops neither the others nor the task.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import click

    from celeriac.app import Celeriac
    from celeriac.context import Context
    from celeriac.message import Delivery, Publication
    from celeriac.specs.pool import Outcome
    from celeriac.specs.scheduler import Firing

hookspec = pluggy.HookspecMarker("celeriac")
hookimpl = pluggy.HookimplMarker("celeriac")


# the app


@hookspec
def celeriac_configure(app: Celeriac) -> None:
    """The app's settings are complete and its first use is about to happen. The place to set defaults and hooks."""


# a message on its way out


@hookspec
def celeriac_before_publish(app: Celeriac, batch: list[Publication]) -> None:
    """Messages are about to be published. Headers may be added; called in the caller's thread."""


@hookspec
def celeriac_after_publish(app: Celeriac, batch: list[Publication]) -> None:
    """The transport has taken the messages."""


# a task in a worker


@hookspec
def celeriac_task_received(app: Celeriac, delivery: Delivery) -> None:
    """A message was admitted; it waits for a slot. Called in the worker's own process."""


@hookspec
def celeriac_task_prerun(app: Celeriac, context: Context, args: list[Any], kwargs: dict[str, Any]) -> None:
    """A task is about to run. Called where it runs."""


@hookspec
def celeriac_task_postrun(app: Celeriac, context: Context, state: str, result: Any) -> None:
    """A task has run, however it ended; `result` is the value or the exception. Called where it ran."""


@hookspec
def celeriac_task_success(app: Celeriac, context: Context, result: Any) -> None:
    """A task has returned."""


@hookspec
def celeriac_task_failure(app: Celeriac, context: Context, error: BaseException, traceback: str) -> None:
    """A task has failed for good."""


@hookspec
def celeriac_task_retry(app: Celeriac, context: Context, error: BaseException | None, countdown: float) -> None:
    """A task will run again after `countdown` seconds."""


@hookspec
def celeriac_task_settled(app: Celeriac, delivery: Delivery, outcome: Outcome) -> None:
    """The result is stored, what follows is published, the message is acknowledged. In the worker's own process."""


@hookspec
def celeriac_task_dead(app: Celeriac, delivery: Delivery, reason: str) -> None:
    """A message went to the dead letters."""


# a worker


@hookspec
def celeriac_worker_init(app: Celeriac, hostname: str) -> None:
    """A worker is about to start; no process, thread or connection exists yet."""


@hookspec
def celeriac_worker_process_init(app: Celeriac) -> None:
    """A child process of the pool has started. Called in the child."""


@hookspec
def celeriac_worker_process_shutdown(app: Celeriac) -> None:
    """A child process of the pool ends in good order. Called in the child."""


@hookspec
def celeriac_worker_ready(app: Celeriac, hostname: str) -> None:
    """The worker consumes."""


@hookspec
def celeriac_worker_stopping(app: Celeriac, hostname: str) -> None:
    """The worker has stopped fetching and finishes what runs."""


@hookspec
def celeriac_worker_stopped(app: Celeriac, hostname: str) -> None:
    """Everything is settled or given back."""


# beat


@hookspec
def celeriac_beat_init(app: Celeriac) -> None:
    """Beat is about to start."""


@hookspec
def celeriac_beat_fired(app: Celeriac, firing: Firing) -> None:
    """Beat has published a firing."""


# the command line


@hookspec
def celeriac_cli_commands() -> list[click.Command]:  # type: ignore[empty-body]
    """Extra commands of ``celeriac``. Asked only when the command that was typed is not a built-in one."""
