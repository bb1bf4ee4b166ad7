"""Settings of signed messages (serializer `auth`)."""

from __future__ import annotations

from celeriac.settings.coercion import PATH, SECRET, WORD
from celeriac.settings.setting import Setting

SECURITY = (
    Setting(
        "security_key", PATH, None, "The file with the private key that signs messages.", optional=True, secret=True
    ),
    Setting("security_key_password", SECRET, None, "The password of the private key.", optional=True, secret=True),
    Setting("security_certificate", PATH, None, "The file with the certificate of the private key.", optional=True),
    Setting(
        "security_cert_store", PATH, None, "A glob of the certificates whose signatures are accepted.", optional=True
    ),
    Setting("security_digest", WORD, "sha256", "The hash algorithm of signatures."),
)
