"""Listeners: found, checked, called, and kept from doing harm."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from celeriac import Celeriac, hookimpl
from celeriac.errors import ConfigurationError
from celeriac.hooks import Hooks
from celeriac.specs import lifecycle
from celeriac.testing import WorkerInTest


class Recorder:
    """Listens to everything that happens to a task."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Any]] = []

    @hookimpl
    def celeriac_before_publish(self, batch: list[Any]) -> None:
        self.heard.append(("before_publish", len(batch)))

    @hookimpl
    def celeriac_after_publish(self, batch: list[Any]) -> None:
        self.heard.append(("after_publish", len(batch)))

    @hookimpl
    def celeriac_task_received(self, delivery: Any) -> None:
        self.heard.append(("received", delivery.message.task))

    @hookimpl
    def celeriac_task_prerun(self, context: Any, args: Any, kwargs: Any) -> None:
        self.heard.append(("prerun", tuple(args)))

    @hookimpl
    def celeriac_task_success(self, result: Any) -> None:
        self.heard.append(("success", result))

    @hookimpl
    def celeriac_task_failure(self, error: BaseException, traceback: str) -> None:
        self.heard.append(("failure", str(error)))

    @hookimpl
    def celeriac_task_retry(self, countdown: float) -> None:
        self.heard.append(("retry", round(countdown)))

    @hookimpl
    def celeriac_task_postrun(self, state: str) -> None:
        self.heard.append(("postrun", state))

    @hookimpl
    def celeriac_task_settled(self, outcome: Any) -> None:
        self.heard.append(("settled", outcome.state))

    @hookimpl
    def celeriac_task_dead(self, reason: str) -> None:
        self.heard.append(("dead", reason))


def test_a_successful_task_is_heard_from_call_to_settlement(app: Celeriac, worker: WorkerInTest) -> None:
    recorder = Recorder()
    app.hooks.register(recorder)

    app.tasks["add"].delay(1, 2).get(timeout=5)
    worker.drain()

    # The caller's side and the worker's run in two threads, each in its own order.
    ours = [event for event in recorder.heard if event[0].endswith("publish")]
    workers = [event for event in recorder.heard if event not in ours]
    assert ours == [("before_publish", 1), ("after_publish", 1)]
    assert workers == [
        ("received", "add"),
        ("prerun", (1, 2)),
        ("success", 3),
        ("postrun", "SUCCESS"),
        ("settled", "SUCCESS"),
    ]


def test_a_failure_and_a_retry_are_heard(app: Celeriac, worker: WorkerInTest) -> None:
    recorder = Recorder()
    app.hooks.register(recorder)

    app.tasks["fail"].delay("bad")
    app.tasks["always_again"].delay()
    app.tasks["rejected"].delay()
    worker.drain()

    assert ("failure", "bad") in recorder.heard
    assert ("postrun", "FAILURE") in recorder.heard
    assert ("retry", 10) in recorder.heard
    assert ("dead", "rejected by the task: not mine") in recorder.heard


def test_a_failing_listener_is_logged_with_its_name_and_stops_nobody(
    app: Celeriac, worker: WorkerInTest, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        @hookimpl
        def celeriac_task_prerun(self) -> None:
            raise RuntimeError("listener fault")

    recorder = Recorder()
    app.hooks.register(Broken(), "broken-plugin")
    app.hooks.register(recorder)

    with caplog.at_level(logging.ERROR, "celeriac.hooks"):
        assert app.tasks["add"].delay(1, 2).get(timeout=5) == 3

    assert ("prerun", (1, 2)) in recorder.heard
    assert "plugin 'broken-plugin' failed in celeriac_task_prerun" in caplog.text
    assert "listener fault" in caplog.text


def test_a_misspelt_hook_or_argument_is_refused_when_registered() -> None:
    class Misspelt:
        @hookimpl
        def celeriac_task_prernu(self) -> None: ...

    class WrongArgument:
        @hookimpl
        def celeriac_task_prerun(self, contxt: Any) -> None: ...

    class Nothing:
        pass

    hooks = Hooks()
    for listener, match in ((Misspelt(), "prernu"), (WrongArgument(), "contxt"), (Nothing(), "implements no hook")):
        with pytest.raises(ConfigurationError, match=match):
            hooks.register(listener)
    assert hooks.names() == []
    assert not hooks.task_prerun


def test_an_unheard_hook_is_false_and_a_heard_one_true() -> None:
    hooks, recorder = Hooks(), Recorder()
    assert not hooks.task_success

    hooks.register(recorder)
    assert hooks.task_success

    hooks.unregister(recorder)
    assert not hooks.task_success


def test_hooks_named_in_settings_and_the_configure_hook_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    configured: list[Any] = []

    class Listener:
        @hookimpl
        def celeriac_configure(self, app: Celeriac) -> None:
            app.conf.task_default_queue = "from-the-hook"
            configured.append(app)

    monkeypatch.setitem(sys.modules, "shop_hooks", SimpleNamespace(listener=Listener()))
    app = Celeriac("hooked", broker="memory://", hooks=["shop_hooks:listener"])

    assert app.conf.task_default_queue == "from-the-hook"
    assert configured == [app]


def test_every_hook_has_a_docstring() -> None:
    for name, hook in vars(lifecycle).items():
        if name.startswith("celeriac_"):
            assert (hook.__doc__ or "").strip(), name
