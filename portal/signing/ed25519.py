"""Signatures with a key pair (RFC 8032), for services that hand in a public key.

An extra: it needs the package `cryptography`, which is loaded when the first such key comes.
"""

from base64 import b64decode, b64encode
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PRESENT: Final = find_spec("cryptography") is not None
# Points of small order, without their sign: whoever has such a "public key" needs no private one.
_SMALL: Final = frozenset(
    bytes.fromhex(text)
    for text in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        *(f"{first}{'ff' * 30}7f" for first in ("ec", "ed", "ee")),
    )
)
# The public key of RFC 8032's first test: checking with it costs what checking with any does.
_NOBODY: Final = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")


class Ed25519MissingError(Exception):
    """The package that Ed25519 needs is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "Ed25519 needs the package cryptography: install it with pip install '.[ed25519]'"
        )


class PublicKeyRefusedError(Exception):
    """The public key is none of Ed25519, or one that anybody could sign for."""


class PrivateKey:
    """An Ed25519 private key, as a service has it; it never shows itself."""

    def __init__(self, pem: str) -> None:
        """Raises ValueError for what is no such key in plain PEM, and Ed25519MissingError."""
        require()
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            key = load_pem_private_key(pem.encode(), None)
        except (TypeError, ValueError):  # TypeError: it wants a password
            raise ValueError("the private key cannot be read; it must be PEM, unlocked") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError("the private key is not one of Ed25519")
        self._key = key

    def sign(self, base: bytes) -> str:
        """The signature of some bytes, in base64."""
        return b64encode(self._key.sign(base)).decode("ascii")


def require() -> None:
    """Raises Ed25519MissingError where the package is not installed."""
    if not PRESENT:
        raise Ed25519MissingError


def read_public_key(pem: bytes) -> str:
    """A public key in PEM as the 32 bytes it is, in base64.

    Raises PublicKeyRefusedError and Ed25519MissingError.
    """
    require()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise PublicKeyRefusedError("That is no public key in PEM.") from None
    if not isinstance(key, Ed25519PublicKey):
        raise PublicKeyRefusedError("That is no public key of Ed25519.")
    raw = key.public_bytes_raw()
    if raw[:-1] + bytes([raw[-1] & 0x7F]) in _SMALL:
        raise PublicKeyRefusedError("That is a public key that anybody can sign for.")
    return b64encode(raw).decode("ascii")


def is_signed(public_key: bytes | None, signature: str, base: bytes) -> bool:
    """Whether a signature in base64 is that of a key over some bytes.

    None, for a key that nobody has, costs the same. Where the package is missing nothing is.
    """
    if not PRESENT:
        return False
    from cryptography.exceptions import InvalidSignature

    try:
        _loaded(public_key or _NOBODY).verify(b64decode(signature), base)
    except InvalidSignature:
        return False
    return public_key is not None


@lru_cache(maxsize=256)
def _loaded(public_key: bytes) -> "Ed25519PublicKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return Ed25519PublicKey.from_public_bytes(public_key)
