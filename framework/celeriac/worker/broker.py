"""What becomes of held messages at the broker that they came from.

Of several brokers the next one is used when the one in use does not answer. What came from that one cannot be settled
any more: it comes back there when its lease ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from celeriac.errors import TransportError
from celeriac.message import Delivery

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.specs.transport import Transport

T = TypeVar("T", Delivery, tuple[Delivery, float], tuple[Delivery, str, str])


class Broker:
    """The one that a worker receives from, and those that it received from before. Thread-safe."""

    def __init__(self, app: Celeriac) -> None:
        self._app = app
        self._has_others = len(app.brokers) > 1

    def gave(self, transport: Transport, deliveries: Sequence[Delivery]) -> None:
        """These came from there."""
        if self._has_others:
            for delivery in deliveries:
                delivery.source = transport.options.url

    def settle(self, step: Callable[[Transport, list[T]], object], batch: list[T]) -> list[T]:
        """Do one step with those that came from the broker in use, and return them. When it does not answer, the next
        one is in use.

        Raises:
            TransportError: from the step.
        """
        transport = self._app.transport  # asked for each time: the watchdog may have made another one
        there = self._of(transport, batch) if self._has_others else batch
        if there:
            try:
                step(transport, there)
            except TransportError:
                self._app.fail_over(transport)
                raise
        return there

    def _of(self, transport: Transport, batch: list[T]) -> list[T]:
        url = transport.options.url
        return [each for each in batch if (each if isinstance(each, Delivery) else each[0]).source == url]
