# Everything a person or CI runs. `make help` lists the targets from their comments.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EVENTMART := $(BIN)/eventmart
DBT := $(BIN)/dbt

# Where the data stands; the inbox holds the demo's deliveries unless it is set.
export EVENTMART_DATA ?= $(CURDIR)/data
export DBT_PROFILES_DIR := $(CURDIR)
# Tests that share what takes long to set up stay together (xdist_group).
PARALLEL := --numprocesses auto --dist loadgroup
# Which tests `make tests` runs; make test: all.
TESTS ?= tests
# The demo's size, 1 is the real volume, 1.1 million purchases; and that of benchmarks.
SCALE ?= 0.02

.PHONY: help setup build test tests test-long check test-full lint format dbt land watch demo answers docs docs-serve site-serve \
	check-incremental mutants bench lock clean

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-20s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready ## Make the virtual environment and the empty landing database.
	@$(EVENTMART) init

$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --compile --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

build: setup ## Land new files, build, test and publish, with docs.
ifndef EVENTMART_INBOX
	@$(EVENTMART) demo --if-missing --scale $(SCALE)
endif
	@# If this fails, so does the build below; what has come lands all the same.
	$(EVENTMART) build --if-redefined || true
	landed=0
	$(EVENTMART) land --wait 60 || landed=$$?
	# 3, 4: a delivery was refused. The good ones are built and published all the same.
	[[ $$landed =~ ^[034]$$ ]] || exit $$landed
	# 3: what was built and published lacks most rows of something that landed.
	built=0
	$(EVENTMART) build --wait 60 || built=$$?
	[[ $$built =~ ^[03]$$ ]] || exit $$built
	$(EVENTMART) status
	exit $$(( landed ? landed : built ))

test: lint tests ## Lint, and run all tests but the long ones.

tests: setup ## Run tests without lint, all or some: make tests TESTS=tests/loaders
	@$(BIN)/python -m pytest -m "not full and not long" $(PARALLEL) $(TESTS)

test-long: setup ## Run the long tests, as CI does after make test: whole builds, many samples.
	@$(BIN)/python -m pytest -m "long and not full" $(PARALLEL)

check: setup ## Within a minute: lint and quick tests of what changed since main.
	@.ci/check

test-full: setup ## Run all tests, also those that take minutes each; writes docs/reliability.md.
	@$(BIN)/python -m pytest $(PARALLEL) --write-reliability

lint: setup ## Check SQL, Python, YAML and types.
	@$(BIN)/ruff check --quiet
	$(BIN)/ruff format --quiet --check
	$(BIN)/mypy
	$(BIN)/yamllint --strict .
	$(BIN)/sqlfluff lint --processes 2 --disable-progress-bar models tests analyses

format: setup ## Format SQL and Python.
	@$(BIN)/ruff check --quiet --fix
	$(BIN)/ruff format --quiet
	$(BIN)/sqlfluff fix --quiet --disable-progress-bar models analyses

dbt: setup ## Call dbt yourself: make dbt ARGS="build --select fct_purchases"
	@$(DBT) $(ARGS)

land: setup ## Land new files of the inbox.
	@$(EVENTMART) land

demo: setup ## Write demo deliveries again: make demo SCALE=1
	@$(EVENTMART) demo --scale $(SCALE)

docs: setup ## Write the docs as one page: target/static_index.html
	@$(DBT) --quiet docs generate --static

answers: setup ## Write docs/answers.md from the published demo.
	@$(EVENTMART) answers --out docs/answers.md --force

site-serve: setup ## Serve the pages, exports and docs on localhost; the pages: /site/
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory $(EVENTMART_DATA)/published

docs-serve: docs ## Serve the docs, with their lineage, on localhost.
	@$(DBT) docs serve --host 127.0.0.1

bench: setup ## Benchmark against the alternatives: make bench SCALE=1
	@for part in landing small_files window history build cost pages; do
		$(BIN)/python benchmarks/$$part.py --scale $(SCALE)
	done

watch: setup ## Land, build and publish new files until Ctrl-C.
	@$(EVENTMART) watch --build

check-incremental: setup ## Prove on demo deliveries that incremental equals full rebuild.
	@$(BIN)/python -m pytest -q -s -m "not full" tests/path/test_incremental.py

mutants: setup ## Make faults on purpose, count what tests notice: make mutants ARGS="--count 10"
	@$(BIN)/python -m tests.mutants $(ARGS)

lock: setup ## Pin the dependencies of pyproject.toml again (needs uv).
	@uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-header --no-strip-extras --quiet --output-file requirements.lock

clean: ## Remove all built files; the data folder stays.
	@rm -rf target logs dbt_packages .pytest_cache .mypy_cache .ruff_cache
