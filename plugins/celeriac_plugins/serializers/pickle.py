"""Pickle: any Python object, and any code; only between those who trust each other."""

from __future__ import annotations

import pickle
from typing import Any

from celeriac.specs.serializer import Serializer
from celeriac_plugins._shared.refusals import cannot_read, cannot_write, too_large_to_read, too_large_to_write

_PROTOCOL = 5
"""Fixed, so that the interpreter's version does not decide what is on the wire; Python 3.8 and later read it."""


class PickleSerializer(Serializer):
    """Decoding runs what the sender chose: never accept it from strangers."""

    content_type = "application/x-python-serialize"
    content_encoding = "binary"
    capabilities = frozenset({"any-object"})

    def dumps(self, value: Any) -> bytes:
        try:
            data = pickle.dumps(value, _PROTOCOL)
        except Exception as error:  # the objects' own methods run
            raise cannot_write("pickle", value, error or type(error).__name__) from error
        if len(data) > self.options.max_size:
            raise too_large_to_write("pickle", len(data), self.options.max_size)
        return data

    def loads(self, data: bytes) -> Any:
        if len(data) > self.options.max_size:
            raise too_large_to_read("pickle", len(data), self.options.max_size)
        if data[-1:] != pickle.STOP:
            raise cannot_read("a pickle", "it has no end")
        try:
            return pickle.loads(data)  # noqa: S301 - this is what the driver is for; the accept list guards it
        except Exception as error:  # the objects' own methods run
            raise cannot_read("a pickle", f"{type(error).__name__}: {error}") from error
