"""Signed messages."""

from __future__ import annotations

from typing import Any

from celeriac_contrib.celery._state import app_or_default
from celeriac_contrib.celery.absent import absent

__all__ = ("setup_security",)


def setup_security(
    allowed_serializers: Any = None,
    key: str | None = None,
    key_password: str | None = None,
    cert: str | None = None,
    store: str | None = None,
    digest: str | None = None,
    serializer: str = "json",
    app: Any = None,
) -> None:
    """Sign messages, and accept signed ones only: ``app.setup_security`` of the current app."""
    app_or_default(app).setup_security(
        allowed_serializers, key, key_password, cert, store, digest or "sha256", serializer
    )


__getattr__ = absent(__name__)
