"""What a service must be told to reach the portal: where it is, and the key to sign with."""

import os
import re
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import SplitResult, urlsplit

from portal.client import arguments
from portal.client.errors import ArgumentError, MisconfiguredError
from portal.signing import Ed25519MissingError, PrivateKey

PREFIX: Final = "PORTAL_CLIENT_"
NAMES: Final = ("URL", "KID", "SECRET", "SECRET_FILE", "AUTHORITY", "CA_FILE")
_KID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SECRET: Final = re.compile(r"[!-~]{16,256}")
_WANTED: Final = {
    "url": arguments.text,
    "kid": arguments.text,
    "secret": arguments.text,
    "authority": arguments.optional(arguments.text),
    "ca_file": arguments.optional(arguments.one_of("a path", str, os.PathLike)),
}
_PEM: Final = "-----BEGIN "
_AUTHORITY: Final = re.compile(r"(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the portal is and who asks. authority: the host[:port] that the portal is known by."""

    url: str
    kid: str
    secret: str | PrivateKey = field(repr=False)
    authority: str
    ca_file: str | None = None

    @classmethod
    def of(
        cls,
        url: str,
        kid: str,
        secret: str,
        *,
        authority: str | None = None,
        ca_file: str | None = None,
    ) -> Self:
        """Settings that make sense. Raises MisconfiguredError with every fault.

        url: as in https://credits.example, without a path. secret: as it was shown, or the private
        key in PEM whose public key was handed in. authority: that of the url unless the portal is
        configured with another. ca_file: certificates to trust instead of the system's.
        """
        given = dict(zip(_WANTED, (url, kid, secret, authority, ca_file), strict=True))
        if faults := [f"the {fault}" for fault in _odd(_WANTED, given)]:
            raise _misconfigured(faults)
        parts = _split(url, faults)
        authority = (authority or parts.netloc.rpartition("@")[2]).lower()
        if parts.netloc and not _AUTHORITY.fullmatch(authority):
            faults.append("the authority must be host or host:port")
        if not _KID.fullmatch(kid):
            faults.append("the kid must be 1 to 64 of A-Z a-z 0-9 . _ -")
        elif kid.startswith("csk_"):
            faults.append("the kid looks like a secret: are the two exchanged?")
        signs: str | PrivateKey = secret
        if secret.startswith(_PEM):
            try:
                signs = PrivateKey(secret)
            except (ValueError, Ed25519MissingError) as error:
                faults.append(str(error))
        elif not _SECRET.fullmatch(secret):
            faults.append("the secret must be 16 to 256 visible characters, as it was shown")
        if ca_file is not None and not Path(ca_file).is_file():
            faults.append(f"there is no file of certificates at {ca_file}")
        if faults:
            raise _misconfigured(faults)
        return cls(f"{parts.scheme}://{parts.netloc}", kid, signs, authority, ca_file)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """The settings that PORTAL_CLIENT_* are. Raises MisconfiguredError with every fault."""
        asked = [name for name in environment if name.startswith(PREFIX)]
        if faults := list(_odd(dict.fromkeys(asked, arguments.text), environment)):
            raise _misconfigured(faults)
        given = {
            name.removeprefix(PREFIX): value.strip()
            for name, value in environment.items()
            if name.startswith(PREFIX) and value.strip()
        }
        faults = [f"{PREFIX}{name} is not a setting" for name in sorted(set(given) - {*NAMES})]
        if "SECRET_FILE" in given:
            if "SECRET" in given:
                faults.append(f"{PREFIX}SECRET and {PREFIX}SECRET_FILE exclude each other")
            try:
                given["SECRET"] = Path(given["SECRET_FILE"]).read_text(encoding="ascii").strip()
            except OSError as error:
                faults.append(f"{PREFIX}SECRET_FILE cannot be read: {error.strerror}")
            except ValueError:
                faults.append(f"{PREFIX}SECRET_FILE cannot be read: it is no text in ASCII")
        absent = [name for name in ("URL", "KID", "SECRET") if name not in given]
        if not ("SECRET_FILE" in given and absent == ["SECRET"]):
            faults += [f"{PREFIX}{name} is missing" for name in absent]
        if faults:
            raise _misconfigured(faults)
        return cls.of(
            given["URL"],
            given["KID"],
            given["SECRET"],
            authority=given.get("AUTHORITY"),
            ca_file=given.get("CA_FILE"),
        )

    def tls(self) -> ssl.SSLContext | None:
        """What an https portal's certificate is checked with; None over http."""
        if not self.url.startswith("https://"):
            return None
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise MisconfiguredError(f"{self.ca_file} holds no certificates: {error}") from None


def _odd(wanted: arguments.Wanted, given: Mapping[str, Any]) -> Iterator[str]:
    """What is of another kind than is wanted, and of which; never what it is."""
    for name, check in wanted.items():
        try:
            check(name, given[name])
        except ArgumentError as error:
            yield str(error)


def _misconfigured(faults: list[str]) -> MisconfiguredError:
    return MisconfiguredError("The client is misconfigured: " + "; ".join(faults))


def _split(url: str, faults: list[str]) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is no number
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        parts, good = urlsplit(""), False
    beyond = parts.path.rstrip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if not good or beyond or not url.isascii():
        faults.append("the url must be like https://credits.example, without a path or a password")
    return parts
