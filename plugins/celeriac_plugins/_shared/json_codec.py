"""JSON as kombu writes and reads it; here, because two drivers need it: ``json``, and ``auth``, which signs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from json import encoder as json_encoder
from typing import Any, Final

import msgspec

from celeriac.errors import CeleriacError
from celeriac.specs.serializer import Serializer, SerializerOptions
from celeriac_plugins._shared.json_types import MARK, Types, mark, restore
from celeriac_plugins._shared.refusals import cannot_read, cannot_write, too_large_to_read, too_large_to_write

_SCALARS: Final = frozenset({int, bool, type(None)})
_Encode = Callable[[Any, int], tuple[str, ...]]


class JsonCodec(Serializer):
    """Writes with the standard library, reads with msgspec.

    msgspec would write several times faster, but turns a datetime, a UUID or a Decimal into a bare text, a set into a
    list and NaN into null without a word; to look for such values first costs what it saves.
    """

    content_type = "application/json"
    capabilities = frozenset({"safe", "text", "json-parts"})

    def __init__(self, options: SerializerOptions | None = None) -> None:
        super().__init__(options)
        self._max_size = self.options.max_size
        types = Types(self.options.types)
        self._restore = types.restore if self.options.types else restore
        self._encode = _make_encode(types.mark if self.options.types else mark)
        self._encode_scalar = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder().decode
        self._decode_leniently = json.JSONDecoder().decode

    def dumps(self, value: Any) -> bytes:
        if type(value) in _SCALARS:  # what most tasks return
            try:
                return self._encode_scalar(value)
            except (ValueError, OverflowError):  # more than 64 bits
                pass
        try:
            data = "".join(self._encode(value, 0)).encode()
        except CeleriacError:
            raise
        except RecursionError as error:
            raise cannot_write("json", value, "it is nested too deeply, or holds itself") from error
        except Exception as error:  # a __json__ method may raise anything
            raise cannot_write("json", value, error) from error
        if len(data) > self._max_size:
            raise too_large_to_write("JSON", len(data), self._max_size)
        return data

    def loads(self, data: bytes) -> Any:
        if len(data) > self._max_size:
            raise too_large_to_read("JSON", len(data), self._max_size)
        try:
            value = self._decode(data)
            # `in` takes twice as long, as it asks for an int first, and from the front it takes four times as long.
            return value if data.rfind(MARK) < 0 else self._restore(value)
        except msgspec.DecodeError:
            return self._loads_leniently(data)
        except (UnicodeDecodeError, RecursionError) as error:
            raise cannot_read("JSON", error) from error

    def _loads_leniently(self, data: bytes) -> Any:
        """NaN, infinities, 1e999 and lone surrogates: outside of JSON, but Python's peers write them."""
        try:
            value = self._decode_leniently(data.decode("utf-8"))
            return value if data.rfind(MARK) < 0 else self._restore(value)
        except CeleriacError:
            raise
        except (ValueError, RecursionError) as error:
            raise cannot_read("JSON", error) from error


def _make_encode(mark: Callable[[Any], Any]) -> _Encode:
    """One encoder for all calls; it takes the value and the indentation, and gives the text in pieces.

    `json.JSONEncoder.encode` builds the C encoder anew in every call, which is half the time of a small body. Where
    there is no C encoder (PyPy), the encoder object is all that can be kept. A value that holds itself ends in a
    RecursionError: the table that would find it earlier is no good for several threads.
    """
    make: Callable[..., _Encode] | None = getattr(json_encoder, "c_make_encoder", None)
    if make is None:
        encode = json.JSONEncoder(default=mark, separators=(",", ":"), check_circular=False).encode
        return lambda value, _: (encode(value),)
    text = json_encoder.encode_basestring_ascii
    return make(None, mark, text, None, ":", ",", False, False, True)
