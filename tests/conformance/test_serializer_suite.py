"""The suite for serializers accepts one that keeps the contract, and finds each fault by the clause it breaks."""

from __future__ import annotations

import ast
import base64
import json
import math
import pickle
import threading
import time as time_module
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from celeriac.errors import DecodeError, EncodeError, PayloadTooLarge, SignatureInvalid
from celeriac.specs.serializer import Serializer, SerializerOptions
from celeriac.testing.suite import SerializerSuite


class Right(Serializer):
    """JSON of the standard library, strictly."""

    content_type = "application/x-right"
    capabilities = frozenset({"safe", "text"})

    def dumps(self, value: Any) -> bytes:
        try:
            data = json.dumps(value, default=self.refuse, allow_nan=False).encode()
        except EncodeError:
            raise
        except (TypeError, ValueError, RecursionError) as error:
            raise EncodeError(str(error)) from error
        if len(data) > self.options.max_size:
            raise EncodeError(f"{len(data)} bytes are too many")
        return data

    def loads(self, data: bytes) -> Any:
        if len(data) > self.options.max_size:
            raise PayloadTooLarge(f"{len(data)} bytes are too many")
        try:
            return json.loads(data.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise DecodeError(str(error)) from error

    def refuse(self, value: Any) -> Any:
        raise EncodeError(f"cannot write {type(value).__name__}")


class RightForObjects(Right):
    """Pickle, which is not safe and says so."""

    content_encoding = "binary"
    capabilities = frozenset({"any-object"})

    def dumps(self, value: Any) -> bytes:
        try:
            data = pickle.dumps(value)
        except Exception as error:
            raise EncodeError(str(error)) from error
        if len(data) > self.options.max_size:
            raise EncodeError(f"{len(data)} bytes are too many")
        return data

    def loads(self, data: bytes) -> Any:
        if len(data) > self.options.max_size:
            raise PayloadTooLarge(f"{len(data)} bytes are too many")
        try:
            return pickle.loads(data)
        except Exception as error:
            raise DecodeError(str(error)) from error


class RightAndSigned(Right):
    """Signed with a number that every reader adds up again; enough for the clauses."""

    capabilities = frozenset({"safe", "text", "signed"})
    secret = b"shop"

    def dumps(self, value: Any) -> bytes:
        body = super().dumps(value)
        return b"%08x" % zlib.crc32(self.secret + body) + body

    def loads(self, data: bytes) -> Any:
        if len(data) > self.options.max_size:
            raise PayloadTooLarge(f"{len(data)} bytes are too many")
        if data[:8] != b"%08x" % zlib.crc32(self.secret + data[8:]):
            raise SignatureInvalid("altered, or from a stranger")
        return super().loads(data[8:])


class TestRight(SerializerSuite):
    driver = Right


class TestRightForObjects(SerializerSuite):
    driver = RightForObjects


class TestRightAndSigned(SerializerSuite):
    driver = RightAndSigned

    def make_stranger(self) -> Serializer:
        stranger = RightAndSigned()
        stranger.secret = b"stranger"
        return stranger


# One fault each.


class NotASerializer:
    api = 1


class OfAnotherContract(Right):
    api = 2


class InventsACapability(Right):
    capabilities = frozenset({"safe", "text", "quantum"})


class ShoutsItsContentType(Right):
    content_type = "JSON"


class CallsTextBinary(Right):
    content_encoding = "binary"


class WritesText(Right):
    def dumps(self, value: Any) -> Any:
        return super().dumps(value).decode()

    def loads(self, data: Any) -> Any:
        return super().loads(data.encode())


class WritesAnotherEncoding(Right):
    def dumps(self, value: Any) -> bytes:
        return super().dumps(value).decode().encode("utf-16")

    def loads(self, data: bytes) -> Any:
        return super().loads(data.decode("utf-16").encode())


class RoundsFloats(Right):
    def loads(self, data: bytes) -> Any:
        value = super().loads(data)
        return int(value) if value == 1.0 and type(value) is float else value


class LosesAstralText(Right):
    def loads(self, data: bytes) -> Any:
        return json.loads(json.dumps(super().loads(data)).replace("\\ud8", "?"))


class LosesListsOfThree(Right):
    """A fault at one value in many: only the clause about all values looks for such."""

    def loads(self, data: bytes) -> Any:
        value = super().loads(data)
        return None if isinstance(value, list) and len(value) == 3 else value


class DropsPartOfATuple(Right):
    def dumps(self, value: Any) -> bytes:
        return super().dumps(list(value)[:1] if isinstance(value, tuple) else value)


class TurnsTheUnknownIntoText(Right):
    def refuse(self, value: Any) -> Any:
        return str(value)


class AltersWhatItWrites(Right):
    def dumps(self, value: Any) -> bytes:
        if isinstance(value, dict):
            value.pop("map", None)
        return super().dumps(value)


class SharesABuffer(Right):
    def dumps(self, value: Any) -> bytes:
        self.buffer = value
        time_module.sleep(0.0002)
        return super().dumps(self.buffer)


class LetsTypeErrorOut(Right):
    def refuse(self, value: Any) -> Any:
        raise TypeError(f"cannot write {type(value).__name__}")

    def dumps(self, value: Any) -> bytes:
        return json.dumps(value, default=self.refuse).encode()


class DoesNotSayWhat(Right):
    def refuse(self, value: Any) -> Any:
        raise EncodeError("no")


class WritesWithoutBound(Right):
    def __init__(self, options: SerializerOptions | None = None) -> None:
        super().__init__()


class TakesNothingForNone(Right):
    def loads(self, data: bytes) -> Any:
        return super().loads(data) if data else None


class LetsValueErrorOut(Right):
    def loads(self, data: bytes) -> Any:
        if len(data) > self.options.max_size:
            raise PayloadTooLarge("too many")
        return json.loads(data.decode("utf-8"))


class ReplacesWhatIsNoText(Right):
    def loads(self, data: bytes) -> Any:
        return super().loads(data.decode("utf-8", "replace").encode())


class WrapsWhatStandsAlone(Right):
    capabilities = frozenset({"safe", "text", "json-parts"})

    def dumps(self, value: Any) -> bytes:
        return super().dumps({"whole": value})

    def loads(self, data: bytes) -> Any:
        value = super().loads(data)
        return value["whole"] if isinstance(value, dict) and value.keys() == {"whole"} else value


class IsSpoiltByARefusal(Right):
    spoilt = False

    def refuse(self, value: Any) -> Any:
        self.spoilt = True
        return super().refuse(value)

    def loads(self, data: bytes) -> Any:
        value = super().loads(data)
        return None if self.spoilt else value


class BoastsOfObjects(Right):
    capabilities = frozenset({"safe", "text", "any-object"})


class EvaluatesWhatItReads(Right):
    def loads(self, data: bytes) -> Any:
        if len(data) > 200:
            return super().loads(data)
        try:
            return eval(data)
        except Exception as error:
            raise DecodeError(str(error)) from error


class CallsPickleSafe(RightForObjects):
    capabilities = frozenset({"safe", "any-object"})


class HidesPickleInText(CallsPickleSafe):
    def dumps(self, value: Any) -> bytes:
        return base64.b64encode(super().dumps(value))

    def loads(self, data: bytes) -> Any:
        try:
            data = base64.b64decode(data, validate=True)
        except ValueError as error:
            raise DecodeError(str(error)) from error
        return super().loads(data)


class SignsHalf(RightAndSigned):
    def dumps(self, value: Any) -> bytes:
        body = Right.dumps(self, value)
        return b"%08x" % zlib.crc32(self.secret + body[:4]) + body

    def loads(self, data: bytes) -> Any:
        if data[:8] != b"%08x" % zlib.crc32(self.secret + data[8:12]):
            raise SignatureInvalid("altered, or from a stranger")
        return Right.loads(self, data[8:])


class KnowsEverybody(RightAndSigned):
    def loads(self, data: bytes) -> Any:
        for self.secret in (b"shop", b"stranger"):
            try:
                return super().loads(data)
            except SignatureInvalid:
                continue
        raise SignatureInvalid("altered")


A_DATE = datetime(2026, 1, 31, tzinfo=UTC)

FAULTS: list[tuple[Any, str, tuple[Any, ...]]] = [
    (NotASerializer, "it_is_a_serializer_of_this_contract", ()),
    (OfAnotherContract, "it_is_a_serializer_of_this_contract", ()),
    (InventsACapability, "its_capabilities_are_names_of_the_contract", ()),
    (ShoutsItsContentType, "its_content_type_is_well_formed", ()),
    (CallsTextBinary, "its_content_encoding_says_whether_it_is_text", ()),
    (WritesText, "it_writes_bytes", ()),
    (WritesAnotherEncoding, "text_is_written_in_the_content_encoding", ()),
    (RoundsFloats, "a_plain_value_comes_back_equal_and_of_the_same_type", (1.0,)),
    (LosesAstralText, "a_plain_value_comes_back_equal_and_of_the_same_type", ("\U0001f600",)),
    (LosesListsOfThree, "all_plain_values_come_back_equal_and_of_the_same_type", ()),
    (DropsPartOfATuple, "a_tuple_comes_back_as_a_sequence_of_the_same_items", ()),
    (TurnsTheUnknownIntoText, "another_type_comes_back_equal_or_is_refused", (A_DATE,)),
    (TurnsTheUnknownIntoText, "another_type_comes_back_equal_or_is_refused", ({1, 2},)),
    (TurnsTheUnknownIntoText, "all_values_of_other_types_come_back_equal_or_are_refused", ()),
    (AltersWhatItWrites, "writing_leaves_the_value_as_it_was", ()),
    (SharesABuffer, "threads_do_not_disturb_each_other", ()),
    (LetsTypeErrorOut, "what_it_cannot_write_is_refused_by_the_name_of_its_type", ()),
    (DoesNotSayWhat, "what_it_cannot_write_is_refused_by_the_name_of_its_type", ()),
    (LetsTypeErrorOut, "a_value_nested_too_deeply_is_refused_or_written", ()),
    (LetsTypeErrorOut, "a_value_that_holds_itself_is_refused_or_written", ()),
    (WritesWithoutBound, "a_value_over_the_size_limit_is_not_written", ()),
    (TakesNothingForNone, "no_bytes_at_all_are_refused", ()),
    (LetsValueErrorOut, "garbage_is_refused_with_decode_error", (b"{",)),
    (LetsValueErrorOut, "bytes_cut_short_are_refused_with_decode_error", ()),
    (LetsValueErrorOut, "any_altered_bytes_give_a_value_or_decode_error", ()),
    (LetsValueErrorOut, "bytes_nested_too_deeply_are_refused_with_decode_error", (b"[" * 100_000,)),
    (ReplacesWhatIsNoText, "bytes_outside_the_content_encoding_are_refused", ()),
    (WritesWithoutBound, "bytes_over_the_size_limit_are_refused_unread", ()),
    (WrapsWhatStandsAlone, "what_it_writes_of_a_value_can_stand_inside_of_a_larger_one", ()),
    (IsSpoiltByARefusal, "a_refusal_leaves_it_usable", ()),
    (BoastsOfObjects, "any_object_comes_back_equal", ()),
    (EvaluatesWhatItReads, "foreign_bytes_run_no_code", ("folder",)),
    (CallsPickleSafe, "foreign_bytes_run_no_code", ("folder",)),
    (HidesPickleInText, "foreign_bytes_run_no_code", ("folder",)),
    (SignsHalf, "an_altered_message_is_refused", ()),
    (KnowsEverybody, "a_message_from_a_stranger_is_refused", ()),
]


def run(driver_: Any, clause: str, args: tuple[Any, ...], folder: Path) -> None:
    class Suite(TestRightAndSigned):  # for its stranger
        driver = driver_

    getattr(Suite(), f"test_{clause}")(*(folder if arg == "folder" else arg for arg in args))


@pytest.mark.parametrize(("wrong", "clause", "args"), FAULTS, ids=[f"{d.__name__}-{c}" for d, c, _ in FAULTS])
def test_a_fault_is_found_by_its_clause(wrong: Any, clause: str, args: tuple[Any, ...], tmp_path: Path) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception, TypeError, ValueError)) as caught:
        run(wrong, clause, args, tmp_path)
    assert not isinstance(caught.value, EncodeError | DecodeError) or wrong is BoastsOfObjects


@pytest.mark.parametrize(("wrong", "clause", "args"), FAULTS, ids=[f"{d.__name__}-{c}" for d, c, _ in FAULTS])
def test_without_the_fault_the_same_clause_passes(
    wrong: Any, clause: str, args: tuple[Any, ...], tmp_path: Path
) -> None:
    right = {
        "any_object_comes_back_equal": RightForObjects,
        "an_altered_message_is_refused": RightAndSigned,
        "a_message_from_a_stranger_is_refused": RightAndSigned,
    }.get(clause, Right)
    run(right, clause, args, tmp_path)


def test_every_clause_has_a_fault_that_breaks_it() -> None:
    clauses = {name.removeprefix("test_") for name in dir(SerializerSuite) if name.startswith("test_")}
    assert clauses == {clause for _, clause, _ in FAULTS}


def test_every_clause_explains_itself() -> None:
    for name in dir(SerializerSuite):
        if name.startswith("test_"):
            assert getattr(SerializerSuite, name).__doc__, name


@pytest.mark.parametrize(
    ("driver", "clause", "args", "capability"),
    [
        (Right, "any_object_comes_back_equal", (), "any-object"),
        (Right, "an_altered_message_is_refused", (), "signed"),
        (RightForObjects, "foreign_bytes_run_no_code", ("folder",), "safe"),
        (RightForObjects, "text_is_written_in_the_content_encoding", (), "text"),
    ],
)
def test_a_clause_about_what_is_not_declared_is_skipped_and_says_so(
    driver: Any, clause: str, args: tuple[Any, ...], capability: str, tmp_path: Path
) -> None:
    with pytest.raises(pytest.skip.Exception, match=f"^{driver.__name__} does not declare '{capability}'$"):
        run(driver, clause, args, tmp_path)


def test_a_signing_serializer_without_a_stranger_is_not_let_off() -> None:
    class Suite(SerializerSuite):
        driver = RightAndSigned

    with pytest.raises(AssertionError, match="make_stranger"):
        Suite().test_a_message_from_a_stranger_is_refused()


class Repr(Serializer):
    """The example of the contract's own documentation, completed."""

    content_type = "application/x-repr"
    capabilities = frozenset({"safe", "text"})

    def dumps(self, value: Any) -> bytes:
        try:
            data = repr(self.checked(value)).encode()
        except (ValueError, RecursionError) as error:
            raise EncodeError(str(error)) from error
        if len(data) > self.options.max_size:
            raise EncodeError(f"{len(data)} bytes are too many")
        return data

    def checked(self, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return type(value)(map(self.checked, value))
        if isinstance(value, dict):
            return {self.checked(key): self.checked(item) for key, item in value.items()}
        if value is None or type(value) in (bool, int, str, bytes) or (type(value) is float and math.isfinite(value)):
            return value
        raise EncodeError(f"cannot write {type(value).__name__}")

    def loads(self, data: bytes) -> Any:
        if len(data) > self.options.max_size:
            raise PayloadTooLarge(f"{len(data)} bytes are too many")
        try:
            return ast.literal_eval(data.decode())
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
            raise DecodeError(f"not a Python literal: {error}") from error


@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
class TestRepr(SerializerSuite):
    driver = Repr


def test_a_lock_is_what_no_serializer_writes() -> None:
    """The clause about refusals relies on it for serializers that write any object."""
    with pytest.raises(TypeError):
        pickle.dumps(threading.Lock())
