"""Zstandard: the best choice above a kilobyte or so.

Of the libraries that speak it, ``zstandard`` comes first, for it can keep its contexts from call to call: on a small
body three times as fast as new ones. It lags behind new Pythons, and those have one in their standard library.
"""

from __future__ import annotations

import threading

from celeriac.specs.compressor import Compressor

try:
    from celeriac_plugins._shared.zstd_by_zstandard import ZstdCodec
except ModuleNotFoundError:
    from celeriac_plugins._shared.zstd_by_stdlib import ZstdCodec  # type: ignore[assignment]


class ZstdCompressor(Compressor):
    content_type = "application/zstd"

    def __init__(self) -> None:
        self._of_thread = threading.local()

    def compress(self, data: bytes) -> bytes:
        return self._codec().compress(data)

    def decompress(self, data: bytes, max_size: int) -> bytes:
        return self._codec().decompress(data, max_size)

    def _codec(self) -> ZstdCodec:
        try:
            codec: ZstdCodec = self._of_thread.codec
        except AttributeError:
            codec = self._of_thread.codec = ZstdCodec()
        return codec
