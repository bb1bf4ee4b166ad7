"""Decompression with a bound, for all decompressor objects made after the standard library's."""

from __future__ import annotations

from typing import Protocol

from celeriac_plugins._shared.refusals import cannot_read, expands_too_far


class Decompressor(Protocol):
    """What ``bz2``, ``lzma``, ``zlib`` and ``compression.zstd`` have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def inflate(
    name: str,
    decompressor: Decompressor,
    data: bytes,
    max_size: int,
    errors: type[Exception] | tuple[type[Exception], ...],
) -> bytes:
    """All of the data, which must be one whole stream; `errors` are those the decompressor raises for bad data.

    Raises:
        PayloadTooLarge: at the first byte past `max_size`; no more than that one is built.
        DecodeError: damaged, cut short, or followed by something.
    """
    try:
        plain = decompressor.decompress(data, max_size + 1)
    except errors as error:
        raise cannot_read(f"{name} data", error) from error
    if len(plain) > max_size:
        raise expands_too_far(name, max_size)
    if not decompressor.eof:
        raise cannot_read(f"{name} data", "it is cut short")
    if decompressor.unused_data:
        raise cannot_read(f"{name} data", f"{len(decompressor.unused_data)} bytes follow it")
    return plain
