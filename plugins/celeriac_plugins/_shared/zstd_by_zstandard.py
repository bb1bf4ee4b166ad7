"""Zstandard through the ``zstandard`` package."""

from __future__ import annotations

import zstandard

from celeriac_plugins._shared.refusals import cannot_read, expands_too_far

_STEP = 64
"""Bytes of input at a time where the size is not announced: no more than 16 blocks, which is 2 MiB of output."""


class ZstdCodec:
    """One thread's contexts: they are costly to make, and not safe in threads."""

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor()
        self._decompressor = zstandard.ZstdDecompressor()

    def compress(self, data: bytes) -> bytes:
        return self._compressor.compress(data)

    def decompress(self, data: bytes, max_size: int) -> bytes:
        try:
            announced = zstandard.frame_content_size(data)
            if announced > max_size:
                raise expands_too_far("zstd", max_size)
            if announced > 0:
                return self._decompressor.decompress(data, allow_extra_data=False)
            return self._decompress_steps(data, max_size)  # not announced (-1); or 0, which the library takes on trust
        except zstandard.ZstdError as error:
            raise cannot_read("zstd data", error) from error

    def _decompress_steps(self, data: bytes, max_size: int) -> bytes:
        stream = self._decompressor.decompressobj()
        chunks: list[bytes] = []
        size = 0
        for start in range(0, len(data), _STEP):
            chunks.append(stream.decompress(data[start : start + _STEP]))
            size += len(chunks[-1])
            if size > max_size:
                raise expands_too_far("zstd", max_size)
            if stream.eof:
                if stream.unused_data or start + _STEP < len(data):
                    raise cannot_read("zstd data", "something follows it")
                return b"".join(chunks)
        raise cannot_read("zstd data", "it is cut short")
