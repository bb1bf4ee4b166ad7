"""Signed JSON, in the form of Celery's ``auth`` serializer."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from celeriac.errors import ConfigurationError, ContentDisallowed, DecodeError, EncodeError, SignatureInvalid
from celeriac.specs.serializer import Serializer, SerializerOptions
from celeriac_plugins._shared.json_codec import JsonCodec
from celeriac_plugins._shared.refusals import cannot_read, too_large_to_read, too_large_to_write
from celeriac_plugins._shared.x509 import DIGESTS, Certificate, SigningKey, load_store

_SEPARATOR = b"\x00\x01"


class AuthSerializer(Serializer):
    """Signs what it writes, and reads what a known certificate signed.

    Settings, with Celery's names: ``security_key`` and ``security_certificate`` (files) to write,
    ``security_key_password``, ``security_cert_store`` (a directory, or a pattern) to read, ``security_digest``.

    The form is Celery's: signer, signature, content type, content encoding and body, joined by 00 01, in base64; signer
    and signature are in base64 once more. The signature covers the body alone: the content type beside it proves
    nothing, so nothing but JSON is decoded. Like Celery's, it does not keep an old message from being sent again.
    """

    content_type = "application/data"
    capabilities = frozenset({"safe", "text", "signed"})

    def __init__(self, options: SerializerOptions | None = None) -> None:
        super().__init__(options)
        settings = self.options.settings
        digest = str(settings.get("security_digest") or "sha256").lower()
        if digest not in DIGESTS:
            raise ConfigurationError(f"security_digest {digest!r} is not known; choose one of {', '.join(DIGESTS)}")
        self._digest = DIGESTS[digest]()
        self._key = _signing_key(settings.get)
        store = settings.get("security_cert_store")
        self._store = load_store(Path(store)) if store else None
        if self._key is None and self._store is None:
            raise ConfigurationError(
                "the auth serializer needs security_key and security_certificate to write, security_cert_store to read"
            )
        self._json = JsonCodec(self.options)

    def dumps(self, value: Any) -> bytes:
        if self._key is None:
            raise EncodeError("the auth serializer cannot sign: set security_key and security_certificate")
        if reason := self._key.certificate.why_not_valid():
            raise EncodeError(f"the auth serializer does not sign, for nobody would accept it: {reason}")
        body = self._json.dumps(value)
        fields = (
            base64.b64encode(self._key.certificate.id.encode()),
            base64.b64encode(self._key.sign(body, self._digest)),
            JsonCodec.content_type.encode(),
            JsonCodec.content_encoding.encode(),
            body,
        )
        data = base64.b64encode(_SEPARATOR.join(fields))
        if len(data) > self.options.max_size:
            raise too_large_to_write("signed JSON", len(data), self.options.max_size)
        return data

    def loads(self, data: bytes) -> Any:
        if len(data) > self.options.max_size:
            raise too_large_to_read("signed JSON", len(data), self.options.max_size)
        fields = _unbase64(data).split(_SEPARATOR, maxsplit=4)
        if len(fields) != 5:
            raise cannot_read("a signed message", f"it has {len(fields)} of 5 fields")
        signer, signature, content_type, content_encoding, body = fields
        self._signer(_unbase64(signer)).verify(body, _unbase64(signature), self._digest)
        if (content_type, content_encoding) != (b"application/json", b"utf-8"):
            raise ContentDisallowed(f"the signed body claims to be {content_type!r:.80}; only application/json is read")
        return self._json.loads(body)

    def _signer(self, name: bytes) -> Certificate:
        if self._store is None:
            raise DecodeError("the auth serializer cannot verify: set security_cert_store")
        certificate = self._store.get(name.decode("utf-8", "replace"))
        if certificate is None:
            raise SignatureInvalid(f"no certificate in security_cert_store is that of the signer {name!r:.200}")
        return certificate


def _signing_key(setting: Any) -> SigningKey | None:
    key, certificate, password = (
        setting(name) for name in ("security_key", "security_certificate", "security_key_password")
    )
    if bool(key) != bool(certificate):
        raise ConfigurationError("security_key and security_certificate are of use only together; set both or neither")
    if not key:
        return None
    return SigningKey(Path(key), password.encode() if isinstance(password, str) else password, Path(certificate))


def _unbase64(data: bytes) -> bytes:
    """Strictly: of the ways to write the same bytes only the canonical one, so that nothing is altered unseen."""
    try:
        plain = base64.b64decode(data, validate=True)
    except ValueError as error:
        raise cannot_read("a signed message", error) from error
    if base64.b64encode(plain) != data:
        raise cannot_read("a signed message", "its base64 is not canonical")
    return plain
