"""The built-in compressors: the clauses of their kind, and that kombu's peers and we read each other's data."""

from __future__ import annotations

import bz2
import importlib
import lzma
import subprocess
import sys
import threading
import zlib
from typing import Any

import brotli  # type: ignore[import-untyped]
import pytest
import zstandard

from celeriac.errors import DecodeError, PayloadTooLarge
from celeriac.specs.compressor import Compressor
from celeriac.testing.suite import CompressorSuite
from celeriac_plugins.compressors.brotli import BrotliCompressor
from celeriac_plugins.compressors.bzip2 import Bzip2Compressor
from celeriac_plugins.compressors.gzip import GzipCompressor
from celeriac_plugins.compressors.lzma import LzmaCompressor
from celeriac_plugins.compressors.zstd import ZstdCompressor


class TestGzip(CompressorSuite):
    driver = GzipCompressor


class TestBzip2(CompressorSuite):
    driver = Bzip2Compressor


class TestLzma(CompressorSuite):
    driver = LzmaCompressor


class TestZstd(CompressorSuite):
    driver = ZstdCompressor


class TestBrotli(CompressorSuite):
    driver = BrotliCompressor


BODY = b'[[4,4],{},{"callbacks":null,"errbacks":null,"chain":null,"chord":null}]'

# Printed by kombu 5.7.0 on Python 3.11, zstd through backports.zstd: kombu.compression.compress(BODY, name).
KOMBU = {
    GzipCompressor: (
        "application/x-gzip",
        (
            b"x\x9c\x8b\x8e6\xd11\x89\xd5\xa9\xae\xd5\xa9VJN\xcc\xc9IJL\xce.V\xb2\xca+\xcd\xc9\xd1QJ-*B\xe1'g$f\xe6!8\xf9E"
            b")\x10Nm,\x00f\x11\x18\xb5"
        ),
    ),
    Bzip2Compressor: (
        "application/x-bz2",
        (
            b"BZh91AY&SYJ\x08Le\x00\x00\n\x9b\x80\x10\x04\x04\x10\x00\n>m\x9a\n \x00T5\x00h4\x03\xd4\x12\x82j\r\xa9\xa3"
            b"M2b\xeb9\x84\xf57\xd4\xccT\x19\xe2,_\xcc\xd7\x94\xb8\xedA\xd4\xa0i\x1d[\xec\x02!\xf1\x04\x0e\x0e\xd7"
            b"\xe2\xeeH\xa7\n\x12\tA\t\x8c\xa0"
        ),
    ),
    LzmaCompressor: (
        "application/x-lzma",
        (
            b"\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4F\x02\x00!\x01\x16\x00\x00\x00t/\xe5\xa3\xe0\x00F\x003]\x00-\xe0\xccX7"
            b"\x842DO\xe7\x87U\x90{\xe9\xaf\x9dc\xb8\xfc>\x8f\x01\x80\xd4\x8a{\xa5\xedz&\x14\xd9&RT\xf5\x04 _\xd2,\xeb"
            b"O\xccH\x7fy\x93\x83\x00\x00\x00b\x829\x0e0\xd2\xea/\x00\x01OG\xd22\xdf\xbf\x1f\xb6\xf3}\x01\x00\x00\x00\x00\x04YZ"
        ),
    ),
    BrotliCompressor: (
        "application/x-brotli",
        (
            b"\x1bF\x00\xe0\x8d\xc38\x16\xfc\x94v\x9b&\xa7\x1cy\x1cF\x91\xb6\xe3A\xd2\x9cr\xe4q\x98i\x96\xb7\xfd\x1cl\xc0"
            b'\x91\x04f\x83\xad\x9bL\xba\xc9=@\xa0Xn"\xca\xdc8d\xf2\xf0\xcf\xc5\xf7\xd0\x9e\x926\xde\x01'
        ),
    ),
    ZstdCompressor: (
        "application/zstd",
        b'(\xb5/\xfd G\xe5\x01\x00$\x03[[4,4],{},{"callbacks":null,"errchainchord":null}]\x02\x00@\x11\x1as\xcc\'',
    ),
}

# What kombu decompresses with.
PEERS: dict[type[Compressor], Any] = {
    GzipCompressor: zlib.decompress,
    Bzip2Compressor: bz2.decompress,
    LzmaCompressor: lzma.decompress,
    BrotliCompressor: brotli.decompress,
    ZstdCompressor: zstandard.decompress,
}


@pytest.mark.parametrize("driver", KOMBU, ids=lambda driver: driver.__name__)
class TestKombu:
    def test_the_content_type_is_that_of_kombu(self, driver: type[Compressor]) -> None:
        assert driver.content_type == KOMBU[driver][0]

    def test_what_kombu_compressed_is_read(self, driver: type[Compressor]) -> None:
        assert driver().decompress(KOMBU[driver][1], len(BODY)) == BODY

    def test_what_is_compressed_here_is_read_by_what_kombu_uses(self, driver: type[Compressor]) -> None:
        assert PEERS[driver](driver().compress(BODY)) == BODY


class TestZstdFrames:
    def unannounced(self, data: bytes) -> bytes:
        """A frame as a stream writes it: without the size of its content."""
        stream = zstandard.ZstdCompressor().compressobj()
        return bytes(stream.compress(data) + stream.flush())

    @pytest.mark.parametrize("data", [b"", BODY, BODY * 5000, bytes(10_000_000)], ids=len)
    def test_a_frame_that_does_not_announce_its_size_is_read_within_the_bound(self, data: bytes) -> None:
        frame = self.unannounced(data)
        assert zstandard.frame_content_size(frame) == -1 or not data
        assert ZstdCompressor().decompress(frame, len(data)) == data
        if data:
            with pytest.raises(PayloadTooLarge):
                ZstdCompressor().decompress(frame, len(data) - 1)

    def test_a_frame_that_does_not_announce_its_size_must_be_whole_and_alone(self) -> None:
        frame = self.unannounced(BODY * 50)
        for bad in (frame + b"x", frame + frame, *(frame[:length] for length in range(len(frame)))):
            with pytest.raises(DecodeError):
                ZstdCompressor().decompress(bad, 100_000)

    def test_a_frame_that_announces_too_much_is_refused_unread(self) -> None:
        frame = zstandard.ZstdCompressor().compress(bytes(1_000_000))
        with pytest.raises(PayloadTooLarge):
            ZstdCompressor().decompress(frame[:20], 999_999)

    def test_each_thread_has_contexts_of_its_own_and_keeps_them(self) -> None:
        compressor = ZstdCompressor()
        seen = [compressor._codec(), compressor._codec()]
        thread = threading.Thread(target=lambda: seen.append(compressor._codec()))
        thread.start()
        thread.join(10)
        assert seen[0] is seen[1]
        assert seen[0] is not seen[2]


class TestZstdWithoutZstandard:
    @pytest.fixture
    def codec(self) -> Any:
        library = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
        pytest.importorskip(library, reason=f"needs {library}")
        return importlib.import_module("celeriac_plugins._shared.zstd_by_stdlib").ZstdCodec()

    def test_both_libraries_read_each_other(self, codec: Any) -> None:
        for data in (b"", BODY, bytes(100_000)):
            assert codec.decompress(ZstdCompressor().compress(data), len(data)) == data
            assert ZstdCompressor().decompress(codec.compress(data), len(data)) == data

    def test_it_is_bounded_and_strict_too(self, codec: Any) -> None:
        frame = codec.compress(BODY)
        with pytest.raises(PayloadTooLarge):
            codec.decompress(frame, len(BODY) - 1)
        for bad in (b"", b"x", frame[:-1], frame + b"x", frame + frame):
            with pytest.raises(DecodeError):
                codec.decompress(bad, 1000)

    def test_the_driver_takes_it_when_zstandard_is_missing(self, codec: Any) -> None:
        code = (
            "import sys; sys.modules['zstandard'] = None\n"
            "from celeriac_plugins.compressors.zstd import ZstdCodec; print(ZstdCodec.__module__)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert done.stdout.strip() == "celeriac_plugins._shared.zstd_by_stdlib", done.stderr


def test_an_xz_header_that_asks_for_a_huge_dictionary_is_refused() -> None:
    filters = [
        {
            "id": lzma.FILTER_LZMA2,
            "preset": 0,
            "dict_size": 256 * 1024 * 1024,
            "mode": lzma.MODE_FAST,
            "mf": lzma.MF_HC3,
        }
    ]
    greedy = lzma.compress(BODY, filters=filters)
    with pytest.raises(DecodeError, match="Memory usage limit"):
        LzmaCompressor().decompress(greedy, 1000)


def test_the_strongest_xz_preset_is_read() -> None:
    assert LzmaCompressor().decompress(lzma.compress(BODY, preset=9), 1000) == BODY
