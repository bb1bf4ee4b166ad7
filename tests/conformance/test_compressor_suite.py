"""The suite for compressors accepts one that keeps the contract, and finds each fault by the clause it breaks."""

from __future__ import annotations

import time
import zlib
from typing import Any

import pytest

from celeriac.errors import DecodeError, PayloadTooLarge
from celeriac.specs.compressor import Compressor
from celeriac.testing.suite import CompressorSuite


class Right(Compressor):
    content_type = "application/x-right"

    def compress(self, data: bytes) -> bytes:
        return zlib.compress(data)

    def decompress(self, data: bytes, max_size: int) -> bytes:
        stream = zlib.decompressobj()
        try:
            plain = stream.decompress(data, max_size + 1)
        except zlib.error as error:
            raise DecodeError(str(error)) from error
        if len(plain) > max_size:
            raise PayloadTooLarge(f"more than {max_size} bytes")
        if not stream.eof or stream.unused_data:
            raise DecodeError("cut short, or followed by something")
        return plain


class TestRight(CompressorSuite):
    driver = Right


# One fault each.


class NotACompressor:
    api = 1


class InventsACapability(Right):
    capabilities = frozenset({"fast"})


class ShoutsItsContentType(Right):
    content_type = "ZLIB"


class GivesABytearray(Right):
    def decompress(self, data: bytes, max_size: int) -> Any:
        return bytearray(super().decompress(data, max_size))


class LosesVeryShortData(Right):
    def compress(self, data: bytes) -> bytes:
        return super().compress(data[:1] if len(data) < 10 else data)


class OnlyWraps(Right):
    def compress(self, data: bytes) -> bytes:
        return zlib.compress(data, 0)


class SharesABuffer(Right):
    def compress(self, data: bytes) -> bytes:
        self.buffer = data
        time.sleep(0.0002)
        return super().compress(self.buffer)


class CountsOneTooFew(Right):
    def decompress(self, data: bytes, max_size: int) -> bytes:
        return super().decompress(data, max_size - 1) if max_size else super().decompress(data, 0)


class HasNoBound(Right):
    def decompress(self, data: bytes, max_size: int) -> bytes:
        return super().decompress(data, 1 << 30)


class LooksAtTheSizeAfterwards(Right):
    def decompress(self, data: bytes, max_size: int) -> bytes:
        plain = super().decompress(data, 1 << 30)
        if len(plain) > max_size:
            raise PayloadTooLarge(f"more than {max_size} bytes")
        return plain


class LetsItsOwnErrorOut(Right):
    def decompress(self, data: bytes, max_size: int) -> bytes:
        plain = zlib.decompress(data)
        if len(plain) > max_size:
            raise PayloadTooLarge(f"more than {max_size} bytes")
        return plain


class TakesHalf(Right):
    def decompress(self, data: bytes, max_size: int) -> bytes:
        stream = zlib.decompressobj()
        try:
            plain = stream.decompress(data, max_size + 1)
        except zlib.error as error:
            raise DecodeError(str(error)) from error
        if len(plain) > max_size:
            raise PayloadTooLarge(f"more than {max_size} bytes")
        return plain


class IsSpoiltByARefusal(Right):
    spoilt = False

    def decompress(self, data: bytes, max_size: int) -> bytes:
        if self.spoilt:
            return b""
        try:
            return super().decompress(data, max_size)
        except DecodeError:
            self.spoilt = True
            raise


FAULTS: list[tuple[Any, str, tuple[Any, ...]]] = [
    (NotACompressor, "it_is_a_compressor_of_this_contract", ()),
    (InventsACapability, "its_capabilities_are_names_of_the_contract", ()),
    (ShoutsItsContentType, "its_content_type_is_well_formed", ()),
    (GivesABytearray, "data_comes_back_equal", ("one byte",)),
    (LosesVeryShortData, "all_data_come_back_equal", ()),
    (OnlyWraps, "repetition_is_made_smaller", ()),
    (SharesABuffer, "threads_do_not_disturb_each_other", ()),
    (CountsOneTooFew, "data_of_just_the_bound_are_read", ()),
    (HasNoBound, "data_of_one_byte_past_the_bound_are_refused", ()),
    (LooksAtTheSizeAfterwards, "a_bomb_is_refused_without_being_built", ()),
    (LetsItsOwnErrorOut, "garbage_is_refused", (b"x",)),
    (TakesHalf, "garbage_is_refused", (b"",)),
    (TakesHalf, "data_cut_short_are_refused", ("a task body",)),
    (TakesHalf, "data_followed_by_something_are_refused", ("a task body",)),
    (LetsItsOwnErrorOut, "any_altered_data_give_data_or_decode_error", ()),
    (IsSpoiltByARefusal, "a_refusal_leaves_it_usable", ()),
]


def run(driver_: Any, clause: str, args: tuple[Any, ...]) -> None:
    class Suite(CompressorSuite):
        driver = driver_

    getattr(Suite(), f"test_{clause}")(*args)


@pytest.mark.parametrize(("wrong", "clause", "args"), FAULTS, ids=[f"{d.__name__}-{c}" for d, c, _ in FAULTS])
def test_a_fault_is_found_by_its_clause(wrong: Any, clause: str, args: tuple[Any, ...]) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception, zlib.error, PayloadTooLarge)):
        run(wrong, clause, args)
    run(Right, clause, args)


def test_every_clause_has_a_fault_that_breaks_it() -> None:
    clauses = {name.removeprefix("test_") for name in dir(CompressorSuite) if name.startswith("test_")}
    assert clauses == {clause for _, clause, _ in FAULTS}


def test_every_clause_explains_itself() -> None:
    for name in dir(CompressorSuite):
        if name.startswith("test_"):
            assert getattr(CompressorSuite, name).__doc__, name
