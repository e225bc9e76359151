"""Tests that break things on purpose: processes killed at every step, many writers at once."""
