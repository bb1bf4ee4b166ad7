"""A key and a certificate for the ``auth`` serializer of both sides."""

from __future__ import annotations

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID


def make_security(folder: Path) -> dict[str, str]:
    """Makes both in `folder`, and returns the settings that name them: the same for Celery and for us."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Shop"), x509.NameAttribute(NameOID.COMMON_NAME, "worker")]
    )
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key(), serial_number=4711)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    clear = serialization.NoEncryption()
    (folder / "worker.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, clear)
    )
    (folder / "worker.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return {
        "security_key": str(folder / "worker.key"),
        "security_certificate": str(folder / "worker.pem"),
        "security_cert_store": str(folder / "*.pem"),
    }
