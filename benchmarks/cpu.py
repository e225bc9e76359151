"""CPU seconds of process trees, as Linux counts them, ended children included.

Only the processes asked for are counted: the load generator stands outside every tree.
"""

import os
from pathlib import Path
from typing import Final

TICK: Final = os.sysconf("SC_CLK_TCK")
# In /proc/<pid>/stat, after the name in brackets: utime, stime, and those of reaped children.
TIMES: Final = slice(11, 15)


def seconds_of(pid: int) -> float:
    """CPU seconds that a process and all its descendants have used so far."""
    return sum(ticks_of(each) for each in tree_of(pid)) / TICK


def tree_of(pid: int) -> list[int]:
    """A process and its living descendants."""
    found, waiting = [], [pid]
    while waiting:
        each = waiting.pop()
        found.append(each)
        waiting += children_of(each)
    return found


def children_of(pid: int) -> list[int]:
    """The living children of a process, of all its threads; none if it has ended."""
    try:
        lists = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return []
    return [int(word) for text in lists for word in text.split()]


def ticks_of(pid: int) -> int:
    """Clock ticks of one process; 0 if it ended meanwhile (its parent has them then)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    fields = text.rpartition(")")[2].split()
    return sum(int(field) for field in fields[TIMES])
