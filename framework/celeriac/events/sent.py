"""``task-sent``, told by who publishes: a hook that is there only where ``task_send_sent_event`` is on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from celeriac.events.described import described
from celeriac.specs.lifecycle import hookimpl

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.hooks import Hooks
    from celeriac.message import Publication


NAME = "events of calls"


def tell_of_sent(hooks: Hooks) -> None:
    """Listen to what is published, if nobody does so yet."""
    if NAME not in hooks.names():
        hooks.register(TellOfSent(), NAME)


class TellOfSent:
    """Listens to what was published."""

    @hookimpl
    def celeriac_after_publish(self, app: Celeriac, batch: Sequence[Publication]) -> None:
        for publication in batch:
            task = app.tasks.get(publication.message.task)
            if task is not None and not task.send_events:
                continue
            app.events.send(
                "task-sent",
                **described(publication.message.headers),
                queue=publication.queue,
                exchange="",
                routing_key=publication.queue,
            )
