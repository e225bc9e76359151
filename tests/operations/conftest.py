"""What the tests of the door are given, for what is asked of a portal while it serves."""

from tests.internal.conftest import app, clock, service, vault

__all__ = ["app", "clock", "service", "vault"]
