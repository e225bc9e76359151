"""The laws of the house as functions from source to faults; tests/test_house.py applies them."""
