"""The errors that every serializer and compressor raises in the same words."""

from __future__ import annotations

from celeriac.errors import DecodeError, EncodeError, PayloadTooLarge


def type_name(value: object) -> str:
    """The type as its author would write it: ``set``, ``decimal.Decimal``."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def cannot_write(name: str, value: object, why: object = "") -> EncodeError:
    reason = f": {why}" if why else "; convert it to a plain value first, or choose a serializer that writes it"
    return EncodeError(f"the {name} serializer cannot write a value of type {type_name(value)}{reason}")


def cannot_read(name: str, why: object) -> DecodeError:
    return DecodeError(f"the bytes are not {name}: {why}")


def too_large_to_write(name: str, size: int, limit: int) -> EncodeError:
    return EncodeError(
        f"the value takes {size} bytes as {name} and the limit is {limit}; store it elsewhere and send where it is"
    )


def too_large_to_read(name: str, size: int, limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"a {name} body of {size} bytes was refused unread: the limit is {limit}")


def expands_too_far(name: str, limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"the {name} data expands to more than the limit of {limit} bytes; it was not built")
