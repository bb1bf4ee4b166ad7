"""The contract of a compressor: bytes to fewer bytes and back, bounded."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from celeriac.specs.driver import Driver

CAPABILITIES: Mapping[str, str] = {}


class Compressor(Driver):
    """Stateless between calls and safe in threads."""

    content_type: ClassVar[str]
    """What goes into the message's ``compression`` header; kombu's names."""

    @abstractmethod
    def compress(self, data: bytes) -> bytes:
        """The data, compressed."""

    @abstractmethod
    def decompress(self, data: bytes, max_size: int) -> bytes:
        """The data, decompressed; never builds more than `max_size` bytes on the way.

        Raises:
            PayloadTooLarge: it would be more than `max_size` bytes.
            DecodeError: it is not such data, or it is cut short, or something follows it.
        """
