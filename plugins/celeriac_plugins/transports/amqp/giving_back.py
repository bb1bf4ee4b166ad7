"""Giving back what was pushed in advance, as if it had never been here; without this it would count as begun."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from celeriac.errors import TransportDown
from celeriac.message import Delivery

from .asking import Asking, ask_nothing
from .intake import Intake
from .link import ChannelClosed
from .posting import Posting
from .settling import Settling
from .sorting import Sorting

_PATIENCE: Final = 2.0
"""Seconds that it may take, also when the transport is closed."""


class GivingBack:
    """Done when the transport is closed, and when nobody has come for what was pushed."""

    def __init__(self, settling: Settling, sorting: Sorting, asking: Asking, posting: Posting) -> None:
        self._settling = settling
        self._sorting = sorting
        self._asking = asking
        self._posting = posting

    def all_of(self, intake: Intake, is_wanted: Callable[[], bool]) -> None:
        """Unless it turns out to be wanted."""
        with suppress(OSError, ChannelClosed):
            with self._settling.lock:  # who comes to receive makes consumers anew
                if is_wanted():
                    return
                intake.link.send(self._asking.cancel(intake), time.monotonic() + _PATIENCE)
            ask_nothing(intake, _PATIENCE)  # the consumers are gone when this is answered,
            ask_nothing(intake, _PATIENCE)  # and what they were pushed meanwhile is here when this is
        self._sorting.take_in(intake)
        with self._settling.lock:
            boxes = sorted(intake.ready.items(), key=lambda item: not item[0][1])  # the lanes first
            ready: list[tuple[Delivery, float | None]] = [(each, None) for _, box in boxes for each in box]
            ready += [(each.delivery, each.due) for each in intake.early]
            intake.ready.clear()
            intake.early.clear()
        if not ready:
            return
        try:
            self._posting.post([self._settling.again(each, each.count - 1, due) for each, due in ready], _PATIENCE)
        except TransportDown:  # then they stay here
            with self._settling.lock:
                for each, due in ready:
                    intake.keep(each, (each.queue, True), due or 0.0)
        else:
            self._settling.acknowledge((each for each, _ in ready), done=False)
