"""What kombu calls gzip: the zlib format (RFC 1950), without gzip's own header."""

from __future__ import annotations

import zlib

from celeriac.specs.compressor import Compressor
from celeriac_plugins._shared.inflate import inflate


class GzipCompressor(Compressor):
    """Known by two names, ``gzip`` and ``zlib``, as in kombu."""

    content_type = "application/x-gzip"

    def compress(self, data: bytes) -> bytes:
        return zlib.compress(data)

    def decompress(self, data: bytes, max_size: int) -> bytes:
        return inflate("zlib", zlib.decompressobj(), data, max_size, zlib.error)
