"""Signatures over bytes: sign a request, read the signature of one, check it.

What is signed, and how it is written, lies in `profile`; who may sign, in `keys`; signatures
with a key pair, in `ed25519`. Nothing here knows a database, a clock or a framework.
"""

from portal.signing.ed25519 import (
    Ed25519MissingError,
    PrivateKey,
    PublicKeyRefusedError,
    read_public_key,
)
from portal.signing.ed25519 import require as require_ed25519
from portal.signing.keys import ED25519, HMAC, Key, derive_secret
from portal.signing.profile import (
    SKEW,
    TAG,
    WINDOW,
    WINDOW_MAX,
    Parsed,
    SignatureExpiredError,
    SignatureInvalidError,
    check,
    read_signature,
    sign,
)

__all__ = [
    "sign", "read_signature", "check", "Parsed",
    "Key", "HMAC", "ED25519", "derive_secret",
    "PrivateKey", "read_public_key", "require_ed25519",
    "TAG", "SKEW", "WINDOW", "WINDOW_MAX",
    "SignatureInvalidError", "SignatureExpiredError",
    "Ed25519MissingError", "PublicKeyRefusedError",
]  # fmt: skip
