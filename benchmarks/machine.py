"""What the figures were measured on: processor, system, and versions of what takes part."""

import datetime
import os
import platform
import sqlite3
from importlib.metadata import version
from pathlib import Path
from typing import Final

PACKAGES: Final = ("flask", "gunicorn", "sqlalchemy", "psycopg")


def facts() -> dict[str, str]:
    """Names and values, in the order in which they are told."""
    return {
        "at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "processor": f"{processor()}, {os.cpu_count()} cores",
        "load": " ".join(f"{each:.2f}" for each in os.getloadavg()),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        **{name: version(name) for name in PACKAGES},
    }


def processor() -> str:
    """The processor's own name for itself."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()
