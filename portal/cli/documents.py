"""Pages of the documentation that are written by a command, never by hand; or only compared."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Command = Callable[..., Any]


def options(default: str) -> Callable[[Command], Command]:
    """The options of a command that writes a page. default: where it stands."""
    place = click.option(
        "--output",
        type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
        default=default,
        show_default=True,
        help="Where the document stands; - prints it.",
    )
    told = "Only compare; exit 1 when the document is stale."
    only = click.option("--check", is_flag=True, help=told)
    return lambda command: only(place(command))


def write(output: Path, text: str, *, check: bool, command: str, source: str) -> None:
    """Write, print or compare a page. command: the one that writes it. source: what it tells."""
    if str(output) == "-":
        click.echo(text, nl=False)
    elif check:
        compare(output, text, command)
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8", newline="\n")
        click.echo(f"{output}: written from {source}")


def compare(output: Path, text: str, command: str) -> None:
    """Say that the document is current, or end with 1 naming the first line that is not."""
    try:
        found = output.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{output}: cannot be read: {error}") from None
    if found != text:
        line = first_difference(found, text)
        raise click.ClickException(f"{output}: stale from line {line}; write it: flask {command}")
    click.echo(f"{output}: current")


def first_difference(found: str, text: str) -> int:
    """The number of the first line in which two texts differ."""
    theirs, ours = found.split("\n"), text.split("\n")
    same = 0
    for mine, other in zip(ours, theirs, strict=False):
        if mine != other:
            break
        same += 1
    return same + 1
