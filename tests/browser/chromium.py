"""Where Chromium is on this machine, and how the tests start it.

python -m tests.browser.chromium            its path, or the command to run
"""

from __future__ import annotations

import shutil
import sys

INSTALL = "apt-get install --no-install-recommends chromium"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# It talks to the portal alone: no updates, no sync, no look-ups of its own.
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class ChromiumMissingError(Exception):
    """No Chromium is on PATH."""

    def __init__(self) -> None:
        super().__init__(f"the browser tests need Chromium; run: {INSTALL}")


def get_chromium() -> str:
    """The path of the first of NAMES that is there; ChromiumMissingError says how to mend it."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    raise ChromiumMissingError


if __name__ == "__main__":
    try:
        print(get_chromium())
    except ChromiumMissingError as error:
        sys.exit(str(error))
