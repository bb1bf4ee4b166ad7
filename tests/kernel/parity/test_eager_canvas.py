"""C9: workflows that run where they are called."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from celeriac import Celeriac, chain, chord, group
from celeriac.errors import ChordError
from celeriac.result import EagerResult


@pytest.fixture
def app() -> Iterator[Celeriac]:
    app = Celeriac("eager", broker="memory://eager", backend="memory://eager", task_always_eager=True)
    app.heard = []  # type: ignore[attr-defined]
    app.task(name="add")(lambda x, y: x + y)
    app.task(name="total")(sum)
    app.task(name="heard")(lambda task_id: app.heard.append(task_id))  # type: ignore[attr-defined]

    @app.task(name="fail")
    def fail(*_: object) -> None:
        raise ValueError("no")

    yield app
    assert app.transport.counts("celery").ready == 0
    app.close()


def test_c9_workflows_run_inline_with_the_results_that_workers_give(app: Celeriac) -> None:
    add, total = app.tasks["add"], app.tasks["total"]

    result = (add.s(1, 1) | add.s(2) | add.s(3)).delay()

    assert (result.get(), result.parent.get(), result.parent.parent.get()) == (7, 4, 2)
    assert isinstance(result, EagerResult)
    assert group(add.s(n, n) for n in range(3)).delay().get() == [0, 2, 4]
    assert chord([add.s(1, 1), add.s(2, 2) | add.s(1)])(total.s()).get() == 7
    assert (add.s(1, 1) | group(add.s(1), add.s(2)) | total.s() | group(add.s(1), add.s(2))).delay().get() == [8, 9]
    assert chord([], total.s()).bound_to(app).delay().get() == 0
    assert chord((add.s(n, 0) for n in range(1500)), total.s()).delay().get() == sum(range(1500))


def test_c9_a_failure_ends_them_as_it_does_in_workers(app: Celeriac) -> None:
    add, fail, heard, total = (app.tasks[name] for name in ("add", "fail", "heard", "total"))

    result = chain(fail.s(), add.s(1), group(add.s(1), add.s(2))).delay()
    assert [(each.state, repr(each.result)) for each in result] == [("FAILURE", "ValueError('no')")] * 2

    joined = chord([add.s(1, 1), fail.s()], total.s().on_error(heard.s())).delay()
    with pytest.raises(ChordError, match="ValueError: no"):
        joined.get()
    assert app.heard == [joined.id]  # type: ignore[attr-defined]

    app.conf.task_eager_propagates = True
    with pytest.raises(ValueError, match="no"):
        (fail.s() | add.s(1)).delay()


def test_c9_apply_runs_a_workflow_here_without_the_setting(app: Celeriac) -> None:
    app.conf.task_always_eager = False
    assert (app.tasks["add"].s(1, 1) | app.tasks["add"].s(1)).apply().get() == 3
