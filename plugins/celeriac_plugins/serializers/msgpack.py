"""MessagePack, as kombu's serializer of that name writes and reads it."""

from __future__ import annotations

from typing import Any

import msgpack  # type: ignore[import-untyped]

from celeriac.errors import CeleriacError, DecodeError
from celeriac.specs.serializer import Serializer
from celeriac_plugins._shared.refusals import cannot_read, cannot_write, too_large_to_read, too_large_to_write

_TIMESTAMP_AS_DATETIME = 3


class MsgpackSerializer(Serializer):
    """Plain values and bytes, integers up to 64 bits.

    Like kombu it writes no datetime: its peers would get a ``msgpack.Timestamp``. One that others wrote is read as an
    aware datetime in UTC.
    """

    content_type = "application/x-msgpack"
    content_encoding = "binary"
    capabilities = frozenset({"safe"})

    def dumps(self, value: Any) -> bytes:
        try:
            data: bytes = msgpack.packb(value, use_bin_type=True, default=_refuse)
        except CeleriacError:
            raise
        except (ValueError, OverflowError, RecursionError) as error:  # too deep, too long, a lone surrogate
            raise cannot_write("msgpack", value, error) from error
        if len(data) > self.options.max_size:
            raise too_large_to_write("msgpack", len(data), self.options.max_size)
        return data

    def loads(self, data: bytes) -> Any:
        if len(data) > self.options.max_size:
            raise too_large_to_read("msgpack", len(data), self.options.max_size)
        try:
            return msgpack.unpackb(
                data, raw=False, strict_map_key=False, timestamp=_TIMESTAMP_AS_DATETIME, ext_hook=_refuse_extension
            )
        except CeleriacError:
            raise
        except Exception as error:  # ValueErrors of its own, TypeError for a key that is a list, OverflowError
            raise cannot_read("msgpack", error or type(error).__name__) from error


def _refuse(value: Any) -> Any:
    raise cannot_write("msgpack", value, "it is beyond 64 bits" if isinstance(value, int) else "")


def _refuse_extension(code: int, _data: bytes) -> Any:
    raise DecodeError(f"the msgpack holds a value of the application's extension type {code}, which nobody here reads")
