"""`flask keys`: issue, list and revoke the keys that services sign with."""

import json
import re
from typing import Any, Final

import click
from flask.cli import AppGroup

from portal import current, signing
from portal.internal.keys import SCOPES, ServiceKey, issue_key, list_keys, revoke_key
from portal.internal.times import write_time

DAYS: Final = 90
_DAY: Final = 86_400_000_000
_SERVICE: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")
_OPERATION: Final = re.compile(r"[a-z][a-z0-9_.-]{0,63}")

keys = AppGroup("keys", help="The keys that services sign their requests with.")


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
    "--days", type=click.IntRange(1, 3650), default=DAYS, show_default=True, help="Until it ends."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
def issue(
    name: str,
    scopes: str,
    operations: str | None,
    max_units: int | None,
    daily_units: int | None,
    days: int,
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
        "not_after": now + days * _DAY,
    }
    key = current.database.run(
        lambda connection: issue_key(connection, service=name, now=now, **terms)
    )
    secret = signing.derive_secret(current.config.secret_key, key.kid)
    shown = {**told(key), "secret": secret, "authority": current.config.authority}
    show(shown, as_json)
    if not as_json:
        click.echo("Store the secret now: it is kept nowhere and not shown again.", err=True)


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON list instead of lines.")
def list_all(as_json: bool) -> None:
    """Every key there ever was, without secrets."""
    with current.database.reading() as connection:
        found = [told(key) for key in list_keys(connection)]
    if as_json:
        click.echo(json.dumps(found))
        return
    for key in found:
        until = f"until {key['not_after']}" if key["not_after"] else "without end"
        state = f"revoked {key['revoked_at']}" if key["revoked_at"] else until
        click.echo(f"{key['kid']:24} {','.join(key['scopes']):42} {state}")


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
    return {
        **key._asdict(),
        "scopes": key.scopes.split(),
        "operations": None if key.operations is None else key.operations.split(),
        "not_before": write_time(key.not_before),
        "not_after": None if key.not_after is None else write_time(key.not_after),
        "revoked_at": None if key.revoked_at is None else write_time(key.revoked_at),
        "created_at": write_time(key.created_at),
    }


def show(facts: dict[str, Any], as_json: bool) -> None:
    """Facts as one JSON object, or a line each."""
    if as_json:
        click.echo(json.dumps(facts))
        return
    for name, value in facts.items():
        text = ",".join(value) if isinstance(value, list) else "-" if value is None else value
        click.echo(f"{name:12} {text}")
