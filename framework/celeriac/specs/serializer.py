"""The contract of a serializer: plain values to bytes and back."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from celeriac.specs.driver import Driver

CAPABILITIES: Mapping[str, str] = {
    "safe": "decoding foreign bytes runs no code of their choosing",
    "text": "the bytes are text in the content encoding",
    "json-parts": "it writes JSON, and the bytes of a value are those that stand for it inside of a larger one",
    "any-object": "writes arbitrary Python objects",
    "signed": "a message that was altered, or comes from a stranger, is refused before it is decoded",
}


class ExtraType(NamedTuple):
    """A type that a user has taught to a serializer: written as what `encode` returns, under the name `marker`."""

    type: type[Any]
    marker: str
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class SerializerOptions:
    """What the kernel hands to a serializer when it makes one."""

    max_size: int = 64 * 1024 * 1024
    """Bytes; more is refused in both directions with PayloadTooLarge or EncodeError."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The ``security_*`` settings, for serializers that sign."""
    types: tuple[ExtraType, ...] = ()
    """More types to write and read, for serializers that mark what is beyond them (JSON)."""


class Serializer(Driver):
    """Stateless between calls and safe in threads.

    ::

        class Repr(Serializer):
            content_type = "application/x-repr"
            capabilities = frozenset({"safe", "text"})

            def dumps(self, value):
                return repr(value).encode()

            def loads(self, data):
                try:
                    return ast.literal_eval(data.decode())
                except (ValueError, SyntaxError, ...) as error:
                    raise DecodeError(f"not a Python literal: {error}") from error
    """

    content_type: ClassVar[str]
    content_encoding: ClassVar[str] = "utf-8"
    """``utf-8`` for text, ``binary`` otherwise."""

    def __init__(self, options: SerializerOptions | None = None) -> None:
        self.options = options or SerializerOptions()

    @abstractmethod
    def dumps(self, value: Any) -> bytes:
        """The value as bytes.

        Raises:
            EncodeError: it cannot be written; the text names the offending type.
        """

    @abstractmethod
    def loads(self, data: bytes) -> Any:
        """The value in the bytes.

        Raises:
            DecodeError: for any bytes that are not such a value, whatever they are.
        """
