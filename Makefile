# The portal's commands. `make run` and `make test` need nothing but Python 3.11+ and make.
#
#   PORT=9000 make run                         another port
#   PORTAL_DATABASE_URL=postgresql://… make run     another database
#   make test T="tests/ledger -k refund"       some tests only, in one process, without coverage
#   PYTHON=python3.13 make test                another interpreter (used when .venv is made)
#   SECONDS=3600 make soak                     longer, on each database

VENV ?= .venv
RUN := $(VENV)/bin
# With what is compiled kept, whatever the caller says: else each process compiles the portal anew.
PYTEST := env -u PYTHONDONTWRITEBYTECODE $(RUN)/python -m pytest
# Two processes a core: half of them wait for a server, a disk, a deadline or a page.
WORKERS := --numprocesses $(shell expr $$(nproc) \* 2) --dist worksteal
# These alone pass every branch of ledger and pricing; to be watched makes the rest a third slower.
COVERING := tests/ledger tests/pricing
T ?=
SECONDS ?= 300

export VENV PYTHON

.DEFAULT_GOAL := help
.PHONY: run test lint format bench gate soak lock vendor clean help environment tools
.NOTPARALLEL:

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

run: environment ## start the portal with its demo, and print where it is
	@exec $(RUN)/flask --app wsgi demo run

test: tools ## every test, on both databases and in the browser
ifeq ($(strip $(T)),)
	@$(PYTEST) $(WORKERS) --cov --cov-report= $(COVERING)
	@$(RUN)/coverage report --include='portal/ledger/*,portal/pricing/*' --fail-under=100
	@$(PYTEST) $(WORKERS) $(COVERING:%=--ignore=%)
else
	@$(PYTEST) $(T)
endif

lint: tools-python ## style, security rules, formatting, types
	@$(RUN)/ruff check .
	@$(RUN)/ruff format --check .
	@$(RUN)/mypy

format: tools-python ## write the formatting that lint asks for
	@$(RUN)/ruff check --fix-only --quiet .
	@$(RUN)/ruff format .

bench: tools ## measure speed on both databases (docs/performance.md)
	@$(RUN)/python -m benchmarks

gate: tools ## the security gate alone
	@$(PYTEST) --numprocesses auto -m gate

soak: tools ## kill workers under load on both databases, and check what is left
	@$(RUN)/python -m tests.faults.soak --seconds $(SECONDS)

lock: ## pin every dependency anew (needs uv)
	@.make/lock

vendor: ## fetch the vendored scripts anew and compare their hashes (needs npm)
	@.make/vendor

clean: ## remove what was built; var/ (your data) stays
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.* htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

environment:
	@.make/environment run

.PHONY: tools-python
tools-python:
	@.make/environment dev

tools: tools-python
	@.make/system
