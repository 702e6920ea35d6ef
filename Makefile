# Needs Python >= 3.11, make and a C compiler; everything else is installed into .venv from requirements.lock.
PYTHON  ?= python3
WORKERS ?= 2
DEMO    ?=
BENCH   ?= --db sqlite --orders 5000 --steps 5 --json
KILLS   ?= 1000

BIN   := .venv/bin
STAMP := .venv/.stamp

.DEFAULT_GOAL := help
.PHONY: demo serve test check bench chaos docs clean lock help

demo: $(STAMP)  ## customers' months over real protocols, on a virtual clock, in one command
	@$(BIN)/trunkline demo $(DEMO)

serve: $(STAMP)  ## the gateway: API and worker in one process
	@$(BIN)/trunkline serve

test: $(STAMP)  ## every test, real elements and slow ones included
	@$(BIN)/pytest -q -n $(WORKERS)

check: $(STAMP)  ## format, lint, types, import contracts, fast tests
	@$(BIN)/ruff format --check --quiet . || { echo "check: run '$(BIN)/ruff format .'" >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/pytest -q -n $(WORKERS) -m "not real and not slow"

bench: $(STAMP)  ## orders per second through the engine; the last line is JSON
	@$(BIN)/python benchmarks/orders.py $(BENCH)

chaos: $(STAMP)  ## kills, stops, outages, a full disk: every order ends as decided
	@$(BIN)/python -m tests.chaos --kills $(KILLS)

docs: $(STAMP)  ## write the generated references: docs/machines and docs/reference
	@$(BIN)/python -m gateway.reference docs

lock: $(STAMP)  ## pin every dependency again, with hashes and without addresses
	@$(BIN)/pip-compile -q --generate-hashes --strip-extras --allow-unsafe --no-header --no-emit-index-url \
		--no-emit-trusted-host --no-emit-find-links --no-annotate --extra dev --all-build-deps \
		-o requirements.lock pyproject.toml

clean:  ## remove the environment, builds and caches; var/ keeps its databases
	@rm -rf .venv .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "$(PYTHON) is older than 3.11; run make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/pip || { echo "install: creating .venv"; $(PYTHON) -m venv .venv; }
	@echo "install: the pinned dependencies and trunkline itself, into .venv (about half a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
