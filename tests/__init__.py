"""The tests mirror portal/: tests/pricing/test_quote.py is for portal/pricing/quote.py."""
