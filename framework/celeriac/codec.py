"""Values to message bodies and back: serialize, compress, and on the way in check before decoding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from celeriac.errors import ConfigurationError, ContentDisallowed, DecodeError, EncodeError, PayloadTooLarge
from celeriac.kinds import COMPRESSOR, SERIALIZER
from celeriac.specs.serializer import SerializerOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from celeriac.registry import Registry
    from celeriac.settings import Settings
    from celeriac.specs.compressor import Compressor
    from celeriac.specs.serializer import ExtraType, Serializer


class Encoded(NamedTuple):
    """A body and what the receiver must know to decode it."""

    body: bytes
    content_type: str
    content_encoding: str
    compression: str | None


class Codec:
    """Serializers and compressors of one app, made at first use. Thread-safe."""

    def __init__(self, registry: Registry, settings: Settings, types: Sequence[ExtraType] = ()) -> None:
        self._registry = registry
        self._types = tuple(types)
        self._settings = settings
        self._serializers: dict[str, Serializer] = {}
        self._compressors: dict[str, Compressor] = {}
        self._readers: dict[str, Serializer] = {}
        self._accepted: dict[tuple[str, ...], frozenset[str]] = {}
        self.max_size: int = settings.message_max_size

    def serializer(self, name: str) -> Serializer:
        """The serializer of that name.

        Raises:
            UnknownDriver, DriverNotInstalled
        """
        serializer = self._serializers.get(name)
        if serializer is None:
            driver = self._registry.load(SERIALIZER, name)
            serializer = self._serializers[name] = self._make(driver)
            self._readers.setdefault(serializer.content_type, serializer)
        return serializer

    def compressor(self, name: str) -> Compressor:
        """The compressor of that name."""
        compressor = self._compressors.get(name)
        if compressor is None:
            driver: Any = self._registry.load(COMPRESSOR, name)
            compressor = self._compressors[name] = self._compressors[driver.content_type] = driver()
        return compressor

    def encode(self, value: Any, serializer: str, compression: str | None = None) -> Encoded:
        """The value as a body.

        Raises:
            EncodeError: it cannot be written, or is larger than ``message_max_size``.
        """
        writer = self.serializer(serializer)
        body = writer.dumps(value)
        if len(body) > self.max_size:
            raise EncodeError(
                f"the body is {len(body):,} bytes, over message_max_size = {self.max_size:,}; "
                "pass a reference (a path, a key) instead of the data"
            )
        if compression is None:
            return Encoded(body, writer.content_type, writer.content_encoding, None)
        compressor = self.compressor(compression)
        return Encoded(compressor.compress(body), writer.content_type, writer.content_encoding, compressor.content_type)

    def accepted(self, names: Iterable[str]) -> frozenset[str]:
        """The content types behind an accept list of serializer names or content types."""
        key = tuple(names)
        accepted = self._accepted.get(key)
        if accepted is None:
            accepted = self._accepted[key] = frozenset(
                name if "/" in name else self.serializer(name).content_type for name in key
            )
        return accepted

    def check(self, size: int, content_type: str, accept: frozenset[str]) -> None:
        """Refuse by what the headers say, before anything is decoded.

        Raises:
            ContentDisallowed, PayloadTooLarge
        """
        if content_type not in accept:
            raise ContentDisallowed(
                f"content type {content_type!r} is not accepted here; accepted: {', '.join(sorted(accept)) or 'none'} "
                "(setting accept_content)"
            )
        if size > self.max_size:
            raise PayloadTooLarge(f"the body is {size:,} bytes, over message_max_size = {self.max_size:,}")

    def decode(self, body: bytes, content_type: str, compression: str | None = None) -> Any:
        """The value in a body that has passed `check`.

        Raises:
            DecodeError: the bytes are not what they claim; PayloadTooLarge, SignatureInvalid are among its kinds.
        """
        if compression:
            body = self._decompress(body, compression)
        reader = self._readers.get(content_type)
        if reader is None:
            try:
                name, _ = self._registry.find_content_type(SERIALIZER, content_type)
            except ConfigurationError as error:
                raise DecodeError(str(error)) from error
            reader = self._readers[content_type] = self.serializer(name)
        return reader.loads(body)

    def _decompress(self, body: bytes, compression: str) -> bytes:
        if self._settings.task_compression:
            self.compressor(self._settings.task_compression)  # it may be a module:attr, which no registry lists
        compressor = self._compressors.get(compression)
        if compressor is None:
            try:
                name, _ = self._registry.find_content_type(COMPRESSOR, compression)
            except ConfigurationError as error:
                raise DecodeError(str(error)) from error
            compressor = self.compressor(name)
        return compressor.decompress(body, self.max_size)

    def _make(self, driver: Any) -> Serializer:
        settings = {name: self._settings[name] for name in _SECURITY_SETTINGS}
        serializer: Serializer = driver(SerializerOptions(max_size=self.max_size, settings=settings, types=self._types))
        return serializer


_SECURITY_SETTINGS = (
    "security_key",
    "security_key_password",
    "security_certificate",
    "security_cert_store",
    "security_digest",
)
