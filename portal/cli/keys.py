"""`flask keys`: issue, list, rotate and revoke the keys that services sign with."""

import json
import re
from pathlib import Path
from typing import Any, Final

import click
from flask.cli import AppGroup
from sqlalchemy import Connection

from portal import current, signing
from portal.cli.asking import read_instant
from portal.cli.tables import show_table
from portal.internal.keys import (
    SCOPES,
    Cap,
    ServiceKey,
    find_key,
    issue_key,
    list_keys,
    revoke_key,
    succeed_key,
)
from portal.internal.times import write_time
from portal.internal.uses import last_uses

DAYS: Final = 90
OVERLAP: Final = 24
AUTHORITY: Final = (
    "Requests are signed for the authority: PORTAL_AUTHORITY, or else host and port of"
    " PORTAL_PUBLIC_URL."
)
_DAY: Final = 86_400_000_000
_HOUR: Final = 3_600_000_000
_SERVICE: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")
_OPERATION: Final = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
_CAP: Final = re.compile(r"([a-z][a-z0-9_.-]{0,63}):([1-9][0-9]{0,11})?:([1-9][0-9]{0,11})?")


def read_pem(context: click.Context, param: click.Parameter, file: Path | None) -> str | None:
    """A file that holds a public key, as the key it is."""
    if file is None:
        return None
    try:
        return signing.read_public_key(file.read_bytes())
    except signing.PublicKeyRefusedError as error:
        raise click.BadParameter(str(error), param=param) from error
    except signing.Ed25519MissingError as error:
        raise click.ClickException(str(error)) from error


public_key_option = click.option(
    "--public-key",
    callback=read_pem,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The service's own, of Ed25519, in PEM; no secret is made then.",
)

keys = AppGroup("keys", help="The keys that services sign their requests with.")
days_option = click.option(
    "--days",
    type=click.IntRange(1, 3650),
    default=DAYS,
    show_default=True,
    help="Days that it lasts.",
)


def read_caps(context: click.Context, param: click.Parameter, texts: tuple[str, ...]) -> list[Cap]:
    """Options like generate:1000:50000; either number may be left out."""
    found = {}
    for text in texts:
        cap = _CAP.fullmatch(text)
        if cap is None or (cap[2], cap[3]) == (None, None) or cap[1] in found:
            raise click.BadParameter("once each, as in generate:1000:50000", param=param)
        maxima = (None if number is None else int(number) for number in cap.groups()[1:])
        found[cap[1]] = Cap(cap[1], *maxima)
    return list(found.values())


@keys.command("issue")
@click.argument("name")
@click.option(
    "--scopes",
    required=True,
    help=f"Of {', '.join(SCOPES)}, by commas; or all. A plan gives credits: account is as"
    " powerful as grant.",
)
@click.option("--operations", help="Names by commas; without it, every operation.")
@click.option("--max-units", type=click.IntRange(min=1), help="Units one request may ask for.")
@click.option("--daily-units", type=click.IntRange(min=1), help="Units of one UTC day.")
@click.option(
    "--cap",
    "caps",
    multiple=True,
    callback=read_caps,
    metavar="OPERATION:UNITS:DAILY",
    help="Units of one operation, in one request and on one UTC day; either may be empty.",
)
@click.option(
    "--not-before", callback=read_instant, metavar="TIME", help="When it begins.  [default: now]"
)
@days_option
@public_key_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
def issue(
    name: str,
    scopes: str,
    operations: str | None,
    max_units: int | None,
    daily_units: int | None,
    caps: list[Cap],
    not_before: int | None,
    days: int,
    public_key: str | None,
    as_json: bool,
) -> None:
    """Issue a key to the service NAME and show its secret, this once."""
    if not _SERVICE.fullmatch(name):
        raise click.BadParameter("1 to 40 of a-z 0-9 -, a letter first", param_hint="NAME")
    now = current.now()
    terms: dict[str, Any] = {
        "scopes": read_scopes(scopes),
        "operations": None if operations is None else read_operations(operations),
        "max_units": max_units,
        "daily_units": daily_units,
        "caps": caps,
        "not_before": not_before,
        "not_after": (now if not_before is None else not_before) + days * _DAY,
        "public_key": public_key,
    }

    def work(connection: Connection) -> ServiceKey:
        refuse_known(connection, public_key)
        return issue_key(connection, service=name, now=now, **terms)

    show_new(current.database.run(work), as_json)


def refuse_known(connection: Connection, public_key: str | None) -> None:
    """Refuse a public key that there has been: a key that ended would go on under another id."""
    for key in list_keys(connection):
        if public_key is not None and key.public_key == public_key:
            raise click.ClickException(f"That is the public key of {key.kid}: make another pair.")


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON list instead of lines.")
def list_all(as_json: bool) -> None:
    """Every key there ever was, without secrets."""
    with current.database.reading() as connection:
        used = last_uses(connection)
        found = [{**told(key), "used_at": used.get(key.kid)} for key in list_keys(connection)]
    for key in found:
        key["used_at"] = None if key["used_at"] is None else write_time(key["used_at"])
    if as_json:
        click.echo(json.dumps(found))
        return
    show_table(
        ("key", "scopes", "state", "last used"),
        [
            (key["kid"], ",".join(key["scopes"]), state_of(key), to_the_second(key["used_at"]))
            for key in found
        ],
    )


def state_of(key: dict[str, Any]) -> str:
    """Until when a key is good, or since when it is not."""
    until = f"until {to_the_second(key['not_after'])}" if key["not_after"] else "without end"
    return f"revoked {to_the_second(key['revoked_at'])}" if key["revoked_at"] else until


def to_the_second(time: str | None) -> str | None:
    """A written time without its microseconds, as a list is read by people."""
    return None if time is None else f"{time[:19]}Z"


@keys.command("rotate")
@click.argument("kid")
@click.option(
    "--overlap",
    type=click.IntRange(0, 720),
    default=OVERLAP,
    show_default=True,
    help="Hours for which the old key stays good.",
)
@days_option
@public_key_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
def rotate(kid: str, overlap: int, days: int, public_key: str | None, as_json: bool) -> None:
    """Issue a key on the terms of KID and show its secret, this once; KID ends after a while."""
    now = current.now()

    def work(connection: Connection) -> tuple[ServiceKey, ServiceKey | None]:
        key = find_key(connection, kid)
        if key is None:
            raise click.ClickException(f"There is no key {kid}.")
        if key.revoked_at is not None or (key.not_after is not None and key.not_after <= now):
            raise click.ClickException(f"{kid} has ended; issue another key.")
        if key.public_key is not None and public_key is None:
            raise click.ClickException(f"{kid} is a public key: give the next with --public-key.")
        refuse_known(connection, public_key)
        terms: dict[str, Any] = {"not_after": now + days * _DAY, "public_key": public_key}
        made = succeed_key(connection, key, now=now, overlap=overlap * _HOUR, **terms)
        return made, find_key(connection, kid)

    made, before = current.database.run(work)
    ends = None if before is None else told(before)["not_after"]
    show_new(made, as_json, replaces={"kid": kid, "not_after": ends})


@keys.command("revoke")
@click.argument("kid")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
def revoke(kid: str, as_json: bool) -> None:
    """End the key KID for good; within a second nobody can sign with it."""
    now = current.now()
    if not current.database.run(lambda connection: revoke_key(connection, kid, now)):
        raise click.ClickException(f"There is no key {kid} to revoke.")
    show({"kid": kid, "revoked_at": write_time(now)}, as_json)


def read_scopes(text: str) -> tuple[str, ...]:
    """Scopes in their own order; `debits` is taken for debit, `all` for every one."""
    asked = {word if word in (*SCOPES, "all") else word.removesuffix("s") for word in words(text)}
    unknown = sorted(asked - {*SCOPES, "all"})
    if unknown or not asked:
        named = f"unknown: {', '.join(unknown)}; " if unknown else ""
        raise click.BadParameter(f"{named}known: {', '.join(SCOPES)}, all", param_hint="--scopes")
    return tuple(scope for scope in SCOPES if "all" in asked or scope in asked)


def read_operations(text: str) -> tuple[str, ...]:
    """Names of operations; which ones there are, the tariff in force says at each request."""
    named = tuple(dict.fromkeys(words(text)))
    if not named or not all(_OPERATION.fullmatch(name) for name in named):
        raise click.BadParameter("names like generate,design", param_hint="--operations")
    return named


def words(text: str) -> list[str]:
    """Words between commas and blanks."""
    return text.replace(",", " ").split()


def told(key: ServiceKey) -> dict[str, Any]:
    """A key as the command line shows it."""
    caps = {
        cap.operation: {"max_units": cap.max_units, "daily_units": cap.daily_units}
        for cap in key.caps
    }
    return {
        **key._asdict(),
        "scopes": key.scopes.split(),
        "operations": None if key.operations is None else key.operations.split(),
        "not_before": write_time(key.not_before),
        "not_after": None if key.not_after is None else write_time(key.not_after),
        "revoked_at": None if key.revoked_at is None else write_time(key.revoked_at),
        "created_at": write_time(key.created_at),
        "caps": caps,
    }


def show_new(key: ServiceKey, as_json: bool, **more: Any) -> None:
    """A new key, with its secret, which is kept nowhere, unless the service has one of its own."""
    shown = {}
    if key.public_key is None:
        shown["secret"] = signing.derive_secret(current.config.secret_key, key.kid)
    show({**told(key), **shown, "authority": current.config.authority, **more}, as_json)
    if not as_json:
        click.echo(AUTHORITY, err=True)
    if shown and not as_json:
        click.echo("Store the secret now: it is kept nowhere and not shown again.", err=True)


def show(facts: dict[str, Any], as_json: bool) -> None:
    """Facts as one JSON object, or a line each."""
    if as_json:
        click.echo(json.dumps(facts))
        return
    for name, value in facts.items():
        click.echo(f"{name:12} {in_words(value)}")


def in_words(value: Any) -> str:
    """A fact on one line: lists and caps by commas, `-` for none."""
    match value:
        case None | {} if not value:
            return "-"
        case {"kid": kid, "not_after": ends}:
            return f"{kid}, which ends {ends}"
        case dict():
            maxima = {name: [each or "" for each in cap.values()] for name, cap in value.items()}
            return ",".join(f"{name}:{most}:{daily}" for name, (most, daily) in maxima.items())
        case list():
            return ",".join(value)
    return str(value)
