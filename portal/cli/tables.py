"""Rows on a terminal: headings above them, numbers to the right, a column as wide as it must be."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import click

Cell: TypeAlias = str | int | None
GAP = "  "


def show_table(headings: Sequence[str], rows: Iterable[Sequence[Cell]], indent: str = "") -> None:
    """Print rows under their headings; where there are none, say so."""
    cells = [tuple(row) for row in rows]
    if not cells:
        click.echo(f"{indent}none")
    for line in laid_out(headings, cells) if cells else ():
        click.echo(indent + line)


def laid_out(headings: Sequence[str], rows: Sequence[Sequence[Cell]]) -> list[str]:
    """The lines of a table; a column that holds whole numbers alone is set to the right."""
    columns = list(zip(*rows, strict=True))
    right = [all(isinstance(cell, int) for cell in column) for column in columns]
    texts = [list(headings), *([text_of(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return [
        GAP.join(
            text.rjust(width) if number else text.ljust(width)
            for text, width, number in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in texts
    ]


def text_of(cell: Cell) -> str:
    """A cell as people read it: 1,204 for a number, - for what is not there."""
    if cell is None:
        return "-"
    return f"{cell:,}" if isinstance(cell, int) else cell
