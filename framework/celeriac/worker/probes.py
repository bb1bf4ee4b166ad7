"""The worker's answers to a supervisor's probes: over HTTP, and in a file.

Each in a thread of its own, so that they answer whatever the other threads do. The asking side is `celeriac.probe`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from celeriac.worker.probe_file import ProbeFile
from celeriac.worker.probe_server import ProbeServer

if TYPE_CHECKING:
    from celeriac.settings import Settings
    from celeriac.worker.health import Health


class Probes:
    """The probes that the settings ask for."""

    def __init__(self, conf: Settings, health: Health) -> None:
        port, path = conf.worker_probe_port, conf.worker_probe_file
        self._server = None if port is None else ProbeServer(health, conf.worker_probe_host, port)
        self._file = None if path is None else ProbeFile(health, path)

    def start(self) -> None:
        """
        Raises:
            ConfigurationError: the port or the file cannot be used.
        """
        if self._server is not None:
            self._server.start()
        if self._file is not None:
            self._file.start()

    def stop(self) -> None:
        """A second call does nothing."""
        if self._server is not None:
            self._server.stop()
        if self._file is not None:
            self._file.stop()
