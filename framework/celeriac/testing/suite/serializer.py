"""What every serializer must do."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest

from celeriac.errors import DecodeError, EncodeError, PayloadTooLarge, SignatureInvalid
from celeriac.specs.serializer import CAPABILITIES, Serializer, SerializerOptions
from celeriac.testing.suite.properties import for_all, strategies
from celeriac.testing.suite.serializer_corpus import (
    BEYOND_PLAIN,
    DEEP,
    DEEP_BYTES,
    GARBAGE,
    PLAIN,
    MakesFolder,
    Point,
    hostile_bodies,
    plain_values,
)

_DEFAULT_MAX_SIZE = SerializerOptions().max_size


class SerializerSuite:
    """The clauses of `celeriac.specs.serializer.Serializer`.

    ::

        class TestRepr(SerializerSuite):
            driver = ReprSerializer
    """

    driver: ClassVar[type[Serializer]]
    settings: ClassVar[Mapping[str, Any]] = {}
    """What goes into `SerializerOptions.settings`."""

    def make(self, max_size: int = _DEFAULT_MAX_SIZE) -> Serializer:
        """A serializer to test; override it if more than `settings` is needed."""
        return self.driver(SerializerOptions(max_size=max_size, settings=self.settings))

    def make_stranger(self) -> Serializer | None:
        """One that signs with a key which those of `make` do not know; for serializers that declare "signed"."""
        return None

    # what it says of itself

    def test_it_is_a_serializer_of_this_contract(self) -> None:
        """A subclass of Serializer, for version 1 of the contract."""
        assert issubclass(self.driver, Serializer)
        assert self.driver.api == 1

    def test_its_capabilities_are_names_of_the_contract(self) -> None:
        """A name that the kernel does not know promises nothing."""
        unknown = set(self.driver.capabilities) - set(CAPABILITIES)
        assert not unknown, f"not capabilities of a serializer: {sorted(unknown)}; known are {sorted(CAPABILITIES)}"

    def test_its_content_type_is_well_formed(self) -> None:
        """It goes into message headers, as ``application/x-name``, in lower case."""
        assert re.fullmatch(r"[a-z]+/[a-z0-9][a-z0-9.+-]*", self.driver.content_type)

    def test_its_content_encoding_says_whether_it_is_text(self) -> None:
        """``utf-8`` with the capability "text", ``binary`` without."""
        assert self.driver.content_encoding == ("utf-8" if "text" in self.driver.capabilities else "binary")

    # there and back

    def test_it_writes_bytes(self) -> None:
        """Not text, not a bytearray, not a view."""
        serializer = self.make()
        for value in PLAIN:
            assert type(serializer.dumps(value)) is bytes

    def test_text_is_written_in_the_content_encoding(self) -> None:
        """The capability "text": the bytes can be shown and carried as text."""
        self._needs("text")
        serializer = self.make()
        for value in PLAIN:
            serializer.dumps(value).decode(self.driver.content_encoding)

    def test_what_it_writes_of_a_value_can_stand_inside_of_a_larger_one(self) -> None:
        """The capability "json-parts": documents are put together of parts that were written apart."""
        self._needs("json-parts")
        serializer = self.make()
        for value in PLAIN:
            whole = serializer.loads(b'{"part":%b,"text":"x"}' % serializer.dumps(value))
            assert _same(whole, {"part": value, "text": "x"})

    @pytest.mark.parametrize("value", PLAIN, ids=repr)
    def test_a_plain_value_comes_back_equal_and_of_the_same_type(self, value: Any) -> None:
        """None, booleans, integers of 64 bits, floats, texts, lists, mappings with text keys; as read by another."""
        back = self.make().loads(self.make().dumps(value))
        assert _same(back, value), f"wrote {value!r}, read {back!r}"

    def test_all_plain_values_come_back_equal_and_of_the_same_type(self) -> None:
        """The same, for whatever hypothesis finds."""
        serializer = self.make()

        def check(value: Any) -> None:
            back = serializer.loads(serializer.dumps(value))
            assert _same(back, value), f"wrote {value!r}, read {back!r}"

        for_all(plain_values(), check)

    def test_a_tuple_comes_back_as_a_sequence_of_the_same_items(self) -> None:
        """Positional arguments are often a tuple; it may come back as a list."""
        serializer = self.make()
        back = serializer.loads(serializer.dumps(((4, "x"), {})))
        assert _with_lists(back) == [[4, "x"], {}]

    @pytest.mark.parametrize("value", BEYOND_PLAIN, ids=repr)
    def test_another_type_comes_back_equal_or_is_refused(self, value: Any) -> None:
        """What a serializer writes it gives back: no datetime turns into a text, no set into a list, in silence."""
        self._comes_back_or_is_refused(self.make(), value)

    def test_all_values_of_other_types_come_back_equal_or_are_refused(self) -> None:
        """The same, for whatever hypothesis finds."""
        st = strategies()
        serializer = self.make()
        values = st.one_of(
            st.datetimes(),
            st.datetimes(timezones=st.just(UTC)),
            st.dates(),
            st.times(),
            st.decimals(allow_nan=False),
            st.uuids(),
            st.binary(max_size=40),
            st.integers(),
        )
        for_all(st.lists(values, max_size=3), lambda value: self._comes_back_or_is_refused(serializer, value))

    def test_writing_leaves_the_value_as_it_was(self) -> None:
        """The caller still holds it, and may send it again."""
        serializer = self.make()
        value = {"list": [1, (2, 3)], "map": {"a": [None]}}
        serializer.dumps(value)
        assert _same(value, {"list": [1, (2, 3)], "map": {"a": [None]}})

    def test_threads_do_not_disturb_each_other(self) -> None:
        """One instance serves all threads of a process."""
        serializer = self.make()
        together = threading.Barrier(4, timeout=30)

        def run(number: int) -> None:
            value = [[number] * 50, {"text": str(number) * 50}]
            together.wait()
            for _ in range(25):
                assert serializer.loads(serializer.dumps(value)) == value

        with ThreadPoolExecutor(4) as threads:
            for future in [threads.submit(run, number) for number in range(4)]:
                future.result(60)

    # what it refuses to write

    def test_what_it_cannot_write_is_refused_by_the_name_of_its_type(self) -> None:
        """EncodeError; its text lets the author find the argument."""
        serializer = self.make()
        value = threading.Lock() if "any-object" in self.driver.capabilities else Point(1, 2)
        with pytest.raises(EncodeError, match=type(value).__name__):
            serializer.dumps([1, {"a": value}])

    def test_a_value_nested_too_deeply_is_refused_or_written(self) -> None:
        """EncodeError, not RecursionError, and not the end of the process."""
        value: list[Any] = []
        for _ in range(DEEP):
            value = [value]
        self._writes_or_refuses(value)

    def test_a_value_that_holds_itself_is_refused_or_written(self) -> None:
        """EncodeError, not RecursionError or ValueError."""
        value: list[Any] = [1]
        value.append(value)
        self._writes_or_refuses(value)

    def test_a_value_over_the_size_limit_is_not_written(self) -> None:
        """EncodeError past `max_size`."""
        serializer = self.make(max_size=8192)
        with pytest.raises(EncodeError):
            serializer.dumps("x" * 50_000)
        serializer.dumps("x" * 50)

    # what it refuses to read

    def test_no_bytes_at_all_are_refused(self) -> None:
        """An empty body is a lost body, not None."""
        with pytest.raises(DecodeError):
            self.make().loads(b"")

    @pytest.mark.parametrize("data", GARBAGE, ids=repr)
    def test_garbage_is_refused_with_decode_error(self, data: bytes) -> None:
        """Or it happens to be a value; no other error gets out."""
        _reads_or_refuses(self.make(), data)

    def test_bytes_outside_the_content_encoding_are_refused(self) -> None:
        """The capability "text": what is no text is no value."""
        self._needs("text")
        with pytest.raises(DecodeError):
            self.make().loads(b'"\xc3\x28\xa0"')

    def test_bytes_cut_short_are_refused_with_decode_error(self) -> None:
        """At every length; where the form allows it, the rest may still be a value."""
        serializer = self.make()
        data = serializer.dumps([["text", 1.5, None, {"a": [True]}], {}])
        for length in range(len(data)):
            _reads_or_refuses(serializer, data[:length])

    def test_any_altered_bytes_give_a_value_or_decode_error(self) -> None:
        """The capability "safe": a damaged or hostile body costs its own message and nothing else."""
        self._needs("safe")
        st = strategies()
        serializer = self.make()
        data = serializer.dumps([["text", 1.5, None, {"a": [True]}], {}])
        start = st.integers(0, len(data))
        altered = st.builds(
            lambda at, length, new: data[:at] + new + data[at + length :],
            start,
            st.integers(0, 4),
            st.binary(max_size=4),
        )
        for_all(
            st.one_of(altered, st.binary(max_size=40)), lambda body: _reads_or_refuses(serializer, body), examples=150
        )

    @pytest.mark.parametrize("data", DEEP_BYTES, ids=lambda data: f"{data[:5]!r}...")
    def test_bytes_nested_too_deeply_are_refused_with_decode_error(self, data: bytes) -> None:
        """Not RecursionError, and not the end of the process."""
        _reads_or_refuses(self.make(), data)

    def test_bytes_over_the_size_limit_are_refused_unread(self) -> None:
        """PayloadTooLarge past `max_size`."""
        data = self.make().dumps("x" * 50_000)
        with pytest.raises(PayloadTooLarge):
            self.make(max_size=8192).loads(data)

    def test_a_refusal_leaves_it_usable(self) -> None:
        """Stateless between calls: the next message is none the worse."""
        serializer = self.make()
        value = [[1, "two"], {"three": None}]
        data = serializer.dumps(value)
        with pytest.raises(EncodeError):
            serializer.dumps([value, threading.Lock()])
        with pytest.raises(DecodeError):
            serializer.loads(b"")
        assert serializer.dumps(value) == data or "signed" in self.driver.capabilities
        assert serializer.loads(data) == value

    # what it may be able to do

    def test_any_object_comes_back_equal(self) -> None:
        """The capability "any-object"."""
        self._needs("any-object")
        serializer = self.make()
        point, error = serializer.loads(serializer.dumps([Point(1, 2), KeyError("key")]))
        assert point == Point(1, 2)
        assert type(error) is KeyError
        assert error.args == ("key",)

    def test_foreign_bytes_run_no_code(self, tmp_path: Path) -> None:
        """The capability "safe": bodies that make a folder in careless readers of well-known formats."""
        self._needs("safe")
        serializer = self.make()
        folder = str(tmp_path / "made-by-the-body")
        for body in hostile_bodies(folder):
            _reads_or_refuses(serializer, body)
            assert not Path(folder).exists(), f"reading this ran code of its choosing: {body!r:.200}"
        try:
            own = serializer.dumps(MakesFolder(folder))
        except EncodeError:
            return
        _reads_or_refuses(serializer, own)
        assert not Path(folder).exists(), "reading back an object ran the code that it names"

    def test_an_altered_message_is_refused(self) -> None:
        """The capability "signed": no bit of a signed message can be changed unseen."""
        self._needs("signed")
        serializer = self.make()
        data = serializer.dumps([["pay", 100], {}])
        for position in range(0, len(data), max(1, len(data) // 150)):
            altered = bytearray(data)
            altered[position] ^= 1
            with pytest.raises(DecodeError):
                serializer.loads(bytes(altered))
        for altered_length in (data[:-1], data[4:], data + b"\n", data + data):
            with pytest.raises(DecodeError):
                serializer.loads(altered_length)

    def test_a_message_from_a_stranger_is_refused(self) -> None:
        """The capability "signed": SignatureInvalid for a key that is not known here."""
        self._needs("signed")
        stranger = self.make_stranger()
        assert stranger is not None, 'a suite for a driver that declares "signed" overrides make_stranger()'
        data = stranger.dumps([["pay", 100], {}])
        with pytest.raises(SignatureInvalid):
            self.make().loads(data)

    # how the clauses ask

    def _needs(self, capability: str) -> None:
        if capability not in self.driver.capabilities:
            pytest.skip(f"{self.driver.__name__} does not declare {capability!r}")

    def _comes_back_or_is_refused(self, serializer: Serializer, value: Any) -> None:
        try:
            data = serializer.dumps(value)
        except EncodeError:
            return
        back = serializer.loads(data)
        assert _same(back, value), f"wrote {value!r} without complaint, read {back!r}"

    def _writes_or_refuses(self, value: Any) -> None:
        serializer = self.make()
        try:
            data = serializer.dumps(value)
        except EncodeError:
            return
        except Exception as error:
            pytest.fail(f"dumps let out {type(error).__name__}, which is no EncodeError")
        _reads_or_refuses(serializer, data)


def _same(one: Any, other: Any) -> bool:
    """Equal, and of the same types throughout: to ``==`` alone, 1 is 1.0 is True."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, datetime):
        return bool(one == other and one.utcoffset() == other.utcoffset())
    return bool(one == other)


def _with_lists(value: Any) -> Any:
    return [_with_lists(item) for item in value] if isinstance(value, (list, tuple)) else value


def _reads_or_refuses(serializer: Serializer, data: bytes) -> None:
    try:
        serializer.loads(data)
    except DecodeError:
        return
    except Exception as error:
        pytest.fail(f"loads({data!r:.100}) let out {type(error).__name__}, which is no DecodeError: {error!s:.200}")
