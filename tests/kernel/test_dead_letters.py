"""Dead letters: kept with their evidence, replayed, dropped."""

from __future__ import annotations

import pytest

from celeriac import Celeriac
from celeriac.errors import TaskFailed
from celeriac.testing import start_worker


def test_a_replay_runs_again_from_the_start_and_its_result_counts(app: Celeriac) -> None:
    broken = [True]

    @app.task(name="sometimes")
    def sometimes() -> str:
        if broken[0]:
            from celeriac import Reject

            raise Reject("not today")
        return "fine"

    with start_worker(app) as worker:
        result = sometimes.delay()
        with pytest.raises(TaskFailed, match="not today"):
            result.get(timeout=5)
        worker.drain()
        (letter,) = worker.dead_letters()
        assert letter.message.task == "sometimes"
        assert letter.queue == "celery"
        broken[0] = False

        assert app.replay([letter.id]) == 1

        assert app.AsyncResult(result.id).get(timeout=5) == "fine"
        worker.drain()
        assert worker.dead_letters() == []
        assert app.replay([letter.id]) == 0


def test_a_replay_that_fails_again_is_a_dead_letter_again(app: Celeriac) -> None:
    with start_worker(app) as worker:
        app.tasks["rejected"].delay()
        worker.drain()
        (first,) = worker.dead_letters()

        app.replay([first.id])
        worker.drain()

        (second,) = worker.dead_letters()
        assert second.message.id == first.message.id
        assert second.message.body == first.message.body
        assert app.transport.drop_dead([second.id]) == 1
        assert worker.dead_letters() == []
