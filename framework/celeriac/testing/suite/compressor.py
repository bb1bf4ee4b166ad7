"""What every compressor must do."""

from __future__ import annotations

import random
import re
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import pytest

from celeriac.errors import DecodeError, PayloadTooLarge
from celeriac.specs.compressor import CAPABILITIES, Compressor
from celeriac.testing.suite.properties import for_all, strategies

_MIB = 1024 * 1024
_NOISE = random.Random(7).randbytes(50_000)  # noqa: S311 - only to be hard to compress

_DATA = {
    "nothing": b"",
    "one byte": b"x",
    "a task body": b'[[4,4],{},{"callbacks":null,"errbacks":null,"chain":null,"chord":null}]',
    "zeros": bytes(100_000),
    "noise": _NOISE,
    "much that repeats": b"repetitive " * 90_000,
}

_GARBAGE = (b"", b"\x00", b"x", b"no compressed data", b"\xff" * 64, bytes(64), b"\x1f\x8b\x08", b"BZh9", b"\x78\x9c")


class CompressorSuite:
    """The clauses of `celeriac.specs.compressor.Compressor`.

    ::

        class TestShrink(CompressorSuite):
            driver = ShrinkCompressor
    """

    driver: ClassVar[type[Compressor]]

    def make(self) -> Compressor:
        """A compressor to test; override it if it takes arguments."""
        return self.driver()

    # what it says of itself

    def test_it_is_a_compressor_of_this_contract(self) -> None:
        """A subclass of Compressor, for version 1 of the contract."""
        assert issubclass(self.driver, Compressor)
        assert self.driver.api == 1

    def test_its_capabilities_are_names_of_the_contract(self) -> None:
        """A name that the kernel does not know promises nothing."""
        unknown = set(self.driver.capabilities) - set(CAPABILITIES)
        assert not unknown, f"not capabilities of a compressor: {sorted(unknown)}; known are {sorted(CAPABILITIES)}"

    def test_its_content_type_is_well_formed(self) -> None:
        """It goes into the ``compression`` header, as ``application/x-name``, in lower case."""
        assert re.fullmatch(r"[a-z]+/[a-z0-9][a-z0-9.+-]*", self.driver.content_type)

    # there and back

    @pytest.mark.parametrize("what", _DATA)
    def test_data_comes_back_equal(self, what: str) -> None:
        """As bytes, and read by another instance."""
        data = _DATA[what]
        compressed = self.make().compress(data)
        back = self.make().decompress(compressed, _MIB)
        assert type(compressed) is bytes
        assert type(back) is bytes
        assert back == data

    def test_all_data_come_back_equal(self) -> None:
        """The same, for whatever hypothesis finds."""
        st = strategies()
        compressor = self.make()

        def check(data: bytes) -> None:
            assert compressor.decompress(compressor.compress(data), len(data)) == data

        for_all(st.builds(lambda part, times: part * times, st.binary(max_size=60), st.integers(1, 40)), check)

    def test_repetition_is_made_smaller(self) -> None:
        """Otherwise it would be no compressor."""
        assert len(self.make().compress(bytes(100_000))) < 10_000

    def test_threads_do_not_disturb_each_other(self) -> None:
        """One instance serves all threads of a process."""
        compressor = self.make()
        together = threading.Barrier(4, timeout=30)

        def run(number: int) -> None:
            data = (str(number) * 3000).encode() + _NOISE[number : number + 2000]
            together.wait()
            for _ in range(25):
                assert compressor.decompress(compressor.compress(data), len(data)) == data

        with ThreadPoolExecutor(4) as threads:
            for future in [threads.submit(run, number) for number in range(4)]:
                future.result(60)

    # the bound

    def test_data_of_just_the_bound_are_read(self) -> None:
        """`max_size` is the largest size that is allowed."""
        compressor = self.make()
        for data in (b"", b"x", bytes(100_000), _NOISE):
            assert compressor.decompress(compressor.compress(data), len(data)) == data

    def test_data_of_one_byte_past_the_bound_are_refused(self) -> None:
        """PayloadTooLarge, at every scale."""
        compressor = self.make()
        for data in (b"x", bytes(100_000), _NOISE):
            with pytest.raises(PayloadTooLarge):
                compressor.decompress(compressor.compress(data), len(data) - 1)

    def test_a_bomb_is_refused_without_being_built(self) -> None:
        """Few bytes that stand for many: PayloadTooLarge, and no more memory than the bound and a working buffer."""
        compressor = self.make()
        bomb = compressor.compress(bytes(64 * _MIB))
        tracemalloc.start()
        try:
            with pytest.raises(PayloadTooLarge):
                compressor.decompress(bomb, _MIB)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 24 * _MIB, f"{peak} bytes were built for a bound of {_MIB}"

    # what it refuses to read

    @pytest.mark.parametrize("data", _GARBAGE, ids=repr)
    def test_garbage_is_refused(self, data: bytes) -> None:
        """DecodeError, for no bytes at all too."""
        with pytest.raises(DecodeError):
            self.make().decompress(data, _MIB)

    @pytest.mark.parametrize("what", _DATA)
    def test_data_cut_short_are_refused(self, what: str) -> None:
        """DecodeError, wherever the cut is: half a body must not pass for a whole one."""
        compressor = self.make()
        compressed = compressor.compress(_DATA[what])
        cuts = {
            *range(min(len(compressed), 100)),
            len(compressed) // 2,
            *range(max(0, len(compressed) - 20), len(compressed)),
        }
        for length in sorted(cuts):
            with pytest.raises(DecodeError):
                compressor.decompress(compressed[:length], _MIB)

    @pytest.mark.parametrize("what", _DATA)
    def test_data_followed_by_something_are_refused(self, what: str) -> None:
        """DecodeError, for a second helping of the same too."""
        compressor = self.make()
        compressed = compressor.compress(_DATA[what])
        for tail in (b"x", b"\x00", bytes(100), compressed):
            with pytest.raises(DecodeError):
                compressor.decompress(compressed + tail, _MIB)

    def test_any_altered_data_give_data_or_decode_error(self) -> None:
        """No other error gets out, and never more than the bound."""
        st = strategies()
        compressor = self.make()
        compressed = compressor.compress(_DATA["a task body"] * 5)

        def check(change: tuple[int, int, bytes]) -> None:
            at, length, new = change
            _reads_or_refuses(compressor, compressed[:at] + new + compressed[at + length :])

        changes = st.tuples(st.integers(0, len(compressed)), st.integers(0, 4), st.binary(max_size=4))
        for_all(changes, check, examples=200)
        for_all(st.binary(max_size=60), lambda data: _reads_or_refuses(compressor, data))

    def test_a_refusal_leaves_it_usable(self) -> None:
        """Stateless between calls: the next message is none the worse."""
        compressor = self.make()
        compressed = compressor.compress(_NOISE)
        for data, bound in ((compressed[:-1], _MIB), (compressed + b"x", _MIB), (compressed, 10)):
            with pytest.raises(DecodeError):
                compressor.decompress(data, bound)
            assert compressor.decompress(compressed, _MIB) == _NOISE


def _reads_or_refuses(compressor: Compressor, data: bytes) -> None:
    bound = 10_000
    try:
        plain = compressor.decompress(data, bound)
    except DecodeError:
        return
    except Exception as error:
        pytest.fail(
            f"decompress({data!r:.100}) let out {type(error).__name__}, which is no DecodeError: {error!s:.200}"
        )
    assert len(plain) <= bound
