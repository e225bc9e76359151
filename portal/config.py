"""The portal's settings, read once from PORTAL_* into a frozen object; faults are told all at once.

It knows how each setting is written and what it must obey, and refuses to know who uses it.
docs/configuration.md says the same in prose; a test holds the two together.
"""

from __future__ import annotations

import difflib
import os
import re
import secrets
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

ROOT = Path(__file__).resolve().parent.parent
PREFIX = "PORTAL_"
OWN = re.compile(r"PORTAL_(?!CLIENT_)")  # those of its client are read by portal/client
SQLITE = "sqlite:///"
POSTGRESQL = "postgresql+psycopg://"
SECRET_BYTES_MIN = 32
SECRET_DISTINCT_MIN = 8
SECRET_WORDS = ("changeme", "change-me", "change_me", "default", "example", "insecure", "password")
HOST_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


class ConfigError(ValueError):
    """The settings cannot be used; every fault is named."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("The portal's settings cannot be used:\n  " + "\n  ".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, kw_only=True)
class Config:
    """All settings, checked. Each field is the key of the same name without its prefix.

    `database_url` is normal: an absolute path for SQLite, the driver named for PostgreSQL.
    `authority` is host[:port] as services sign it. A rate is requests and the seconds they are
    counted in, or None for no limit. Databases and the secret stay out of the repr.
    """

    root: Path = ROOT
    database_url: str = field(repr=False)
    database_owner_url: str = field(repr=False)
    database_pool: int
    group_commit: bool
    secret_key: bytes = field(repr=False)
    public_url: str
    authority: str
    trusted_hosts: tuple[str, ...]
    proxy_hops: int
    session_idle_minutes: int
    session_hours: int
    shared_folder: Path
    log_requests: str
    metrics_token: bytes | None = field(default=None, repr=False)
    rate_key: tuple[int, int] | None = None
    rate_account: tuple[int, int] | None = None
    rate_address: tuple[int, int] | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], root: Path = ROOT) -> Config:
        """Read and check every PORTAL_* of `environment`; ConfigError names all faults at once.

        Relative paths begin at `root`. An empty value counts as absent. Where no secret is named,
        the one in var/secret-key is used, and made there at first, readable by its owner alone.
        """
        given = {k: v.strip() for k, v in environment.items() if OWN.match(k)}
        faults = [_unknown(key) for key in sorted(given) if key not in KEYS]
        found: dict[str, Any] = {}
        for key, setting in KEYS.items():
            text = given.get(key) or setting.absent
            try:
                if text:
                    found[key.removeprefix(PREFIX).lower()] = setting.parse(text, root)
            except ValueError as error:
                faults.append(f"{key} {error}")
        _settle_databases(found, faults)
        _settle_hosts(found)
        _settle_secret(found, faults, root)
        if faults:
            raise ConfigError(faults)
        return cls(root=root, **found)

    @property
    def sqlite_file(self) -> Path | None:
        """Where the SQLite database lies; None on PostgreSQL."""
        path = self.database_url.removeprefix(SQLITE)
        return None if path == self.database_url else Path(path)

    @property
    def is_secure(self) -> bool:
        """Whether people reach the portal over TLS: then cookies are Secure and HSTS is sent."""
        return self.public_url.startswith("https://")


def _unknown(key: str) -> str:
    near = difflib.get_close_matches(key, KEYS, n=1)
    return f"{key} is not a setting" + (f"; did you mean {near[0]}?" if near else "")


# What depends on more than one key


def _settle_databases(found: dict[str, Any], faults: list[str]) -> None:
    url, owner = found.get("database_url"), found.get("database_owner_url")
    if owner is None:
        found["database_owner_url"] = url
    elif url is not None and not (url.startswith(POSTGRESQL) and owner.startswith(POSTGRESQL)):
        faults.append(
            "PORTAL_DATABASE_OWNER_URL is for PostgreSQL, where another login than the portal's "
            "migrates; a SQLite file has no logins"
        )


def _settle_hosts(found: dict[str, Any]) -> None:
    public = urlsplit(found.get("public_url", ""))
    found.setdefault("authority", public.netloc)
    found.setdefault("trusted_hosts", (public.hostname or "",))


def _settle_secret(found: dict[str, Any], faults: list[str], root: Path) -> None:
    named = found.pop("secret_key_file", None)
    if named is not None and "secret_key" in found:
        faults.append("PORTAL_SECRET_KEY and PORTAL_SECRET_KEY_FILE exclude each other; keep one")
    elif faults or "secret_key" in found:
        return  # nothing is written to disk for settings that are refused anyway
    else:
        path = named or root / "var" / "secret-key"
        try:
            found["secret_key"] = _secret_in(path) if named else _own_secret(path)
        except (OSError, ValueError) as error:
            faults.append(f"PORTAL_SECRET_KEY_FILE {path} {error}")


def _own_secret(path: Path) -> bytes:
    """The secret this checkout made for itself. Two first starts agree on one: link is atomic."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return _secret_in(path)


def _secret_in(path: Path) -> bytes:
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise ValueError("is not a file")
        if mode & 0o077:
            raise ValueError(f"may be read by others (mode {mode & 0o777:o}); chmod 600 it")
        return _secret(file.read(65_536).decode(errors="replace").strip(), path)


# How each value is written. A parser takes the text and the root, and raises ValueError with the
# rest of the sentence that begins with the key's name. Secrets never appear in one.


def _database_url(text: str, root: Path) -> str:
    scheme, separator, rest = text.partition("://")
    if scheme == "sqlite" and separator:
        path = rest.removeprefix("/")
        if path == rest or not path or ":memory:" in path or "?" in path:
            raise ValueError(f"must name a file, as in {SQLITE}var/portal.db, without options")
        return SQLITE + str(root / path)
    if scheme in ("postgresql", "postgresql+psycopg") and separator:
        parts = _split("postgresql://" + rest)
        if len(parts.path) < 2:
            raise ValueError("must name the database, as in postgresql://user@host/portal")
        return POSTGRESQL + rest
    raise ValueError("must begin with sqlite:/// or postgresql://")


def _secret(text: str, _root: Path) -> bytes:
    secret = text.encode()
    if len(secret) < SECRET_BYTES_MIN:
        raise ValueError(f"must be at least {SECRET_BYTES_MIN} bytes long, not {len(secret)}")
    if len(set(secret)) < SECRET_DISTINCT_MIN or any(w in text.lower() for w in SECRET_WORDS):
        raise ValueError("is easy to guess; take 32 random bytes")
    return secret


def _file(text: str, root: Path) -> Path:
    return root / text


def _public_url(text: str, _root: Path) -> str:
    parts = _split(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"must look like https://credits.example, not {text!r}")
    if parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError(f"must be scheme, host and port alone, without a path: {text!r}")
    port = parts.port if parts.port != {"http": 80, "https": 443}[parts.scheme] else None
    return f"{parts.scheme}://{_host(parts.hostname)}" + (f":{port}" if port else "")


def _authority(text: str, _root: Path) -> str:
    parts = _split("//" + text)
    if parts.netloc != text or "@" in text or not parts.hostname:
        raise ValueError(f"must be host or host:port, not {text!r}")
    return _host(parts.hostname) + (f":{parts.port}" if parts.port else "")


def _hosts(text: str, _root: Path) -> tuple[str, ...]:
    return tuple(_host(name.strip()) for name in text.split(","))


def _host(text: str) -> str:
    name = text.lower()
    if len(name) > 253 or not all(HOST_LABEL.fullmatch(label) for label in name.split(".")):
        raise ValueError(f"must hold host names without port or wildcard, not {text!r}")
    return name


def _split(text: str) -> SplitResult:
    """The parts of a URL, its port proved; the fault keeps silent on the text (passwords)."""
    try:
        parts = urlsplit(text)
        if parts.port != 0:
            return parts
    except ValueError:
        pass
    raise ValueError("must have a port from 1 to 65535, if any, and a host without brackets")


def _whole(least: int, most: int) -> Callable[[str, Path], int]:
    def parse(text: str, _root: Path) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}, not {text!r}")
        return int(text)

    return parse


def _rate(text: str, _root: Path) -> tuple[int, int]:
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,4})", text)
    most, seconds = map(int, found.groups()) if found else (0, 0)
    if not (most and 1 <= seconds <= 3600):
        rule = "must be requests and seconds, as in 600/60, at most 999999 in 1 to 3600 seconds"
        raise ValueError(f"{rule}, not {text!r}")
    return most, seconds


def _one_of(*words: str) -> Callable[[str, Path], str]:
    def parse(text: str, _root: Path) -> str:
        if text not in words:
            raise ValueError(f"must be one of {', '.join(words)}, not {text!r}")
        return text

    return parse


def _switch(text: str, _root: Path) -> bool:
    if text not in ("on", "off"):
        raise ValueError(f"must be on or off, not {text!r}")
    return text == "on"


class Setting(NamedTuple):
    """How a key's value is read, and the text that stands for it when it is absent or empty."""

    parse: Callable[[str, Path], object]
    absent: str = ""


KEYS: Mapping[str, Setting] = {
    "PORTAL_DATABASE_URL": Setting(_database_url, "sqlite:///var/portal.db"),
    "PORTAL_DATABASE_OWNER_URL": Setting(_database_url),
    "PORTAL_DATABASE_POOL": Setting(_whole(1, 100), "8"),
    "PORTAL_GROUP_COMMIT": Setting(_switch, "on"),
    "PORTAL_SECRET_KEY": Setting(_secret),
    "PORTAL_SECRET_KEY_FILE": Setting(_file),
    "PORTAL_PUBLIC_URL": Setting(_public_url, "http://127.0.0.1:8000"),
    "PORTAL_AUTHORITY": Setting(_authority),
    "PORTAL_TRUSTED_HOSTS": Setting(_hosts),
    "PORTAL_PROXY_HOPS": Setting(_whole(0, 10), "0"),
    "PORTAL_SESSION_IDLE_MINUTES": Setting(_whole(1, 24 * 60), "30"),
    "PORTAL_SESSION_HOURS": Setting(_whole(1, 30 * 24), "12"),
    "PORTAL_SHARED_FOLDER": Setting(_file, "var/shared"),
    "PORTAL_LOG_REQUESTS": Setting(_one_of("failures", "refusals", "all"), "failures"),
    "PORTAL_METRICS_TOKEN": Setting(_secret),
    "PORTAL_RATE_KEY": Setting(_rate),
    "PORTAL_RATE_ACCOUNT": Setting(_rate),
    "PORTAL_RATE_ADDRESS": Setting(_rate),
}
