"""A publish whose confirmation was lost is made again, and its task does not run again for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from celeriac import Celeriac
from celeriac.errors import TransportDown
from celeriac.message import Publication
from celeriac.testing import WorkerInTest
from worker_process import until


def test_a_message_that_was_there_already_and_has_run_is_not_run_again(
    app: Celeriac, worker: WorkerInTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish, made = app.transport.publish, []

    def confirmation_lost(batch: Sequence[Publication], timeout: float) -> None:
        made.append(len(batch))
        if len(made) == 1:
            publish(batch, timeout)
            raise TransportDown("the line was cut before the answer came")
        until(lambda: app.AsyncResult("twice").ready(), "the end of the first run")
        publish(batch, timeout)

    monkeypatch.setattr(app.transport, "publish", confirmation_lost)
    result: Any = app.tasks["add"].apply_async((1, 2), task_id="twice", publish_timeout=30)
    monkeypatch.undo()
    worker.drain()

    assert made == [1, 1]
    assert result.get(timeout=5) == 3
    assert app.ran == [("add", 1, 2)]  # type: ignore[attr-defined]
