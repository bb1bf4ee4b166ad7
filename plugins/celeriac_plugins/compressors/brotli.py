"""Brotli: a little smaller than zstd on text, and slower."""

from __future__ import annotations

import brotli  # type: ignore[import-untyped]

from celeriac.specs.compressor import Compressor
from celeriac_plugins._shared.refusals import cannot_read, expands_too_far

_QUALITY = 4
"""Of 0 to 11. The library's own default, 11, is made for files that are compressed once and served for years."""

_CHUNK = 256 * 1024
"""Bytes per step; the library rounds up to its own block sizes."""


class BrotliCompressor(Compressor):
    content_type = "application/x-brotli"

    def compress(self, data: bytes) -> bytes:
        compressed: bytes = brotli.compress(data, quality=_QUALITY)
        return compressed

    def decompress(self, data: bytes, max_size: int) -> bytes:
        decompressor = brotli.Decompressor()
        chunks: list[bytes] = []
        size = 0
        while not decompressor.is_finished():
            try:
                chunk = decompressor.process(b"" if chunks else data, output_buffer_limit=min(_CHUNK, max_size + 1))
            except brotli.error as error:
                raise cannot_read("brotli data", error) from error
            # A step may come to nothing; when it has taken all input besides, there is no more to come.
            if not chunk and decompressor.can_accept_more_data() and not decompressor.is_finished():
                raise cannot_read("brotli data", "it is cut short")
            chunks.append(chunk)
            size += len(chunk)
            if size > max_size:
                raise expands_too_far("brotli", max_size)
        return b"".join(chunks)
