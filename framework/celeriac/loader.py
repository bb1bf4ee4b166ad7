"""A loader: Celery's one object that is told of a worker's life. Here it is one more listener to the hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from celeriac.specs.lifecycle import hookimpl

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.context import Context


class Loader:
    """The base of loaders, which does nothing. ``Celeriac(loader=MyLoader)`` takes a class or its dotted name; what the
    methods are called and when is Celery's."""

    def __init__(self, app: Celeriac) -> None:
        self.app = app

    def on_worker_init(self) -> None:
        """The worker is about to start."""

    def on_worker_shutdown(self) -> None:
        """The worker has stopped."""

    def on_worker_process_init(self) -> None:
        """A child process of the pool has started. Called in the child."""

    def on_task_init(self, task_id: str | None, task: Any) -> None:
        """A task is about to run."""

    def on_process_cleanup(self) -> None:
        """A task has run."""


class LoaderHooks:
    """Calls a loader when a hook is called."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    @hookimpl
    def celeriac_worker_init(self) -> None:
        self._loader.on_worker_init()

    @hookimpl
    def celeriac_worker_stopped(self) -> None:
        self._loader.on_worker_shutdown()

    @hookimpl
    def celeriac_worker_process_init(self) -> None:
        self._loader.on_worker_process_init()

    @hookimpl
    def celeriac_task_prerun(self, app: Celeriac, context: Context) -> None:
        self._loader.on_task_init(context.id, app.tasks.get(context.task))

    @hookimpl
    def celeriac_task_postrun(self) -> None:
        self._loader.on_process_cleanup()


def make_loader(app: Celeriac, loader: Any) -> Any:
    """The loader of an app: a class, an instance, or the dotted name of one; None: the base, which does nothing."""
    if isinstance(loader, str):
        from celeriac.registry import load_object

        loader = load_object(loader if ":" in loader else ":".join(loader.rsplit(".", 1)))
    if isinstance(loader, type):
        loader = loader(app)
    return Loader(app) if loader is None else loader
