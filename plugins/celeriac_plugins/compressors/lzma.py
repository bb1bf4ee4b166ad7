"""lzma, in the xz container: the smallest and the slowest."""

from __future__ import annotations

import lzma

from celeriac.specs.compressor import Compressor
from celeriac_plugins._shared.inflate import inflate

_MEMORY_LIMIT = 128 * 1024 * 1024
"""Bytes for the decoder's dictionary, which the header asks for; the highest preset takes 65 MiB."""


class LzmaCompressor(Compressor):
    content_type = "application/x-lzma"

    def compress(self, data: bytes) -> bytes:
        return lzma.compress(data)

    def decompress(self, data: bytes, max_size: int) -> bytes:
        decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY_LIMIT)
        return inflate("xz", decompressor, data, max_size, lzma.LZMAError)
