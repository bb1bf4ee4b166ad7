"""The broker goes away and comes back: each is said once, and what shows that it is back is a receive that worked."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from celeriac.settings.urls import mask
from celeriac.worker.patience import pause_before

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.errors import TransportError

logger = logging.getLogger("celeriac.worker")


class Reconnection:
    """Told by the loop how each receive ended. Transports connect by themselves, at the next use."""

    def __init__(self, app: Celeriac) -> None:
        conf = app.conf
        self.lost: float | None = None
        """Since when the broker does not answer (monotonic), or None."""
        self.is_proved = False
        """Whether the last receive has worked."""
        self._app = app
        self._later: bool = conf.broker_connection_retry
        at_start = conf.broker_connection_retry_on_startup
        self._at_start: bool = self._later if at_start is None else at_start
        self._most: int | None = conf.broker_connection_max_retries or None
        self._tries = 0
        self._was_there = False

    @property
    def _broker(self) -> str:
        """The one that is in use."""
        return mask(self._app.brokers.url)

    def failed(self, error: TransportError) -> float | None:
        """The seconds to wait before the next try; None when the settings allow no other."""
        if self.lost is None:
            self.lost = time.monotonic()
        self.is_proved = False
        self._tries += 1
        if not (self._later if self._was_there else self._at_start) or self._tries > (self._most or self._tries):
            return None
        if self._tries == 1:
            what = "lost" if self._was_there else "cannot reach"
            logger.error("%s the broker %s: %s; trying until it answers", what, self._broker, mask(str(error)))
        return pause_before(self._tries)

    def succeeded(self) -> None:
        """A receive has come back in good order."""
        self.is_proved = self._was_there = True
        if self.lost is None:
            return
        lasted = time.monotonic() - self.lost
        self.lost, self._tries = None, 0
        logger.warning("the broker %s answers after %.1f s, and messages are received", self._broker, lasted)
