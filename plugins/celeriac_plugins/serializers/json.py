"""JSON, compatible with kombu 5.3 and later: the default."""

from __future__ import annotations

from celeriac_plugins._shared.json_codec import JsonCodec


class JsonSerializer(JsonCodec):
    """Plain values, and datetime, date, time, Decimal, UUID, bytes, and whatever has a ``__json__`` method.

    As with Celery, tuples come back as lists and the keys of mappings as texts.
    """
