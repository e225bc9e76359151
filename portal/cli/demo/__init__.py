"""`flask demo`: three customers with a history, a portal that serves them, a debit to send it."""

from portal.cli.demo.commands import demo

__all__ = ["demo"]
