"""Keys and certificates as Celery's message signing uses them: RSA, PSS padding, PEM files.

The facts are those of ``celery.security`` in Celery 5: a certificate is known by its issuer's name and its serial
number, and a signature is RSASSA-PSS with MGF1 on the same digest and the longest salt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509 import load_pem_x509_certificate

from celeriac.errors import ConfigurationError, SignatureInvalid

DIGESTS: Final[Mapping[str, type[hashes.HashAlgorithm]]] = {
    kind.__name__.lower(): kind
    for kind in (
        hashes.SHA224, hashes.SHA256, hashes.SHA384, hashes.SHA512,
        hashes.SHA3_224, hashes.SHA3_256, hashes.SHA3_384, hashes.SHA3_512,
    )
}  # fmt: skip
"""By the names that ``security_digest`` takes."""


class Certificate:
    """One signer's certificate."""

    def __init__(self, pem: bytes, source: Path) -> None:
        try:
            certificate = load_pem_x509_certificate(pem)
            public_key = certificate.public_key()
        except ValueError as error:
            raise ConfigurationError(f"{source} is not an X.509 certificate in PEM form") from error
        if not isinstance(public_key, rsa.RSAPublicKey):
            raise ConfigurationError(f"the certificate {source} holds no RSA key; Celery's signing knows RSA only")
        issuer = " ".join(str(attribute.value) for attribute in certificate.issuer)
        self.id = f"{issuer} {certificate.serial_number}"
        self.public_key = public_key
        self._not_before = certificate.not_valid_before_utc
        self._not_after = certificate.not_valid_after_utc

    def why_not_valid(self) -> str:
        """Empty if it is valid now."""
        now = datetime.now(UTC)
        if now >= self._not_after:
            return f"the certificate {self.id!r} expired on {self._not_after:%Y-%m-%d %H:%M} UTC"
        if now < self._not_before:
            return f"the certificate {self.id!r} is not valid before {self._not_before:%Y-%m-%d %H:%M} UTC"
        return ""

    def verify(self, body: bytes, signature: bytes, digest: hashes.HashAlgorithm) -> None:
        """
        Raises:
            SignatureInvalid: it is not this signer's signature of this body, or the certificate is not valid now.
        """
        if reason := self.why_not_valid():
            raise SignatureInvalid(reason)
        try:
            self.public_key.verify(signature, body, _padding(digest), digest)
        except InvalidSignature as error:
            raise SignatureInvalid(
                f"the body does not bear the signature of {self.id!r}: altered, or forged"
            ) from error


class SigningKey:
    """The private key that belongs to a certificate."""

    def __init__(self, key: Path, password: bytes | None, certificate: Path) -> None:
        self.certificate = Certificate(_read(certificate), certificate)
        try:
            private_key = serialization.load_pem_private_key(_read(key), password)
        except (ValueError, TypeError) as error:  # TypeError: a password is missing, or one too many
            raise ConfigurationError(
                f"{key} is not a private key in PEM form, or security_key_password is wrong"
            ) from error
        if not isinstance(private_key, rsa.RSAPrivateKey):
            raise ConfigurationError(f"the key {key} is not an RSA key; Celery's signing knows RSA only")
        if private_key.public_key() != self.certificate.public_key:
            raise ConfigurationError(f"the key {key} does not belong to the certificate {certificate}")
        self._private_key = private_key

    def sign(self, body: bytes, digest: hashes.HashAlgorithm) -> bytes:
        return self._private_key.sign(body, _padding(digest), digest)


def load_store(place: Path) -> Mapping[str, Certificate]:
    """The trusted certificates by id: the files of a directory, or of a pattern such as ``/etc/*.pem``."""
    store: dict[str, Certificate] = {}
    for path in _files(place):
        certificate = Certificate(_read(path), path)
        known = store.setdefault(certificate.id, certificate)
        if known.public_key != certificate.public_key:
            raise ConfigurationError(f"two certificates in {place} call themselves {certificate.id!r}; remove one")
    if not store:
        raise ConfigurationError(f"security_cert_store: there is no certificate in {place}")
    return store


def _files(place: Path) -> Iterator[Path]:
    found = place.iterdir() if place.is_dir() else place.parent.glob(place.name)
    return (path for path in sorted(found) if path.is_file() and not path.name.startswith("."))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error


def _padding(digest: hashes.HashAlgorithm) -> padding.PSS:
    return padding.PSS(mgf=padding.MGF1(digest), salt_length=padding.PSS.MAX_LENGTH)
