"""What a signature is checked with. No secret of a service is kept: it is derived when needed."""

import hmac
from base64 import urlsafe_b64encode
from typing import Final, NamedTuple

HMAC: Final = "hmac-sha256"
ED25519: Final = "ed25519"


class Key(NamedTuple):
    """What the requests of one key id are checked with. Times are UTC µs, None is without end.

    material: the secret of an HMAC, or the 32 bytes of a public key. It stays out of the repr.
    """

    algorithm: str
    material: bytes
    not_before: int
    not_after: int | None = None
    revoked_at: int | None = None

    def good_at(self, now: int) -> bool:
        """Whether the key may be used at `now`; a revoked key never may, whatever the clock."""
        ended = self.revoked_at is not None or (
            self.not_after is not None and now >= self.not_after
        )
        return not ended and now >= self.not_before

    def __repr__(self) -> str:
        return f"Key({self.algorithm!r}, from {self.not_before} until {self.not_after})"


def derive_secret(master: bytes, kid: str) -> str:
    """The secret of one service key, HMAC(master, kid), as text; its UTF-8 bytes are the key."""
    derived = hmac.digest(master, b"credits-v1 service key " + kid.encode(), "sha256")
    return "csk_" + urlsafe_b64encode(derived).decode("ascii").rstrip("=")
