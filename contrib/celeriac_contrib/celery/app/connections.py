"""What stands for a connection of kombu's where Celery hands one out: enough for `with`, and to see whether the broker
answers. Celeriac's transport keeps its own."""

from __future__ import annotations

from typing import Any, Self

from celeriac.drivers import broker_url
from celeriac.settings.urls import mask, split_scheme


class BrokerConnection:
    """``with app.connection_for_read() as connection: …``; passed on, it is taken and not needed."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def ensure_connection(self, *_args: Any, timeout: float = 5.0, **_options: Any) -> BrokerConnection:
        """See whether the broker answers.

        Raises:
            TransportDown: it does not (``celery.exceptions.OperationalError``).
        """
        self._app.transport.queues()
        return self

    connect = ensure_connection

    @property
    def connected(self) -> bool:
        """Whether the broker answers."""
        from celeriac.errors import TransportError

        try:
            self.ensure_connection()
        except TransportError:
            return False
        return True

    def as_uri(self, include_password: bool = False) -> str:
        """The broker's URL, without its password."""
        url = broker_url(self._app)
        return url if include_password else mask(url)

    @property
    def transport_cls(self) -> str:
        return split_scheme(broker_url(self._app))[0]

    def clone(self) -> BrokerConnection:
        return BrokerConnection(self._app)

    def release(self) -> None:
        """There is nothing to give back."""

    close = release

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """There is nothing to give back."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"{name!r}: no connection of kombu's is behind an app; use app.send_task, app.control, or kombu itself"
        )
