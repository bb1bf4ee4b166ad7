"""A file that says how the worker is, written anew each second: where it grows old, the worker is stuck or gone."""

from __future__ import annotations

import json
import logging
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from celeriac.errors import ConfigurationError

if TYPE_CHECKING:
    from celeriac.worker.health import Health

logger = logging.getLogger("celeriac.worker")

EVERY = 1.0
"""Seconds between two writings."""


class ProbeFile:
    """Owns the file and the thread. Whoever reads sees a whole document: it is written beside and then renamed."""

    def __init__(self, health: Health, path: str) -> None:
        self._health = health
        self._path = path
        self._beside = f"{path}.{os.getpid()}"
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="celeriac-probe-file", daemon=True)
        self._failed = False

    def start(self) -> None:
        """
        Raises:
            ConfigurationError: the file cannot be written.
        """
        try:
            self._write()
        except OSError as error:
            raise ConfigurationError(
                f"cannot write the probe file {self._path}: {error.strerror}; choose another worker_probe_file "
                "(--probe-file)"
            ) from error
        self._thread.start()

    def stop(self) -> None:
        """Remove the file: nobody is alive or ready any more. A second call does nothing."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        with suppress(OSError):
            os.unlink(self._path)  # noqa: PTH108 (pathlib is slow to import)

    def _run(self) -> None:
        while not self._stopping.wait(EVERY):
            try:
                self._write()
                self._failed = False
            except OSError as error:
                if not self._failed:
                    logger.warning("cannot write the probe file %s: %s; trying again", self._path, error.strerror)
                self._failed = True

    def _write(self) -> None:
        with open(self._beside, "w") as file:  # noqa: PTH123
            file.write(json.dumps(self._health.report()) + "\n")
        os.replace(self._beside, self._path)  # noqa: PTH105
