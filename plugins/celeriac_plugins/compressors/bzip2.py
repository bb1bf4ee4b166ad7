"""bzip2: smaller than gzip and slower."""

from __future__ import annotations

import bz2

from celeriac.specs.compressor import Compressor
from celeriac_plugins._shared.inflate import inflate


class Bzip2Compressor(Compressor):
    content_type = "application/x-bz2"

    def compress(self, data: bytes) -> bytes:
        return bz2.compress(data)

    def decompress(self, data: bytes, max_size: int) -> bytes:
        return inflate("bzip2", bz2.BZ2Decompressor(), data, max_size, (OSError, ValueError))
