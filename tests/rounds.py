"""How often what may go wrong by chance is tried: once here, `FAULT_ROUNDS` times in long runs."""

from __future__ import annotations

import os

ROUNDS = int(os.environ.get("FAULT_ROUNDS") or 1)
