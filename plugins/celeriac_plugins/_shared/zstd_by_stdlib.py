"""Zstandard through the standard library (Python 3.14 and later), or its backport."""

from __future__ import annotations

import sys
from importlib import import_module

from celeriac_plugins._shared.inflate import inflate

zstd = import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")


class ZstdCodec:
    """The same face as in `celeriac_plugins._shared.zstd_by_zstandard`."""

    def compress(self, data: bytes) -> bytes:
        compressed: bytes = zstd.compress(data)
        return compressed

    def decompress(self, data: bytes, max_size: int) -> bytes:
        return inflate("zstd", zstd.ZstdDecompressor(), data, max_size, zstd.ZstdError)
