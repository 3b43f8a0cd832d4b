# `make` alone lists the targets.
.DEFAULT_GOAL := help
.PHONY: help run test lint types tests lock bench bench-registrations clean
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

run: $(VENV)/run.stamp ## Gateway and sandbox with sample merchants: place an order, decode it, pay it in the browser
	@$(BIN)/acqp-gateway try-out

test: lint types tests ## Everything: lint, types and all tests on SQLite and PostgreSQL

lint: $(VENV)/test.stamp ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/test.stamp ## mypy, strict
	$(BIN)/mypy

tests: $(VENV)/test.stamp postgresql chromium ## The tests alone, two at a time
	$(BIN)/pytest -n 2 --dist worksteal

.PHONY: postgresql
postgresql: # PostgreSQL's binaries, where they are missing; no server of the machine's own is started
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || bash tests/install-packages postgresql

.PHONY: chromium
chromium: # The browser of tests/browser; without it they are skipped, but in CI it must be there
	@{ command -v chromium && command -v chromedriver; } >/dev/null || bash tests/install-packages chromium chromium-driver || [ "$$CI" != true ]

bench: $(VENV)/test.stamp postgresql ## Measure decodes/s and payments/s against RSA signatures/s on this machine
	@command -v wrk >/dev/null || bash tests/install-packages wrk
	$(BIN)/python -m tests.benchmarks.decodes

bench-registrations: $(VENV)/test.stamp ## Measure registration checks/s, 1, 8 and 32 at a time, against the sandbox
	$(BIN)/python -m tests.benchmarks.registrations

$(VENV)/run.stamp: config/requirements.txt setup.cfg setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r config/requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/test.stamp: config/requirements-test.txt setup.cfg setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r config/requirements-test.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/run.stamp

lock: ## Write both lock files anew from setup.cfg (needs uv)
	uv pip compile -q setup.py --extra build --generate-hashes --python-version 3.11 --no-emit-index-url --no-header -o config/requirements.txt
	uv pip compile -q setup.py --extra test --extra build --generate-hashes --python-version 3.11 --no-emit-index-url --no-header -c config/requirements.txt -o config/requirements-test.txt

clean: ## Remove the virtual environment and everything that was made here
	rm -rf $(VENV) var build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
