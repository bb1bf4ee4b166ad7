"""Beat in a thread of a worker."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from celeriac.beat import Beat
from celeriac.errors import CeleriacError
from celeriac.specs.lifecycle import hookimpl

if TYPE_CHECKING:
    from celeriac.app import Celeriac

logger = logging.getLogger("celeriac.beat")


class EmbeddedBeat:
    """Owns the thread. It starts when the worker consumes (the pool has its children by then, and none inherits the
    thread) and ends before the worker waits for its tasks. An entry that is wrong stops the worker. Several workers may
    do this: each firing has the same task id everywhere, and runs once."""

    def __init__(self, app: Celeriac, stop_worker: Callable[[], None]) -> None:
        self._beat = Beat(app)
        self._stop_worker = stop_worker
        self._error: CeleriacError | None = None
        self._thread = threading.Thread(target=self._run, name="celeriac-beat", daemon=True)
        app.hooks.register(self, "embedded beat")

    @hookimpl
    def celeriac_worker_ready(self) -> None:
        self._thread.start()

    @hookimpl
    def celeriac_worker_stopping(self) -> None:
        self._beat.stop()
        if self._thread.is_alive():
            self._thread.join()

    def raise_error(self) -> None:
        """Raise what ended beat before its time."""
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self._beat.run()
        except CeleriacError as error:
            logger.critical("beat cannot run: %s", error)
            self._error = error
            self._stop_worker()
